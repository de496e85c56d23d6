/*
 * Stacks and switching. The first entry of a stack goes through makecontext; after that each switch is
 * _setjmp and _longjmp, which, unlike swapcontext, do not ask the kernel for the signal mask each time. (qemu
 * lives with the same trick.) A stack that has ended its run waits inside its entry function for the next, so
 * a pooled stack never passes through makecontext again.
 *
 * The fortified longjmp takes a jump between stacks for an attack, so this file alone is built without it.
 */
#undef _FORTIFY_SOURCE
#include "loop/fiber.h"

#include "base/must.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define NO_ASAN __attribute__((no_sanitize_address))
#else
#define NO_ASAN
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

#ifdef TIDEMARK_SANITIZED
#define STACK_BYTES ((size_t)1 << 20) /* frames of sanitizer builds are several times as large */
#else
#define STACK_BYTES ((size_t)256 << 10)
#endif

/* The loop's own stack: the place to come back to, and what the sanitizer has to be told of it. */
static struct {
    jmp_buf place;
    void *fake_stack;
    const void *stack;
    size_t stack_bytes;
} home;

static struct fiber *entering; /* handed to a new stack, since makecontext passes only ints */
static bool run_is_over;

NO_ASAN static void announce_switch(void **ret_fake, const void *stack, size_t bytes)
{
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(ret_fake, stack, bytes);
#else
    (void)ret_fake;
    (void)stack;
    (void)bytes;
#endif
}

NO_ASAN static void announce_arrival(void *fake, const void **ret_stack, size_t *ret_bytes)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(fake, ret_stack, ret_bytes);
#else
    (void)fake;
    (void)ret_stack;
    (void)ret_bytes;
#endif
}

/*
 * `over`: this run has ended; its fake stack is given up, so this function and its caller have none. Inline,
 * since a frame must not return between _setjmp and the jump back into it.
 */
NO_ASAN static inline void go_home(struct fiber *fiber, bool over)
{
    run_is_over = over;
    announce_switch(over ? NULL : &fiber->fake_stack, home.stack, home.stack_bytes);
    if (_setjmp(fiber->place) == 0) {
        _longjmp(home.place, 1);
    }
    announce_arrival(over ? NULL : fiber->fake_stack, &home.stack, &home.stack_bytes);
}

NO_ASAN static void fiber_main(void)
{
    struct fiber *const fiber = entering;

    announce_arrival(NULL, &home.stack, &home.stack_bytes);
    for (;;) {
        fiber->fn(fiber->arg);
        go_home(fiber, true);
    }
}

/* The first entry of a stack; comes back to home.place by a jump. */
NO_ASAN _Noreturn static void start(struct fiber *fiber)
{
    ucontext_t context;

    fiber->started = true;
    must(getcontext(&context) == 0);
    context.uc_stack.ss_sp = fiber->stack;
    context.uc_stack.ss_size = fiber->stack_bytes;
    context.uc_link = NULL;
    makecontext(&context, fiber_main, 0);
    entering = fiber;
    (void)setcontext(&context);
    never("setcontext returned");
}

void fiber_init(struct fiber *fiber, void (*fn)(void *arg), void *arg)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    *fiber =
        (struct fiber){.map_bytes = STACK_BYTES + page, .stack_bytes = STACK_BYTES, .fn = fn, .arg = arg};
    fiber->map = mmap(NULL, fiber->map_bytes, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    must(fiber->map != MAP_FAILED);
    must(mprotect(fiber->map, page, PROT_NONE) == 0);
    fiber->stack = (char *)fiber->map + page;
#ifdef VALGRIND_STACK_REGISTER
    fiber->valgrind_id = VALGRIND_STACK_REGISTER(fiber->stack, (char *)fiber->stack + fiber->stack_bytes);
#endif
}

void fiber_done(struct fiber *fiber)
{
    if (fiber->map == NULL) {
        return;
    }
#ifdef VALGRIND_STACK_REGISTER
    VALGRIND_STACK_DEREGISTER(fiber->valgrind_id);
#endif
#ifdef WITH_ASAN
    /* The next mapping at this address must not find our red zones. */
    __asan_unpoison_memory_region(fiber->stack, fiber->stack_bytes);
#endif
    must(munmap(fiber->map, fiber->map_bytes) == 0);
    *fiber = (struct fiber){0};
}

NO_ASAN bool fiber_enter(struct fiber *fiber)
{
    announce_switch(&home.fake_stack, fiber->stack, fiber->stack_bytes);
    if (_setjmp(home.place) == 0) {
        if (!fiber->started) {
            start(fiber);
        }
        _longjmp(fiber->place, 1);
    }
    announce_arrival(home.fake_stack, NULL, NULL);
    return run_is_over;
}

NO_ASAN void fiber_leave(struct fiber *fiber)
{
    go_home(fiber, false);
}

size_t fiber_touched(const struct fiber *fiber)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t n_pages = fiber->stack_bytes / page;
    unsigned char resident[STACK_BYTES / 4096]; /* the smallest page size there is */

    must(n_pages <= sizeof resident);
    if (mincore(fiber->stack, fiber->stack_bytes, resident) != 0) {
        return 0;
    }
    for (size_t i = 0; i < n_pages; i++) { /* stacks grow down: the lowest touched page is the depth */
        if (resident[i] & 1) {
            return (n_pages - i) * page;
        }
    }
    return 0;
}
