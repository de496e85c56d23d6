/* The functions of the field types, private to form/. Meanings are those of struct field_type. */
#ifndef TIDEMARK_FORM_TYPES_INT_H
#define TIDEMARK_FORM_TYPES_INT_H

#include "form/form.h"

void print_text(const struct field *field, const struct db_val *value, struct json_out *out);

void text_column(const struct field *field, struct buf *ddl);
void long_text_column(const struct field *field, struct buf *ddl);
void code_column(const struct field *field, struct buf *ddl);
void several_column(const struct field *field, struct buf *ddl);
void email_column(const struct field *field, struct buf *ddl);
void url_column(const struct field *field, struct buf *ddl);
void yes_no_column(const struct field *field, struct buf *ddl);
void decimal_column(const struct field *field, struct buf *ddl);
void integer_column(const struct field *field, struct buf *ddl);
void number_column(const struct field *field, struct buf *ddl);
void date_column(const struct field *field, struct buf *ddl);
void datetime_column(const struct field *field, struct buf *ddl);
void reference_column(const struct field *field, struct buf *ddl);

#define PARSE(name)                                                                                          \
    int name(const struct field *field, const struct json *value, struct str path, struct arena *arena,      \
        struct db_val *ret_value, struct err *err)
PARSE(text_parse);
PARSE(long_text_parse);
PARSE(automatic_parse);
PARSE(choice_parse);
PARSE(several_parse);
PARSE(phone_parse);
PARSE(credit_code_parse);
PARSE(id_no_parse);
PARSE(email_parse);
PARSE(url_parse);
PARSE(yes_no_parse);
PARSE(decimal_parse);
PARSE(integer_parse);
PARSE(number_parse);
PARSE(date_parse);
PARSE(datetime_parse);
PARSE(reference_parse);

void several_print(const struct field *field, const struct db_val *value, struct json_out *out);
void integer_print(const struct field *field, const struct db_val *value, struct json_out *out);
void number_print(const struct field *field, const struct db_val *value, struct json_out *out);
void yes_no_print(const struct field *field, const struct db_val *value, struct json_out *out);
void datetime_print(const struct field *field, const struct db_val *value, struct json_out *out);
void reference_print(const struct field *field, const struct db_val *value, struct json_out *out);

/* Reads field->min and max into what is stored; faults name "<path>.min". */
void field_set_range(struct field *field, struct str path, struct arena *arena, struct err *err);

/* The text of a JSON string, or -1 with WRONG_TYPE. */
int parse_string(
    const struct json *value, struct str path, struct arena *arena, struct str *ret_text, struct err *err);

#endif
