/*
 * Loads the forms of the demo bank and their records, batch by batch, in the name of the user `demo`. Each
 * batch is one transaction of whole records, and each record a function of its number: how many of a form
 * there are tells where to go on.
 *
 * To add a form: its definition in config/templates/demo-bank, a row in FORMS with what makes its records.
 */
#include "main/demo_load.h"

#include "base/must.h"
#include "main/demo_bank.h"
#include "main/demo_related.h"
#include "main/demo_sales.h"

#include <stdio.h>

enum { BATCH = 200, TEMPLATE_BYTES_MAX = 4 << 20 };

struct loading {
    const struct demo_load *load;
    const struct demo_form *form;
    int64_t at, total;
    int64_t *customers; /* their ids; NULL while they are loaded themselves */
    int64_t *opportunities, *contracts;
    const struct demo_sales *sales;
    unsigned *counts; /* by customer */
    size_t customer;  /* where `at` stands: */
    unsigned item;
    struct task *waiter;
    struct err err; /* of a batch */
    bool batch_done;
};

struct demo_form {
    const char *key;
    unsigned *(*counts)(const struct loading *loading); /* NULL: the customers */
    struct json *(*make)(const struct loading *loading, struct arena *arena);
};

static struct json *make_customer(const struct loading *loading, struct arena *arena)
{
    struct demo_customer *customer = arena_new_one(arena, struct demo_customer);
    demo_customer(loading->customer, loading->load->org, loading->load->today_us, customer);
    return demo_customer_fields(customer, arena);
}

static unsigned *contact_counts(const struct loading *loading)
{
    return demo_contact_counts(loading->sales->n, loading->load->arena);
}

static struct json *make_contact(const struct loading *loading, struct arena *arena)
{
    return demo_contact_fields(loading->customer, loading->item, loading->customers[loading->customer],
        loading->load->org, loading->load->today_us, arena);
}

static unsigned *follow_up_counts(const struct loading *loading)
{
    const struct demo_load *load = loading->load;
    return demo_follow_up_counts(loading->sales->n, load->org, load->today_us, load->arena);
}

static struct json *make_follow_up(const struct loading *loading, struct arena *arena)
{
    return demo_follow_up_fields(loading->customer, loading->item, loading->counts[loading->customer],
        loading->customers[loading->customer], loading->load->org, loading->load->today_us, arena);
}

static unsigned *opportunity_counts(const struct loading *loading)
{
    return loading->sales->opportunities;
}

static struct json *make_opportunity(const struct loading *loading, struct arena *arena)
{
    return demo_opportunity_fields(loading->sales, loading->customer, loading->item,
        loading->customers[loading->customer], loading->load->org, loading->load->today_us, arena);
}

static unsigned *contract_counts(const struct loading *loading)
{
    return loading->sales->contracts;
}

static struct json *make_contract(const struct loading *loading, struct arena *arena)
{
    size_t opportunity = loading->sales->first_opportunity[loading->customer] + loading->item;
    return demo_contract_fields(loading->sales, loading->customer, loading->item,
        loading->customers[loading->customer], loading->opportunities[opportunity], loading->load->org,
        loading->load->today_us, arena);
}

static unsigned *payment_counts(const struct loading *loading)
{
    return loading->sales->payments;
}

static struct json *make_payment(const struct loading *loading, struct arena *arena)
{
    unsigned place, own = demo_payment_contract(loading->sales, loading->customer, loading->item, &place);
    return demo_payment_fields(loading->sales, loading->customer, loading->item,
        loading->contracts[loading->sales->first_contract[loading->customer] + own], loading->load->org,
        loading->load->today_us, arena);
}

static const struct demo_form FORMS[] = {
    {"customer", NULL, make_customer},
    {"contact", contact_counts, make_contact},
    {"follow_up", follow_up_counts, make_follow_up},
    {"opportunity", opportunity_counts, make_opportunity},
    {"contract", contract_counts, make_contract},
    {"payment", payment_counts, make_payment},
};

static void system_caller(struct caller *caller, struct boot *boot)
{
    *caller = (struct caller){.house = &boot->house, .world = boot->house.world, .login = STR("system")};
}

static task_fn int load_form(const struct demo_load *load, const char *key, struct err *err)
{
    struct str definition;
    struct caller caller;
    const char *path =
        arena_cstr(load->arena, arena_printf(load->arena, "%.*s/config/templates/demo-bank/%s.json",
                                    STR_ARGS(load->boot->share), key));
    if (catalog_form(load->boot->house.world->catalog, str_of(key)))
        return 0;
    int rc = read_file(load->arena, path, TEMPLATE_BYTES_MAX, &definition, err);
    if (rc < 0)
        return rc;
    system_caller(&caller, load->boot);
    rc = form_create(&caller, definition, err);
    if (rc < 0 && err->items)
        fprintf(stderr, "%s: %.*s: %.*s\n", path, STR_ARGS(err->items->field),
            STR_ARGS(fault_text(err->items, ERR_LANG_EN, load->arena)));
    return rc;
}

/* The next item: of the same customer, or the first of the next one that has any. */
static void step(struct loading *loading)
{
    loading->at++;
    loading->item++;
    while (loading->at < loading->total &&
           loading->item >= (loading->counts ? loading->counts[loading->customer] : 1)) {
        loading->customer++;
        loading->item = 0;
    }
}

static task_fn void load_batch(void *arg)
{
    struct loading *loading = arg;
    struct arena *arena = task_arena();
    struct house *house = &loading->load->boot->house;
    struct caller caller = {.login = STR("demo"), .request = STR("first-start")};
    struct loading at = *loading;
    const struct json **items = arena_new_array(arena, const struct json *, BATCH);
    const struct user *loader = directory_user_by_login(house->world->directory, STR("demo"));
    size_t n = 0;
    must(loader != NULL);
    for (; n < BATCH && at.at < at.total; n++) {
        items[n] = at.form->make(&at, arena);
        step(&at);
    }
    int rc = caller_init(&caller, house, loader->id);
    if (rc < 0)
        (void)err_set(&loading->err, ERR_CONFLICT, "the demo loader's account is disabled");
    else
        rc = record_create_many(&caller, str_of(loading->form->key), items, n, &loading->err);
    if (rc < 0 && loading->err.items)
        fprintf(stderr, "demo %s: %.*s\n", loading->form->key, STR_ARGS(loading->err.items->field));
    if (rc == 0) {
        loading->at = at.at;
        loading->customer = at.customer;
        loading->item = at.item;
    }
    loading->err.items = NULL; /* they lived in this task's arena */
    loading->batch_done = true;
    task_wake(loading->waiter);
}

/* The ids of the records that an earlier form of the bank has, in the order in which they were made. */
static task_fn int find_ids(
    const struct demo_load *load, const char *form, size_t n, int64_t **ret_ids, struct err *err)
{
    struct caller caller;
    size_t found = n;
    system_caller(&caller, load->boot);
    int rc = record_ids_all(&caller, str_of(form), load->arena, ret_ids, &found, err);
    if (rc == 0 && found != n)
        return err_set(err, ERR_CONFLICT, "%zu records of %s, not %zu", found, form, n);
    return rc;
}

static size_t total_of(const unsigned *counts, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += counts[i];
    return total;
}

/* What the form's records name, and how many each customer has. */
static task_fn int find_named(struct loading *loading, struct err *err)
{
    const struct demo_load *load = loading->load;
    const struct demo_sales *sales = loading->sales;
    bool contracts = loading->form->make == make_contract, payments = loading->form->make == make_payment;
    int rc = find_ids(load, "customer", sales->n, &loading->customers, err);
    if (rc == 0 && contracts)
        rc = find_ids(
            load, "opportunity", total_of(sales->opportunities, sales->n), &loading->opportunities, err);
    if (rc == 0 && payments)
        rc = find_ids(load, "contract", total_of(sales->contracts, sales->n), &loading->contracts, err);
    if (rc < 0)
        return rc;
    loading->counts = loading->form->counts(loading);
    loading->total = (int64_t)total_of(loading->counts, sales->n);
    return 0;
}

/* To the first item, past customers that have none, and from there past what an earlier start has loaded. */
static void go_on(struct loading *loading, int64_t loaded)
{
    while (loading->counts && loading->total > 0 && loading->counts[loading->customer] == 0)
        loading->customer++;
    while (loading->at < loaded && loading->at < loading->total)
        step(loading);
}

/* A task for each batch, so that memory is that of one. */
static task_fn int load_records(struct loading *loading, struct err *err)
{
    struct caller caller;
    int64_t loaded;
    system_caller(&caller, loading->load->boot);
    int rc = record_count_all(&caller, str_of(loading->form->key), &loaded, err);
    if (rc == 0 && loading->form->counts)
        rc = find_named(loading, err);
    if (rc < 0)
        return rc;
    if (!loading->form->counts)
        loading->total = loading->load->rows;
    go_on(loading, loaded);
    loading->waiter = task_self();
    while (loading->at < loading->total) {
        if (task_is_cancelled())
            return err_set(err, ERR_CANCELLED, "stopped while loading");
        loading->batch_done = false;
        (void)task_spawn("demo", load_batch, loading);
        while (!loading->batch_done)
            task_park_firmly();
        if (loading->err.code != ERR_NONE)
            return err_set(err, loading->err.code, "%s", loading->err.detail);
        if (loading->at % 2000 == 0 || loading->at == loading->total)
            printf("demo bank: %lld of %lld %s records\n", (long long)loading->at, (long long)loading->total,
                loading->form->key);
        fflush(stdout);
    }
    return 0;
}

task_fn int demo_load_records(const struct demo_load *load, struct err *err)
{
    int rc = 0;
    struct demo_sales sales;
    size_t n =
        load->rows < DEMO_RELATED_CUSTOMERS_MAX ? (size_t)load->rows : (size_t)DEMO_RELATED_CUSTOMERS_MAX;
    demo_sales_count(n, load->org, load->today_us, load->arena, &sales);
    for (size_t i = 0; i < sizeof(FORMS) / sizeof(FORMS[0]) && rc == 0; i++)
        rc = load_form(load, FORMS[i].key, err);
    for (size_t i = 0; i < sizeof(FORMS) / sizeof(FORMS[0]) && rc == 0; i++) {
        struct loading loading = {.load = load, .form = &FORMS[i], .sales = &sales};
        rc = load_records(&loading, err);
    }
    return rc;
}
