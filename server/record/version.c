/* Versions of what administrators change: a keyed hash of the whole of it, so that no counter need be kept.
 */
#include "access/words.h"
#include "crypto/crypto.h"
#include "record/admin.h"

enum { VERSION_BYTES = 12 };

static struct str version_of(const struct caller *caller, const char *kind, struct buf *text)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];
    const struct str pieces[] = {str_of(kind), buf_str(text)};
    crypto_hmac_pieces(caller->house->server_key, pieces, sizeof(pieces) / sizeof(pieces[0]), digest);
    buf_done(text);
    return crypto_base64url(task_arena(), digest, VERSION_BYTES);
}

static void add_text(struct buf *text, struct str value)
{
    buf_printf(text, "%zu:%.*s,", value.n, STR_ARGS(value));
}

struct str role_version(const struct caller *caller, const struct role *role)
{
    struct buf text = {0};
    buf_init(&text, 0);
    buf_printf(&text, "%lld,%x,", (long long)role->id, (unsigned)role->rights);
    add_text(&text, role->key);
    add_text(&text, role->name_zh);
    add_text(&text, role->name_en);
    return version_of(caller, "role", &text);
}

struct str department_version(const struct caller *caller, const struct department *department)
{
    struct buf text = {0};
    buf_init(&text, 0);
    buf_printf(&text, "%lld,%lld,%lld,%d,", (long long)department->id, (long long)department->parent_id,
        (long long)department_place(caller->world->directory, department), department->retired);
    add_text(&text, department->name);
    return version_of(caller, "department", &text);
}

struct str person_version(const struct caller *caller, const struct user *user)
{
    struct buf text = {0};
    buf_init(&text, 0);
    buf_printf(&text, "%lld,%lld,%d,", (long long)user->id, (long long)user->department_id, user->disabled);
    add_text(&text, user->name);
    for (size_t i = 0; i < user->n_roles; i++)
        buf_printf(&text, "%lld,", (long long)user->roles[i]);
    return version_of(caller, "person", &text);
}

struct str rights_version(const struct caller *caller, struct str form)
{
    const struct directory *directory = caller->world->directory;
    struct buf text = {0};
    buf_init(&text, 0);
    add_text(&text, form);
    for (size_t i = 0; i < directory->n_grants; i++) {
        const struct grant *grant = &directory->grants[i];
        if (!str_eq(grant->form, form))
            continue;
        buf_printf(&text, "%lld,%lld,%x,%d,", (long long)grant->id, (long long)grant->role_id,
            (unsigned)grant->actions, grant->deny);
        add_text(&text, str_of(row_rule_key(grant->row_rule)));
        add_text(&text, access_fields_print(grant, task_arena()));
        add_text(&text, access_masks_print(grant, task_arena()));
        add_text(&text, grant->condition);
    }
    return version_of(caller, "rights", &text);
}
