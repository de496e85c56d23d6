/*
 * The frame reader against any bytes. The first two bytes choose the limits and where the stream is cut; what
 * is read must be the same as for the uncut stream, and what passes must keep the reader's promises.
 */
#include "net/frame.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
    struct frame_reader reader;
    struct buf text;
    bool ended;
};

static void check(const struct record *record, enum frame_step step, struct str payload)
{
    const struct frame_reader *reader = &record->reader;
    if (step == FRAME_STEP_MESSAGE)
        must(str_is_utf8(payload) && payload.n <= reader->rules->message_bytes);
    if (step == FRAME_STEP_PING || step == FRAME_STEP_PONG)
        must(payload.n <= FRAME_CONTROL_MAX);
    if (step == FRAME_STEP_CLOSE)
        must((reader->code == 0 && payload.n == 0) || frame_code_is_good(reader->code));
    if (step == FRAME_STEP_REFUSED)
        must(frame_code_is_good(reader->code) && reader->why != NULL);
    if (step == FRAME_STEP_CLOSE || step == FRAME_STEP_REFUSED)
        must(reader->message.p == NULL);
}

static void feed(struct record *record, const uint8_t *p, size_t n)
{
    /* Of their own, so that a read past the end is seen. */
    char *copy = malloc(n ? n : 1);
    must(copy != NULL);
    memcpy(copy, p, n);
    struct str bytes = {copy, n}, payload;
    while (!record->ended) {
        enum frame_step step = frame_feed(&record->reader, &bytes, &payload);
        if (step == FRAME_STEP_MORE) {
            must(bytes.n == 0 && !record->reader.delivered);
            break;
        }
        check(record, step, payload);
        buf_printf(&record->text, "%d %d ", (int)step, record->reader.code);
        buf_add_str(&record->text, payload);
        record->ended = step == FRAME_STEP_CLOSE || step == FRAME_STEP_REFUSED;
    }
    free(copy);
}

static void record_init(struct record *record, const struct frame_rules *rules)
{
    *record = (struct record){.ended = false};
    frame_init(&record->reader, rules);
    buf_init(&record->text, 0);
}

static void record_done(struct record *record)
{
    frame_done(&record->reader);
    buf_done(&record->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct frame_rules rules[] = {
        {.message_bytes = 300, .fragments = 3}, {.message_bytes = 70000, .fragments = 100}};
    struct record whole, cut;
    if (size < 2)
        return 0;
    const struct frame_rules *these = &rules[data[0] & 1];
    size_t step = data[0] / 2u + 1, first = data[1];
    data += 2;
    size -= 2;
    record_init(&whole, these);
    record_init(&cut, these);
    feed(&whole, data, size);
    if (first > size)
        first = size;
    feed(&cut, data, first);
    for (size_t at = first; at < size; at += step)
        feed(&cut, data + at, size - at < step ? size - at : step);
    must(str_eq(buf_str(&whole.text), buf_str(&cut.text)));
    must(whole.ended == cut.ended && whole.reader.state == cut.reader.state);
    must(str_eq(buf_str(&whole.reader.message), buf_str(&cut.reader.message)));
    record_done(&whole);
    record_done(&cut);
    return 0;
}
