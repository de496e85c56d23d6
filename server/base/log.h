/*
 * One line an event to standard error: time, level, room, then key=value. Values are quoted when they hold
 * blanks, quotes, control characters or bytes that are not UTF-8, so that a user's text can never forge a
 * line. Only handlers, jobs and main call this; rooms below floor 5 return their errors instead.
 */
#ifndef TIDEMARK_BASE_LOG_H
#define TIDEMARK_BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
bool log_level_parse(struct str text, enum log_level *ret_level);

struct log_pair {
    const char *key;
    enum { LOG_TEXT, LOG_INT } kind;
    struct str text;
    int64_t number;
};
#define LOG_S(k, s) ((struct log_pair){.key = (k), .kind = LOG_TEXT, .text = (s)})
#define LOG_C(k, c) ((struct log_pair){.key = (k), .kind = LOG_TEXT, .text = str_of(c)})
#define LOG_I(k, i) ((struct log_pair){.key = (k), .kind = LOG_INT, .number = (int64_t)(i)})

void log_write(
    enum log_level level, const char *room, const char *message, const struct log_pair *pairs, size_t n);
/* log_event(LOG_INFO, "net", "listening", LOG_I("port", 8080)) */
#define log_event(level, room, message, ...)                                                                 \
    log_write((level), (room), (message), (const struct log_pair[]){__VA_ARGS__},                            \
        sizeof((const struct log_pair[]){__VA_ARGS__}) / sizeof(struct log_pair))

#endif
