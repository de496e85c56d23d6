/*
 * WebSockets from the handshake to the end, over plain sockets and TLS.
 */
#include "ws_client.h"

static struct server servers[2]; /* plain, TLS */

static void with_tls(struct conf *conf)
{
    conf->tls_certificate_file = STR("cert.pem");
    conf->tls_key_file = STR("key.pem");
}

static void test_echo(void **state)
{
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct ws_client ws = ws_connect(&servers[tls], tls);
        ws_put(&ws, 0x81, STR("Grüße"));
        expect_frame(&ws, 0x81, STR("Grüße"));
        ws_put(&ws, 0x88, STR("\x03\xe8"));
        expect_close(&ws, 1000);
        ws_hang_up(&ws);
    }
}

static int set_up(void **state)
{
    if (enter_folder(state) != 0)
        return -1;
    write_pair("cert.pem", "key.pem", "first", 30);
    servers[0] = ws_server_start((struct server_setup){0});
    servers[1] = ws_server_start((struct server_setup){.tune = with_tls});
    return 0;
}

static int tear_down(void **state)
{
    ws_server_stop(&servers[1]);
    server_stop(&servers[0]);
    return leave_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
