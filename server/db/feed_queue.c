/*
 * Between two threads: transactions wait here for the loop, bounded by bytes, and the table of recent commit
 * offsets says which transaction a place of the binlog is. The reader sleeps while the queue is full; the
 * server keeps the rest of the binlog meanwhile.
 */
#include "base/clock.h"
#include "base/must.h"
#include "db/feed_int.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

void feed_queue_init(struct feed_queue *queue, size_t max_bytes, uv_async_t *async)
{
    pthread_condattr_t attributes;

    *queue = (struct feed_queue){.max_bytes = max_bytes, .fd = -1, .async = async};
    list_init(&queue->boxes);
    must(pthread_mutex_init(&queue->lock, NULL) == 0);
    must(pthread_condattr_init(&attributes) == 0);
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    must(pthread_cond_init(&queue->room, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void feed_queue_done(struct feed_queue *queue)
{
    list_for_each_safe (it, &queue->boxes) {
        feed_tx_unref(&list_entry(it, struct feed_box, link)->tx);
    }
    free(queue->offsets);
    (void)pthread_cond_destroy(&queue->room);
    (void)pthread_mutex_destroy(&queue->lock);
}

static void lock(struct feed_queue *queue)
{
    must(pthread_mutex_lock(&queue->lock) == 0);
}

static void unlock(struct feed_queue *queue)
{
    must(pthread_mutex_unlock(&queue->lock) == 0);
}

/* ---- transactions ---- */

static bool is_full(const struct feed_queue *queue, size_t bytes)
{
    return queue->stats.queued_bytes > 0 && queue->stats.queued_bytes + bytes > queue->max_bytes;
}

bool feed_queue_put(struct feed_queue *queue, struct feed_box *box)
{
    bool taken;

    lock(queue);
    if (!queue->stopping && is_full(queue, box->bytes)) {
        queue->stats.waits_for_room++;
        while (!queue->stopping && is_full(queue, box->bytes)) {
            must(pthread_cond_wait(&queue->room, &queue->lock) == 0);
        }
    }
    taken = !queue->stopping;
    if (taken) {
        list_append(&queue->boxes, &box->link);
        queue->stats.queued_bytes += box->bytes;
        queue->stats.rows += box->tx.n_changes;
        queue->stats.transactions += box->tx.last ? 1 : 0;
        if (box->tx.domain == FEED_CLOCK_DOMAIN) {
            queue->stats.sequence = box->tx.sequence;
        }
    }
    unlock(queue);
    if (!taken) {
        feed_tx_unref(&box->tx);
        return false;
    }
    (void)uv_async_send(queue->async);
    return true;
}

struct feed_box *feed_queue_get(struct feed_queue *queue)
{
    struct feed_box *box = NULL;

    lock(queue);
    if (!list_is_empty(&queue->boxes)) {
        box = list_entry(queue->boxes.next, struct feed_box, link);
        list_remove(&box->link);
        queue->stats.queued_bytes -= box->bytes;
        if (box->tx.domain == FEED_CLOCK_DOMAIN) {
            queue->stats.handed_over = box->tx.sequence;
        }
        must(pthread_cond_signal(&queue->room) == 0);
    }
    unlock(queue);
    return box;
}

bool feed_queue_pause(struct feed_queue *queue, uint64_t ms)
{
    struct timespec end;
    int status = 0;
    bool goes_on;

    must(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    end.tv_sec += (time_t)(ms / 1000);
    end.tv_nsec += (long)(ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    lock(queue);
    while (!queue->stopping && status == 0) {
        status = pthread_cond_timedwait(&queue->room, &queue->lock, &end);
    }
    goes_on = !queue->stopping;
    unlock(queue);
    return goes_on;
}

void feed_queue_stop(struct feed_queue *queue)
{
    lock(queue);
    queue->stopping = true;
    if (queue->fd >= 0) {
        (void)shutdown(queue->fd, SHUT_RDWR);
    }
    must(pthread_cond_broadcast(&queue->room) == 0);
    unlock(queue);
}

/* ---- places ---- */

static struct feed_offset *offset_at(const struct feed_queue *queue, size_t i)
{
    return &queue->offsets[(queue->first_offset + i) % queue->max_offsets];
}

static void make_room_for_offset(struct feed_queue *queue)
{
    if (queue->n_offsets < queue->max_offsets) {
        return;
    }
    if (queue->max_offsets == FEED_OFFSETS_KEPT) {
        queue->first_offset = (queue->first_offset + 1) % queue->max_offsets;
        queue->n_offsets--;
        return;
    }
    must(queue->first_offset == 0);
    queue->max_offsets = queue->max_offsets == 0 ? 256 : queue->max_offsets * 2;
    queue->offsets = must_realloc(queue->offsets, queue->max_offsets * sizeof *queue->offsets);
}

void feed_queue_reach(struct feed_queue *queue, struct feed_place place, bool commit, uint64_t sequence)
{
    bool wake;

    lock(queue);
    if (commit &&
        (queue->n_offsets == 0 || feed_place_cmp(place, offset_at(queue, queue->n_offsets - 1)->end) > 0)) {
        make_room_for_offset(queue);
        queue->n_offsets++;
        *offset_at(queue, queue->n_offsets - 1) = (struct feed_offset){place, sequence};
    }
    if (feed_place_cmp(place, queue->reached) > 0) {
        queue->reached = place;
    }
    wake = queue->n_place_waiters > 0;
    unlock(queue);
    if (wake) {
        (void)uv_async_send(queue->async);
    }
}

struct feed_place feed_queue_last_commit(struct feed_queue *queue)
{
    struct feed_place place = {0};

    lock(queue);
    if (queue->n_offsets > 0) {
        place = offset_at(queue, queue->n_offsets - 1)->end;
    }
    unlock(queue);
    return place;
}

void feed_queue_forget_places(struct feed_queue *queue)
{
    lock(queue);
    queue->first_offset = queue->n_offsets = 0;
    queue->reached = (struct feed_place){0};
    unlock(queue);
}

int feed_queue_sequence_at(
    struct feed_queue *queue, struct feed_place place, uint64_t *ret_sequence, struct err *err)
{
    size_t low = 0, high;
    int status = 0;

    lock(queue);
    high = queue->n_offsets;
    while (low < high) { /* the first that ends past the place */
        const size_t middle = low + (high - low) / 2;

        if (feed_place_cmp(offset_at(queue, middle)->end, place) > 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if (feed_place_cmp(queue->reached, place) < 0 || queue->n_offsets == 0) {
        status = -ERR_UNAVAILABLE;
    } else if (low == 0) {
        status = -ERR_NOT_FOUND;
    } else {
        *ret_sequence = offset_at(queue, low - 1)->sequence;
    }
    unlock(queue);
    if (status != 0) {
        return err_set(err, (enum err_code) - status, "feed does not know place %lld:%llu%s",
            (long long)place.file, (unsigned long long)place.offset,
            status == -ERR_UNAVAILABLE ? " yet" : " any more");
    }
    return 0;
}
