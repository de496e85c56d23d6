/*
 * For tests of what must end the process: an assertion, or under AddressSanitizer a touch of dead memory. The
 * function runs in a child whose output goes nowhere.
 */
#ifndef TIDEMARK_TESTS_DIES_H
#define TIDEMARK_TESTS_DIES_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool dies(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        if (nowhere < 0 || dup2(nowhere, STDERR_FILENO) < 0)
            _exit(0);
        /* cmocka catches the signal in which an assertion ends and would go on with the next test. */
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    int status;
    while (waitpid(pid, &status, 0) != pid)
        ;
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
