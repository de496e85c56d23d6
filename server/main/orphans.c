/*
 * What a process leaves behind that was killed: views without an end in the log, people who seem to be at
 * records. Another process that sees it silent for ten seconds, or the next one to start, writes the ends
 * (with the reason, and the position up to which it is known to have lived), takes the people away, and
 * buries its slot, so that it is done once. It may be killed in between itself: whoever is next goes on.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "db/migrate.h"
#include "main/main_int.h"

enum {
    AT_ONCE = 500,    /* ends in one transaction */
    LOOK_BACK_S = 660 /* longer than any digest is apart (audit.live_digest_s), and late */
};

static const char SQL_GONE[] = "DELETE FROM presence WHERE ((id >> 12) & 1023) = ?";

struct burial {
    struct db *app;
    const struct slot_dead *dead;
    size_t ended;
    bool goes_on; /* there are more */
};

static int64_t number_of(struct str pos)
{
    int64_t n = 0;
    (void)str_cut(&pos, '.');
    return str_to_i64(pos, &n) ? n : 0;
}

/* Up to where it may have told something: its last sign of life, or its own word if that is newer. */
static struct str last_pos(const struct slot_dead *dead, const struct audit_open_view *view)
{
    struct str a = dead->pos, b = view->pos;
    bool same = str_eq(str_cut(&a, '.'), str_cut(&b, '.'));
    return dead->pos.n == 0 || (same && number_of(view->pos) > number_of(dead->pos)) ? view->pos : dead->pos;
}

static struct audit_event end_of(const struct slot_dead *dead, const struct audit_open_view *view)
{
    const struct audit_row *last = &view->last;
    enum audit_action action = AUDIT_LIST;
    char seen[CLOCK_TEXT_MAX];
    size_t n = clock_print_rfc3339(dead->seen_us, seen);
    struct str pos = last_pos(dead, view);
    (void)audit_action_parse(last->action, &action);
    return (struct audit_event){.id = id_new(),
        .actor_id = last->actor_id,
        .login = last->login,
        .action = action,
        .form = last->form,
        .record = last->record,
        .session = last->session,
        .address = last->address,
        .request = last->request,
        .detail = arena_printf(task_arena(),
            "{\"live\":\"close\",\"view\":\"%lld\",\"chan\":\"%.*s\",\"pos\":\"%.*s\","
            "\"reason\":\"killed\",\"seen\":\"%.*s\"}",
            (long long)view->view, STR_ARGS(view->chan), STR_ARGS(pos), (int)n, seen)};
}

static task_fn int bury(struct tx *tx, void *arg, struct err *err)
{
    struct burial *burial = arg;
    const struct slot_dead *dead = burial->dead;
    struct audit_open_view *views = NULL;
    size_t n = 0;
    bool mine = false;
    burial->goes_on = false;
    int rc = slot_lock(tx, dead, &mine, err);
    if (rc < 0 || !mine)
        return rc;
    rc = audit_open_views(
        burial->app, dead->slot, dead->seen_us - LOOK_BACK_S * INT64_C(1000000), &views, &n, err);
    if (rc < 0)
        return rc;
    burial->goes_on = n > AT_ONCE;
    n = burial->goes_on ? AT_ONCE : n;
    burial->ended = n;
    struct audit_event *events = arena_new_array(task_arena(), struct audit_event, n + 1);
    for (size_t i = 0; i < n; i++)
        events[i] = end_of(dead, &views[i]);
    audit_add_many(tx, events, n);
    if (!burial->goes_on) {
        tx_add(tx, SQL_GONE, DB_PARAMS(DB_I(dead->slot)));
        slot_bury(tx, dead);
    }
    return 0;
}

static task_fn int bury_process(struct db *app, const struct slot_dead *dead, struct err *err)
{
    struct burial burial = {.app = app, .dead = dead, .goes_on = true};
    int64_t views = 0;
    int rc = 0;
    while (rc == 0 && burial.goes_on) {
        burial.ended = 0;
        rc = tx_run(app, NULL, bury, &burial, NULL, err);
        views += (int64_t)burial.ended;
    }
    if (rc == 0)
        log_event(LOG_WARN, "main", "a process had ended without a word", LOG_I("slot", dead->slot),
            LOG_I("views", views));
    return rc;
}

task_fn int orphans_look(struct db *app, struct err *err)
{
    struct slot_dead *dead = NULL;
    size_t n = 0;
    int rc = slot_look(app, &dead, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = bury_process(app, &dead[i], err);
    return rc;
}
