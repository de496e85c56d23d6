/* Private to the room json: the strict check that runs before json-c sees a byte. */
#ifndef TIDEMARK_JSON_JSON_INT_H
#define TIDEMARK_JSON_JSON_INT_H

#include "json/json.h"

struct json_check {
    size_t start, end; /* of the value, without the blanks around it */
    size_t n_nodes;
    const char *reason; /* of a refusal */
    size_t at;          /* its byte offset */
};

/* limits without zeros. False: refused, see reason and at. */
bool json_check_text(struct str text, const struct json_limits *limits, struct json_check *ret_check);

#endif
