/*
 * Who is at the other end: addresses as text, connections counted for each, and the word of trusted proxies.
 */
#include "net/net_int.h"

#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An IPv4 client on an IPv6 socket is an IPv4 client. */
static bool print_address(const struct sockaddr_storage *from, char text[INET6_ADDRSTRLEN])
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (from->ss_family == AF_INET) {
        memcpy(&v4, from, sizeof(v4));
        return inet_ntop(AF_INET, &v4.sin_addr, text, INET6_ADDRSTRLEN) != NULL;
    }
    if (from->ss_family != AF_INET6)
        return false;
    memcpy(&v6, from, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN) != NULL;
    return inet_ntop(AF_INET6, &v6.sin6_addr, text, INET6_ADDRSTRLEN) != NULL;
}

bool peer_address(int fd, char ret_text[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage from;
    socklen_t n = sizeof(from);
    return getpeername(fd, (struct sockaddr *)&from, &n) == 0 && print_address(&from, ret_text);
}

bool peer_is_loopback(const char *address)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(address, "::1") == 0;
}

/* Counted under: the address, or the /64 that an IPv6 client usually has for itself. */
static void make_key(const char *address, char key[INET6_ADDRSTRLEN])
{
    struct in6_addr v6;
    if (inet_pton(AF_INET6, address, &v6) == 1) {
        memset(&v6.s6_addr[8], 0, 8);
        if (inet_ntop(AF_INET6, &v6, key, INET6_ADDRSTRLEN) != NULL)
            return;
    }
    (void)snprintf(key, INET6_ADDRSTRLEN, "%s", address);
}

bool peer_admit(struct net *net, const char *address)
{
    if (net->stopping || net->stats.connections_open >= net->max_connections)
        return false;
    char key[INET6_ADDRSTRLEN];
    make_key(address, key);
    const struct peer *peer = map_get(net->peers, str_of(key));
    return peer == NULL || peer->trusted || peer->n < (size_t)net->conf->limits_connections_per_address;
}

struct peer *peer_take(struct net *net, const char *address)
{
    char key[INET6_ADDRSTRLEN];
    make_key(address, key);
    struct peer *peer = map_get(net->peers, str_of(key));
    if (peer == NULL) {
        peer = must_alloc(sizeof(*peer));
        memcpy(peer->key, key, sizeof(key));
        peer->trusted = peer_is_trusted(net, str_of(address));
        (void)map_put(net->peers, str_of(key), peer);
    }
    peer->n++;
    return peer;
}

void peer_give(struct net *net, struct peer *peer)
{
    if (--peer->n > 0)
        return;
    (void)map_remove(net->peers, str_of(peer->key));
    free(peer);
}

static bool is_address(struct str text)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr any;
    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return inet_pton(AF_INET, copy, &any) == 1 || inet_pton(AF_INET6, copy, &any) == 1;
}

int peer_read_trusted(struct net *net, struct err *err)
{
    struct str rest = net->conf->server_trusted_proxy;
    size_t most = 1;
    for (size_t i = 0; i < rest.n; i++)
        most += rest.p[i] == ',';
    net->trusted = arena_new_array(net->arena, struct str, most);
    while (rest.n > 0) {
        struct str address = str_trim(str_cut(&rest, ','));
        if (!is_address(address))
            return err_set(
                err, ERR_CONFIG, "server.trusted_proxy: '%.*s' is no IP address", STR_ARGS(address));
        net->trusted[net->n_trusted++] = arena_copy(net->arena, address);
    }
    return 0;
}

bool peer_is_trusted(const struct net *net, struct str address)
{
    for (size_t i = 0; i < net->n_trusted; i++)
        if (str_eq_nocase(net->trusted[i], address))
            return true;
    return false;
}

struct str peer_forwarded(const struct net *net, struct str header)
{
    while (header.n > 0) {
        const char *comma = memrchr(header.p, ',', header.n);
        size_t at = comma == NULL ? 0 : (size_t)(comma - header.p) + 1;
        struct str hop = str_trim((struct str){header.p + at, header.n - at});
        if (!is_address(hop))
            return STR_NULL; /* not the form our proxies write: no word of theirs */
        if (!peer_is_trusted(net, hop))
            return hop;
        header.n = comma == NULL ? 0 : at - 1;
    }
    return STR_NULL;
}
