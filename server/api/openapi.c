/*
 * The OpenAPI 3.1 document, made from the table that the server routes by: what is not there cannot be
 * called, and the other way round. It names the routes and their general shapes only; fields of forms are
 * asked for by /forms, under the caller's rights.
 */
#include "api/api_int.h"

static const struct schema {
    const char *name, *json; /* with ' for " */
} SCHEMAS[] = {
#define SCHEMA(n, j) {#n, j},
#include "api/schemas.def"
#undef SCHEMA
};

/* The types of fields, and the operators that a filter may ask of each. */
static void print_field_types(struct json_out *out)
{
    json_out_object(out);
    json_out_member_text(out, "type", "string");
    json_out_key(out, STR("enum"));
    json_out_array(out);
    for (size_t i = 0; field_type_at(i); i++)
        json_out_text(out, field_type_at(i)->key);
    json_out_array_end(out);
    json_out_key(out, STR("x-operators"));
    json_out_object(out);
    for (size_t i = 0; field_type_at(i); i++) {
        enum filter_kind kind = field_type_at(i)->filter;
        json_out_key(out, str_of(field_type_at(i)->key));
        json_out_array(out);
        for (size_t op = 0; filter_op_at(kind, op); op++)
            json_out_text(out, filter_op_at(kind, op));
        json_out_array_end(out);
    }
    json_out_object_end(out);
    json_out_object_end(out);
}

static struct str quoted(const char *text)
{
    struct str s = str_of(text);
    char *p = arena_alloc(task_arena(), s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] == '\'' ? '"' : s.p[i];
    return (struct str){p, s.n};
}

static void print_reference(const char *schema, struct json_out *out)
{
    json_out_object(out);
    json_out_member_str(out, "$ref", arena_printf(task_arena(), "#/components/schemas/%s", schema));
    json_out_object_end(out);
}

static void print_content(const char *type, const char *schema, struct json_out *out)
{
    json_out_key(out, STR("content"));
    json_out_object(out);
    json_out_key(out, str_of(type));
    json_out_object(out);
    json_out_key(out, STR("schema"));
    print_reference(schema, out);
    json_out_object_end(out);
    json_out_object_end(out);
}

static void print_parameter(struct str name, const char *where, bool required, struct json_out *out)
{
    json_out_object(out);
    json_out_member_str(out, "name", name);
    json_out_member_text(out, "in", where);
    json_out_member_bool(out, "required", required);
    json_out_key(out, STR("schema"));
    json_out_raw(out, STR("{\"type\":\"string\"}"));
    json_out_object_end(out);
}

static void print_parameters(const struct route *route, struct json_out *out)
{
    struct str path = str_of(route->path), query = str_of(route->query);
    json_out_key(out, STR("parameters"));
    json_out_array(out);
    while (path.n > 0) {
        struct str piece = str_cut(&path, '/');
        if (str_starts(piece, STR("{")))
            print_parameter((struct str){piece.p + 1, piece.n - 2}, "path", true, out);
    }
    while (query.n > 0)
        print_parameter(str_cut(&query, ' '), "query", false, out);
    if ((route->method == NET_PATCH || route->method == NET_PUT) && route->access != ACCESS_OWN)
        print_parameter(STR("If-Match"), "header", true, out);
    if (route->method != NET_GET && route->access != ACCESS_OPEN)
        print_parameter(STR("X-CSRF-Token"), "header", true, out);
    json_out_array_end(out);
}

static void print_responses(const struct route *route, struct json_out *out)
{
    json_out_key(out, STR("responses"));
    json_out_object(out);
    json_out_key(out, arena_printf(task_arena(), "%d", route->status));
    json_out_object(out);
    json_out_member_text(out, "description", route->summary);
    if (route->answer_schema[0])
        print_content("application/json", route->answer_schema, out);
    json_out_object_end(out);
    json_out_key(out, STR("default"));
    json_out_object(out);
    json_out_member_text(out, "description", "A problem document (RFC 9457)");
    print_content("application/problem+json", "Problem", out);
    json_out_object_end(out);
    json_out_object_end(out);
}

static void print_operation(const struct route *route, struct json_out *out)
{
    static const char *const METHODS[NET_METHOD_COUNT] = {[NET_GET] = "get",
        [NET_HEAD] = "head",
        [NET_POST] = "post",
        [NET_PUT] = "put",
        [NET_PATCH] = "patch",
        [NET_DELETE] = "delete"};
    json_out_key(out, str_of(METHODS[route->method]));
    json_out_object(out);
    json_out_member_text(out, "operationId", route->name);
    json_out_member_text(out, "summary", route->summary);
    print_parameters(route, out);
    if (route->request_schema[0]) {
        json_out_key(out, STR("requestBody"));
        json_out_object(out);
        json_out_member_bool(out, "required", true);
        print_content("application/json", route->request_schema, out);
        json_out_object_end(out);
    }
    print_responses(route, out);
    if (route->access != ACCESS_OPEN && route->access != ACCESS_LOOPBACK) {
        json_out_key(out, STR("security"));
        json_out_raw(out, STR("[{\"session\":[]}]"));
    }
    json_out_object_end(out);
}

/* Routes of one path stand together, so a path's first row opens it and takes the others in. */
static void print_paths(struct json_out *out)
{
    json_out_key(out, STR("paths"));
    json_out_object(out);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        struct str path = str_of(ROUTES[i].path);
        bool printed = false;
        for (size_t j = 0; j < i; j++)
            printed = printed || str_eq(str_of(ROUTES[j].path), path);
        if (printed)
            continue;
        json_out_key(out, path);
        json_out_object(out);
        for (size_t j = i; j < ROUTE_COUNT; j++)
            if (str_eq(str_of(ROUTES[j].path), path))
                print_operation(&ROUTES[j], out);
        json_out_object_end(out);
    }
    json_out_object_end(out);
}

task_fn int openapi_show(struct call *call, struct err *err)
{
    struct json_out *out = &call->out;
    (void)err;
    json_out_object(out);
    json_out_member_text(out, "openapi", "3.1.0");
    json_out_key(out, STR("info"));
    json_out_object(out);
    json_out_member_text(out, "title", "Tidemark");
    json_out_member_text(out, "version", "v1");
    json_out_object_end(out);
    print_paths(out);
    json_out_key(out, STR("components"));
    json_out_object(out);
    json_out_key(out, STR("schemas"));
    json_out_object(out);
    for (size_t i = 0; i < sizeof(SCHEMAS) / sizeof(SCHEMAS[0]); i++) {
        json_out_key(out, str_of(SCHEMAS[i].name));
        json_out_raw(out, quoted(SCHEMAS[i].json));
    }
    json_out_key(out, STR("FieldType"));
    print_field_types(out);
    json_out_object_end(out);
    json_out_key(out, STR("securitySchemes"));
    json_out_raw(out, STR("{\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"sid\"}}"));
    json_out_object_end(out);
    json_out_object_end(out);
    json_out_end(out);
    return 0;
}
