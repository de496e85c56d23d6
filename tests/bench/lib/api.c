/* The few calls of the HTTP API that a load generator makes before and after the load. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 1 << 18 };

int api_dial(const struct api *api, uint32_t address_offset, bool nonblocking)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0), on = 1;
    struct sockaddr_in me = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    me.sin_addr.s_addr = htonl(INADDR_LOOPBACK + address_offset);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)api->port);
    if (fd < 0)
        load_die("socket", strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&me, sizeof(me)) != 0 ||
        (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS))
        load_die("connect", strerror(errno));
    return fd;
}

/* The whole answer as text, of a server that closes after it. */
static void ask(const struct api *api, const char *request, char *answer)
{
    int fd = api_dial(api, 0, false), n = (int)strlen(request), got;
    size_t have = 0;
    SSL *ssl = NULL;
    if (api->ssl_ctx != NULL) {
        ssl = SSL_new(api->ssl_ctx);
        if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
            load_die("TLS", "no handshake");
    }
    if ((ssl != NULL ? SSL_write(ssl, request, n) : (int)write(fd, request, (size_t)n)) != n)
        load_die("write", strerror(errno));
    do {
        int room = (int)(ANSWER_BYTES - 1 - have);
        got = ssl != NULL ? SSL_read(ssl, answer + have, room) : (int)read(fd, answer + have, (size_t)room);
        have += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    answer[have] = '\0';
    SSL_free(ssl);
    (void)close(fd);
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
        load_die("unexpected answer", answer);
}

static void copy_between(const char *text, const char *before, char after, char to[LOAD_COOKIE_MAX])
{
    const char *from = strcasestr(text, before), *end = from ? strchr(from + strlen(before), after) : NULL;
    from = from ? from + strlen(before) : NULL;
    if (end == NULL || (size_t)(end - from) >= LOAD_COOKIE_MAX)
        load_die("missing in the answer", before);
    memcpy(to, from, (size_t)(end - from));
    to[end - from] = '\0';
}

void api_log_in(const struct api *api, const char *login, char ret_cookie[LOAD_COOKIE_MAX],
    char ret_csrf[LOAD_COOKIE_MAX])
{
    const char *password = getenv("TIDEMARK_DEMO_PASSWORD"), *scheme = api->ssl_ctx ? "https" : "http";
    char body[512], request[1024], *answer = malloc(ANSWER_BYTES);
    int n = snprintf(
        body, sizeof(body), "{\"login\":\"%s\",\"password\":\"%s\"}", login, password ? password : "");
    (void)snprintf(request, sizeof(request),
        "POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: %s://127.0.0.1:%d\r\n"
        "Connection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
        api->port, scheme, api->port, n, body);
    if (answer == NULL)
        load_die("memory", strerror(errno));
    ask(api, request, answer);
    copy_between(answer, "\r\nset-cookie: ", ';', ret_cookie);
    if (ret_csrf != NULL)
        copy_between(answer, "\"csrf\":\"", '"', ret_csrf);
    free(answer);
}

void api_version(
    const struct api *api, const struct api_login *login, const char *path, char ret_version[LOAD_COOKIE_MAX])
{
    char request[1024], *answer = malloc(ANSWER_BYTES);
    (void)snprintf(request, sizeof(request),
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\nCookie: %s\r\n\r\n", path, api->port,
        login->cookie);
    if (answer == NULL)
        load_die("memory", strerror(errno));
    ask(api, request, answer);
    copy_between(answer, "\"version\":\"", '"', ret_version);
    free(answer);
}

void api_put(const struct api *api, const struct api_login *login, const char *path, const char *body,
    char version[LOAD_COOKIE_MAX])
{
    const char *scheme = api->ssl_ctx ? "https" : "http";
    size_t n_body = strlen(body), size = n_body + 2048;
    char *request = malloc(size), *answer = malloc(ANSWER_BYTES);
    if (request == NULL || answer == NULL)
        load_die("memory", strerror(errno));
    (void)snprintf(request, size,
        "PUT %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: %s://127.0.0.1:%d\r\nConnection: close\r\n"
        "Cookie: %s\r\nX-CSRF-Token: %s\r\nIf-Match: %s\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        path, api->port, scheme, api->port, login->cookie, login->csrf, version, n_body, body);
    ask(api, request, answer);
    copy_between(answer, "\"version\":\"", '"', version);
    free(request);
    free(answer);
}

double api_metric(const struct api *api, const char *name)
{
    char request[256], line[128], *answer = malloc(ANSWER_BYTES);
    (void)snprintf(request, sizeof(request),
        "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n", api->port);
    if (answer == NULL)
        load_die("memory", strerror(errno));
    ask(api, request, answer);
    (void)snprintf(line, sizeof(line), "\ntidemark_%s ", name);
    const char *at = strstr(answer, line);
    if (at == NULL)
        load_die("no such metric", name);
    double value = strtod(at + strlen(line), NULL);
    free(answer);
    return value;
}
