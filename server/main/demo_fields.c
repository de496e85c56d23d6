/*
 * A generated customer as the `fields` of a request (CONTRACT 2): the loader gives them to record/ as if they
 * had come from a browser. Keys and values point to the customer and to constants, or live in the arena.
 */
#include "main/demo_bank.h"
#include "main/demo_int.h"

#include "base/id.h"
#include "base/must.h"

struct json *demo_fields_new(struct arena *arena)
{
    struct json *object = arena_new_one(arena, struct json);
    object->kind = JSON_OBJECT;
    object->object.at = arena_new_array(arena, struct json_member, DEMO_FIELDS_MAX);
    return object;
}

void demo_add_value(struct json *object, const char *key, struct json value)
{
    must(object->object.n < DEMO_FIELDS_MAX);
    object->object.at[object->object.n++] = (struct json_member){str_of(key), value};
}

void demo_add_text(struct json *object, const char *key, const char *text)
{
    if (text && text[0])
        demo_add_value(object, key, (struct json){.kind = JSON_STR, .str = str_of(text)});
}

void demo_add_id(struct json *object, const char *key, int64_t id, struct arena *arena)
{
    char text[ID_TEXT_MAX];
    struct str printed = {text, id_print(id, text)};
    demo_add_value(object, key, (struct json){.kind = JSON_STR, .str = arena_copy(arena, printed)});
}

static void add_tags(struct json *object, const struct demo_customer *customer, struct arena *arena)
{
    if (customer->n_tags == 0)
        return;
    struct json tags = {
        .kind = JSON_ARRAY, .array = {arena_new_array(arena, struct json, customer->n_tags), 0}};
    for (; tags.array.n < customer->n_tags; tags.array.n++)
        tags.array.at[tags.array.n] =
            (struct json){.kind = JSON_STR, .str = str_of(customer->tags[tags.array.n])};
    demo_add_value(object, "tags", tags);
}

struct json *demo_customer_fields(const struct demo_customer *customer, struct arena *arena)
{
    struct json *object = demo_fields_new(arena);
    const struct {
        const char *key, *text;
    } texts[] = {{"name", customer->name}, {"credit_code", customer->credit_code}, {"kind", customer->kind},
        {"industry", customer->industry}, {"region", customer->region}, {"level", customer->level},
        {"source", customer->source}, {"stage", customer->stage}, {"phone", customer->phone},
        {"legal_person", customer->legal_person}, {"id_no", customer->id_no},
        {"registered_capital", customer->registered_capital}, {"credit_line", customer->credit_line},
        {"risk_grade", customer->risk_grade}, {"birthday", customer->birthday},
        {"first_contact_on", customer->first_contact_on}, {"last_follow_up_at", customer->last_follow_up_at},
        {"next_follow_up_on", customer->next_follow_up_on}, {"notes", customer->notes}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        demo_add_text(object, texts[i].key, texts[i].text);
    demo_add_id(object, "owner", customer->owner_id, arena);
    demo_add_id(object, "department", customer->department_id, arena);
    add_tags(object, customer, arena);
    return object;
}
