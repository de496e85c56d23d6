/* What several resources print in the same way. */
#include "api/api_int.h"

void print_words(struct json_out *out, const char *key, uint32_t bits, size_t n, const char *(*word)(int))
{
    json_out_key(out, str_of(key));
    json_out_array(out);
    for (size_t i = 0; i < n; i++)
        if (bits >> i & 1)
            json_out_text(out, word((int)i));
    json_out_array_end(out);
}

void print_titled(struct json_out *out, const char *key, int64_t id, struct str title)
{
    json_out_key(out, str_of(key));
    if (id == 0) {
        json_out_null(out);
        return;
    }
    json_out_object(out);
    json_out_member_id(out, "id", id);
    json_out_member_str(out, "title", title);
    json_out_object_end(out);
}

const char *action_word(int action)
{
    return access_action_key((enum access_action)action);
}

const char *right_word(int right)
{
    return access_right_key((enum access_right)right);
}
