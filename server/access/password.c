/*
 * Passwords, on the worker pool. Whatever the account (there, not there, disabled, without a password), the
 * same work is done: one read and one hash at today's cost. What is compared against where there is nothing
 * to compare with is a hash of random bytes, made once, on the worker, by the first check of any account.
 */
#include "access/session_int.h"

#include "base/clock.h"
#include "base/must.h"

#include <string.h>

enum { RANDOM_PASSWORD_BYTES = 9 };

static const char SQL_STORED[] =
    "SELECT id,password,disabled_at IS NOT NULL OR COALESCE(password_until<?,0) FROM app_user WHERE login_key=?";

static const char SQL_HOLD[] = "SELECT id FROM app_user WHERE id=? AND password=? FOR UPDATE";

/* Lives on the stack of the task, which is parked until the worker is done. */
struct job {
    struct str password, pepper, stored;
    struct crypto_password_cost cost;
    char result[CRYPTO_PASSWORD_MAX];
    bool good, weak;
    int r;
    struct err err;
};

static struct job job_for(const struct sessions *sessions, struct str password)
{
    must(sessions->pepper.n > 0); /* sessions_set_pepper comes first */
    return (struct job){
        .password = password,
        .pepper = sessions->pepper,
        .cost = {(uint32_t)sessions->conf->login_argon2_memory_kib,
            (uint32_t)sessions->conf->login_argon2_passes},
    };
}

static void run_hash(void *arg)
{
    struct job *job = arg;
    job->r = crypto_password_hash(job->password, job->pepper, job->cost, job->result, &job->err);
}

static void run_verify(void *arg)
{
    struct job *job = arg;
    job->good = crypto_password_verify(job->password, job->pepper, job->stored, job->cost, &job->weak);
}

static task_fn int run_job(struct sessions *sessions, struct job *job, void (*fn)(void *arg), struct err *err)
{
    int r = work_run(&sessions->argon2, fn, job, err);
    if (r == -ERR_TOO_MANY && err->code == ERR_TOO_MANY && !err->retry_after_s)
        err->retry_after_s = 1;
    if (r < 0)
        return r;
    return job->r < 0 ? err_set(err, job->err.code, "%s", job->err.detail) : 0;
}

/* Two tasks at once may both make one; they are as good as each other. */
static task_fn int make_dummy(struct sessions *sessions, struct err *err)
{
    if (sessions->has_dummy)
        return 0;
    char random[32];
    crypto_random(random, sizeof random);
    struct job job = job_for(sessions, (struct str){random, sizeof random});
    int r = run_job(sessions, &job, run_hash, err);
    if (r < 0)
        return r;
    memcpy(sessions->dummy, job.result, sizeof sessions->dummy);
    sessions->has_dummy = true;
    return 0;
}

task_fn int password_check(struct sessions *sessions, struct str login_key, struct str password,
    struct password_checked *ret_checked, struct err *err)
{
    CHECK(sessions, SESSIONS_MAGIC);
    *ret_checked = (struct password_checked){0};
    if (!password.n || password.n > PASSWORD_BYTES_MAX)
        return 0; /* whoever sent it knows that without us: nothing is told of the account */
    int r = make_dummy(sessions, err);
    if (r < 0)
        return r;
    struct db_rows rows;
    r = db_query(
        sessions->app, SQL_STORED, DB_PARAMS(session_bind_time(clock_utc_us()), DB_S(login_key)), &rows, err);
    if (r < 0)
        return r;
    const struct db_val *cells = rows.n_rows ? db_cell(&rows, 0, 0) : NULL;
    bool usable = cells && cells[1].kind == DB_TEXT && cells[1].s.n && cells[2].i == 0;
    struct job job = job_for(sessions, password);
    job.stored = usable ? cells[1].s : str_of(sessions->dummy);
    r = run_job(sessions, &job, run_verify, err);
    if (r < 0)
        return r;
    if (usable && job.good)
        *ret_checked =
            (struct password_checked){.user_id = cells[0].i, .weak = job.weak, .stored = cells[1].s};
    return 0;
}

task_fn int password_hold(struct tx *tx, const struct password_checked *checked, struct err *err)
{
    struct db_rows rows;
    int r = tx_query(tx, SQL_HOLD, DB_PARAMS(DB_I(checked->user_id), DB_S(checked->stored)), &rows, err);
    if (r == 0 && !rows.n_rows)
        r = err_set(err, ERR_LOGIN_FAILED, "the password of user %lld was replaced while it was checked",
            (long long)checked->user_id);
    return r;
}

task_fn int password_hash(
    struct sessions *sessions, struct str password, struct str *ret_stored, struct err *err)
{
    CHECK(sessions, SESSIONS_MAGIC);
    if (!password.n || password.n > PASSWORD_BYTES_MAX)
        return err_set(err, ERR_INVALID, "a password has 1 to %d bytes", PASSWORD_BYTES_MAX);
    struct job job = job_for(sessions, password);
    int r = run_job(sessions, &job, run_hash, err);
    if (r == 0)
        *ret_stored = arena_copy(task_arena(), str_of(job.result));
    return r;
}

struct str password_random(struct arena *arena)
{
    unsigned char random[RANDOM_PASSWORD_BYTES];
    crypto_random(random, sizeof random);
    return crypto_base64url(arena, random, sizeof random);
}

int64_t password_first_until(const struct sessions *sessions)
{
    CHECK(sessions, SESSIONS_MAGIC);
    return clock_utc_us() + sessions->conf->login_first_password_hours * INT64_C(3600000000);
}
