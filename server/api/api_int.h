/* Private to api/: what a handler gets, the table, problem documents. */
#ifndef TIDEMARK_API_API_INT_H
#define TIDEMARK_API_API_INT_H

#include "api/api.h"

enum route_access {
    ACCESS_OPEN,
    ACCESS_LOOPBACK,
    ACCESS_OWN,
    ACCESS_SESSION,
    ACCESS_ADMINISTER, /* users.manage or rights.manage */
    ACCESS_RIGHTS      /* ACCESS_RIGHTS + enum access_right */
};

struct call;
/* 0: the reply's body is in call->out (status and content type from the route unless set). Negative: a
 * problem document is sent. */
typedef task_fn int call_handler_fn(struct call *call, struct err *err);

struct route {
    enum net_method method;
    const char *path;
    call_handler_fn *handler;
    int access;
    const char *query, *request_schema, *answer_schema;
    int status;
    const char *summary, *name;
};
extern const struct route ROUTES[];
extern const size_t ROUTE_COUNT;

struct call {
    struct api *api;
    const struct net_request *request;
    struct net_reply *reply;
    const struct route *route;
    struct caller caller; /* of routes that need a session */
    struct session session;
    enum err_lang lang;
    struct str form; /* {form} */
    int64_t id;      /* {id} */
    struct buf *body;
    struct json_out out;
    struct record_done *stale; /* with ERR_STALE: the conflicts */
};

/* NULL and *ret_path_known: a 404 or a 405. */
const struct route *route_find(
    const struct net_request *request, struct call *call, bool *ret_path_known, struct str *ret_allow);
/* If-Match: a version as the answers give it, with or without the quotes of an entity tag, or "*". Empty:
 * none. */
struct str call_if_match(const struct call *call);
void problem_print(const struct call *call, const struct err *err, struct json_out *out);
enum err_lang lang_of(const struct net_request *request);

/* The body as an object, by descriptors. Faults without a path before the name. */
int call_read_body(
    struct call *call, const struct json_field *fields, size_t n, void *target, struct err *err);
/* A POST that its sender may send again (Idempotency-Key). *ret_again: it was done already; then `records`
 * says what it did. call_once_after: after an error, for another one of the same key may just have been done.
 */
task_fn int call_once(struct call *call, bool *ret_again, struct once_records *ret_records, struct err *err);
task_fn int call_once_after(
    struct call *call, int rc, bool *ret_again, struct once_records *ret_records, struct err *err);
bool route_remembers(const struct route *route);
/* A query parameter; empty if absent. */
int call_query(struct call *call, const char *name, struct str *ret_value, struct err *err);
/* The same as a whole number; `otherwise` if absent. */
int call_query_int(
    struct call *call, const char *name, int64_t otherwise, int64_t *ret_value, struct err *err);

/* What several resources print in the same way. */
void print_words(struct json_out *out, const char *key, uint32_t bits, size_t n, const char *(*word)(int));
void print_titled(struct json_out *out, const char *key, int64_t id, struct str title); /* id 0: null */
void print_grant(const struct call *call, const struct grant *grant, struct json_out *out);
const char *action_word(int action);
const char *right_word(int right);

#define ROUTE(method, path, handler, access, query, request, answer, status, summary) call_handler_fn handler;
#include "api/routes.def"
#undef ROUTE

#endif
