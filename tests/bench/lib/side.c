/* A server in a child process that answers commands over a pipe with numbers. */
#include "load.h"

#include "base/clock.h"
#include "base/must.h"
#include "loop/loop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct command {
    size_t n_bytes;
    char what;
};

struct side_server side_server;

static struct {
    int in, out;
    int64_t began_us, began_cpu_us;
    size_t n_left;
} child;

void side_tell(int64_t first, int64_t second)
{
    struct side_answer answer = {first, second};
    if (write(child.out, &answer, sizeof(answer)) != sizeof(answer))
        _exit(3);
}

void side_sent_one(void)
{
    if (--child.n_left == 0)
        side_tell(clock_monotonic_us() - child.began_us, cpu_us_of(getpid()) - child.began_cpu_us);
}

static void on_command(uv_poll_t *handle, int status, int events)
{
    struct command command;
    (void)handle, (void)status, (void)events;
    if (read(child.in, &command, sizeof(command)) != sizeof(command))
        _exit(0);
    switch (command.what) {
    case SIDE_COUNT:
        side_tell((int64_t)side_server.n_open, 0);
        break;
    case SIDE_MEMORY:
        side_tell((int64_t)(resident_kb_of(getpid()) * 1024), 0);
        break;
    case SIDE_STALL:
        side_server.stall();
        break;
    case SIDE_SEND:
        child.n_left = side_server.n_open;
        side_server.n_bytes = command.n_bytes;
        child.began_us = clock_monotonic_us();
        child.began_cpu_us = cpu_us_of(getpid());
        side_server.send();
        break;
    default:
        _exit(3);
    }
}

static _Noreturn void serve(int (*start)(void))
{
    uv_poll_t commands;
    loop_init();
    side_tell(start(), 0);
    must(uv_poll_init(loop_uv(), &commands, child.in) == 0);
    must(uv_poll_start(&commands, UV_READABLE, on_command) == 0);
    loop_run();
    _exit(0);
}

static struct side_answer hear(const struct side *side)
{
    struct side_answer answer;
    if (read(side->from, &answer, sizeof(answer)) != sizeof(answer))
        load_die("a server in a child process", "ended");
    return answer;
}

void side_fork(struct side *side, int (*start)(void))
{
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0)
        load_die("pipe", strerror(errno));
    side->pid = fork();
    if (side->pid < 0)
        load_die("fork", strerror(errno));
    if (side->pid == 0) {
        (void)close(to[1]);
        (void)close(from[0]);
        child.in = to[0];
        child.out = from[1];
        serve(start);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    side->to = to[1];
    side->from = from[0];
    side->port = (int)hear(side).first;
}

struct side_answer side_ask(const struct side *side, char command, size_t n_bytes)
{
    struct command text;
    memset(&text, 0, sizeof(text));
    text.what = command;
    text.n_bytes = n_bytes;
    if (write(side->to, &text, sizeof(text)) != sizeof(text))
        load_die("a server in a child process", strerror(errno));
    return hear(side);
}
