/*
 * The members of a problem document (RFC 9457), the same over HTTP and over a live socket. A user gets codes
 * and texts from the tables (base/errors.def, faults.def), never a cause from inside.
 */
#ifndef TIDEMARK_JSON_PROBLEM_H
#define TIDEMARK_JSON_PROBLEM_H

#include "json/out.h"

/* Prints type, title, status, detail, request and, if there are any, errors into the object that is open. */
void json_out_problem(
    struct json_out *out, const struct err *err, enum err_lang lang, struct str request, struct arena *arena);

/* One of the errors, as an object. */
void json_out_fault(
    struct json_out *out, const struct err_item *item, enum err_lang lang, struct arena *arena);

#endif
