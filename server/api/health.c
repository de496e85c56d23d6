/* What watches the server: alive, ready, and numbers. */
#include "api/api_int.h"

static int say(struct call *call, const char *text)
{
    buf_clear(call->body);
    buf_add_text(call->body, text);
    call->reply->content_type = "text/plain; charset=utf-8";
    return 0;
}

task_fn int health_alive(struct call *call, struct err *err)
{
    (void)err;
    return say(call, "ok\n");
}

task_fn int health_ready(struct call *call, struct err *err)
{
    if (!call->api->is_ready(call->api->arg))
        return err_set(err, ERR_UNAVAILABLE, "not ready");
    return say(call, "ready\n");
}

static void metric(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    buf_printf(out, "# HELP tidemark_%s %s\n# TYPE tidemark_%s %s\ntidemark_%s %llu\n", name, help, name,
        type, name, (unsigned long long)value);
}

task_fn int health_metrics(struct call *call, struct err *err)
{
    struct house *house = call->api->house;
    struct task_stats tasks = task_stats_now();
    struct db_stats db = db_stats_now(house->app);
    struct audit_stats audit = audit_stats_now(house->reader);
    struct buf *out = call->body;
    (void)err;
    (void)say(call, "");
    call->reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metric(out, "tasks_alive", "gauge", "Tasks alive.", tasks.alive);
    metric(out, "tasks_total", "counter", "Tasks started.", tasks.spawned);
    metric(out, "task_stack_high_water_bytes", "gauge", "Deepest task stack.", tasks.stack_high_water_bytes);
    metric(out, "db_connections", "gauge", "Connections to MariaDB.", db.open);
    metric(out, "db_connections_busy", "gauge", "Connections in use.", db.busy);
    metric(out, "db_waiting", "gauge", "Tasks waiting for a connection.", db.waiting);
    metric(out, "db_statements_total", "counter", "Statements run.", db.statements);
    metric(out, "db_transactions_total", "counter", "Transactions committed.", db.transactions);
    metric(out, "db_retries_total", "counter", "Transactions run again.", db.retries);
    metric(out, "audit_reads_total", "counter", "Read events written.", audit.events);
    metric(out, "audit_read_groups_total", "counter", "Commits of read events.", audit.groups);
    metric(out, "audit_reads_waiting", "gauge", "Read events waiting.", audit.waiting);
    metric(
        out, "catalog_epoch", "gauge", "Epoch of forms, people and rights.", (uint64_t)house->world->epoch);
    call->api->print_metrics(call->api->arg, out);
    return 0;
}
