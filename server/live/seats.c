/*
 * Who holds which sockets: found by session and by person without looking at the others. Thousands open and
 * close at once, and each event of the log asks.
 */
#include "live/live_int.h"

#include "base/must.h"

#include <stdlib.h>

struct seats {
    struct list sockets;
    size_t n;
};

static void take(struct map *map, int64_t id, struct list *link)
{
    struct seats *seats = map_get_id(map, id);
    if (!seats) {
        seats = must_alloc(sizeof(*seats));
        list_init(&seats->sockets);
        map_put_id(map, id, seats);
    }
    list_append(&seats->sockets, link);
    seats->n++;
}

static void leave(struct map *map, int64_t id, struct list *link)
{
    struct seats *seats = map_get_id(map, id);
    if (!seats || list_is_empty(link))
        return;
    list_remove(link);
    if (--seats->n == 0) {
        map_remove_id(map, id);
        free(seats);
    }
}

void seats_take(struct socket *socket)
{
    take(socket->live->by_session, socket->session, &socket->in_session);
    take(socket->live->by_user, socket->user_id, &socket->in_user);
}

void seats_leave(struct socket *socket)
{
    leave(socket->live->by_session, socket->session, &socket->in_session);
    leave(socket->live->by_user, socket->user_id, &socket->in_user);
}

struct list *seats_of_session(const struct live *live, int64_t session)
{
    struct seats *seats = map_get_id(live->by_session, session);
    return seats ? &seats->sockets : NULL;
}

size_t seats_of_user(const struct live *live, int64_t user_id)
{
    const struct seats *seats = map_get_id(live->by_user, user_id);
    return seats ? seats->n : 0;
}
