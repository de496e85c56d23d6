/*
 * What settings must be together or beyond their bounds: an address that would serve passwords in the clear,
 * a certificate without its key.
 */
#include "conf/conf_int.h"

#include "base/log.h"
#include "base/must.h"

#include <arpa/inet.h>
#include <string.h>

#define SETTING(section, key) conf_find_setting(STR(#section), STR(#key))

/* The bytes of an IPv4 or IPv6 address. */
static bool parse_address(struct str text, struct in6_addr *ret_v6, struct in_addr *ret_v4, bool *ret_is_v6)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    *ret_is_v6 = inet_pton(AF_INET6, copy, ret_v6) == 1;
    return *ret_is_v6 || inet_pton(AF_INET, copy, ret_v4) == 1;
}

static void check_listen(struct loading *loading)
{
    const struct conf *conf = loading->conf;
    struct in6_addr v6;
    struct in_addr v4;
    bool is_v6;
    if (!parse_address(conf->server_listen, &v6, &v4, &is_v6)) {
        conf_problem(loading, SETTING(server, listen), "expected an IPv4 or IPv6 address, not \"%.*s\"",
            STR_ARGS(conf->server_listen));
        return;
    }
    bool is_loopback = is_v6 ? IN6_IS_ADDR_LOOPBACK(&v6) : ntohl(v4.s_addr) >> 24 == 127;
    if (!is_loopback && conf->tls_certificate_file.n == 0)
        conf_problem(loading, SETTING(server, listen),
            "expected a loopback address: without tls.certificate_file and tls.key_file nothing else is served");
    bool is_any = is_v6 ? IN6_IS_ADDR_UNSPECIFIED(&v6) : v4.s_addr == htonl(INADDR_ANY);
    if (is_any && conf->tls_certificate_file.n > 0 && conf->server_name.n == 0)
        conf_problem(loading, SETTING(server, listen),
            "expected server.name with it: at all addresses, requests are known by the names that are configured");
}

static void check_tls(struct loading *loading)
{
    bool has_certificate = loading->conf->tls_certificate_file.n > 0,
         has_key = loading->conf->tls_key_file.n > 0;
    if (has_certificate && !has_key)
        conf_problem(loading, SETTING(tls, certificate_file), "expected tls.key_file with it");
    if (has_key && !has_certificate)
        conf_problem(loading, SETTING(tls, key_file), "expected tls.certificate_file with it");
}

static void check_proxies(struct loading *loading)
{
    struct str rest = loading->conf->server_trusted_proxy;
    while (rest.n > 0) {
        struct str item = str_trim(str_cut(&rest, ','));
        struct in6_addr v6;
        struct in_addr v4;
        bool is_v6;
        if (!parse_address(item, &v6, &v4, &is_v6))
            conf_problem(loading, SETTING(server, trusted_proxy),
                "expected IPv4 or IPv6 addresses with commas between them, not \"%.*s\"", STR_ARGS(item));
    }
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == ':' || c == '[' || c == ']';
}

static void check_names(struct loading *loading)
{
    struct str rest = loading->conf->server_name;
    while (rest.n > 0) {
        struct str item = str_trim(str_cut(&rest, ','));
        bool is_good = item.n > 0 && item.n <= 253;
        for (size_t i = 0; is_good && i < item.n; i++)
            is_good = is_host_char(item.p[i]);
        if (!is_good)
            conf_problem(loading, SETTING(server, name),
                "expected host names with commas between them, not \"%.*s\"", STR_ARGS(item));
    }
}

static void check_db(struct loading *loading)
{
    const struct conf *conf = loading->conf;
    bool is_external = str_eq(conf->db_mode, STR("external"));
    if (!is_external && !str_eq(conf->db_mode, STR("private")))
        conf_problem(loading, SETTING(db, mode), "expected private or external, not \"%.*s\"",
            STR_ARGS(conf->db_mode));
    if (!is_external)
        return;
    if ((conf->db_socket.n > 0) == (conf->db_host.n > 0))
        conf_problem(loading, SETTING(db, mode), "external: expected either db.socket or db.host");
    if (conf->db_host.n > 0 && conf->db_ca_file.n == 0)
        conf_problem(
            loading, SETTING(db, host), "expected db.ca_file with it: a server over the network is verified");
}

static void check_order(struct loading *loading, const struct setting *less, const struct setting *more)
{
    int64_t a = *(const int64_t *)(const void *)((const char *)loading->conf + less->offset);
    int64_t b = *(const int64_t *)(const void *)((const char *)loading->conf + more->offset);
    if (a > b)
        conf_problem(
            loading, less, "expected no more than %s.%s (%lld)", more->section, more->key, (long long)b);
}

void conf_cross_check(struct loading *loading)
{
    const struct conf *conf = loading->conf;
    enum log_level level;
    check_tls(loading);
    check_listen(loading);
    check_names(loading);
    check_proxies(loading);
    check_db(loading);
    if (!log_level_parse(conf->server_log_level, &level))
        conf_problem(loading, SETTING(server, log_level), "expected err, warn, info or debug, not \"%.*s\"",
            STR_ARGS(conf->server_log_level));
    if (conf->server_time_zone.n == 0)
        conf_problem(loading, SETTING(server, time_zone), "expected the name of a time zone");
    check_order(loading, SETTING(limits, ws_ping_s), SETTING(limits, ws_silent_s));
    check_order(loading, SETTING(records, page_default), SETTING(records, page_max));
    check_order(loading, SETTING(audit, read_batch), SETTING(audit, read_queue));
#ifndef TIDEMARK_TORTURE
    if (conf->test_faults)
        conf_problem(loading, SETTING(test, faults), "expected false: this program is not built for tests");
#endif
}
