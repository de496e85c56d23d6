/* Looks at another process, and what becomes of many numbers. */
#include "load.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { LOOK_MS = 250, SETTLE_MS = 8000, STEADY_LOOKS = 6 };

_Noreturn void load_die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %.1500s\n", what, why);
    exit(3);
}

void load_allow_descriptors(size_t n)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        load_die("limit of descriptors", strerror(errno));
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < n)
        load_die("limit of descriptors", "too few for so many sockets");
}

int64_t cpu_us_of(pid_t pid)
{
    clockid_t clock;
    struct timespec spent;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
        load_die("processor time", "no such process");
    return (int64_t)spent.tv_sec * 1000000 + spent.tv_nsec / 1000;
}

double resident_kb_of(pid_t pid)
{
    char path[64], line[256];
    double kb = -1;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && kb < 0 && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtod(line + 6, NULL);
    if (file == NULL || kb < 0)
        load_die(path, "no VmRSS");
    (void)fclose(file);
    return kb;
}

double settled_kb_of(pid_t pid)
{
    double kb = resident_kb_of(pid);
    for (int waited = 0, steady = 0; waited < SETTLE_MS && steady < STEADY_LOOKS; waited += LOOK_MS) {
        (void)poll(NULL, 0, LOOK_MS);
        double now = resident_kb_of(pid);
        steady = now > kb * 0.999 && now < kb * 1.001 ? steady + 1 : 0;
        kb = now;
    }
    return kb;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double median_of(double *values, size_t n)
{
    qsort(values, n, sizeof(values[0]), by_value);
    return n == 0 ? 0 : values[n / 2];
}

double percentile_ms(int64_t *us, size_t n, double of)
{
    qsort(us, n, sizeof(us[0]), by_time);
    return n == 0 ? 0 : (double)us[(size_t)((double)(n - 1) * of)] / 1e3;
}
