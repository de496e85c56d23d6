/*
 * Ids. The last millisecond used is kept: when the wall clock stands still or steps back, or when the counter
 * of a millisecond is used up, the next id comes from the millisecond after it, ahead of the clock. So ids
 * only grow. The counter starts somewhere in its lower half, which leaves 2,048 ids a millisecond and keeps
 * two ids from telling how many were made between them.
 */
#include "base/id.h"

#include "base/clock.h"
#include "base/must.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#define EPOCH_MS INT64_C(1704067200000) /* 2024-01-01T00:00:00Z */
#define COUNTER_BITS 12
#define SLOT_BITS 10
#define COUNTER_END (1 << COUNTER_BITS)

static struct {
    pthread_mutex_t lock;
    int slot;
    int64_t last_ms; /* since the epoch above */
    int counter;     /* the next one of last_ms */
    uint16_t random[64];
    size_t random_left;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .slot = -1, .last_ms = -1};

void id_set_slot(int slot)
{
    must(slot >= 0 && slot < ID_SLOTS);
    pthread_mutex_lock(&state.lock);
    must(state.slot == -1 || state.slot == slot);
    state.slot = slot;
    pthread_mutex_unlock(&state.lock);
}

static int random_start(void)
{
    if (state.random_left == 0) {
        ssize_t n;
        do {
            n = getrandom(state.random, sizeof state.random, 0);
        } while (n < 0 && errno == EINTR);
        must(n == (ssize_t)sizeof state.random);
        state.random_left = sizeof state.random / sizeof state.random[0];
    }
    return state.random[--state.random_left] % (COUNTER_END / 2);
}

int64_t id_new(void)
{
    pthread_mutex_lock(&state.lock);
    must(state.slot >= 0);
    int64_t now_ms = clock_utc_us() / 1000 - EPOCH_MS;
    if (now_ms > state.last_ms) {
        state.last_ms = now_ms;
        state.counter = random_start();
    } else if (state.counter == COUNTER_END) {
        state.last_ms++;
        state.counter = random_start();
    }
    must(state.last_ms >= 0 && state.last_ms < INT64_C(1) << 41);
    int64_t id = state.last_ms << (SLOT_BITS + COUNTER_BITS) | (int64_t)state.slot << COUNTER_BITS |
                 (int64_t)state.counter++;
    pthread_mutex_unlock(&state.lock);
    return id;
}

int64_t id_from(int64_t utc_us)
{
    int64_t ms = utc_us / 1000 - EPOCH_MS;
    return ms > 0 ? ms << (SLOT_BITS + COUNTER_BITS) : 0;
}

bool id_parse(struct str text, int64_t *ret_id)
{
    int64_t id;
    if (!str_to_i64(text, &id) || id <= 0)
        return false;
    *ret_id = id;
    return true;
}

size_t id_print(int64_t id, char text[ID_TEXT_MAX])
{
    must(id > 0);
    char digits[ID_TEXT_MAX];
    size_t n = 0;
    for (; id > 0; id /= 10)
        digits[n++] = (char)('0' + id % 10);
    for (size_t i = 0; i < n; i++)
        text[i] = digits[n - 1 - i];
    text[n] = '\0';
    return n;
}
