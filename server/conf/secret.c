/*
 * Secrets come from files: systemd credentials, or files that the operator keeps. What is read is wiped when
 * the arena goes.
 */
#include "conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX_BYTES 4096

struct secret_bytes {
    char *p;
    size_t n;
};

static void wipe(void *arg)
{
    struct secret_bytes *bytes = arg;
    explicit_bzero(bytes->p, bytes->n);
}

static int check_file(int fd, const char *path, struct err *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_CONFIG, "%s: not a file", path);
    if (status.st_mode & (S_IWGRP | S_IRWXO))
        return err_set(err, ERR_CONFIG, "%s: mode %04o lets others in, expected 0600 or 0640", path,
            (unsigned)(status.st_mode & 07777));
    return 0;
}

static int read_all(int fd, const char *path, struct secret_bytes *bytes, struct err *err)
{
    while (bytes->n <= SECRET_MAX_BYTES) {
        ssize_t n = read(fd, bytes->p + bytes->n, SECRET_MAX_BYTES + 1 - bytes->n);
        if (n > 0)
            bytes->n += (size_t)n;
        else if (n == 0)
            return 0;
        else if (errno != EINTR)
            return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    }
    return err_set(err, ERR_CONFIG, "%s: more than %d bytes", path, SECRET_MAX_BYTES);
}

int conf_read_secret(struct arena *arena, struct str path, struct str *ret_secret, struct err *err)
{
    const char *name = arena_cstr(arena, path);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set(err, ERR_CONFIG, "%s: %s", name, strerror(errno));
    struct secret_bytes *bytes = arena_new_one(arena, struct secret_bytes);
    bytes->p = arena_alloc(arena, SECRET_MAX_BYTES + 1);
    arena_on_free(arena, wipe, bytes);
    int rc = check_file(fd, name, err);
    if (rc == 0)
        rc = read_all(fd, name, bytes, err);
    close(fd);
    if (rc < 0)
        return rc;
    size_t n = bytes->n;
    n -= n > 0 && bytes->p[n - 1] == '\n';
    if (n == 0)
        return err_set(err, ERR_CONFIG, "%s: empty", name);
    *ret_secret = (struct str){bytes->p, n};
    return 0;
}
