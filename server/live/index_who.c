/*
 * Who stands under one key. Most keys are asked for by one channel that asks for nothing else: its address
 * stands in the store itself. Others are a group, side by side, so that a key that many ask for is read from
 * front to back and not from one to the next all over memory; who leaves is replaced by the last.
 */
#include "live/index_int.h"

#include "base/must.h"

#include <stdlib.h>

enum { GROUP_MIN = 2 };

static struct live_parts *parts_of(const struct live_entry *entry)
{
    return entry->parts;
}

static struct live_who sole(const struct live_entry *entry)
{
    return (struct live_who){(uintptr_t)entry + 1};
}

static struct live_group *resize(struct live_group *group, size_t max)
{
    bool is_new = group == NULL;
    group = must_realloc(group, sizeof(*group) + max * sizeof(group->at[0]));
    group->n = is_new ? 0 : group->n;
    group->max = (uint32_t)max;
    return group;
}

static void set_place(const struct live_group *group, size_t place)
{
    const struct live_member *member = &group->at[place];
    struct live_part *part = member->part ? member->part : parts_of(member->entry)->at;
    part->place = (uint32_t)place;
}

static void append(struct live_group *group, struct live_parts *parts, struct live_part *part)
{
    group->at[group->n] = (struct live_member){parts->entry, parts->n > 1 ? part : NULL};
    set_place(group, group->n++);
}

void live_who_add(struct live_who *who, struct live_part *part)
{
    struct live_parts *parts = part->of;
    struct live_entry *entry = live_who_sole(*who);
    struct live_group *group = live_who_group(*who);
    if (who->word == 0 && parts->n == 1) {
        *who = sole(parts->entry);
        return;
    }
    if (!group || group->n == group->max) {
        must(!group || group->max <= UINT32_MAX / 2);
        group = resize(group, group ? (size_t)group->max * 2 : GROUP_MIN);
    }
    if (entry)
        append(group, parts_of(entry), parts_of(entry)->at);
    append(group, parts, part);
    who->word = (uintptr_t)group;
}

void live_who_remove(struct live_who *who, const struct live_part *part)
{
    const struct live_entry *entry = part->of->entry;
    struct live_group *group = live_who_group(*who);
    if (!group) {
        must(live_who_sole(*who) == entry);
        who->word = 0;
        return;
    }
    must(part->place < group->n && group->at[part->place].entry == entry);
    if (part->place != --group->n) {
        group->at[part->place] = group->at[group->n];
        set_place(group, part->place);
    }
    if (group->n == 0 || (group->n == 1 && !group->at[0].part)) {
        *who = group->n ? sole(group->at[0].entry) : (struct live_who){0};
        free(group);
    } else if (group->max > GROUP_MIN && group->n <= group->max / 4) {
        who->word = (uintptr_t)resize(group, group->max / 2);
    }
}
