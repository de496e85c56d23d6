/* Dates, instants, and references to people, departments and records. */
#include "base/clock.h"
#include "base/id.h"
#include "form/types_int.h"

void date_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_add_text(ddl, "DATE");
}

PARSE(date_parse)
{
    (void)field;
    struct str text = STR_NULL;
    int rc = parse_string(value, path, arena, &text, err), year, month, day;
    if (rc < 0)
        return rc;
    if (text.n != 0 && (!clock_parse_date(text, &year, &month, &day) || year < 1000))
        return err_add(err, arena, path, FAULT_NOT_A_DATE, STR_NULL);
    *ret_value = text.n == 0 ? DB_N : DB_S(text);
    return 0;
}

void datetime_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_add_text(ddl, "DATETIME(6)");
}

PARSE(datetime_parse)
{
    (void)field;
    struct str text = STR_NULL;
    int rc = parse_string(value, path, arena, &text, err);
    if (rc < 0)
        return rc;
    if (text.n == 0) {
        *ret_value = DB_N;
        return 0;
    }
    int64_t utc_us;
    static const int64_t YEAR_1000_US = -30610224000LL * 1000000; /* DATETIME begins there */
    if (!clock_parse_rfc3339(text, &utc_us) || utc_us < YEAR_1000_US)
        return err_add(err, arena, path, FAULT_NOT_AN_INSTANT, STR_NULL);
    char sql[CLOCK_TEXT_MAX];
    size_t n = clock_print_sql(utc_us, sql);
    *ret_value = DB_S(arena_copy(arena, ((struct str){sql, n})));
    return 0;
}

void datetime_print(const struct field *field, const struct db_val *value, struct json_out *out)
{
    (void)field;
    int64_t utc_us;
    char text[CLOCK_TEXT_MAX];
    if (!clock_parse_sql(value->s, &utc_us)) {
        json_out_null(out);
        return;
    }
    size_t n = clock_print_rfc3339(utc_us, text);
    json_out_str(out, (struct str){text, n});
}

void reference_column(const struct field *field, struct buf *ddl)
{
    (void)field;
    buf_add_text(ddl, "BIGINT");
}

/* Whether there is such a person, department or record is judged by record/, which knows who may see it. */
PARSE(reference_parse)
{
    (void)field;
    struct str text = STR_NULL;
    int rc = parse_string(value, path, arena, &text, err);
    if (rc < 0)
        return rc;
    int64_t id = 0;
    if (text.n != 0 && !id_parse(text, &id))
        return err_add(err, arena, path, FAULT_NOT_AN_ID, STR_NULL);
    *ret_value = text.n == 0 ? DB_N : DB_I(id);
    return 0;
}

void reference_print(const struct field *field, const struct db_val *value, struct json_out *out)
{
    (void)field;
    json_out_id(out, value->i);
}
