/*
 * Timers of connections. All waits of a kind last equally long, so each kind is a queue in order of its ends:
 * setting is an append, looking is a glance at the front. One coarse tick serves them all, and only while
 * there are connections. libwebsockets' own timeouts are cleared wherever it sets one (conn_read), since its
 * sorted list is slow with many sockets and its reasons are not ours.
 */
#include "net/net_int.h"

#include "base/clock.h"

#define TICK_MAX_MS 200
#define TICK_MIN_MS 10

static void look(void *arg)
{
    struct net *net = arg;
    int64_t now_us = clock_monotonic_us();
    for (enum wait_kind kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        while (!list_is_empty(&net->waits[kind])) {
            struct conn *conn = list_entry(net->waits[kind].next, struct conn, wait_link);
            if (conn->wait_until_us > now_us)
                break;
            list_remove(&conn->wait_link);
            conn_wait_over(conn);
        }
    }
    ws_look(net, now_us);
}

void wait_init(struct net *net)
{
    const struct conf *conf = net->conf;
    int64_t body_ms = conf->limits_body_ms < BODY_LOOK_MS ? conf->limits_body_ms : BODY_LOOK_MS;
    const int64_t ms[WAIT_KIND_COUNT] = {
        [WAIT_HEAD] = conf->limits_header_ms,
        [WAIT_BODY] = body_ms,
        [WAIT_IDLE] = conf->limits_idle_ms,
        [WAIT_WORK] = conf->limits_request_ms,
        [WAIT_WRITE] = conf->limits_write_ms,
        [WAIT_CLOSE] = CLOSE_MS,
        [WAIT_LINGER] = LINGER_MS,
    };
    int64_t tick_ms = TICK_MAX_MS;
    for (enum wait_kind kind = 0; kind < WAIT_KIND_COUNT; kind++) {
        list_init(&net->waits[kind]);
        net->wait_us[kind] = ms[kind] * 1000;
        if (ms[kind] / 4 < tick_ms)
            tick_ms = ms[kind] / 4;
    }
    if (tick_ms < TICK_MIN_MS)
        tick_ms = TICK_MIN_MS;
    loop_timer_start(&net->tick, (uint64_t)tick_ms, (uint64_t)tick_ms, look, net);
}

void wait_close(struct net *net)
{
    loop_timer_close(&net->tick, NULL);
}

void wait_set(struct conn *conn, enum wait_kind kind)
{
    list_remove(&conn->wait_link);
    conn->wait_kind = kind;
    conn->wait_until_us = clock_monotonic_us() + conn->net->wait_us[kind];
    list_append(&conn->net->waits[kind], &conn->wait_link);
}

void wait_clear(struct conn *conn)
{
    list_remove(&conn->wait_link);
}
