/* Idempotency-Key: which routes remember what they did, and the way back to it. */
#include "api/api_int.h"

bool route_remembers(const struct route *route)
{
    return route->handler == records_create || route->handler == records_batch ||
           route->handler == records_restore;
}

task_fn int call_once(struct call *call, bool *ret_again, struct once_records *ret_records, struct err *err)
{
    const struct net_request *request = call->request;
    *ret_again = false;
    if (request->idempotency_key.n == 0)
        return 0;
    struct once *once = arena_new_one(task_arena(), struct once);
    struct str what =
        arena_printf(task_arena(), "%s %.*s", net_method_name(request->method), STR_ARGS(request->path));
    int rc = once_make(&call->caller, request->idempotency_key, what, request->body, once, err);
    if (rc < 0)
        return rc;
    call->caller.once = once;
    return once_find(&call->caller, ret_again, ret_records, err);
}

task_fn int call_once_after(
    struct call *call, int rc, bool *ret_again, struct once_records *ret_records, struct err *err)
{
    struct err looking = {0};
    if (rc == 0 || !call->caller.once)
        return rc;
    if (once_find(&call->caller, ret_again, ret_records, &looking) == 0)
        return *ret_again ? (err_clear(err), 0) : rc;
    if (looking.code != ERR_INVALID)
        return rc;
    *err = looking; /* the key is another request's by now */
    return -ERR_INVALID;
}
