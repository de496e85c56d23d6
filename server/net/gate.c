/*
 * The byte machine. Each byte of a head meets one state and either moves it on or refuses the request for
 * good, so the verdict cannot depend on how the network cut the stream. What the lines mean is read only when
 * the head is whole (gate_head.c); bodies are followed by their length and not looked at.
 */
#include "net/gate.h"

#include "base/must.h"

#include <string.h>

#define CHAR_TOKEN 1  /* tchar of RFC 9110 */
#define CHAR_TARGET 2 /* visible ASCII but '#' and '\\' */
#define CHAR_VALUE 4  /* HTAB, SP, visible ASCII, bytes above 0x7f */

static uint8_t char_class(unsigned char c)
{
    static const char punctuation[] = "!#$%&'*+-.^_`|~";
    uint8_t class = 0;
    bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (alnum || (c != 0 && strchr(punctuation, c) != NULL))
        class |= CHAR_TOKEN;
    if (c > 0x20 && c < 0x7f && c != '#' && c != '\\')
        class |= CHAR_TARGET;
    if (c == '\t' || (c >= 0x20 && c != 0x7f))
        class |= CHAR_VALUE;
    return class;
}

static uint8_t classes[256];
static bool classes_ready;

static inline bool is(unsigned char c, uint8_t class)
{
    return (classes[c] & class) != 0;
}

void gate_init(struct gate *gate, const struct gate_rules *rules)
{
    if (!classes_ready) {
        for (int c = 0; c < 256; c++)
            classes[c] = char_class((unsigned char)c);
        classes_ready = true;
    }
    *gate = (struct gate){.rules = rules};
    buf_init(&gate->bytes, rules->head_bytes);
}

void gate_done(struct gate *gate)
{
    buf_done(&gate->bytes);
}

void gate_reset(struct gate *gate)
{
    const struct gate_rules *rules = gate->rules;
    gate_done(gate);
    gate_init(gate, rules);
}

struct buf gate_take_bytes(struct gate *gate)
{
    struct buf bytes = gate->bytes;
    buf_init(&gate->bytes, gate->rules->head_bytes);
    return bytes;
}

bool gate_is_inside(const struct gate *gate)
{
    return gate->state != GATE_AT_METHOD || gate->n_method > 0;
}

enum gate_step gate_refuse(struct gate *gate, enum err_code refusal, const char *why)
{
    gate->state = GATE_AT_REFUSED;
    gate->refusal = refusal;
    gate->why = why;
    return GATE_REFUSED;
}

static enum gate_step refuse_bad(struct gate *gate, const char *why)
{
    return gate_refuse(gate, ERR_BAD_REQUEST, why);
}

/* The method is judged at its end, so that a long unknown one is still one 405. */
static enum gate_step read_method(struct gate *gate, unsigned char c)
{
    if (c == ' ') {
        struct str text = {gate->method_text, gate->n_method};
        if (text.n == 0)
            return refuse_bad(gate, "no method");
        if (str_eq(text, STR("PRI")))
            return refuse_bad(gate, "HTTP/2 preface");
        for (enum net_method m = 0; m < NET_METHOD_COUNT; m++) {
            if (!str_eq(text, str_of(net_method_name(m))))
                continue;
            gate->head.method = m;
            gate->state = GATE_AT_TARGET;
            return GATE_MORE;
        }
        return gate_refuse(gate, ERR_METHOD, "method");
    }
    if (!is(c, CHAR_TOKEN) || gate->n_method == GATE_METHOD_MAX)
        return refuse_bad(gate, "method is no token");
    gate->method_text[gate->n_method++] = (char)c;
    return GATE_MORE;
}

static enum gate_step read_target(struct gate *gate, unsigned char c)
{
    if (c == ' ' && gate->n_target > 0) {
        gate->state = GATE_AT_VERSION;
        return GATE_MORE;
    }
    if (!is(c, CHAR_TARGET))
        return refuse_bad(gate, "byte in the target");
    if (gate->n_target == 0 && c != '/')
        return refuse_bad(gate, "target is not in origin form");
    if (++gate->n_target > gate->rules->target_bytes)
        return gate_refuse(gate, ERR_HEADERS_TOO_LARGE, "target too long");
    return GATE_MORE;
}

static enum gate_step read_version(struct gate *gate, unsigned char c)
{
    static const char version[] = "HTTP/1.1\r\n";
    if (c != (unsigned char)version[gate->n_version])
        return refuse_bad(gate, "version");
    if (++gate->n_version == sizeof(version) - 1)
        gate->state = GATE_AT_LINE;
    return GATE_MORE;
}

static enum gate_step read_line_start(struct gate *gate, unsigned char c)
{
    if (c == '\r') {
        gate->state = GATE_AT_END_LF;
        return GATE_MORE;
    }
    if (!is(c, CHAR_TOKEN))
        return refuse_bad(gate, "folded line or no header name");
    if (++gate->n_lines > gate->rules->head_lines)
        return gate_refuse(gate, ERR_HEADERS_TOO_LARGE, "too many headers");
    gate->state = GATE_AT_NAME;
    return GATE_MORE;
}

static enum gate_step read_head_byte(struct gate *gate, unsigned char c)
{
    switch (gate->state) {
    case GATE_AT_METHOD:
        return read_method(gate, c);
    case GATE_AT_TARGET:
        return read_target(gate, c);
    case GATE_AT_VERSION:
        return read_version(gate, c);
    case GATE_AT_LINE:
        return read_line_start(gate, c);
    case GATE_AT_NAME:
        if (c == ':')
            gate->state = GATE_AT_VALUE;
        else if (!is(c, CHAR_TOKEN))
            return refuse_bad(gate, "byte in a header name");
        return GATE_MORE;
    case GATE_AT_VALUE:
        if (c == '\r')
            gate->state = GATE_AT_VALUE_LF;
        else if (!is(c, CHAR_VALUE))
            return refuse_bad(gate, "byte in a header value");
        return GATE_MORE;
    case GATE_AT_VALUE_LF:
        if (c != '\n')
            return refuse_bad(gate, "bare CR");
        gate->state = GATE_AT_LINE;
        return GATE_MORE;
    case GATE_AT_END_LF:
        if (c != '\n')
            return refuse_bad(gate, "bare CR");
        return GATE_HEAD;
    case GATE_AT_BODY:
    case GATE_AT_END:
    case GATE_AT_REFUSED:
        break;
    }
    never("state without a head byte");
}

static enum gate_step feed_head(struct gate *gate, struct str *input)
{
    enum gate_step step = GATE_MORE;
    size_t i = 0;
    while (i < input->n && step == GATE_MORE) {
        if (gate->bytes.n + i == gate->rules->head_bytes)
            return gate_refuse(gate, ERR_HEADERS_TOO_LARGE, "head too long");
        step = read_head_byte(gate, (unsigned char)input->p[i]);
        i++;
    }
    buf_add(&gate->bytes, input->p, i);
    *input = (struct str){input->p + i, input->n - i};
    if (step != GATE_HEAD)
        return step;
    gate_read_head(gate);
    if (gate->state == GATE_AT_REFUSED)
        return GATE_REFUSED;
    gate->body_left = gate->head.body_bytes;
    gate->state = gate->body_left > 0 ? GATE_AT_BODY : GATE_AT_END;
    return GATE_HEAD;
}

enum gate_step gate_feed(struct gate *gate, struct str *input, struct str *ret_body)
{
    if (gate->state == GATE_AT_REFUSED)
        return GATE_REFUSED;
    if (gate->state == GATE_AT_END)
        return GATE_END;
    if (gate->state != GATE_AT_BODY)
        return feed_head(gate, input);
    if (input->n == 0)
        return GATE_MORE;
    size_t n = input->n < gate->body_left ? input->n : (size_t)gate->body_left;
    *ret_body = (struct str){input->p, n};
    *input = (struct str){input->p + n, input->n - n};
    gate->body_left -= n;
    if (gate->body_left == 0)
        gate->state = GATE_AT_END;
    return GATE_BODY;
}
