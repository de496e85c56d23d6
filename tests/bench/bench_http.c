/*
 * A load generator for the HTTP API: N kept-alive connections in one thread on epoll, each with one request
 * under way at a time, as browsers would. Logs in once, takes its share of the customers, and counts what is
 * answered 200.
 *
 *   bench_http PORT LOGIN KIND CONNECTIONS SECONDS [PID…]     password in TIDEMARK_DEMO_PASSWORD; KIND:
 * update, read or list; cpu_us: what one request has cost those processes
 *
 * update: PATCH of the stage with the version from the last answer, so that nothing merges and nothing is
 * skipped; read: a customer by id (its event is written before the answer comes); list: 50 customers, newest
 * first. Any other answer ends the run: a benchmark of errors is none.
 */
#include "lib/load.h"

#include "base/clock.h"
#include "json/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 1024,
    REQUEST_BYTES = 2048,
    ANSWER_BYTES = 1 << 20,
    MAX_RECORDS = 4000,
    MAX_TIMES = 4000000,
    PAGE = 200
};

enum kind { KIND_UPDATE, KIND_READ, KIND_LIST };

struct record {
    char id[24], version[128];
    unsigned turn;
};

struct conn {
    int fd;
    unsigned seed;
    struct record *record;
    int64_t sent_at_us;
    size_t n;
    char *answer;
};

static struct {
    int port;
    enum kind kind;
    char cookie[256], csrf[256];
    struct record *records;
    size_t n_records, n_conns;
    uint32_t *times_us;
    size_t n_times;
    uint64_t bytes;
    char **pids; /* NULL at the end */
} run;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_http: %s: %.1500s\n", what, why);
    exit(3);
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)run.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("connect", strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(fd, p, n);
        if (wrote <= 0)
            die("write", strerror(errno));
        p += wrote;
        n -= (size_t)wrote;
    }
}

/* Length of the whole answer in p[0..n), 0 while it is not there yet. */
static size_t answer_length(const char *p, size_t n, size_t *ret_head)
{
    const char *end = memmem(p, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - p) + 4, body = 0;
    for (const char *line = p; line < end;
         line = (const char *)memchr(line, '\n', (size_t)(end - line) + 2) + 1)
        if (strncasecmp(line, "content-length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
    *ret_head = head;
    return n >= head + body ? head + body : 0;
}

static int answer_status(const char *p)
{
    return atoi(p + strlen("HTTP/1.1 "));
}

/* One request, one answer, on a connection of its own: for the log-in and for fetching the records. */
static const char *ask(const char *request, size_t n, char *answer, size_t *ret_head)
{
    int fd = dial();
    send_all(fd, request, n);
    size_t have = 0, whole = 0;
    while (whole == 0) {
        ssize_t got = read(fd, answer + have, ANSWER_BYTES - 1 - have);
        if (got <= 0)
            die("read", got ? strerror(errno) : "connection closed");
        have += (size_t)got;
        answer[have] = '\0';
        whole = answer_length(answer, have, ret_head);
    }
    close(fd);
    if (answer_status(answer) != 200)
        die("unexpected answer", answer);
    return answer + *ret_head;
}

static void copy_between(const char *text, const char *before, char after, char *to, size_t size)
{
    const char *from = strcasestr(text, before);
    const char *end = from ? strchr(from + strlen(before), after) : NULL;
    if (!end || (size_t)(end - from) - strlen(before) >= size)
        die("missing in the answer", before);
    from += strlen(before);
    memcpy(to, from, (size_t)(end - from));
    to[end - from] = '\0';
}

static void log_in(const char *login, char *answer)
{
    const char *password = getenv("TIDEMARK_DEMO_PASSWORD");
    char body[512], request[REQUEST_BYTES];
    int n = snprintf(
        body, sizeof(body), "{\"login\":\"%s\",\"password\":\"%s\"}", login, password ? password : "");
    n = snprintf(request, sizeof(request),
        "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
        run.port, run.port, n, body);
    size_t head;
    (void)ask(request, (size_t)n, answer, &head);
    copy_between(answer, "set-cookie: ", ';', run.cookie, sizeof(run.cookie));
    copy_between(answer, "\"csrf\":\"", '"', run.csrf, sizeof(run.csrf));
}

static void keep_text(const struct json *value, char *to, size_t size)
{
    if (!value || value->kind != JSON_STR || value->str.n >= size)
        die("list", "an item without id or version");
    memcpy(to, value->str.p, value->str.n);
    to[value->str.n] = '\0';
}

/* The stages that an update walks through, round and round. */
static const char *const STAGES[] = {"contacted", "quoted", "negotiating", "lead"};

/* The turn whose stage differs from the present one: writing what is there already would be no write. */
static unsigned turn_after(const struct json *stage)
{
    for (unsigned i = 0; i < 4; i++)
        if (stage && stage->kind == JSON_STR && str_eq(stage->str, str_of(STAGES[i])))
            return i + 1;
    return 0;
}

static void fetch_records(char *answer)
{
    char request[REQUEST_BYTES], next[1024] = "";
    run.records = calloc(MAX_RECORDS, sizeof(run.records[0]));
    do {
        int n = snprintf(request, sizeof(request),
            "GET /api/v1/forms/customer/records?fields=stage&limit=%d%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
            "Cookie: %s\r\n\r\n",
            PAGE, next[0] ? "&after=" : "", next, run.port, run.cookie);
        size_t head;
        struct arena *arena = arena_new();
        struct json *page = NULL;
        struct err err = {0};
        struct json_limits limits = {.max_bytes = ANSWER_BYTES};
        if (json_parse(arena, str_of(ask(request, (size_t)n, answer, &head)), &limits, &page, &err) < 0)
            die("list", err.detail);
        const struct json *items = json_get(page, STR("items")), *more = json_get(page, STR("next"));
        for (size_t i = 0; items && i < items->array.n && run.n_records < MAX_RECORDS; i++) {
            struct record *record = &run.records[run.n_records++];
            const struct json *fields = json_get(&items->array.at[i], STR("fields"));
            keep_text(json_get(&items->array.at[i], STR("id")), record->id, sizeof(record->id));
            record->turn = turn_after(fields ? json_get(fields, STR("stage")) : NULL);
            keep_text(
                json_get(&items->array.at[i], STR("version")), record->version, sizeof(record->version));
        }
        next[0] = '\0';
        if (more && more->kind == JSON_STR)
            keep_text(more, next, sizeof(next));
        arena_free(arena);
    } while (next[0] && run.n_records < MAX_RECORDS);
    if (run.n_records < run.n_conns)
        die("list", "fewer records than connections");
}

/* Connection i has the records i, i + n, i + 2n … for itself: writers do not meet. */
static struct record *choose(struct conn *conn, size_t index)
{
    size_t share = run.n_records / run.n_conns;
    return &run.records[index + run.n_conns * ((size_t)rand_r(&conn->seed) % share)];
}

static void send_next(struct conn *conn, size_t index)
{
    char request[REQUEST_BYTES], body[64];
    int n = 0;
    if (run.kind == KIND_LIST) {
        n = snprintf(request, sizeof(request),
            "GET /api/v1/forms/customer/records?limit=50 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: %s\r\n\r\n",
            run.port, run.cookie);
    } else {
        struct record *record = conn->record = choose(conn, index);
        if (run.kind == KIND_READ) {
            n = snprintf(request, sizeof(request),
                "GET /api/v1/forms/customer/records/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nCookie: %s\r\n\r\n",
                record->id, run.port, run.cookie);
        } else {
            int length =
                snprintf(body, sizeof(body), "{\"fields\":{\"stage\":\"%s\"}}", STAGES[record->turn++ % 4]);
            n = snprintf(request, sizeof(request),
                "PATCH /api/v1/forms/customer/records/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
                "Cookie: %s\r\nX-CSRF-Token: %s\r\nIf-Match: %s\r\nContent-Type: application/json\r\n"
                "Content-Length: %d\r\n\r\n%s",
                record->id, run.port, run.port, run.cookie, run.csrf, record->version, length, body);
        }
    }
    if (n >= (int)sizeof(request))
        die("request", "too long");
    conn->n = 0;
    conn->sent_at_us = clock_monotonic_us();
    send_all(conn->fd, request, (size_t)n);
}

/* Takes in what is there; true when the answer is whole and good. */
static bool take(struct conn *conn)
{
    ssize_t got = read(conn->fd, conn->answer + conn->n, ANSWER_BYTES - 1 - conn->n);
    if (got <= 0)
        die("read", got ? strerror(errno) : "connection closed");
    conn->n += (size_t)got;
    conn->answer[conn->n] = '\0';
    size_t head, whole = answer_length(conn->answer, conn->n, &head);
    if (whole == 0)
        return false;
    if (answer_status(conn->answer) != 200)
        die("unexpected answer", conn->answer);
    if (run.kind == KIND_UPDATE)
        copy_between(
            conn->answer + head, "\"version\":\"", '"', conn->record->version, sizeof(conn->record->version));
    run.bytes += whole;
    if (run.n_times < MAX_TIMES)
        run.times_us[run.n_times++] = (uint32_t)(clock_monotonic_us() - conn->sent_at_us);
    return true;
}

static int by_time(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int64_t cpu_us(void)
{
    int64_t us = 0;
    for (size_t i = 0; run.pids[i]; i++)
        us += cpu_us_of((pid_t)atoi(run.pids[i]));
    return us;
}

static void drive(double seconds)
{
    static struct conn conns[MAX_CONNECTIONS];
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < run.n_conns; i++) {
        conns[i] =
            (struct conn){.fd = dial(), .seed = (unsigned)i * 7919 + 1, .answer = malloc(ANSWER_BYTES)};
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
        if (!conns[i].answer || epoll_ctl(poll, EPOLL_CTL_ADD, conns[i].fd, &event) != 0)
            die("epoll", strerror(errno));
    }
    int64_t started = clock_monotonic_us(), end = started + (int64_t)(seconds * 1e6), cpu = cpu_us();
    size_t under_way = run.n_conns;
    for (size_t i = 0; i < run.n_conns; i++)
        send_next(&conns[i], i);
    while (under_way > 0) {
        struct epoll_event events[64];
        int n = epoll_wait(poll, events, 64, 30000);
        if (n <= 0)
            die("epoll", n ? strerror(errno) : "no answer for 30 s");
        for (int k = 0; k < n; k++) {
            size_t i = (size_t)events[k].data.u64;
            if (!take(&conns[i]))
                continue;
            if (clock_monotonic_us() < end)
                send_next(&conns[i], i);
            else
                under_way--;
        }
    }
    double took = (double)(clock_monotonic_us() - started) / 1e6;
    cpu = cpu_us() - cpu;
    qsort(run.times_us, run.n_times, sizeof(run.times_us[0]), by_time);
    printf("done=%zu seconds=%.3f per_s=%.1f p50_ms=%.3f p99_ms=%.3f bytes_each=%.0f cpu_us=%.1f\n",
        run.n_times, took, (double)run.n_times / took, run.times_us[run.n_times / 2] / 1e3,
        run.times_us[(size_t)((double)run.n_times * 0.99)] / 1e3, (double)run.bytes / (double)run.n_times,
        (double)cpu / (double)run.n_times);
    for (size_t i = 0; i < run.n_conns; i++) {
        close(conns[i].fd);
        free(conns[i].answer);
    }
    close(poll);
}

int main(int argc, char **argv)
{
    static const char *const KINDS[] = {"update", "read", "list"};
    int kind = -1;
    for (int i = 0; argc >= 6 && i < 3; i++)
        if (strcmp(argv[3], KINDS[i]) == 0)
            kind = i;
    run.n_conns = argc >= 6 ? strtoul(argv[4], NULL, 10) : 0;
    if (kind < 0 || run.n_conns < 1 || run.n_conns > MAX_CONNECTIONS) {
        fprintf(stderr, "bench_http PORT LOGIN update|read|list CONNECTIONS SECONDS [PID...]\n");
        return 2;
    }
    run.kind = (enum kind)kind;
    run.port = atoi(argv[1]);
    run.pids = argv + 6;
    run.times_us = calloc(MAX_TIMES, sizeof(run.times_us[0]));
    char *answer = malloc(ANSWER_BYTES);
    if (!answer || !run.times_us)
        die("memory", strerror(errno));
    log_in(argv[2], answer);
    if (run.kind != KIND_LIST)
        fetch_records(answer);
    drive(atof(argv[5]));
    free(run.records);
    free(run.times_us);
    free(answer);
    return 0;
}
