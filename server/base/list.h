/*
 * Intrusive doubly linked lists. A head is a `struct list` of its own; members embed one. list_remove leaves
 * the member pointing at itself, so removing twice is harmless.
 */
#ifndef TIDEMARK_BASE_LIST_H
#define TIDEMARK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
/* The current member may be removed inside the loop. */
#define list_for_each_safe(it, head)                                                                         \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                                \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}
static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}
static inline void list_append(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}
static inline void list_prepend(struct list *head, struct list *item)
{
    list_append(head->next, item);
}
static inline void list_remove(struct list *item)
{
    item->next->prev = item->prev;
    item->prev->next = item->next;
    item->next = item->prev = item;
}

#endif
