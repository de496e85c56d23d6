/* Private to live/. */
#ifndef TIDEMARK_LIVE_LIVE_INT_H
#define TIDEMARK_LIVE_LIVE_INT_H

#include "base/list.h"
#include "base/map.h"
#include "live/index.h"
#include "live/live.h"
#include "loop/loop.h"
#include "record/select.h"

enum {
    LIVE_GUARD = 32,              /* rows kept on either side of a window */
    LIVE_RING = 128,              /* frames that a channel keeps for those behind */
    LIVE_RING_BYTES = 256 << 10,  /* … and their bytes; the newest is kept in any case */
    LIVE_BEHIND_BYTES = 48 << 10, /* past it a viewer gets the state instead */
    LIVE_PIECES = 64,             /* of one write, beside presence and mark */
    LIVE_SAID = 32,               /* problems that wait until the pipe is free */
    LIVE_PENDING = 4096, /* changes kept for a channel that is being read; past it, it is read later */
    LIVE_PATH_MS = 1000, /* between two readings of a list with paths */
    LIVE_TICK_MS = 1000,
    LIVE_MARK_MS = 5000,
    LIVE_LINGER_MS = 30000,   /* a channel without viewers waits so long for their return */
    LIVE_PRESENCE_MS = 30000, /* without a word from the browser, which renews every 10 s */
    LIVE_NAME_MAX = 24,
    LIVE_STATE_MAX = 33,
    LIVE_VERSION_MAX = 24
};

/* A row of a band: owns copies of all that it points to, in one block. */
struct row {
    struct record record;
    struct select_key key;
    char version[LIVE_VERSION_MAX];
    struct row *was; /* as it was last told, if it has changed since; only for rows of the window */
};

/* The index of a form's channels, and how to read its images. */
struct live_form {
    int64_t id;
    struct world *world; /* that its definition is of: channels of later worlds that are alike use it, too */
    const struct form *form;
    struct str table;
    struct live_index *index;
    struct map *by_record; /* channels of single records: struct list heads */
    struct arena *arena;
    struct image_map *map; /* of a table whose columns are `columns` */
    struct arena *map_arena;
    struct str *columns;
    size_t n_columns;
    struct db_val *probe; /* scratch: values by field, before and after */
    size_t n_fields;
};

enum channel_kind { CHANNEL_LIST, CHANNEL_RECORD, CHANNEL_LOG };
enum channel_phase { CHANNEL_LOADING, CHANNEL_OPEN, CHANNEL_FAILED };

struct frame {
    int64_t pos;
    struct ws_bytes *bytes;
};

/* A row that was told, and the newest frame that did. */
struct put {
    int64_t record;
    uint64_t at;
};

struct channel {
    unsigned magic;
    struct live *live;
    struct list in_live, in_touched, in_loading, in_logs, in_pathed;
    enum channel_kind kind;
    enum channel_phase phase;
    char name[LIVE_NAME_MAX], state[LIVE_STATE_MAX];
    struct str key; /* what viewers must ask for to share it */

    struct arena *arena; /* definition: caller, plan, select */
    struct caller caller;
    struct select *select;
    struct live_form *form;
    struct live_entry entry;
    struct list in_record; /* CHANNEL_RECORD: of the form's by_record */
    int64_t record_id, start, limit;
    bool counts;
    enum audit_action only; /* CHANNEL_LOG: this action alone, AUDIT_ACTION_COUNT: all */

    /* the band */
    struct row **rows;
    size_t n_rows, cap_rows;
    int64_t base;  /* rank of rows[0] */
    bool is_whole; /* nothing comes after the last row */
    int64_t total;
    int64_t pos;       /* sequence that the band stands at */
    int64_t told_pos;  /* … that the frames stand at */
    int64_t read_us;   /* of a list with paths: when it was last read; monotonic */
    int64_t held_pos;  /* while loading: all up to here has been told */
    int64_t load_from; /* … and what is read must hold this transaction */
    int64_t first_pos; /* of the first state that was told */
    int64_t *told;     /* ids of the window as last told */
    size_t n_told;
    struct row **gone; /* rows told that have left the band since, as they were told */
    size_t n_gone;
    int64_t told_total;
    bool touched; /* by the transaction in hand */

    /* loading */
    bool loading, again; /* again: what is being loaded is already known to be too little */
    struct err err;
    struct list pending; /* transactions heard while loading */
    size_t n_pending;    /* … and their changes */
    struct task_cond loaded;

    /* frames */
    struct frame *ring; /* LIVE_RING of them; NULL until there is one to keep */
    uint64_t head;      /* frames appended so far */
    uint64_t tail;      /* the oldest that is still kept; head: none */
    size_t ring_bytes;
    struct ws_bytes *snapshot;
    uint64_t snapshot_head;
    unsigned snapshot_turn; /* when it was last sent */
    char hash[17];
    uint64_t hash_head;
    struct list viewers;
    struct list awake; /* those of them whose pipe was free when they were last told of something */
    bool awaited;      /* a snapshot or a mark waits until it is settled */
    size_t n_viewers;
    int64_t empty_since_us;
    int64_t valid_until_us;
    struct ws_bytes *presence;
    unsigned presence_turn;
    struct list events; /* CHANNEL_LOG: the newest, as JSON (log.c) */
    size_t n_events;

    /* for the log (views.c) */
    struct put *puts;
    size_t n_puts, cap_puts;
    struct map *put_places;  /* by record: its place in puts, from 1; NULL: none yet */
    struct put_ids *put_ids; /* of puts, as last asked for */
    uint64_t put_ids_from, put_ids_head;
    int64_t digest_us; /* monotonic */
};

struct viewer {
    struct list in_channel, in_awake, in_socket;
    struct channel *channel; /* NULL while it is being found */
    struct socket *socket;
    struct str request; /* the sub message, for beginning anew; malloc'ed */
    char id[72];        /* the browser's own */
    unsigned refs;
    bool told, needs_schema, dead, opening;
    bool needs_snapshot;
    uint64_t cursor;
    int64_t view;    /* the id of its opening in the log, which has no end yet; 0: none */
    uint64_t logged; /* frames before this one are in the log */
    unsigned presence_turn;
    bool has_range; /* moved: instead of what the message says */
    int64_t range_start, range_limit;
    int64_t held_pos;   /* while needs_schema: all up to here has been told under the rights of then */
    int64_t resume_pos; /* -1: none */
    char resume_state[LIVE_STATE_MAX];
};

struct socket {
    unsigned magic, refs;
    struct live *live;
    struct list in_live, in_dirty, in_session, in_user;
    unsigned number;
    struct ws *ws; /* NULL once closed */
    int64_t session, user_id;
    char *cookie, *address_text; /* malloc'ed; the cookie only until the session is found */
    struct str address;
    char request[24];
    enum err_lang lang;
    int64_t ends_at_us;     /* of the session */
    struct ws_bytes **said; /* LIVE_SAID of them, or NULL */
    size_t n_said;
    struct list viewers;
    size_t n_viewers;
    bool is_open, is_dirty, owes_mark, owes_hash;
    bool held_back;   /* the last mark stopped short of a window that is being read anew */
    int64_t mark_pos; /* of the last mark: they never go back */
    int64_t presence_id, presence_record; /* the row that says where this person is; 0: none */
    int64_t presence_until_us;
    char presence_form[FORM_KEY_MAX + 1], presence_field[FORM_KEY_MAX + 1];
    bool presence_busy, presence_stale; /* its row is being written; … and has moved on meanwhile */
};

struct pending_tx {
    struct list in_channel;
    struct feed_tx *tx;
};

struct live {
    unsigned magic;
    struct house *house;
    struct feed *feed;
    /* logs: the channels of the log; pathed: lists whose filters look into other records */
    struct list sockets, channels, logs, pathed, dirty, touched, loading;
    /* Channels; forms by id; open sockets (seats.c). */
    struct map *by_key, *forms, *by_session, *by_user;
    int64_t pos;     /* sequence of the last whole transaction heard */
    int64_t hearing; /* … and of the one in hand */
    bool in_parts;   /* some of a large transaction has been heard, not yet all */
    int64_t world;   /* counts live_world_changed */
    int64_t now_us;
    struct task_cond moved; /* pos or world has */
    uint64_t names;
    struct ws_bytes *mark; /* of mark_pos, without hashes */
    int64_t mark_pos;
    struct loop_timer timer;
    struct channel **candidates;
    size_t n_candidates, cap_candidates;
    struct list sayings; /* of views, on their way into the log (views.c) */
    unsigned n_sayers, n_opened;
    unsigned tasks; /* that use this room */
    unsigned turn;
    bool flushing;
    bool fenced; /* nothing is sent until live_world_changed has been decided on */
    bool ending;
    struct list here; /* who is at which record (presence.c) */
    struct live_stats stats;
};

/* band.c: rows in their order, and what a transaction does to them */
void band_clear(struct channel *channel);
void band_take(struct channel *channel, const struct select_row *rows, size_t n);
/* Applies one change; sets touched. False: the band can no longer tell the window (a refill is due). */
bool band_apply(struct channel *channel, const struct feed_change *change);
bool band_covers(const struct channel *channel);
void band_trim(struct channel *channel);
void band_forget_gone(struct channel *channel);
struct row *band_window(const struct channel *channel, size_t i); /* NULL past the end */
size_t band_window_length(const struct channel *channel);
void row_free(struct row *row); /* NULL accepted */

/* frame.c: what is told */
void frame_delta(struct channel *channel); /* the difference to what was last told, if there is one */
struct ws_bytes *frame_snapshot(struct channel *channel); /* borrowed: the channel keeps it for now */
void frame_forget_snapshot(struct channel *channel);      /* if it has not been wanted lately */
const char *frame_hash(struct channel *channel);
void frame_append(struct channel *channel, struct ws_bytes *bytes);       /* takes the reference */
const struct frame *frame_at(const struct channel *channel, uint64_t at); /* bytes NULL: no longer kept */
struct ws_bytes *frame_of(const struct json_out *out);
struct str frame_pos(const struct live *live, int64_t sequence);
void frame_told(struct channel *channel); /* what is in the window now has been told */
void frames_clear(struct channel *channel);

/* channel.c */
task_fn int channel_find(struct live *live, struct viewer *viewer, const struct json *sub,
    struct channel **ret_channel, struct err *err);
/* The [start, limit] of a sub or a move; range NULL: what stands in the outputs is checked. */
int channel_range(const struct live *live, const struct json *range, int64_t *ret_start, int64_t *ret_limit,
    struct err *err);
void channel_fail(struct channel *channel); /* tells its viewers, who end */
void channel_drop(struct channel *channel);
void channel_reload(struct channel *channel);
/* Keeps a transaction for when the load is there. */
void channel_keep(struct channel *channel, const struct feed_tx *tx);
/* False while its band holds what has not been told: within a transaction, or while it is read anew. */
bool channel_is_settled(const struct channel *channel);
/* It is settled again: what had to wait for it goes on. */
void channel_settled(struct channel *channel);
/* Its viewers have something to be sent. One whose pipe is full is not looked at again until it is free. */
void channel_tell(struct channel *channel);
void channel_wake(struct viewer *viewer); /* its pipe is free, or it has just come */
/* How to read images of that table; NULL if they are not the form's. */
const struct image_map *form_map(struct live_form *live_form, const struct feed_table *table);
void channel_attach(struct channel *channel, struct viewer *viewer);
void channel_detach(struct viewer *viewer);

/* pathed.c: lists with paths */
bool pathed_is(const struct channel *channel);
bool pathed_is_concerned(struct channel *channel, const struct feed_change *change);
void pathed_look(struct channel *channel); /* at what came while it was read: whether it is read again */
task_fn void pathed_pace(struct channel *channel); /* before it is read */

/* log.c: the auditor's tail */
void log_hear(struct live *live, const struct feed_tx *tx);
task_fn int log_load(struct channel *channel, struct err *err);
struct ws_bytes *log_snapshot(struct channel *channel); /* borrowed */
void log_forget(struct channel *channel);

/* views.c: what the log says of them */
task_fn int views_open(struct viewer *viewer, struct err *err);
void views_end(struct viewer *viewer);                      /* if there was an opening */
void views_put(struct channel *channel, int64_t record);    /* the frame in hand tells it */
void views_digest(struct channel *channel, int64_t now_us); /* if it is time */
void views_forget(struct channel *channel);

/* subscribe.c */
void subscribe_message(struct socket *socket, struct str text);
void subscribe_again(struct viewer *viewer); /* from the beginning, under the present world */
void viewer_end(struct viewer *viewer);

/* socket.c */
bool socket_dirty(struct socket *socket); /* false: its pipe is full, `drained` comes back to it */
void socket_send(struct socket *socket);
task_fn void mark_all(void *arg); /* a task: marks with hashes to all whose turn it is */
void socket_say_problem(struct socket *socket, const char *member, struct str value, const struct err *err);
/* goes_on: a message was refused, and the subscription stays as it was. */
void socket_say_refusal(
    struct socket *socket, const char *member, struct str value, bool goes_on, const struct err *err);
/* A malloc'ed copy with a NUL behind it: slices of a request have none, and strndup may look for it. */
char *copy_of(struct str text);
struct socket *socket_ref(struct socket *socket);
void socket_unref(struct socket *socket);

/* seats.c: open sockets by session and by person */
void seats_take(struct socket *socket);
void seats_leave(struct socket *socket);                                 /* also where it has none */
struct list *seats_of_session(const struct live *live, int64_t session); /* by in_session; NULL: none */
size_t seats_of_user(const struct live *live, int64_t user_id);

/* presence.c */
void presence_hear(struct live *live, const struct feed_tx *tx);
void presence_enter(struct socket *socket, struct str form, int64_t record, struct str field);
void presence_leave(struct socket *socket);
void presence_check(struct socket *socket, int64_t now_us);
void presence_of(struct channel *channel); /* tells who is there, if that has changed */
void presence_free(struct live *live);

#define CHANNEL_MAGIC 0x4348414eu
#define SOCKET_MAGIC 0x534f434bu
#define LIVE_MAGIC 0x4c495645u

#endif
