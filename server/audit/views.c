/*
 * Views that were left open: live/ writes an opening, a digest every few minutes, an end. Whatever of a
 * process is still open has said so within those minutes, so only the log's last stretch is looked at.
 */
#include "audit/audit_int.h"

#include "base/id.h"
#include "base/map.h"
#include "base/must.h"
#include "json/json.h"

enum { PAGE = 2000 };

/* An end may have been written by another process, for this one. */
static const char SQL_VIEWS[] =
    AUDIT_SELECT "WHERE id>? AND detail LIKE '{\"live\":%' AND "
                 "(((id>>12)&1023)=? OR detail LIKE '{\"live\":\"close\"%') ORDER BY id LIMIT 2000";

struct finding {
    struct map *by_view; /* struct audit_open_view */
    struct map *ended;
    size_t n;
};

static struct str text_in(const struct json *detail, struct str key)
{
    const struct json *value = json_get(detail, key);
    return value && value->kind == JSON_STR ? value->str : STR("");
}

static void take_event(struct finding *finding, const struct audit_row *row, int64_t slot)
{
    struct json *detail = NULL;
    struct err ignored = {0};
    int64_t view;
    if (json_parse(task_arena(), row->detail, NULL, &detail, &ignored) < 0 || detail->kind != JSON_OBJECT ||
        !id_parse(text_in(detail, STR("view")), &view))
        return;
    if (str_eq(text_in(detail, STR("live")), STR("close"))) {
        map_put_id(finding->ended, view, finding);
        return;
    }
    if (((view >> 12) & (ID_SLOTS - 1)) != slot)
        return;
    struct audit_open_view *known = map_get_id(finding->by_view, view);
    if (!known) {
        known = arena_new_one(task_arena(), struct audit_open_view);
        map_put_id(finding->by_view, view, known);
    }
    known->view = view;
    known->chan = text_in(detail, STR("chan"));
    known->pos = text_in(detail, STR("pos"));
    known->last = *row;
}

struct collecting {
    const struct finding *finding;
    struct audit_open_view *views;
    size_t n;
};

static bool collect(struct str key, void *value, void *arg)
{
    struct collecting *collecting = arg;
    const struct audit_open_view *view = value;
    (void)key;
    if (!map_get_id(collecting->finding->ended, view->view))
        collecting->views[collecting->n++] = *view;
    return true;
}

static task_fn int find_all(
    struct finding *finding, struct db *app, int64_t slot, int64_t after, struct err *err)
{
    for (;;) {
        struct db_rows rows;
        struct audit_row *read;
        int rc = db_query(app, SQL_VIEWS, DB_PARAMS(DB_I(after), DB_I(slot)), &rows, err);
        if (rc == 0)
            rc = audit_read_rows(&rows, &read, err);
        if (rc < 0)
            return rc;
        for (size_t i = 0; i < rows.n_rows; i++)
            take_event(finding, &read[i], slot);
        if (rows.n_rows < PAGE)
            return 0;
        after = read[rows.n_rows - 1].id;
    }
}

task_fn int audit_open_views(struct db *app, int64_t slot, int64_t from_us,
    struct audit_open_view **ret_views, size_t *ret_n, struct err *err)
{
    struct finding finding = {.by_view = map_new(), .ended = map_new()};
    int rc = find_all(&finding, app, slot, id_from(from_us) - 1, err);
    struct collecting collecting = {.finding = &finding,
        .views = arena_new_array(task_arena(), struct audit_open_view, map_count(finding.by_view) + 1)};
    if (rc == 0)
        (void)map_each(finding.by_view, collect, &collecting);
    map_free(finding.by_view, NULL);
    map_free(finding.ended, NULL);
    *ret_views = collecting.views;
    *ret_n = collecting.n;
    return rc;
}
