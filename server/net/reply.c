/*
 * The bytes of an answer: one block of headers, made in one go and joined with a small body, so that most
 * answers are one write. The security headers are the same on every answer, errors and files included.
 */
#include "net/net_int.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <time.h>

#define JOIN_BYTES ((size_t)32 << 10) /* a body up to this is copied behind its head */

#define STRICT_HEADERS                                                                                       \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "     \
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; "        \
    "form-action 'self'; frame-ancestors 'none'\r\n"                                                         \
    "X-Content-Type-Options: nosniff\r\n"                                                                    \
    "Referrer-Policy: no-referrer\r\n"                                                                       \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                            \
    "Cross-Origin-Resource-Policy: same-origin\r\n"                                                          \
    "Permissions-Policy: accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), "       \
    "microphone=(), payment=(), usb=()\r\n"

static const char TRANSPORT_HEADER[] = "Strict-Transport-Security: max-age=31536000\r\n";

static const struct {
    int status;
    const char *phrase;
} phrases[] = {{101, "Switching Protocols"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"},
    {204, "No Content"}, {303, "See Other"}, {304, "Not Modified"}, {400, "Bad Request"},
    {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
    {408, "Request Timeout"}, {409, "Conflict"}, {412, "Precondition Failed"}, {413, "Content Too Large"},
    {415, "Unsupported Media Type"}, {422, "Unprocessable Content"}, {428, "Precondition Required"},
    {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
    {503, "Service Unavailable"}};

static const char *phrase_of(int status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Status";
}

/* "Date: Sun, 22 Nov 2026 01:02:03 GMT", made once a second. */
static void add_date(struct buf *out)
{
    static char line[64];
    static int64_t made_for = -1;
    int64_t now_s = clock_utc_us() / 1000000;
    if (now_s != made_for) {
        static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char *const months[] = {
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        time_t seconds = (time_t)now_s;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        (void)snprintf(line, sizeof(line), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
            tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        made_for = now_s;
    }
    buf_add_text(out, line);
}

void reply_begin(struct exchange *exchange, int status, const char *content_type, const char *cache)
{
    struct buf *out = &exchange->out;
    if (exchange->net->stopping || (exchange->conn != NULL && exchange->conn->overrun))
        exchange->close_after = true;
    buf_done(out);
    buf_init(out, 0);
    exchange->tail = STR_NULL;
    buf_add_text(out, "HTTP/1.1 ");
    buf_add_i64(out, status);
    buf_add_char(out, ' ');
    buf_add_text(out, phrase_of(status));
    buf_add_text(out, "\r\n");
    add_date(out);
    if (content_type != NULL)
        reply_header(exchange, "Content-Type", str_of(content_type));
    reply_header(exchange, "Cache-Control", str_of(cache));
    reply_header(exchange, "X-Request-Id", str_of(exchange->request.id));
    buf_add_text(out, STRICT_HEADERS);
    if (exchange->request.tls)
        buf_add_text(out, TRANSPORT_HEADER);
    if (exchange->close_after)
        buf_add_text(out, "Connection: close\r\n");
}

void reply_header(struct exchange *exchange, const char *name, struct str value)
{
    buf_add_text(&exchange->out, name);
    buf_add_text(&exchange->out, ": ");
    buf_add_str(&exchange->out, value);
    buf_add_text(&exchange->out, "\r\n");
}

void reply_end(struct exchange *exchange, struct str body)
{
    struct buf *out = &exchange->out;
    buf_add_text(out, "Content-Length: ");
    buf_add_i64(out, (int64_t)body.n);
    buf_add_text(out, "\r\n\r\n");
    if (exchange->request.method == NET_HEAD)
        return;
    if (body.n <= JOIN_BYTES)
        buf_add_str(out, body);
    else
        exchange->tail = body;
}

/* A header made of what a handler gives must stay one line. */
static bool is_clean(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 || (unsigned char)value.p[i] >= 0x7f)
            return false;
    return true;
}

static bool is_good(const struct net_reply *reply)
{
    return reply->status >= 200 && reply->status <= 599 && !reply->body.overflow &&
           is_clean(reply->set_cookie) && is_clean(reply->location) && is_clean(reply->allow) &&
           is_clean(reply->etag) && is_clean(reply->fail_wait) &&
           (reply->content_type == NULL || is_clean(str_of(reply->content_type)));
}

void reply_build(struct exchange *exchange)
{
    const struct net_reply *reply = &exchange->reply;
    if (!is_good(reply)) {
        log_event(LOG_ERR, "net", "the handler gave no answer that can be sent",
            LOG_C("req", exchange->request.id), LOG_I("status", reply->status));
        reply_build_problem(exchange, ERR_INTERNAL, NULL);
        return;
    }
    bool has_body = reply->status != 204 && reply->status != 304;
    const char *type = reply->content_type ? reply->content_type : "application/json";
    reply_begin(
        exchange, reply->status, has_body ? type : NULL, reply->store_nothing ? "no-store" : "no-cache");
    const struct {
        const char *name;
        struct str value;
    } headers[] = {{"Set-Cookie", reply->set_cookie}, {"Location", reply->location}, {"Allow", reply->allow},
        {"ETag", reply->etag}, {"X-Tidemark-Fail-Wait", reply->fail_wait}};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (headers[i].value.n > 0)
            reply_header(exchange, headers[i].name, headers[i].value);
    if (reply->retry_after_s > 0)
        buf_printf(&exchange->out, "Retry-After: %d\r\n", reply->retry_after_s);
    if (has_body)
        reply_end(exchange, buf_str(&reply->body));
    else
        buf_add_text(&exchange->out, "\r\n"); /* neither has a length (RFC 9110, 8.6) */
}

void reply_build_problem(struct exchange *exchange, enum err_code code, const char *allow)
{
    bool english = str_starts(exchange->request.accept_language, STR("en"));
    struct buf body;
    buf_init(&body, 4096);
    const char *title = err_title(code, english ? ERR_LANG_EN : ERR_LANG_ZH);
    buf_printf(&body,
        "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\",\"request\":\"%s\"}",
        err_key(code), title, err_status(code), title, exchange->request.id);
    reply_begin(exchange, err_status(code), "application/problem+json", "no-store");
    if (err_status(code) == 405)
        reply_header(exchange, "Allow", str_of(allow ? allow : "GET, HEAD, POST, PUT, PATCH, DELETE"));
    if (err_status(code) == 503)
        buf_add_text(&exchange->out, "Retry-After: 1\r\n");
    reply_end(exchange, buf_str(&body));
    buf_done(&body);
}
