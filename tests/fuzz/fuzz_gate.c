/*
 * The gate against any bytes. The first two bytes choose where the stream is cut; the verdict, the head read
 * and the body must be the same as for the uncut stream, and what passes must keep the gate's promises.
 */
#include "net/gate.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct str HOSTS[] = {{"a", 1}};
static const struct gate_rules RULES = {.head_bytes = 512,
    .head_lines = 8,
    .target_bytes = 128,
    .body_bytes = 4096,
    .hosts = HOSTS,
    .n_hosts = 1,
    .upgrade_path = {"/w", 2},
    .upgrade_protocol = {"p", 1}};

struct record {
    struct gate gate;
    struct buf text;
    bool refused;
};

static void check_head(const struct gate_head *head)
{
    must(head->path.n > 0 && head->path.p[0] == '/' && str_is_utf8(head->path));
    must(memchr(head->path.p, 0, head->path.n) == NULL && memchr(head->path.p, '\\', head->path.n) == NULL);
    must(str_find(head->path, STR("/../")) == SIZE_MAX && !str_ends(head->path, STR("/..")));
    must(head->body_bytes <= RULES.body_bytes);
    must(head->kept[GATE_HOST].n > 0);
    bool takes_body = head->method == NET_POST || head->method == NET_PUT || head->method == NET_PATCH;
    must(takes_body || head->body_bytes == 0);
    if (head->upgrade) {
        must(head->method == NET_GET && str_eq(head->path, RULES.upgrade_path) && head->body_bytes == 0);
        must(str_eq(head->kept[GATE_WEBSOCKET_VERSION], STR("13")) && head->kept[GATE_WEBSOCKET_KEY].n == 24);
        must(str_eq(head->kept[GATE_WEBSOCKET_PROTOCOL], RULES.upgrade_protocol));
    }
    for (enum gate_header h = 0; h < GATE_HEADER_COUNT; h++)
        for (size_t i = 0; i < head->kept[h].n; i++)
            must(head->kept[h].p[i] != '\r' && head->kept[h].p[i] != '\n' && head->kept[h].p[i] != 0);
}

static void add_head(struct record *record)
{
    const struct gate_head *head = &record->gate.head;
    check_head(head);
    buf_printf(&record->text, "%d %d %d %d %d ", (int)head->method, (int)head->body_bytes, head->close,
        head->expect_continue, head->upgrade);
    buf_add_str(&record->text, head->path);
    buf_add_str(&record->text, head->query);
    for (enum gate_header h = 0; h < GATE_HEADER_COUNT; h++)
        buf_add_str(&record->text, head->kept[h]);
}

static void feed(struct record *record, const uint8_t *p, size_t n)
{
    /* Of their own, so that a read past the end is seen. */
    char *copy = malloc(n ? n : 1);
    must(copy != NULL);
    memcpy(copy, p, n);
    struct str bytes = {copy, n}, piece;
    for (bool more = true; more && !record->refused;) {
        switch (gate_feed(&record->gate, &bytes, &piece)) {
        case GATE_MORE:
            must(bytes.n == 0);
            more = false;
            break;
        case GATE_HEAD:
            add_head(record);
            break;
        case GATE_BODY:
            buf_add_str(&record->text, piece);
            break;
        case GATE_END:
            buf_add_char(&record->text, '|');
            gate_reset(&record->gate);
            break;
        case GATE_REFUSED:
            buf_printf(&record->text, "refused %d", (int)record->gate.refusal);
            record->refused = true;
            break;
        }
    }
    free(copy);
}

static void record_init(struct record *record)
{
    *record = (struct record){.refused = false};
    gate_init(&record->gate, &RULES);
    buf_init(&record->text, 0);
}

static void record_done(struct record *record)
{
    gate_done(&record->gate);
    buf_done(&record->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record whole, cut;
    if (size < 2)
        return 0;
    size_t step = data[0] % 61u + 1, first = data[1];
    data += 2;
    size -= 2;
    record_init(&whole);
    record_init(&cut);
    feed(&whole, data, size);
    if (first > size)
        first = size;
    feed(&cut, data, first);
    for (size_t at = first; at < size; at += step)
        feed(&cut, data + at, size - at < step ? size - at : step);
    must(str_eq(buf_str(&whole.text), buf_str(&cut.text)));
    record_done(&whole);
    record_done(&cut);
    return 0;
}
