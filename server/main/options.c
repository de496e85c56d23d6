/* Configuration, folders and files that the subcommands begin with. */
#include "main/main_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct conf *options_conf(const struct options *options)
{
    struct buf problems = {0};
    struct err err = {0};
    struct conf *conf = NULL;
    char path[PATH_MAX];
    const char *file = options->config;
    if (!file && snprintf(path, sizeof(path), "%s/tidemark.conf", options->data) < (int)sizeof(path) &&
        access(path, F_OK) == 0)
        file = path;
    if (options->port)
        setenv("TIDEMARK_SERVER_PORT", options->port, 1);
    buf_init(&problems, 0);
    if (conf_load(file, &conf, &problems, &err) < 0) {
        if (problems.n)
            fprintf(stderr, "%s", buf_cstr(&problems));
        else
            fprintf(stderr, "tidemark: %s\n", err.detail);
        conf = NULL;
    }
    buf_done(&problems);
    return conf;
}

bool options_data(const struct options *options, bool make, struct arena *arena, struct str *ret_data)
{
    char absolute[PATH_MAX];
    if (make && mkdir(options->data, 0700) < 0 && errno != EEXIST) {
        fprintf(stderr, "tidemark: cannot make the data folder %s: %s\n", options->data, strerror(errno));
        return false;
    }
    if (!realpath(options->data, absolute)) {
        fprintf(stderr, "tidemark: data folder %s: %s\n", options->data, strerror(errno));
        return false;
    }
    *ret_data = arena_copy(arena, str_of(absolute));
    return true;
}

struct str share_dir(struct arena *arena)
{
    char program[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
    static const char *const BESIDE[] = {"../..", "../share/tidemark"};
    if (n <= 0)
        return STR(".");
    program[n] = '\0';
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < sizeof(BESIDE) / sizeof(BESIDE[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s/migrations", program, BESIDE[i]);
        if (access(path, R_OK | X_OK) == 0)
            return arena_printf(arena, "%s/%s", program, BESIDE[i]);
    }
    return arena_copy(arena, str_of(program));
}

int read_file(struct arena *arena, const char *path, size_t max, struct str *ret_text, struct err *err)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || (size_t)info.st_size > max) {
        close(fd);
        return err_set(err, ERR_IO, "%s: not a file of at most %zu bytes", path, max);
    }
    char *text = arena_alloc(arena, (size_t)info.st_size + 1);
    size_t got = 0;
    ssize_t n = 1;
    while (n > 0 && got < (size_t)info.st_size) {
        n = read(fd, text + got, (size_t)info.st_size - got);
        got += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    if (n < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    *ret_text = (struct str){text, got};
    return 0;
}
