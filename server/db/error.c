/*
 * MariaDB's errors in our words. Its messages quote values (a duplicate key's, a wrong date's), which belong
 * to customers and not into logs: quoted parts are blanked unless the message is known to quote names only.
 */
#include "db/conn.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

enum meaning { DUPLICATE, RETRY, LOST, AWAY, OTHER };

static const struct {
    unsigned number;
    enum meaning meaning;
} meanings[] = {
    {ER_DUP_ENTRY, DUPLICATE},
    {ER_DUP_ENTRY_WITH_KEY_NAME, DUPLICATE},
    {ER_LOCK_DEADLOCK, RETRY},
    {ER_LOCK_WAIT_TIMEOUT, RETRY},
    {ER_CHECKREAD, RETRY}, /* the record has changed since the snapshot */
    {ER_TABLE_DEF_CHANGED, RETRY},
    {ER_NEED_REPREPARE, RETRY},
    {CR_CONNECTION_ERROR, LOST},
    {CR_CONN_HOST_ERROR, LOST},
    {CR_SERVER_GONE_ERROR, LOST},
    {CR_SERVER_LOST, LOST},
    {CR_SERVER_LOST_EXTENDED, LOST},
    {CR_COMMANDS_OUT_OF_SYNC, LOST}, /* what comes after it cannot be told apart any more */
    {CR_MALFORMED_PACKET, LOST},
    {CR_SSL_CONNECTION_ERROR, LOST},
    {ER_SERVER_SHUTDOWN, LOST},
    {ER_CONNECTION_KILLED, LOST},
    {ER_NEW_ABORTING_CONNECTION, LOST},
    {ER_NET_READ_ERROR, LOST},
    {ER_NET_READ_INTERRUPTED, LOST},
    {ER_NET_ERROR_ON_WRITE, LOST},
    {ER_NET_WRITE_INTERRUPTED, LOST},
    {ER_CON_COUNT_ERROR, AWAY},
    {ER_TOO_MANY_USER_CONNECTIONS, AWAY},
    {ER_STATEMENT_TIMEOUT, AWAY},
    {ER_QUERY_INTERRUPTED, AWAY},
    {ER_OPTION_PREVENTS_STATEMENT, AWAY}, /* read_only */
    {ER_UNKNOWN_COM_ERROR, AWAY},         /* a Galera node that is not ready */
    {ER_DISK_FULL, AWAY},
    {ER_RECORD_FILE_FULL, AWAY},
};

/* Messages that quote names, never values. */
static const unsigned names_only[] = {ER_BAD_FIELD_ERROR, ER_NO_SUCH_TABLE, ER_BAD_DB_ERROR,
    ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR,
    ER_ACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_DATA_TOO_LONG, ER_WARN_DATA_OUT_OF_RANGE,
    ER_BAD_NULL_ERROR, ER_NO_DEFAULT_FOR_FIELD, ER_WRONG_VALUE_COUNT_ON_ROW, ER_DUP_FIELDNAME, ER_DUP_KEYNAME,
    ER_TABLE_EXISTS_ERROR, ER_CANT_DROP_FIELD_OR_KEY, ER_UNKNOWN_SYSTEM_VARIABLE, ER_WRONG_VALUE_FOR_VAR,
    ER_ALTER_OPERATION_NOT_SUPPORTED, ER_ALTER_OPERATION_NOT_SUPPORTED_REASON, ER_PARSE_ERROR};

static enum meaning meaning_of(unsigned number)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].number == number) {
            return meanings[i].meaning;
        }
    }
    return OTHER;
}

static bool quotes_names_only(unsigned number)
{
    if (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR) {
        return true; /* the client library's own: host, socket, system error */
    }
    for (size_t i = 0; i < sizeof names_only / sizeof names_only[0]; i++) {
        if (names_only[i] == number) {
            return true;
        }
    }
    return false;
}

/* Everything between the first and the last quote goes: a value may hold quotes itself. */
static void print_without_values(const char *message, char *text, size_t size)
{
    const char *first = strchr(message, '\'');
    const char *last = strrchr(message, '\'');

    if (first == NULL) {
        (void)snprintf(text, size, "%s", message);
    } else {
        (void)snprintf(text, size, "%.*s'...%s", (int)(first - message), message, last == first ? "" : last);
    }
}

/*
 * "Duplicate entry 'VALUE' for key 'NAME'": the value may hold anything, so the name is taken from the end.
 * With a table in front ("customer.uk_code") only the key stays.
 */
static struct str duplicate_key_name(const char *message)
{
    struct str name = STR("?");
    const char *end = strrchr(message, '\'');
    const char *begin;

    if (end == NULL) {
        return name;
    }
    for (begin = end; begin > message && begin[-1] != '\''; begin--) {
    }
    name = (struct str){begin, (size_t)(end - begin)};
    for (size_t i = name.n; i > 0; i--) {
        if (name.p[i - 1] == '.') {
            return (struct str){name.p + i, name.n - i};
        }
    }
    return name;
}

int conn_pass_error(struct err *err, const struct err *cause)
{
    if (err->code == ERR_NONE) {
        err->retry_after_s = cause->retry_after_s;
    }
    return err_set(err, cause->code, "%s", cause->detail);
}

int conn_error(struct conn *conn, unsigned number, const char *message, const char *sql, struct err *err)
{
    char text[160];

    switch (meaning_of(number)) {
    case DUPLICATE:
        return err_set(err, ERR_DB_DUPLICATE, "duplicate key=%.*s", STR_ARGS(duplicate_key_name(message)));
    case RETRY:
        return err_set(err, ERR_DB_RETRY, "db error %u in %.60s", number, sql);
    case LOST:
        conn->dead = true;
        if (conn->timed_out) {
            return err_set(err, ERR_DB_LOST, "db statement time-out in %.60s", sql);
        }
        return err_set(err, ERR_DB_LOST, "db connection lost (%u%s%.100s) in %.60s", number,
            quotes_names_only(number) ? ": " : "", quotes_names_only(number) ? message : "", sql);
    case AWAY:
        if (err->code == ERR_NONE) {
            err->retry_after_s = 1;
        }
        return err_set(err, ERR_UNAVAILABLE, "db error %u in %.60s", number, sql);
    case OTHER:
        break;
    }
    if (quotes_names_only(number)) {
        (void)snprintf(text, sizeof text, "%s", message);
    } else {
        print_without_values(message, text, sizeof text);
    }
    return err_set(err, ERR_INTERNAL, "db error %u: %s; in %.60s", number, text, sql);
}

bool db_duplicate_key(const struct err *err, struct str *ret_key)
{
    struct str detail = str_of(err->detail);
    const struct str prefix = STR("duplicate key=");

    if (err->code != ERR_DB_DUPLICATE || !str_starts(detail, prefix)) {
        return false;
    }
    *ret_key = (struct str){detail.p + prefix.n, detail.n - prefix.n};
    return true;
}
