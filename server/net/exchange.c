/*
 * One request from its head to its answer. The exchange owns the bytes that net_request points into, and
 * lives until both its task and its connection are done with it, whichever ends last.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/must.h"
#include "crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

static const char *const method_names[NET_METHOD_COUNT] = {[NET_GET] = "GET",
    [NET_HEAD] = "HEAD",
    [NET_POST] = "POST",
    [NET_PUT] = "PUT",
    [NET_PATCH] = "PATCH",
    [NET_DELETE] = "DELETE"};

const char *net_method_name(enum net_method method)
{
    must(method < NET_METHOD_COUNT);
    return method_names[method];
}

/* 20 random characters of 5 bits. Random bytes are drawn in advance, for one system call serves many. */
static void make_id(char id[24])
{
    static const char alphabet[32] = "abcdefghijkmnpqrstuvwxyz23456789";
    static unsigned char pool[2000];
    static size_t n_left;
    if (n_left < 20) {
        crypto_random(pool, sizeof(pool));
        n_left = sizeof(pool);
    }
    for (size_t i = 0; i < 20; i++)
        id[i] = alphabet[pool[--n_left] & 31];
    id[20] = '\0';
}

struct exchange *exchange_new(struct conn *conn)
{
    struct exchange *exchange = must_alloc(sizeof(*exchange));
    exchange->net = conn->net;
    exchange->conn = conn;
    memcpy(exchange->address, conn->address, sizeof(exchange->address));
    make_id(exchange->request.id);
    exchange->request.peer = str_of(exchange->address);
    exchange->request.tls = conn->ssl != NULL;
    list_append(&conn->net->exchanges, &exchange->link);
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (exchange->counted)
        exchange->net->stats.requests_in_flight--;
    list_remove(&exchange->link);
    buf_done(&exchange->head_bytes);
    buf_done(&exchange->body);
    buf_done(&exchange->reply.body);
    buf_done(&exchange->out);
    free(exchange);
}

/* What a trusted proxy says of the client stands over the socket; nobody else is believed. */
static void read_forwarding(struct exchange *exchange, const struct gate_head *head)
{
    struct net_request *request = &exchange->request;
    if (exchange->net->n_trusted == 0) {
        request->loopback = peer_is_loopback(exchange->address);
        return;
    }
    if (!exchange->conn->peer->trusted)
        return;
    struct str client = peer_forwarded(exchange->net, head->kept[GATE_FORWARDED_FOR]);
    if (client.n > 0)
        request->peer = client;
    if (str_eq_nocase(head->kept[GATE_FORWARDED_PROTO], STR("https")))
        request->tls = true;
}

void exchange_read_head(struct exchange *exchange, struct gate *gate)
{
    const struct gate_head *head = &gate->head;
    struct net_request *request = &exchange->request;
    const struct {
        enum gate_header header;
        struct str *slot;
    } fields[] = {
        {GATE_HOST, &request->host},
        {GATE_ORIGIN, &request->origin},
        {GATE_CONTENT_TYPE, &request->content_type},
        {GATE_COOKIE, &request->cookie},
        {GATE_AUTHORIZATION, &request->authorization},
        {GATE_IF_MATCH, &request->if_match},
        {GATE_IF_NONE_MATCH, &request->if_none_match},
        {GATE_CSRF_TOKEN, &request->csrf_token},
        {GATE_ACCEPT_LANGUAGE, &request->accept_language},
        {GATE_IDEMPOTENCY_KEY, &request->idempotency_key},
        {GATE_USER_AGENT, &request->user_agent},
        {GATE_SEC_FETCH_SITE, &request->sec_fetch_site},
    };
    exchange->head_bytes = gate_take_bytes(gate);
    request->method = head->method;
    request->path = head->path;
    request->query = head->query;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        *fields[i].slot = head->kept[fields[i].header];
    if (exchange->net->conf->test_faults)
        request->fail_wait = head->kept[GATE_FAIL_WAIT];
    exchange->accept_encoding = head->kept[GATE_ACCEPT_ENCODING];
    exchange->close_after = head->close || exchange->net->stopping;
    buf_init(&exchange->body, (size_t)exchange->net->conf->limits_body_bytes);
    read_forwarding(exchange, head);
}

static task_fn void run(void *arg)
{
    struct exchange *exchange = arg;
    if (exchange->conn != NULL)
        exchange->net->handler(&exchange->request, &exchange->reply, exchange->net->arg);
    exchange->task = NULL;
    if (exchange->conn == NULL) {
        exchange_free(exchange);
        return;
    }
    reply_build(exchange);
    conn_answer(exchange->conn);
}

void exchange_spawn(struct exchange *exchange)
{
    exchange->task = task_spawn("request", run, exchange);
}

void exchange_detach(struct exchange *exchange)
{
    exchange->conn = NULL;
    if (exchange->task != NULL)
        task_cancel(exchange->task);
    else
        exchange_free(exchange);
}
