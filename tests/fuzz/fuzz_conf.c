/*
 * The settings file. Either there are problems, each one line that names the file and a line, or there are
 * none and every number stands within its bounds.
 */
#include "base/must.h"
#include "conf/conf_int.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_bounds(const struct conf *conf)
{
    for (size_t i = 0; i < CONF_SETTING_COUNT; i++) {
        const struct setting *setting = &CONF_SETTINGS[i];
        const void *at = (const char *)conf + setting->offset;
        if (setting->kind == SETTING_INT)
            must(*(const int64_t *)at >= setting->lo && *(const int64_t *)at <= setting->hi);
        else if (setting->kind == SETTING_STR)
            must(str_is_utf8(*(const struct str *)at) &&
                 memchr(((const struct str *)at)->p, '\n', ((const struct str *)at)->n) == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf problems;
    buf_init(&problems, 0);
    struct loading loading = conf_loading_begin("t.conf", &problems);
    conf_read_text(&loading, (struct str){(const char *)data, n});
    if (loading.n_problems == 0)
        conf_cross_check(&loading);
    check_bounds(loading.conf);
    size_t n_rows = 0;
    for (struct str rest = buf_str(&problems); rest.n > 0; n_rows++) {
        struct str row = str_cut(&rest, '\n');
        must(str_starts(row, STR("t.conf:")) || str_starts(row, STR("records.")) ||
             str_starts(row, STR("audit.")) || str_starts(row, STR("server.")));
    }
    must(n_rows == loading.n_problems);
    conf_free(loading.conf);
    buf_done(&problems);
    return 0;
}
