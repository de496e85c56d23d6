/*
 * `tidemark audit`: the log's proof from the command line. `verify FILE` needs the file alone: no database,
 * no configuration, no data folder. `export` shows values in clear, so it is an event of the log itself.
 */
#include "audit/seal_store.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/must.h"
#include "loop/loop.h"
#include "main/main_int.h"
#include "json/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 20, KEY_FILE_MAX = 4096, SEALS_FILE_MAX = 256 << 20 };

struct audit_job {
    const struct options *options;
    const char *file; /* of verify; NULL: the database */
    struct arena *arena;
    struct boot boot;
    int64_t from_us, to_us;
    struct audit_verify_opts opts;
    struct audit_verify *verify;
    int status;
};

static void say_failed(struct audit_job *job, const char *what, const struct err *err)
{
    fprintf(stderr, "tidemark: audit: %s: %s%s\n", what,
        err->detail[0] ? err->detail : err_title(err->code, ERR_LANG_EN),
        err->code == ERR_UNAVAILABLE ? "; is the server of this data folder running?" : "");
    job->status = EXIT_FAILED;
}

/* ---- what was kept elsewhere --------------------------------------------------------------------------- */

/* 64 hex digits, or a file of that. */
static bool read_key(struct audit_job *job, const char *given, unsigned char key[CRYPTO_KEY_BYTES])
{
    struct str text = str_of(given);
    struct err err = {0};
    if (crypto_hex_decode(text, key, CRYPTO_KEY_BYTES))
        return true;
    if (read_file(job->arena, given, KEY_FILE_MAX, &text, &err) == 0 &&
        crypto_hex_decode(str_trim(text), key, CRYPTO_KEY_BYTES))
        return true;
    fprintf(stderr, "tidemark: audit: --key takes 64 lower-case hex digits, or a file that holds them: %s\n",
        err.detail[0] ? err.detail : given);
    return false;
}

static bool read_keys(struct audit_job *job)
{
    const struct options *options = job->options;
    unsigned char(*keys)[CRYPTO_KEY_BYTES] =
        arena_alloc(job->arena, (size_t)(options->n_keys + 1) * CRYPTO_KEY_BYTES);
    for (int i = 0; i < options->n_keys; i++)
        if (!read_key(job, options->keys[i], keys[i]))
            return false;
    job->opts.keys = (const unsigned char(*)[CRYPTO_KEY_BYTES])keys;
    job->opts.n_keys = (size_t)options->n_keys;
    return true;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = ((const struct seal *)a)->number, y = ((const struct seal *)b)->number;
    return x < y ? -1 : x > y;
}

/* Lines of seals, as an export and the auditor's page have them; in any order, one may stand there twice. */
static bool read_kept(struct audit_job *job)
{
    struct str text, rest;
    struct err err = {0};
    size_t n = 0, lines = 1;
    if (!job->options->kept)
        return true;
    if (read_file(job->arena, job->options->kept, SEALS_FILE_MAX, &text, &err) < 0) {
        say_failed(job, "seals that were kept", &err);
        return false;
    }
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    struct seal *seals = arena_new_array(job->arena, struct seal, lines);
    rest = text;
    while (rest.n > 0) {
        struct str line = str_trim(str_cut(&rest, '\n'));
        if (line.n > 0 && !seal_parse(line, &seals[n++])) {
            fprintf(stderr, "tidemark: audit: %s: a line that is no seal: %.*s\n", job->options->kept,
                STR_ARGS(line));
            job->status = EXIT_USAGE;
            return false;
        }
    }
    qsort(seals, n, sizeof *seals, by_number);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || memcmp(&seals[i], &seals[kept - 1], sizeof *seals) != 0)
            seals[kept++] = seals[i];
    job->opts.kept = seals;
    job->opts.n_kept = kept;
    return true;
}

/* ---- verify -------------------------------------------------------------------------------------------- */

static void say_good(const struct audit_job *job, const struct audit_verdict *verdict)
{
    const struct seal *last = &verdict->last;
    char at[CLOCK_TEXT_MAX];
    if (!verdict->has_seal) {
        puts("good: nothing is sealed yet");
        return;
    }
    int at_n = (int)clock_print_rfc3339(last->at_us, at);
    struct str root = crypto_hex(job->arena, last->root, sizeof last->root),
               key = crypto_hex(job->arena, last->key, sizeof last->key);
    printf("good: %llu events from leaf %llu on, %llu seals\n", (unsigned long long)verdict->leaves,
        (unsigned long long)verdict->from, (unsigned long long)verdict->seals);
    printf("last seal: %lld, over %lld events, at %.*s\nroot: %.*s\n", (long long)last->number,
        (long long)last->size, at_n, at, STR_ARGS(root));
    printf("key: %.*s (%s)\n", STR_ARGS(key),
        verdict->key_is_known ? "as given" : "not compared: none that was kept elsewhere was given");
    if (job->opts.n_kept > 0)
        printf("seals that were kept elsewhere: compared %zu of %zu, none differs\n", verdict->compared,
            job->opts.n_kept);
    if (verdict->found > 0)
        printf("events whose place in the order of commits is not known, as declared: %llu\n",
            (unsigned long long)verdict->found);
}

static void say_verdict(struct audit_job *job)
{
    struct audit_verdict verdict;
    audit_verify_end(job->verify, &verdict);
    if (verdict.good) {
        say_good(job, &verdict);
        return;
    }
    struct buf text = {0};
    audit_verdict_print(&verdict, &text);
    printf("bad: %s\ngood up to there: %llu events, %llu seals\n", buf_cstr(&text),
        (unsigned long long)verdict.leaves, (unsigned long long)verdict.seals);
    buf_done(&text);
    job->status = EXIT_NO;
}

static void verify_file(struct audit_job *job)
{
    bool is_input = strcmp(job->file, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(job->file, O_RDONLY | O_CLOEXEC);
    char *piece = must_alloc(PIECE_BYTES);
    ssize_t n = fd < 0 ? -1 : 1;
    bool goes_on = true;
    while (n > 0 && goes_on) {
        n = read(fd, piece, PIECE_BYTES);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            goes_on = audit_verify_push(job->verify, (struct str){piece, (size_t)n});
    }
    if (n < 0) {
        fprintf(stderr, "tidemark: audit: %s: %s\n", job->file, strerror(errno));
        job->status = EXIT_FAILED;
    } else {
        say_verdict(job);
    }
    free(piece);
    if (!is_input && fd >= 0)
        close(fd);
}

static bool push(void *arg, struct str bytes)
{
    const struct audit_job *job = arg;
    return audit_verify_push(job->verify, bytes);
}

/* Of an instance that runs, by the account that can only read. */
static task_fn void verify_database(void *arg)
{
    struct audit_job *job = arg;
    struct db_address address;
    struct err err = {0};
    struct seal_export export = {.sink = push, .arg = job};
    const struct db_limits limits = {
        .connections = 1, .wait_ms = 5000, .statement_ms = 60000, .statements_cached = 16};
    int64_t unsealed = 0;
    if (instance_find(job->boot.data, INSTANCE_FEED, job->arena, &address, &err) < 0) {
        say_failed(job, "verify", &err);
        return;
    }
    struct db *db = db_open(&address, &limits);
    int rc = seal_export(db, &export, &err);
    if (rc == 0 || err.code == ERR_IO) {
        say_verdict(job);
        err_clear(&err);
        rc = job->status == EXIT_GOOD ? seal_find_unsealed(db, &unsealed, &err) : 0;
    }
    if (rc < 0) {
        say_failed(job, "verify", &err);
    } else if (unsealed != 0) {
        printf("bad: event %lld is in the log and was never sealed\n", (long long)unsealed);
        job->status = EXIT_NO;
    }
    db_close(db);
}

/* ---- export -------------------------------------------------------------------------------------------- */

static bool write_out(void *arg, struct str bytes)
{
    (void)arg;
    return fwrite(bytes.p, 1, bytes.n, stdout) == bytes.n;
}

static task_fn int log_export(struct audit_job *job, struct err *err)
{
    struct buf buf = {0};
    struct json_out out;
    json_out_init(&out, &buf);
    json_out_object(&out);
    json_out_member_text(&out, "what", "log");
    if (job->from_us)
        json_out_member_text(&out, "from", job->options->from);
    if (job->to_us)
        json_out_member_text(&out, "to", job->options->to);
    json_out_object_end(&out);
    json_out_end(&out);
    const struct audit_event event = {.login = STR("system"),
        .action = AUDIT_EXPORT,
        .form = STR("_log"),
        .address = arena_printf(job->arena, "uid %lu", (unsigned long)getuid()),
        .request = STR("tidemark-audit"),
        .detail = arena_copy(job->arena, buf_str(&buf))};
    buf_done(&buf);
    return audit_read(job->boot.house.reader, &event, err);
}

static task_fn void export_log(void *arg)
{
    struct audit_job *job = arg;
    struct err err = {0};
    struct seal_export export = {.from_us = job->from_us, .to_us = job->to_us, .sink = write_out};
    int rc = boot_house(&job->boot, &err);
    if (rc == 0)
        rc = log_export(job, &err);
    if (rc == 0)
        rc = seal_export(job->boot.app, &export, &err);
    if (rc == 0 && fflush(stdout) != 0)
        rc = err_set(&err, ERR_IO, "standard output: %s", strerror(errno));
    if (rc < 0)
        say_failed(job, "export", &err);
    else
        fprintf(stderr, "exported: %llu events, %llu seals\n", (unsigned long long)export.leaves,
            (unsigned long long)export.seals);
    if (export.missing > 0)
        fprintf(stderr,
            "tidemark: audit: %llu sealed events are not in the log any more; `verify` names the first\n",
            (unsigned long long)export.missing);
    boot_down(&job->boot);
}

/* ---- rotate -------------------------------------------------------------------------------------------- */

static void rotate(struct audit_job *job)
{
    struct str text;
    struct err err = {0};
    unsigned char seed[CRYPTO_KEY_BYTES], key[CRYPTO_KEY_BYTES];
    if (job->boot.conf->audit_seal_key_file.n) {
        fprintf(stderr, "tidemark: audit: audit.seal_key_file is set: the key is not ours to change\n");
        job->status = EXIT_NO;
    } else if (instance_secret(job->boot.data, "seal_key_next", job->arena, &text, &err) < 0) {
        say_failed(job, "rotate", &err);
    } else if (!crypto_hex_decode(text, seed, sizeof seed)) {
        fprintf(stderr, "tidemark: audit: secrets/seal_key_next is no key\n");
        job->status = EXIT_FAILED;
    } else {
        crypto_public_key(seed, key);
        printf(
            "next public key: %.*s\nThe server names it in its next seal, and signs with it from then on.\n",
            STR_ARGS(crypto_hex(job->arena, key, sizeof key)));
    }
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int wrong_use(void)
{
    fprintf(stderr, "usage: tidemark audit export [--from TIME] [--to TIME]\n"
                    "       tidemark audit verify [--key KEY]… [--seal FILE] [FILE]\n"
                    "       tidemark audit rotate\n");
    return EXIT_USAGE;
}

static bool read_time(const char *text, int64_t *ret_us)
{
    return !text || (clock_parse_rfc3339(str_of(text), ret_us) && *ret_us > 0);
}

/* With the data folder and its configuration. */
static void run_on_instance(struct audit_job *job, task_main_fn *fn)
{
    struct conf *conf = options_conf(job->options);
    if (!conf) {
        job->status = EXIT_USAGE;
        return;
    }
    job->boot = (struct boot){.conf = conf, .arena = job->arena, .share = share_dir(job->arena)};
    if (!options_data(job->options, false, job->arena, &job->boot.data)) {
        job->status = EXIT_FAILED;
    } else if (!fn) {
        rotate(job);
    } else {
        loop_init();
        (void)task_spawn("audit", fn, job);
        loop_run();
        loop_done();
    }
    conf_free(conf);
}

static void run_verify(struct audit_job *job)
{
    if (!read_keys(job)) {
        job->status = EXIT_USAGE;
        return;
    }
    if (!read_kept(job))
        return;
    job->verify = audit_verify_new(&job->opts);
    if (job->file)
        verify_file(job);
    else
        run_on_instance(job, verify_database);
    audit_verify_free(job->verify);
}

int command_audit(const struct options *options)
{
    struct audit_job job = {.options = options, .arena = arena_new()};
    const char *act = options->n_rest > 0 ? options->rest[0] : "";
    bool has_range = options->from || options->to, has_proof = options->n_keys > 0 || options->kept;
    bool times = read_time(options->from, &job.from_us) && read_time(options->to, &job.to_us);
    if (strcmp(act, "export") == 0 && options->n_rest == 1 && !has_proof && times) {
        run_on_instance(&job, export_log);
    } else if (strcmp(act, "verify") == 0 && options->n_rest <= 2 && !has_range) {
        job.file = options->n_rest == 2 ? options->rest[1] : NULL;
        run_verify(&job);
    } else if (strcmp(act, "rotate") == 0 && options->n_rest == 1 && !has_range && !has_proof) {
        run_on_instance(&job, NULL);
    } else {
        job.status = wrong_use();
    }
    arena_free(job.arena);
    return job.status;
}
