/*
 * The tap: how the gate comes to see every byte before libwebsockets does. The program defines `recv` and
 * `SSL_read` itself; the dynamic linker gives these to libwebsockets. A table by file descriptor knows our
 * connections; everybody else (the database client, other threads, peeking calls) passes straight through.
 */
#ifndef TIDEMARK_NET_TAP_H
#define TIDEMARK_NET_TAP_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

/* Called in place of the read. Returns bytes put into p; or -1 with errno EAGAIN; or what the last
 * tap_read_really returned, if that was 0 or an error. */
typedef ssize_t tap_fn(void *owner, void *p, size_t n);

/* The calling thread's reads are tapped from now on; those of other threads never are. */
void tap_open(tap_fn *fn);
void tap_close(void);
/* True once libwebsockets is known to reach us: asked before listening, so that nothing is served ungated. */
bool tap_is_wired(void);

void tap_add(int fd, bool tls, void *owner);
void tap_remove(int fd);

/* The system's recv, or OpenSSL's SSL_read where ssl is given. */
ssize_t tap_read_really(int fd, SSL *ssl, void *p, size_t n);

#endif
