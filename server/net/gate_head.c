/*
 * What a well-formed head means, and what of it is refused: encodings, upgrades, lengths, hosts, doubles. One
 * table names the headers that matter; all others are read over. The bytes have passed gate.c, so each line
 * here is `name ":" value CRLF` with clean bytes.
 */
#include "net/gate.h"

#include <string.h>

static enum gate_step refuse_bad(struct gate *gate, const char *why)
{
    return gate_refuse(gate, ERR_BAD_REQUEST, why);
}

/* What has been seen besides the kept headers. */
struct seen {
    bool length, expect;
    bool upgrade, connection_upgrade;
};

typedef enum gate_step header_fn(struct gate *gate, struct seen *seen, struct str value);

static enum gate_step refuse_encoding(struct gate *gate, struct seen *seen, struct str value)
{
    (void)seen, (void)value;
    return refuse_bad(gate, "Transfer-Encoding");
}

static enum gate_step refuse_upgrade(struct gate *gate, struct seen *seen, struct str value)
{
    (void)seen, (void)value;
    return refuse_bad(gate, "Upgrade");
}

/* One protocol is known, and a list of one is all that browsers send. */
static enum gate_step read_upgrade(struct gate *gate, struct seen *seen, struct str value)
{
    if (seen->upgrade || !str_eq_nocase(value, STR("websocket")))
        return refuse_upgrade(gate, seen, value);
    seen->upgrade = true;
    return GATE_MORE;
}

static enum gate_step read_length(struct gate *gate, struct seen *seen, struct str value)
{
    if (seen->length)
        return refuse_bad(gate, "Content-Length twice");
    seen->length = true;
    if (value.n == 0 || value.n > 10 || (value.n > 1 && value.p[0] == '0'))
        return refuse_bad(gate, "Content-Length");
    uint64_t length = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return refuse_bad(gate, "Content-Length");
        length = length * 10 + (uint64_t)(value.p[i] - '0');
    }
    gate->head.body_bytes = length;
    return GATE_MORE;
}

static enum gate_step read_expect(struct gate *gate, struct seen *seen, struct str value)
{
    if (seen->expect || !str_eq_nocase(value, STR("100-continue")))
        return refuse_bad(gate, "Expect");
    seen->expect = true;
    return GATE_MORE;
}

static enum gate_step read_connection(struct gate *gate, struct seen *seen, struct str value)
{
    while (value.n > 0) {
        struct str token = str_trim(str_cut(&value, ','));
        if (str_eq_nocase(token, STR("close")))
            gate->head.close = true;
        if (str_eq_nocase(token, STR("upgrade")))
            seen->connection_upgrade = true;
        if (str_eq_nocase(token, STR("http2-settings")))
            return refuse_bad(gate, "Connection: HTTP2-Settings");
    }
    return GATE_MORE;
}

/* Headers that steer the connection. */
static const struct {
    struct str name;
    header_fn *fn;
} steering[] = {
    {{"content-length", 14}, read_length},
    {{"transfer-encoding", 17}, refuse_encoding},
    {{"connection", 10}, read_connection},
    {{"expect", 6}, read_expect},
    {{"upgrade", 7}, read_upgrade},
    {{"http2-settings", 14}, refuse_upgrade},
};

/* How a second line of a kept header is met. */
enum doubles { REFUSED, FIRST_COUNTS, LAST_COUNTS };

#define NAME(literal)                                                                                        \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }
static const struct {
    struct str name;
    enum doubles doubles;
    bool free_text; /* bytes above 0x7f may stand in it */
} kept[GATE_HEADER_COUNT] = {
    [GATE_HOST] = {NAME("host"), REFUSED, false},
    [GATE_ORIGIN] = {NAME("origin"), REFUSED, false},
    [GATE_CONTENT_TYPE] = {NAME("content-type"), REFUSED, false},
    [GATE_COOKIE] = {NAME("cookie"), REFUSED, false},
    [GATE_AUTHORIZATION] = {NAME("authorization"), REFUSED, false},
    [GATE_IF_MATCH] = {NAME("if-match"), REFUSED, false},
    [GATE_IF_NONE_MATCH] = {NAME("if-none-match"), REFUSED, false},
    [GATE_CSRF_TOKEN] = {NAME("x-csrf-token"), REFUSED, false},
    [GATE_ACCEPT_LANGUAGE] = {NAME("accept-language"), FIRST_COUNTS, true},
    [GATE_ACCEPT_ENCODING] = {NAME("accept-encoding"), FIRST_COUNTS, true},
    [GATE_IDEMPOTENCY_KEY] = {NAME("idempotency-key"), REFUSED, false},
    [GATE_USER_AGENT] = {NAME("user-agent"), REFUSED, true},
    [GATE_SEC_FETCH_SITE] = {NAME("sec-fetch-site"), REFUSED, false},
    [GATE_FAIL_WAIT] = {NAME("x-tidemark-fail-wait"), REFUSED, false},
    /* Each proxy adds at the end; the last line is the nearest proxy's. */
    [GATE_FORWARDED_FOR] = {NAME("x-forwarded-for"), LAST_COUNTS, true},
    [GATE_FORWARDED_PROTO] = {NAME("x-forwarded-proto"), LAST_COUNTS, true},
    [GATE_WEBSOCKET_KEY] = {NAME("sec-websocket-key"), REFUSED, false},
    [GATE_WEBSOCKET_VERSION] = {NAME("sec-websocket-version"), REFUSED, false},
    [GATE_WEBSOCKET_PROTOCOL] = {NAME("sec-websocket-protocol"), REFUSED, false},
};

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

static enum gate_step keep(struct gate *gate, enum gate_header which, struct str value)
{
    struct str *slot = &gate->head.kept[which];
    bool again = slot->p != NULL;
    if (again && kept[which].doubles == REFUSED)
        return refuse_bad(gate, "header twice");
    if (!is_ascii(value)) {
        if (!kept[which].free_text)
            return refuse_bad(gate, "byte above 0x7f in a header");
        if (!str_is_utf8(value))
            value.n = 0;
    }
    if (!again || kept[which].doubles == LAST_COUNTS)
        *slot = value;
    return GATE_MORE;
}

static enum gate_step read_header(struct gate *gate, struct seen *seen, struct str name, struct str value)
{
    for (size_t i = 0; i < sizeof(steering) / sizeof(steering[0]); i++)
        if (str_eq_nocase(name, steering[i].name))
            return steering[i].fn(gate, seen, value);
    for (enum gate_header which = 0; which < GATE_HEADER_COUNT; which++)
        if (str_eq_nocase(name, kept[which].name))
            return keep(gate, which, value);
    return GATE_MORE;
}

/* host [":" port]; IPv6 in brackets. */
static bool is_our_host(const struct gate_rules *rules, struct str value)
{
    struct str name = value;
    if (value.n > 0 && value.p[0] == '[') {
        const char *close = memchr(value.p, ']', value.n);
        if (close == NULL)
            return false;
        name = (struct str){value.p + 1, (size_t)(close - value.p) - 1};
        value = (struct str){close + 1, value.n - name.n - 2};
    } else {
        const char *colon = value.n > 0 ? memchr(value.p, ':', value.n) : NULL;
        if (colon != NULL)
            name.n = (size_t)(colon - value.p);
        value = (struct str){value.p + name.n, value.n - name.n};
    }
    if (value.n > 0) {
        if (value.p[0] != ':' || value.n < 2 || value.n > 6)
            return false;
        for (size_t i = 1; i < value.n; i++)
            if (value.p[i] < '0' || value.p[i] > '9')
                return false;
    }
    for (size_t i = 0; i < rules->n_hosts; i++)
        if (str_eq_nocase(name, rules->hosts[i]))
            return true;
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Control characters, C1 included; the text is valid UTF-8. */
static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static bool has_dot_segment(struct str path)
{
    struct str rest = path;
    while (rest.n > 0) {
        struct str segment = str_cut(&rest, '/');
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return true;
    }
    return false;
}

/* Decodes %XX once, in place: the text only shrinks. False for what a path must not hold. */
static bool decode_path(char *p, size_t *n)
{
    size_t out = 0;
    for (size_t i = 0; i < *n; i++) {
        char c = p[i];
        if (c == '%') {
            int high = i + 2 < *n ? hex_digit(p[i + 1]) : -1;
            int low = i + 2 < *n ? hex_digit(p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            if (c == '/' || c == '\\')
                return false;
            i += 2;
        }
        p[out++] = c;
    }
    *n = out;
    struct str path = {p, out};
    return str_is_utf8(path) && !has_control(path) && !has_dot_segment(path);
}

static enum gate_step read_request_line(struct gate *gate)
{
    char *target = gate->bytes.p + gate->n_method + 1;
    char *question = memchr(target, '?', gate->n_target);
    size_t n_path = question != NULL ? (size_t)(question - target) : gate->n_target;
    if (question != NULL)
        gate->head.query = (struct str){question + 1, gate->n_target - n_path - 1};
    if (!decode_path(target, &n_path))
        return refuse_bad(gate, "path");
    gate->head.path = (struct str){target, n_path};
    return GATE_MORE;
}

static enum gate_step check_length(struct gate *gate, const struct seen *seen)
{
    enum net_method method = gate->head.method;
    bool takes_body = method == NET_POST || method == NET_PUT || method == NET_PATCH;
    if (takes_body && !seen->length)
        return refuse_bad(gate, "no Content-Length");
    if (!takes_body && gate->head.body_bytes > 0)
        return refuse_bad(gate, "body where there is none");
    if (gate->head.body_bytes > gate->rules->body_bytes)
        return gate_refuse(gate, ERR_TOO_LARGE, "body too large");
    gate->head.expect_continue = seen->expect && gate->head.body_bytes > 0;
    return GATE_MORE;
}

/* Base64 of 16 bytes: 22 characters of which the last carries two bits, and two signs of equality. */
static bool is_websocket_key(struct str key)
{
    if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && c != '+' && c != '/')
            return false;
    }
    return memchr("AQgw", key.p[21], 4) != NULL;
}

/* Both headers or none; and then everything that RFC 6455 wants of a handshake, but its Origin. Offered
 * extensions are read over: none is ever accepted. */
static enum gate_step check_upgrade(struct gate *gate, const struct seen *seen)
{
    const struct gate_head *head = &gate->head;
    const struct gate_rules *rules = gate->rules;
    if (!seen->upgrade && !seen->connection_upgrade)
        return GATE_MORE;
    if (!seen->upgrade || !seen->connection_upgrade)
        return refuse_bad(gate, "half an upgrade");
    if (head->method != NET_GET || seen->length || seen->expect || head->close)
        return refuse_bad(gate, "upgrade of something else than a plain GET");
    if (rules->upgrade_path.n == 0 || !str_eq(head->path, rules->upgrade_path))
        return refuse_bad(gate, "upgrade of another path");
    if (!str_eq(head->kept[GATE_WEBSOCKET_VERSION], STR("13")))
        return refuse_bad(gate, "Sec-WebSocket-Version");
    if (!str_eq(head->kept[GATE_WEBSOCKET_PROTOCOL], rules->upgrade_protocol))
        return refuse_bad(gate, "Sec-WebSocket-Protocol");
    if (!is_websocket_key(head->kept[GATE_WEBSOCKET_KEY]))
        return refuse_bad(gate, "Sec-WebSocket-Key");
    gate->head.upgrade = true;
    return GATE_MORE;
}

void gate_read_head(struct gate *gate)
{
    struct seen seen = {0};
    struct str lines = {gate->bytes.p, gate->bytes.n};
    size_t n_request_line = gate->n_method + 1 + gate->n_target + 1 + gate->n_version;
    lines = (struct str){lines.p + n_request_line, lines.n - n_request_line - 2};
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\r');
        lines = (struct str){lines.p + 1, lines.n - 1}; /* the LF */
        struct str name = str_cut(&line, ':');
        if (read_header(gate, &seen, name, str_trim(line)) == GATE_REFUSED)
            return;
    }
    if (gate->head.kept[GATE_HOST].p == NULL || !is_our_host(gate->rules, gate->head.kept[GATE_HOST])) {
        (void)refuse_bad(gate, "Host");
        return;
    }
    if (check_length(gate, &seen) == GATE_REFUSED)
        return;
    if (read_request_line(gate) == GATE_REFUSED)
        return;
    (void)check_upgrade(gate, &seen);
}
