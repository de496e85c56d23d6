/*
 * What the load generators of the benchmark share: a person's log-in, thousands of WebSockets in one thread
 * on epoll, changes committed straight to the database, looks at the server's process, and servers in child
 * processes that do what they are told (the ceiling).
 */
#ifndef TIDEMARK_BENCH_LOAD_H
#define TIDEMARK_BENCH_LOAD_H

#include "base/str.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LOAD_PEOPLE_MAX = 64,
    LOAD_COOKIE_MAX = 256,
    LOAD_PER_ADDRESS = 900, /* of 127.0.0.x: below limits.connections_per_address */
    LOAD_POS_MAX = 48,
    LOAD_PERSON_BASE = 100000 /* ids of the people of rights.ts: this and their numbers */
};

_Noreturn void load_die(const char *what, const char *why);
/* As many descriptors as this process may have; ends it if they are fewer than needed. */
void load_allow_descriptors(size_t n);

/* ---- measure.c
 * ----------------------------------------------------------------------------------------------- */

int64_t cpu_us_of(pid_t pid);     /* processor time that the process has had */
double resident_kb_of(pid_t pid); /* VmRSS */
double settled_kb_of(pid_t pid);  /* … once it has stopped moving, or after 8 s: bursts give back */
double median_of(double *values, size_t n);             /* sorts them */
double percentile_ms(int64_t *us, size_t n, double of); /* sorts them; 0.99 of microseconds, in ms */

/* ---- api.c: blocking, a connection for each call
 * ------------------------------------------------------------- */

struct api {
    int port;
    SSL_CTX *ssl_ctx; /* NULL: plain */
};
int api_dial(const struct api *api, uint32_t address_offset, bool nonblocking);
/* "sid=…" of a new session; the password stands in TIDEMARK_DEMO_PASSWORD. ret_csrf NULL: not wanted. */
void api_log_in(const struct api *api, const char *login, char ret_cookie[LOAD_COOKIE_MAX],
    char ret_csrf[LOAD_COOKIE_MAX]);
/* PUT of a document whose version this is; its new version takes the place. */
struct api_login {
    char cookie[LOAD_COOKIE_MAX], csrf[LOAD_COOKIE_MAX];
};
void api_version(const struct api *api, const struct api_login *login, const char *path,
    char ret_version[LOAD_COOKIE_MAX]);
void api_put(const struct api *api, const struct api_login *login, const char *path, const char *body,
    char version[LOAD_COOKIE_MAX]);
/* A number of /metrics, without its "tidemark_"; ends the program where there is none of that name. */
double api_metric(const struct api *api, const char *name);

/* ---- sockets.c
 * ----------------------------------------------------------------------------------------------- */

enum load_state { LOAD_CLOSED, LOAD_DIALING, LOAD_SHAKING, LOAD_ASKED, LOAD_OPEN };

struct load_socket {
    size_t index;
    enum load_state state;
    int fd;
    SSL *ssl;
    unsigned char *part; /* of a frame that is not whole yet */
    size_t n_part;
    int64_t retry_at_us; /* closed, and to be dialled again then; 0: it stays closed */
    bool paused, subscribed;
    uint64_t frames, bytes;                           /* of text frames, headers included */
    int64_t change;                                   /* the newest that it has been told of; -1: none */
    char pos[LOAD_POS_MAX], state_text[LOAD_POS_MAX]; /* for a resume */
};

struct load {
    struct api api;
    int poll;
    char cookies[LOAD_PEOPLE_MAX][LOAD_COOKIE_MAX];
    size_t n_people, n_sockets;
    struct load_socket *sockets;
    bool server_is_bare; /* it says nothing by itself, and frames are not looked into */
    size_t n_open, n_subscribed, n_refused, n_lost;
    uint64_t n_marks, n_snapshots;
    int64_t change_base; /* see changes.c */
    /* The message that socket `index` subscribes with, without the closing brace. */
    void (*sub)(size_t index, char *text, size_t size);
    /* "sid=…" of socket `index`. NULL: those of the people, in turn. */
    void (*cookie)(size_t index, char *text, size_t size);
    /* Told of a change, by a delta or a snapshot. NULL accepted. */
    void (*on_change)(struct load_socket *socket, int64_t change, int64_t now_us);
    /* Each text frame, before it is looked into. NULL accepted. */
    void (*on_text)(const struct load_socket *socket, struct str text, int64_t now_us);
};

/* Sockets begin closed. Person i % n_people holds socket i. */
void load_init(struct load *load, const struct api *api, size_t n_sockets);
void load_dial(struct load *load, size_t index);
/* Waits up to so long for something to happen, and works on all that has; dials again what is due. */
void load_turn(struct load *load, int timeout_ms);
void load_turn_for(struct load *load, int64_t us);
/* Until all of [from, to) know of the change; ends the program where that takes too long. */
void load_wait_change(struct load *load, size_t from, size_t to, int64_t change);
/* The cable is pulled. */
void load_cut(struct load *load, size_t index);
/* Takes nothing any more; and again. */
void load_pause(struct load *load, size_t index);
void load_wake(struct load *load, size_t index);
/* Dials [from, to), at most so many at once, until all of them are subscribed (a bare server's: open). */
void load_open(struct load *load, size_t from, size_t to, size_t at_once);

/* ---- changes.c: one transaction with the row's UPDATE and its audit event
 * --------------------------------------- */

/* Change number n writes '#' and changes_base() + n into the notes of a customer: no run has another's
 * numbers.
 */
struct changes;
struct changes *changes_new(const char *data_dir, unsigned n_connections, size_t n_max);
/* Customers by a query that gives their ids; returns how many. */
size_t changes_customers(struct changes *changes, const char *sql);
/* Rows of numbers of any statement of the application account: its first row, `column`. */
int64_t changes_number(struct changes *changes, const char *sql, unsigned column);
int64_t changes_id(const struct changes *changes, size_t i);
/* Commits one here and now; returns its number. */
int64_t changes_commit(struct changes *changes, size_t customer);
/* In the background: n more, so many a second, customer `choose(number)` each. */
void changes_start(struct changes *changes, size_t n, double per_s, size_t (*choose)(int64_t number));
bool changes_are_done(const struct changes *changes);
/* Waits for them; returns the seconds that they took. */
double changes_join(struct changes *changes);
int64_t changes_base(const struct changes *changes);
int64_t changes_last(const struct changes *changes); /* number of the newest that was begun; -1: none */
int64_t changes_began_us(const struct changes *changes, int64_t number);
int64_t changes_committed_us(const struct changes *changes, int64_t number); /* 0: not yet */
void changes_free(struct changes *changes);

/* ---- side.c, bare.c: a server in a child process, told over a pipe what to do
 * ----------------------------------- */

struct side_answer {
    int64_t first, second;
};
struct side {
    int to, from, port;
    pid_t pid;
};
#define SIDE_COUNT 'n'  /* how many sockets are open */
#define SIDE_MEMORY 'm' /* resident bytes */
#define SIDE_SEND 's'   /* one frame of so many bytes to each; microseconds of wall and of processor time */
#define SIDE_STALL 'h'  /* resident bytes that stalled sockets cost, and how many they are */

/* Forks; in the child, start() brings the server up on the loop and returns its port. Before any thread. */
void side_fork(struct side *side, int (*start)(void));
struct side_answer side_ask(const struct side *side, char command, size_t n_bytes);

/* In the child. */
struct side_server {
    size_t n_open, n_bytes;
    void (*send)(void), (*stall)(void);
};
extern struct side_server side_server;
void side_sent_one(void); /* called once for each open socket, ends the round */
void side_tell(int64_t first, int64_t second);

/* libwebsockets alone; certificate and key NULL: plain. Returns its port. */
int bare_start(const char *certificate, const char *key);

#endif
