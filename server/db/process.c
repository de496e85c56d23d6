/*
 * Processes of the private MariaDB: starting one, running one to its end, and finding a server that outlived
 * us. A server is recognised by the configuration file it was started with, never by a pid in a file: pids
 * are used again.
 */
#include "base/must.h"
#include "db/instance_int.h"
#include "loop/loop.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

struct process {
    uv_process_t uv;
    bool spawned, ended, freed;
    int64_t exit_status;
    int signal;
    struct task *waiter;
};

static void free_process(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_exit_of(uv_process_t *uv, int64_t exit_status, int signal)
{
    struct process *process = uv->data;

    process->ended = true;
    process->exit_status = exit_status;
    process->signal = signal;
    if (process->waiter != NULL) {
        task_wake(process->waiter);
    }
}

/*
 * The server stands in sbin, which ordinary users do not have in their path; its messages are to be plain.
 * Its temporary files stay in the data folder: in a shared /tmp each MariaDB that starts removes the
 * temporary tables of every other one ("Unknown table 'mysql.tmp_user_sys'", or worse, in the middle of
 * mariadb-install-db).
 */
static char **make_environment(struct arena *arena, struct str cwd)
{
    const char *path = getenv("PATH");
    char **env = arena_new_array(arena, char *, 5);
    struct str line =
        arena_printf(arena, "PATH=%s%s/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/sbin:/bin",
            path != NULL ? path : "", path != NULL ? ":" : "");

    env[0] = arena_alloc(arena, line.n + 1);
    memcpy(env[0], line.p, line.n);
    env[1] = arena_alloc(arena, sizeof "LC_ALL=C.UTF-8");
    memcpy(env[1], "LC_ALL=C.UTF-8", sizeof "LC_ALL=C.UTF-8");
    env[2] = arena_alloc(arena, sizeof "TZ=UTC");
    memcpy(env[2], "TZ=UTC", sizeof "TZ=UTC");
    line = arena_printf(arena, "TMPDIR=%.*s", STR_ARGS(cwd));
    env[3] = arena_alloc(arena, line.n + 1);
    memcpy(env[3], line.p, line.n);
    return env;
}

static char **copy_arguments(struct arena *arena, const char *const *argv)
{
    size_t n = 0;
    char **copy;

    while (argv[n] != NULL) {
        n++;
    }
    copy = arena_new_array(arena, char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        copy[i] = arena_alloc(arena, strlen(argv[i]) + 1);
        memcpy(copy[i], argv[i], strlen(argv[i]));
    }
    return copy;
}

int process_start(const char *const *argv, struct str cwd, struct str log, bool own_session,
    struct process **ret_process, struct err *err)
{
    const int log_fd = open(log.p, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct process *process = must_alloc(sizeof *process);
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = log_fd},
        {.flags = UV_INHERIT_FD, .data.fd = log_fd}};
    char **arguments = copy_arguments(task_arena(), argv);
    const uv_process_options_t options = {.exit_cb = on_exit_of,
        .file = arguments[0],
        .cwd = arena_cstr(task_arena(), cwd),
        .args = arguments,
        .env = make_environment(task_arena(), cwd),
        .flags = own_session ? UV_PROCESS_DETACHED : 0,
        .stdio = stdio,
        .stdio_count = 3};
    int status;

    if (log_fd < 0) {
        free(process);
        return err_set(err, ERR_IO, "open %.*s: %s", STR_ARGS(log), strerror(errno));
    }
    process->uv.data = process;
    status = uv_spawn(loop_uv(), &process->uv, &options);
    (void)close(log_fd);
    if (status != 0) {
        uv_close((uv_handle_t *)&process->uv, free_process);
        return err_set(err, ERR_CONFIG, "cannot start %s: %s", argv[0], uv_strerror(status));
    }
    *ret_process = process;
    return 0;
}

pid_t process_pid(const struct process *process)
{
    return process->uv.pid;
}

bool process_has_ended(const struct process *process, struct str *ret_how)
{
    if (process->ended && ret_how != NULL) {
        *ret_how = process->signal != 0
                       ? arena_printf(task_arena(), "killed by signal %d", process->signal)
                       : arena_printf(task_arena(), "exit status %lld", (long long)process->exit_status);
    }
    return process->ended;
}

bool process_succeeded(const struct process *process)
{
    return process->ended && process->signal == 0 && process->exit_status == 0;
}

void process_set_waiter(struct process *process, struct task *task)
{
    process->waiter = task;
}

void process_free(struct process *process)
{
    if (process != NULL) {
        process->waiter = NULL;
        uv_close((uv_handle_t *)&process->uv, free_process);
    }
}

int process_run(const char *const *argv, struct str cwd, struct str log, struct err *err)
{
    struct process *process = NULL;
    struct str how = STR_NULL;
    int status = process_start(argv, cwd, log, false, &process, err);

    if (status != 0) {
        return status;
    }
    process_set_waiter(process, task_self());
    while (!process_has_ended(process, &how)) {
        task_park_firmly();
    }
    if (!process_succeeded(process)) {
        status = err_set(err, ERR_IO, "%s: %.*s; see %.*s", argv[0], STR_ARGS(how), STR_ARGS(log));
    }
    process_free(process);
    return status;
}

/* ---- those that are not our children ---- */

/* Reads /proc/<pid>/<name>; the number of bytes, or -1. */
static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    n = read(fd, text, size - 1);
    (void)close(fd);
    if (n >= 0) {
        text[n] = '\0';
    }
    return n;
}

bool process_is_alive(pid_t pid, struct str config)
{
    const struct str option = STR("--defaults-file=");
    char text[8192];
    ssize_t n = read_proc(pid, "cmdline", text, sizeof text);
    struct str rest, first;

    if (n <= 0) { /* gone, or a zombie: nothing runs any more */
        return false;
    }
    rest = (struct str){text, (size_t)n};
    (void)str_cut(&rest, '\0');
    first = str_cut(&rest, '\0');
    return str_starts(first, option) && str_eq((struct str){first.p + option.n, first.n - option.n}, config);
}

pid_t process_find(struct str config)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    if (dir == NULL) {
        return 0;
    }
    while (found == 0 && (entry = readdir(dir)) != NULL) {
        int64_t pid;

        if (str_to_i64(str_of(entry->d_name), &pid) && process_is_alive((pid_t)pid, config)) {
            found = (pid_t)pid;
        }
    }
    (void)closedir(dir);
    return found;
}
