/*
 * HTTP resources under /api/v1: one table of routes (routes.def) with the right that each needs; one file a
 * resource. A handler reads its input, calls one engine, and prints the answer. The OpenAPI document is made
 * from the same table.
 */
#ifndef TIDEMARK_API_API_H
#define TIDEMARK_API_API_H

#include "net/net.h"
#include "record/record.h"

/* What the handlers need beside the house; `ready` says whether the server may be sent work. */
struct api {
    struct house *house;
    bool (*is_ready)(void *arg);
    /* Appends lines of Prometheus text of the rooms that api/ does not see. */
    void (*print_metrics)(void *arg, struct buf *out);
    void *arg;
};

/* The handler of net_start; its arg is a struct api. */
task_fn void api_handle(const struct net_request *request, struct net_reply *reply, void *arg);

#endif
