/*
 * Debian's libwebsockets reads plain sockets with recv and TLS ones with SSL_read, both through the dynamic
 * symbol table, where the program stands before every library. Defined here, they are found first. See
 * README.md, "Decided", for why this stands beside the library's callbacks.
 */
#undef _FORTIFY_SOURCE /* its inline recv would clash with ours */

#include "net/tap.h"

#include "base/must.h"

#include <dlfcn.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct slot {
    void *owner;
    bool tls;
};

static struct slot *slots;
static int n_slots;
static tap_fn *tap;
static _Thread_local bool tapped_thread;

typedef ssize_t recv_fn(int fd, void *p, size_t n, int flags);
typedef int ssl_read_fn(SSL *ssl, void *p, int n);

/* Resolved on first use: other threads may read before tap_open. Two threads at once store the same value. */
static recv_fn *real_recv(void)
{
    static _Atomic(recv_fn *) found;
    if (found == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "recv");
        must(symbol != NULL);
        recv_fn *fn;
        memcpy(&fn, &symbol, sizeof(fn));
        found = fn;
    }
    return found;
}

static ssl_read_fn *real_ssl_read(void)
{
    static _Atomic(ssl_read_fn *) found;
    if (found == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "SSL_read");
        must(symbol != NULL);
        ssl_read_fn *fn;
        memcpy(&fn, &symbol, sizeof(fn));
        found = fn;
    }
    return found;
}

static struct slot *find(int fd, bool tls)
{
    if (!tapped_thread || fd < 0 || fd >= n_slots)
        return NULL;
    struct slot *slot = &slots[fd];
    return slot->owner != NULL && slot->tls == tls ? slot : NULL;
}

__attribute__((visibility("default"), used)) ssize_t recv(int fd, void *p, size_t n, int flags)
{
    struct slot *slot = flags == 0 ? find(fd, false) : NULL;
    if (slot == NULL)
        return real_recv()(fd, p, n, flags);
    return tap(slot->owner, p, n);
}

__attribute__((visibility("default"), used)) int SSL_read(SSL *ssl, void *p, int n)
{
    struct slot *slot = n > 0 ? find(SSL_get_fd(ssl), true) : NULL;
    if (slot == NULL)
        return real_ssl_read()(ssl, p, n);
    return (int)tap(slot->owner, p, (size_t)n);
}

/*
 * The library keeps its timers in one sorted list and looks for a new one's place from the front. Nearly
 * every new timer is the last: with thousands of sockets that come at once this took half of the processor.
 * Found first as the two above; the place is the same, looked for from the back.
 */
__attribute__((visibility("default"), used)) void lws_dll2_add_sorted(struct lws_dll2 *added,
    struct lws_dll2_owner *owner, int (*compare)(const struct lws_dll2 *there, const struct lws_dll2 *added))
{
    struct lws_dll2 *before = owner->tail;
    while (before != NULL && compare(before, added) >= 0)
        before = before->prev;
    if (before == NULL)
        lws_dll2_add_head(added, owner);
    else if (before->next == NULL)
        lws_dll2_add_tail(added, owner);
    else
        lws_dll2_add_before(added, before->next);
}

void tap_open(tap_fn *fn)
{
    tap = fn;
    tapped_thread = true;
}

void tap_close(void)
{
    tapped_thread = false;
    free(slots);
    slots = NULL;
    n_slots = 0;
}

bool tap_is_wired(void)
{
    void *first_recv = dlsym(RTLD_DEFAULT, "recv");
    void *first_ssl_read = dlsym(RTLD_DEFAULT, "SSL_read");
    recv_fn *our_recv = recv;
    ssl_read_fn *our_ssl_read = SSL_read;
    return memcmp(&first_recv, &our_recv, sizeof(first_recv)) == 0 &&
           memcmp(&first_ssl_read, &our_ssl_read, sizeof(first_ssl_read)) == 0;
}

void tap_add(int fd, bool tls, void *owner)
{
    must(fd >= 0 && owner != NULL);
    if (fd >= n_slots) {
        int n = n_slots ? n_slots : 256;
        while (n <= fd)
            n *= 2;
        slots = must_realloc(slots, (size_t)n * sizeof(*slots));
        memset(slots + n_slots, 0, (size_t)(n - n_slots) * sizeof(*slots));
        n_slots = n;
    }
    slots[fd] = (struct slot){.owner = owner, .tls = tls};
}

void tap_remove(int fd)
{
    if (fd >= 0 && fd < n_slots)
        slots[fd] = (struct slot){0};
}

ssize_t tap_read_really(int fd, SSL *ssl, void *p, size_t n)
{
    if (ssl != NULL)
        return real_ssl_read()(ssl, p, (int)n);
    return real_recv()(fd, p, n, 0);
}
