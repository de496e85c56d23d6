/*
 * `tidemark form`: forms, from the command line of the machine that the service runs on. It works beside the
 * running server, by the same function and with the same events as the forms of the first start; the server
 * knows the form within a second. Nobody sees it until the security administrator grants it.
 */
#include "main/main_int.h"

#include <stdio.h>
#include <string.h>

enum { DEFINITION_BYTES_MAX = 4 << 20 };

/* All faults of a definition, each with its place. */
static void say_faults(const struct err *err)
{
    for (const struct err_item *item = err->items; item; item = item->next) {
        const struct str text = fault_text(item, ERR_LANG_EN, task_arena());
        fprintf(stderr, "tidemark: form: %.*s: %.*s\n", STR_ARGS(item->field), STR_ARGS(text));
    }
}

static task_fn int add(struct beside *beside, struct err *err)
{
    struct str definition;
    int rc = read_file(task_arena(), beside->options->rest[1], DEFINITION_BYTES_MAX, &definition, err);
    if (rc == 0)
        rc = form_create(&beside->caller, definition, err);
    if (rc == 0)
        printf("form added: %s\n", beside->options->rest[1]);
    if (rc >= 0 ||
        (!err->items && err->code != ERR_CONFLICT && err->code != ERR_INVALID && err->code != ERR_BAD_JSON))
        return rc;
    say_faults(err);
    if (!err->items)
        fprintf(stderr, "tidemark: form: %s\n", err->detail);
    beside->status = EXIT_NO;
    return 0;
}

int command_form(const struct options *options)
{
    struct beside beside = {.name = "form", .options = options, .run = add};
    if (options->n_rest != 2 || strcmp(options->rest[0], "add") != 0) {
        fprintf(stderr, "usage: tidemark form add FILE\n");
        return EXIT_USAGE;
    }
    return beside_run(&beside);
}
