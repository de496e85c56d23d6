/*
 * `tidemark serve`: one task brings everything up and says "ready", a signal brings it down again. SIGHUP
 * reads the certificate anew. Nothing that was acknowledged is lost at any of these moments: what counts is
 * in MariaDB.
 */
#include "api/api.h"
#include "base/log.h"
#include "base/must.h"
#include "loop/loop.h"
#include "main/main_int.h"
#include "net/net.h"
#include "net/ws.h"
#include "text/text.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>

enum {
    DRAIN_MS = 5000,
    POLL_MS = 1000,
    TEND_MS = 10000,
    TRIM_TURNS = 30,
    PRUNE_TURNS = 20,
    PURGE_TURNS = 3600,
    ROWS_DEFAULT = 10000,
    ROWS_MAX = 5000000
};

struct server {
    const struct options *options;
    struct boot boot;
    struct api api;
    struct listening listening;
    struct net *net;
    struct task *main_task, *poll_task, *tend_task;
    uv_signal_t signals[3];
    struct task_cond stopping;
    bool stop, polled, tended;
    int status;
};

static bool server_is_ready(void *arg)
{
    struct server *server = arg;
    return server->net && !server->stop && instance_is_up(server->boot.instance) &&
           db_is_up(server->boot.app) && listening_is_alive(&server->listening);
}

static void server_metrics(void *arg, struct buf *out)
{
    struct server *server = arg;
    struct net_stats net = net_stats_now(server->net);
    struct live_stats live = live_stats_now(server->listening.live);
    struct feed_stats feed = feed_stats_now(server->listening.feed);
    struct sealer_stats seals = sealer_stats_now(server->listening.sealer);
    static const char LINE[] = "# TYPE tidemark_%s %s\ntidemark_%s %llu\n";
    const struct {
        const char *name, *type;
        uint64_t value;
    } metrics[] = {{"connections_open", "gauge", net.connections_open},
        {"connections_total", "counter", net.connections_total},
        {"requests_total", "counter", net.requests_total},
        {"requests_refused_total", "counter", net.refused_total},
        {"requests_in_flight", "gauge", net.requests_in_flight}, {"bytes_in_total", "counter", net.bytes_in},
        {"bytes_out_total", "counter", net.bytes_out},
        {"database_restarts_total", "counter", instance_restarts(server->boot.instance)},
        {"feed_transactions_total", "counter", feed.transactions}, {"feed_rows_total", "counter", feed.rows},
        {"feed_bytes_total", "counter", feed.bytes}, {"feed_reconnects_total", "counter", feed.reconnects},
        {"feed_queued_bytes", "gauge", feed.queued_bytes},
        {"feed_position", "gauge", (uint64_t)feed.handed_over}, {"live_sockets", "gauge", live.sockets},
        {"live_viewers", "gauge", live.viewers}, {"live_channels", "gauge", live.channels},
        {"live_rows", "gauge", live.rows}, {"live_candidates_total", "counter", live.candidates},
        {"live_frames_total", "counter", live.frames}, {"live_bytes_total", "counter", live.bytes},
        {"live_snapshots_total", "counter", live.snapshots}, {"live_loads_total", "counter", live.loads},
        {"live_refills_total", "counter", live.refills}, {"live_resyncs_total", "counter", live.resyncs},
        {"live_resumes_total", "counter", live.resumes}, {"seal_leaves", "gauge", seals.leaves},
        {"seal_number", "gauge", seals.seals}, {"seal_waiting", "gauge", seals.waiting},
        {"seal_holder", "gauge", seals.holds}, {"seal_errors_total", "counter", seals.errors}};
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        buf_printf(out, LINE, metrics[i].name, metrics[i].type, metrics[i].name,
            (unsigned long long)metrics[i].value);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct server *server = handle->data;
    struct err err = {0};
    if (signal_number == SIGHUP) {
        if (server->net && net_reload_tls(server->net, &err) < 0)
            log_event(LOG_ERR, "main", "certificate not reloaded", LOG_C("cause", err.detail));
        return;
    }
    server->stop = true;
    task_cond_wake_all(&server->stopping);
    if (!server->net && server->main_task)
        task_cancel(server->main_task); /* still coming up */
}

static void watch_signals(struct server *server)
{
    static const int NUMBERS[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        must(uv_signal_init(loop_uv(), &server->signals[i]) == 0);
        server->signals[i].data = server;
        must(uv_signal_start(&server->signals[i], on_signal, NUMBERS[i]) == 0);
    }
}

/* Once a second: has the world moved, have others ended sessions? Until the change feed says so at once. */
static task_fn void poll_world(void *arg)
{
    struct server *server = arg;
    unsigned turns = 0, purge_turn = 3;
    while (!server->stop) {
        struct err err = {0};
        int world = world_refresh(&server->boot.house, &err);
        int sessions = session_poll(server->boot.house.sessions, &err);
        int pruned = turns % PRUNE_TURNS == 0 ? once_prune(&server->boot.house, &err) : 0;
        if (pruned == 0 && turns >= purge_turn) { /* some at a time, so that nothing else waits for long */
            bool more;
            pruned = bin_purge(&server->boot.house, &more, &err);
            purge_turn = pruned == 0 && more ? turns : turns + PURGE_TURNS;
        }
        if ((world < 0 || sessions < 0 || pruned < 0) && !task_is_cancelled())
            log_event(LOG_WARN, "main", "poll failed", LOG_C("cause", err.detail));
        err_clear(&err);
        if (task_sleep(POLL_MS, &err) < 0)
            break;
        arena_clear(task_arena());
        if (++turns % TRIM_TURNS == 0)
            (void)malloc_trim(0); /* what a burst took goes back to the system */
    }
    server->polled = true;
    task_cond_wake_all(&server->stopping);
}

/* Beside everything else: what searches and sorts need is made where it is missing. */
static task_fn void tend(void *arg)
{
    struct server *server = arg;
    struct err err = {0};
    while (!server->stop && search_fill(&server->boot.house, &err) < 0 && !task_is_cancelled()) {
        log_event(LOG_WARN, "main", "search not filled", LOG_C("cause", err.detail));
        err_clear(&err);
        if (task_sleep(TEND_MS, &err) < 0)
            break;
    }
    server->tended = true;
    task_cond_wake_all(&server->stopping);
}

static int64_t rows_wanted(const struct options *options)
{
    int64_t rows = ROWS_DEFAULT;
    if (options->rows && (!str_to_i64(str_of(options->rows), &rows) || rows < 0 || rows > ROWS_MAX))
        return -1;
    return rows;
}

static task_fn int come_up(struct server *server, struct err *err)
{
    struct boot *boot = &server->boot;
    unsigned applied = 0;
    int rc = boot_database(boot, &applied, err);
    if (rc == 0)
        rc = boot_house(boot, err);
    if (rc == 0)
        rc = first_contents(boot, !server->options->no_demo, rows_wanted(server->options), err);
    if (rc < 0)
        return rc;
    struct str web_dir = boot->conf->server_web_dir;
    if (web_dir.n == 0)
        web_dir = arena_printf(boot->arena, "%.*s/web/dist", STR_ARGS(boot->share));
    server->api = (struct api){
        .house = &boot->house, .is_ready = server_is_ready, .print_metrics = server_metrics, .arg = server};
    rc = listening_start(&server->listening, boot, err);
    if (rc == 0)
        rc = net_start(boot->conf, web_dir, api_handle, &server->api, &server->net, err);
    if (rc == 0)
        ws_serve(server->net, "/api/v1/live", "tidemark.v1", &LIVE_EVENTS, server->listening.live);
    return rc;
}

static void say_ready(const struct server *server)
{
    const struct conf *conf = server->boot.conf;
    bool v6 = str_find(conf->server_listen, STR(":")) != SIZE_MAX;
    printf("ready: %s://%s%.*s%s:%d\n", conf->tls_certificate_file.n ? "https" : "http", v6 ? "[" : "",
        STR_ARGS(conf->server_listen), v6 ? "]" : "", net_port(server->net));
    fflush(stdout);
}

static task_fn void go_down(struct server *server)
{
    struct err err = {0};
    server->stop = true;
    if (server->net)
        net_stop(server->net, DRAIN_MS);
    listening_stop(&server->listening);
    if (server->poll_task && !server->polled) { /* it may have ended by itself while sockets were closed */
        task_cancel(server->poll_task);
        while (!server->polled && task_cond_wait(&server->stopping, 0, &err) == 0)
            ;
    }
    if (server->tend_task && !server->tended) {
        task_cancel(server->tend_task);
        while (!server->tended && task_cond_wait(&server->stopping, 0, &err) == 0)
            ;
    }
    boot_down(&server->boot);
    for (size_t i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&server->signals[i], NULL);
}

static task_fn void serve(void *arg)
{
    struct server *server = arg;
    struct err err = {0};
    if (come_up(server, &err) < 0) {
        if (!server->stop) {
            fprintf(stderr, "tidemark: cannot serve: %s\n",
                err.detail[0] ? err.detail : err_title(err.code, ERR_LANG_EN));
            server->status = EXIT_FAILED;
        }
    } else {
        server->poll_task = task_spawn("poll", poll_world, server);
        server->tend_task = task_spawn("tend", tend, server);
        say_ready(server);
        while (!server->stop && task_cond_wait(&server->stopping, 0, &err) == 0)
            ;
    }
    go_down(server);
    server->main_task = NULL;
}

int command_serve(const struct options *options)
{
    struct server server = {.options = options};
    struct arena *arena = arena_new();
    struct conf *conf = options_conf(options);
    enum log_level level;
    if (!conf || rows_wanted(options) < 0) {
        if (conf)
            fprintf(stderr, "tidemark: --rows takes a number from 0 to %d\n", ROWS_MAX);
        conf_free(conf);
        arena_free(arena);
        return EXIT_USAGE;
    }
    if (!text_zone_is_known(conf->server_time_zone)) {
        fprintf(stderr,
            "tidemark: server.time_zone \"%.*s\" is not a time zone; use a name such as Asia/Shanghai\n",
            STR_ARGS(conf->server_time_zone));
        conf_free(conf);
        arena_free(arena);
        return EXIT_USAGE;
    }
    if (log_level_parse(conf->server_log_level, &level))
        log_set_level(level);
    server.boot = (struct boot){.conf = conf, .arena = arena, .share = share_dir(arena)};
    if (!options_data(options, true, arena, &server.boot.data)) {
        server.status = EXIT_FAILED;
    } else {
        loop_init();
        task_cond_init(&server.stopping);
        watch_signals(&server);
        server.main_task = task_spawn("serve", serve, &server);
        loop_run();
        loop_done();
    }
    conf_free(conf);
    arena_free(arena);
    return server.status;
}
