/*
 * The frame machine. A header is read byte by byte and judged at each byte; a payload is unmasked in runs, a
 * text's straight to the end of the message and through the UTF-8 check, a control frame's into a small
 * buffer. There is one verdict for a stream of bytes, however it is cut.
 */
#include "net/frame.h"

#include "base/must.h"

#include <string.h>

static enum frame_step refuse(struct frame_reader *reader, enum frame_code code, const char *why)
{
    reader->state = FRAME_AT_REFUSED;
    reader->code = (int)code;
    reader->why = why;
    buf_done(&reader->message);
    return FRAME_STEP_REFUSED;
}

static enum frame_step refuse_form(struct frame_reader *reader, const char *why)
{
    return refuse(reader, FRAME_CODE_PROTOCOL, why);
}

void frame_init(struct frame_reader *reader, const struct frame_rules *rules)
{
    *reader = (struct frame_reader){.rules = rules};
    buf_init(&reader->message, rules->message_bytes);
}

void frame_done(struct frame_reader *reader)
{
    buf_done(&reader->message);
}

bool frame_code_is_good(int code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

size_t frame_put_header(
    unsigned char header[FRAME_HEADER_MAX], enum frame_opcode opcode, size_t payload_bytes)
{
    header[0] = (unsigned char)(0x80u | (unsigned)opcode);
    if (payload_bytes <= 125) {
        header[1] = (unsigned char)payload_bytes;
        return 2;
    }
    size_t n = payload_bytes <= 0xffff ? 2 : 8;
    header[1] = n == 2 ? 126 : 127;
    for (size_t i = 0; i < n; i++)
        header[2 + i] = (unsigned char)((uint64_t)payload_bytes >> (8 * (n - 1 - i)));
    return 2 + n;
}

/* The table 3-7 of the Unicode standard: what may follow a first byte. */
static bool begin_character(struct frame_utf8 *utf8, unsigned char c)
{
    utf8->low = 0x80;
    utf8->high = 0xbf;
    if (c < 0xc2 || c > 0xf4)
        return false;
    if (c < 0xe0) {
        utf8->left = 1;
    } else if (c < 0xf0) {
        utf8->left = 2;
        if (c == 0xe0)
            utf8->low = 0xa0;
        if (c == 0xed)
            utf8->high = 0x9f;
    } else {
        utf8->left = 3;
        if (c == 0xf0)
            utf8->low = 0x90;
        if (c == 0xf4)
            utf8->high = 0x8f;
    }
    return true;
}

static bool read_utf8(struct frame_utf8 *utf8, const char *p, size_t n)
{
    static const uint64_t not_ascii = 0x8080808080808080u;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (utf8->left > 0) {
            if (c < utf8->low || c > utf8->high)
                return false;
            utf8->left--;
            utf8->low = 0x80;
            utf8->high = 0xbf;
            continue;
        }
        for (uint64_t word; i + sizeof(word) <= n; i += sizeof(word)) {
            memcpy(&word, p + i, sizeof(word));
            if ((word & not_ascii) != 0)
                break;
        }
        if (i == n)
            break;
        c = (unsigned char)p[i];
        if (c >= 0x80 && !begin_character(utf8, c))
            return false;
    }
    return true;
}

/* In place; `at` is the offset of p[0] in its frame. */
static void unmask(char *p, size_t n, const unsigned char mask[4], uint64_t at)
{
    unsigned char turned[8];
    uint64_t word, key;
    for (size_t i = 0; i < sizeof(turned); i++)
        turned[i] = mask[(at + i) & 3];
    memcpy(&key, turned, sizeof(key));
    size_t i = 0;
    for (; i + sizeof(word) <= n; i += sizeof(word)) {
        memcpy(&word, p + i, sizeof(word));
        word ^= key;
        memcpy(p + i, &word, sizeof(word));
    }
    for (; i < n; i++)
        p[i] = (char)((unsigned char)p[i] ^ turned[i & 7]);
}

static bool is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

static enum frame_step read_first(struct frame_reader *reader, unsigned char c)
{
    reader->fin = (c & 0x80) != 0;
    reader->opcode = c & 0x0f;
    if ((c & 0x70) != 0)
        return refuse_form(reader, "reserved bits");
    switch (reader->opcode) {
    case FRAME_CONTINUATION:
        if (!reader->in_message)
            return refuse_form(reader, "continuation of nothing");
        break;
    case FRAME_TEXT:
    case FRAME_BINARY:
        if (reader->in_message)
            return refuse_form(reader, "new message inside another");
        if (reader->opcode == FRAME_BINARY)
            return refuse(reader, FRAME_CODE_UNSUPPORTED, "binary message");
        break;
    case FRAME_CLOSE:
    case FRAME_PING:
    case FRAME_PONG:
        if (!reader->fin)
            return refuse_form(reader, "fragmented control frame");
        break;
    default:
        return refuse_form(reader, "unknown opcode");
    }
    reader->state = FRAME_AT_LENGTH;
    return FRAME_STEP_MORE;
}

/* The whole length is known: limits are checked before a byte of the payload comes. */
static enum frame_step check_length(struct frame_reader *reader)
{
    if (is_control(reader->opcode)) {
        if (reader->opcode == FRAME_CLOSE && reader->length == 1)
            return refuse_form(reader, "close payload of one byte");
    } else {
        if (reader->length > reader->rules->message_bytes - reader->message.n)
            return refuse(reader, FRAME_CODE_TOO_BIG, "message too big");
        if (reader->n_fragments == reader->rules->fragments)
            return refuse(reader, FRAME_CODE_POLICY, "too many fragments");
        reader->n_fragments++;
        reader->in_message = true;
    }
    reader->n_mask = 0;
    reader->state = FRAME_AT_MASK;
    return FRAME_STEP_MORE;
}

static enum frame_step read_length(struct frame_reader *reader, unsigned char c)
{
    if ((c & 0x80) == 0)
        return refuse_form(reader, "unmasked frame");
    c &= 0x7f;
    if (is_control(reader->opcode) && c > FRAME_CONTROL_MAX)
        return refuse_form(reader, "long control frame");
    reader->length = c;
    if (c < 126)
        return check_length(reader);
    reader->length = 0;
    reader->n_length = 0;
    reader->n_length_due = c == 126 ? 2 : 8;
    reader->state = FRAME_AT_LONG_LENGTH;
    return FRAME_STEP_MORE;
}

static enum frame_step read_long_length(struct frame_reader *reader, unsigned char c)
{
    if (reader->n_length == 0 && reader->n_length_due == 8 && (c & 0x80) != 0)
        return refuse_form(reader, "top bit of the length");
    reader->length = reader->length << 8 | c;
    if (++reader->n_length < reader->n_length_due)
        return FRAME_STEP_MORE;
    if (reader->length <= (reader->n_length_due == 2 ? 125u : 0xffffu))
        return refuse_form(reader, "length not in its shortest form");
    return check_length(reader);
}

static enum frame_step end_control(struct frame_reader *reader, struct str *ret_payload)
{
    struct str payload = {(const char *)reader->control, reader->n_control};
    reader->state = FRAME_AT_FIRST;
    *ret_payload = payload;
    if (reader->opcode == FRAME_PING)
        return FRAME_STEP_PING;
    if (reader->opcode == FRAME_PONG)
        return FRAME_STEP_PONG;
    reader->code = FRAME_CODE_NONE;
    if (payload.n > 0) {
        int code = reader->control[0] << 8 | reader->control[1];
        payload = (struct str){payload.p + 2, payload.n - 2};
        if (!frame_code_is_good(code))
            return refuse_form(reader, "close code");
        if (!str_is_utf8(payload))
            return refuse(reader, FRAME_CODE_NOT_UTF8, "close reason is not UTF-8");
        reader->code = code;
    }
    *ret_payload = payload;
    reader->state = FRAME_AT_CLOSED;
    buf_done(&reader->message);
    return FRAME_STEP_CLOSE;
}

static enum frame_step end_frame(struct frame_reader *reader, struct str *ret_payload)
{
    if (is_control(reader->opcode))
        return end_control(reader, ret_payload);
    reader->state = FRAME_AT_FIRST;
    if (!reader->fin)
        return FRAME_STEP_MORE;
    if (reader->utf8.left > 0)
        return refuse(reader, FRAME_CODE_NOT_UTF8, "text ends inside a character");
    reader->in_message = false;
    reader->delivered = true;
    reader->n_fragments = 0;
    *ret_payload = buf_str(&reader->message);
    return FRAME_STEP_MESSAGE;
}

static enum frame_step read_mask(struct frame_reader *reader, unsigned char c, struct str *ret_payload)
{
    reader->mask[reader->n_mask++] = c;
    if (reader->n_mask < sizeof(reader->mask))
        return FRAME_STEP_MORE;
    reader->at = 0;
    reader->n_control = 0;
    reader->state = FRAME_AT_PAYLOAD;
    return reader->length > 0 ? FRAME_STEP_MORE : end_frame(reader, ret_payload);
}

static enum frame_step read_payload(struct frame_reader *reader, struct str piece, struct str *ret_payload)
{
    if (is_control(reader->opcode)) {
        char *to = (char *)reader->control + reader->n_control;
        memcpy(to, piece.p, piece.n);
        unmask(to, piece.n, reader->mask, reader->at);
        reader->n_control = (uint8_t)(reader->n_control + piece.n);
    } else {
        size_t before = reader->message.n;
        buf_add_str(&reader->message, piece);
        must(!reader->message.overflow);
        char *to = reader->message.p + before;
        unmask(to, piece.n, reader->mask, reader->at);
        if (!read_utf8(&reader->utf8, to, piece.n))
            return refuse(reader, FRAME_CODE_NOT_UTF8, "text is not UTF-8");
    }
    reader->at += piece.n;
    return reader->at < reader->length ? FRAME_STEP_MORE : end_frame(reader, ret_payload);
}

static enum frame_step read_header_byte(struct frame_reader *reader, unsigned char c, struct str *ret_payload)
{
    switch (reader->state) {
    case FRAME_AT_FIRST:
        return read_first(reader, c);
    case FRAME_AT_LENGTH:
        return read_length(reader, c);
    case FRAME_AT_LONG_LENGTH:
        return read_long_length(reader, c);
    case FRAME_AT_MASK:
        return read_mask(reader, c, ret_payload);
    case FRAME_AT_PAYLOAD:
    case FRAME_AT_CLOSED:
    case FRAME_AT_REFUSED:
        break;
    }
    never("state without a header byte");
}

enum frame_step frame_feed(struct frame_reader *reader, struct str *input, struct str *ret_payload)
{
    enum frame_step step = FRAME_STEP_MORE;
    *ret_payload = STR_NULL;
    if (reader->state == FRAME_AT_REFUSED)
        return FRAME_STEP_REFUSED;
    if (reader->state == FRAME_AT_CLOSED)
        return FRAME_STEP_CLOSE;
    if (reader->delivered) {
        reader->delivered = false;
        buf_done(&reader->message);
        buf_init(&reader->message, reader->rules->message_bytes);
    }
    while (input->n > 0 && step == FRAME_STEP_MORE) {
        size_t n = 1;
        if (reader->state == FRAME_AT_PAYLOAD) {
            uint64_t left = reader->length - reader->at;
            n = input->n < left ? input->n : (size_t)left;
            step = read_payload(reader, (struct str){input->p, n}, ret_payload);
        } else {
            step = read_header_byte(reader, (unsigned char)input->p[0], ret_payload);
        }
        *input = (struct str){input->p + n, input->n - n};
    }
    return step;
}
