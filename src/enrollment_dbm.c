/* enrollment_dbm.c - enrollments in files of this machine, see generation.h and
 * enrollment_pairs.h.
 *
 * A process keeps one generation open, which its threads read one after the other. To look
 * somebody up is one lstat() and one or two reads. A change copies the whole database, which
 * is the price of never being half done: fit for thousands of enrollments that change rarely.
 */
#include <apr_strings.h>
#include <string.h>

#include "crypto.h"
#include "enrollment.h"
#include "enrollment_pairs.h"
#include "generation.h"
#include "generation_reader.h"

typedef struct {
    civic_generations_t all;
    civic_readers_t readers;
} dbm_t;

/* One change, see change_run. Members that a kind of change does not use are unset. */
typedef struct change change_t;
typedef civic_enrollment_result step_fn(change_t *change, apr_sdbm_t *db);
struct change {
    step_fn *judge;                 /* looks at what there is: OK to go on */
    step_fn *apply;                 /* changes the copy */
    int done;                       /* the judge says OK, and nothing is to be changed */
    const apr_array_header_t *list; /* of civic_enrollment_t */
    int shared, *at;
    const char *application, *account, *hash;
    const apr_array_header_t *hashes;
    civic_enrollment_t found; /* by the judge */
    const char **error;
    apr_pool_t *pool;
};

/* ---- changes: each judges what there is, then changes a copy ---- */

/* The account must be there. */
static civic_enrollment_result judge_account(change_t *change, apr_sdbm_t *db)
{
    int got = civic_pairs_account(db, &change->found, change->application, change->account,
                                  change->error, change->pool);

    return got == CIVIC_PAIR_FOUND     ? CIVIC_ENROLLMENT_OK
           : got == CIVIC_PAIR_MISSING ? CIVIC_ENROLLMENT_NONE
                                       : CIVIC_ENROLLMENT_UNAVAILABLE;
}

/* @param exists the very same pair is there */
static civic_enrollment_result judge_link(change_t *change, apr_sdbm_t *db,
                                          const civic_enrollment_t *enrollment, int *exists)
{
    civic_enrollment_t found;
    int got = civic_pairs_account(db, &found, enrollment->application, enrollment->account,
                                  change->error, change->pool);

    *exists = got == CIVIC_PAIR_FOUND;
    if (got == CIVIC_PAIR_FAILED) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    if (got == CIVIC_PAIR_FOUND) {
        return strcmp(found.user_id, enrollment->user_id) ? CIVIC_ENROLLMENT_ACCOUNT_TAKEN
                                                          : CIVIC_ENROLLMENT_OK;
    }
    got = change->shared
              ? CIVIC_PAIR_MISSING
              : civic_pairs_has_identity(db, enrollment, change->error, change->pool);
    return got == CIVIC_PAIR_FOUND     ? CIVIC_ENROLLMENT_IDENTITY_TAKEN
           : got == CIVIC_PAIR_MISSING ? CIVIC_ENROLLMENT_OK
                                       : CIVIC_ENROLLMENT_UNAVAILABLE;
}

/* What is in the way already, and pairs that are there already, are seen before anything is
 * copied. */
static civic_enrollment_result judge_import(change_t *change, apr_sdbm_t *db)
{
    civic_enrollment_result result = CIVIC_ENROLLMENT_OK;

    change->done = 1;
    for (int i = 0; i < change->list->nelts && result == CIVIC_ENROLLMENT_OK; i++) {
        int exists;

        *change->at = i;
        result = judge_link(change, db, &APR_ARRAY_IDX(change->list, i, civic_enrollment_t),
                            &exists);
        change->done = change->done && exists;
    }
    return result;
}

static civic_enrollment_result apply_import(change_t *change, apr_sdbm_t *db)
{
    for (int i = 0; i < change->list->nelts; i++) {
        const civic_enrollment_t *enrollment =
            &APR_ARRAY_IDX(change->list, i, civic_enrollment_t);
        civic_enrollment_result result;
        int exists;

        *change->at = i;
        result = judge_link(change, db, enrollment, &exists);
        if (result != CIVIC_ENROLLMENT_OK) {
            return result;
        }
        if (!exists
            && civic_pairs_link(db, enrollment, change->error, change->pool)
                   == CIVIC_PAIR_FAILED) {
            return CIVIC_ENROLLMENT_UNAVAILABLE;
        }
    }
    *change->at = -1;
    return CIVIC_ENROLLMENT_OK;
}

static civic_enrollment_result apply_remove(change_t *change, apr_sdbm_t *db)
{
    return civic_pairs_unlink(db, &change->found, change->error, change->pool)
                   == CIVIC_PAIR_FOUND
               ? CIVIC_ENROLLMENT_OK
               : CIVIC_ENROLLMENT_UNAVAILABLE;
}

static civic_enrollment_result apply_recovery(change_t *change, apr_sdbm_t *db)
{
    civic_enrollment_t changed = change->found;

    changed.recovery = apr_array_copy(change->pool, change->hashes);
    return civic_pairs_put(db, &changed, change->error, change->pool) == CIVIC_PAIR_FOUND
               ? CIVIC_ENROLLMENT_OK
               : CIVIC_ENROLLMENT_UNAVAILABLE;
}

/* All codes are compared, each in a time that does not depend on it. */
static civic_enrollment_result judge_code(change_t *change, apr_sdbm_t *db)
{
    civic_enrollment_result result = judge_account(change, db);
    apr_array_header_t *rest, *codes = change->found.recovery;
    apr_size_t len = strlen(change->hash);

    if (result != CIVIC_ENROLLMENT_OK) {
        return result;
    }
    rest = apr_array_make(change->pool, CIVIC_ENROLLMENT_RECOVERY_MAX, sizeof(const char *));
    for (int i = 0; i < codes->nelts; i++) {
        const char *code = APR_ARRAY_IDX(codes, i, const char *);

        if (strlen(code) != len || !civic_equal(code, change->hash, len)) {
            APR_ARRAY_PUSH(rest, const char *) = code;
        }
    }
    change->hashes = rest;
    return rest->nelts < codes->nelts ? CIVIC_ENROLLMENT_OK : CIVIC_ENROLLMENT_NONE;
}

static civic_enrollment_result change_locked(dbm_t *dbm, change_t *change)
{
    civic_generation_t *current, *next;
    civic_enrollment_result result;

    *change->error = civic_generation_open(&current, &dbm->all, change->pool);
    if (*change->error) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    result = change->judge(change, current->sdbm);
    if (result != CIVIC_ENROLLMENT_OK || change->done) {
        civic_generation_close(current);
        return result;
    }
    *change->error = civic_generation_copy(&next, current, &dbm->all, change->pool);
    civic_generation_close(current);
    if (*change->error) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    result = change->apply(change, next->sdbm);
    if (result != CIVIC_ENROLLMENT_OK) {
        civic_generation_discard(next, &dbm->all);
        return result;
    }
    *change->error = civic_generation_publish(next, &dbm->all, change->pool);
    return *change->error ? CIVIC_ENROLLMENT_UNAVAILABLE : CIVIC_ENROLLMENT_OK;
}

static civic_enrollment_result change_run(dbm_t *dbm, change_t *change)
{
    civic_enrollment_result result;
    int lock;

    *change->error = civic_generations_lock(&lock, &dbm->all, change->pool);
    if (*change->error) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    result = change_locked(dbm, change);
    civic_generations_unlock(lock);
    return result;
}

/* ---- to read ---- */

/* A judge that looks at what is there now, without the lock. */
static civic_enrollment_result look(dbm_t *dbm, change_t *change)
{
    civic_enrollment_result result;
    civic_borrowed_t *borrowed;

    *change->error = civic_readers_borrow(&borrowed, &dbm->readers, change->pool);
    if (*change->error) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    result = change->judge(change, borrowed->generation->sdbm);
    civic_readers_return(&dbm->readers, borrowed, result == CIVIC_ENROLLMENT_UNAVAILABLE);
    return result;
}

/* A generation of our own: whoever is shown something may take his time. */
static civic_enrollment_result read_all(dbm_t *dbm, apr_array_header_t *list, int verify,
                                        const char **error, apr_pool_t *pool)
{
    civic_generation_t *generation;
    int got;

    *error = civic_generation_open(&generation, &dbm->all, pool);
    if (*error) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    got = civic_pairs_all(list, generation->sdbm, error, pool);
    if (got == CIVIC_PAIR_FOUND && verify) {
        got = civic_pairs_verify(list, generation->sdbm, error, pool);
    }
    civic_generation_close(generation);
    return got == CIVIC_PAIR_FOUND ? CIVIC_ENROLLMENT_OK : CIVIC_ENROLLMENT_UNAVAILABLE;
}

/* ---- the interface ---- */

static civic_enrollment_result dbm_find(civic_enrollments_t *store,
                                        civic_enrollment_t *enrollment,
                                        const char *application, const char *account,
                                        const char **error, apr_pool_t *pool)
{
    change_t change = {.judge = judge_account,
                       .application = application,
                       .account = account,
                       .error = error,
                       .pool = pool};
    civic_enrollment_result result = look(store->state, &change);

    if (result == CIVIC_ENROLLMENT_OK) {
        *enrollment = change.found;
    }
    return result;
}

static civic_enrollment_result dbm_import(civic_enrollments_t *store,
                                          const apr_array_header_t *list, int shared, int *at,
                                          const char **error, apr_pool_t *pool)
{
    change_t change = {.judge = judge_import,
                       .apply = apply_import,
                       .list = list,
                       .shared = shared,
                       .at = at,
                       .error = error,
                       .pool = pool};
    civic_enrollment_result result = change_run(store->state, &change);

    if (result == CIVIC_ENROLLMENT_OK || result == CIVIC_ENROLLMENT_UNAVAILABLE) {
        *at = -1;
    }
    return result;
}

static civic_enrollment_result dbm_remove(civic_enrollments_t *store, const char *application,
                                          const char *account, const char **error,
                                          apr_pool_t *pool)
{
    change_t change = {.judge = judge_account,
                       .apply = apply_remove,
                       .application = application,
                       .account = account,
                       .error = error,
                       .pool = pool};

    return change_run(store->state, &change);
}

static civic_enrollment_result dbm_use_recovery(civic_enrollments_t *store,
                                                const char *application, const char *account,
                                                const char *hash, const char **error,
                                                apr_pool_t *pool)
{
    change_t change = {.judge = judge_code,
                       .apply = apply_recovery,
                       .application = application,
                       .account = account,
                       .hash = hash,
                       .error = error,
                       .pool = pool};
    civic_enrollment_result result = look(store->state, &change);

    /* Wrong codes do not make others wait. */
    return result == CIVIC_ENROLLMENT_OK ? change_run(store->state, &change) : result;
}

static civic_enrollment_result dbm_set_recovery(civic_enrollments_t *store,
                                                const char *application, const char *account,
                                                const apr_array_header_t *hashes,
                                                const char **error, apr_pool_t *pool)
{
    change_t change = {.judge = judge_account,
                       .apply = apply_recovery,
                       .application = application,
                       .account = account,
                       .hashes = hashes,
                       .error = error,
                       .pool = pool};

    return change_run(store->state, &change);
}

static civic_enrollment_result dbm_list(civic_enrollments_t *store,
                                        civic_enrollment_visit_fn *each, void *baton,
                                        const char **error, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 64, sizeof(civic_enrollment_t));
    civic_enrollment_result result = read_all(store->state, list, 0, error, pool);

    for (int i = 0; result == CIVIC_ENROLLMENT_OK && i < list->nelts; i++) {
        if (!each(baton, &APR_ARRAY_IDX(list, i, civic_enrollment_t))) {
            break;
        }
    }
    return result;
}

static civic_enrollment_result dbm_verify(civic_enrollments_t *store, const char **error,
                                          apr_pool_t *pool)
{
    return read_all(store->state, apr_array_make(pool, 64, sizeof(civic_enrollment_t)), 1,
                    error, pool);
}

static const civic_enrollment_ops_t ops = {dbm_find,         dbm_import,       dbm_remove,
                                           dbm_use_recovery, dbm_set_recovery, dbm_list,
                                           dbm_verify};

static apr_status_t dbm_close(void *data)
{
    dbm_t *dbm = data;

    civic_readers_close(&dbm->readers);
    return APR_SUCCESS;
}

civic_enrollments_t *civic_enrollment_dbm_open(const char *path, const char **error,
                                               apr_pool_t *pool)
{
    civic_enrollments_t *store = apr_pcalloc(pool, sizeof(*store));
    dbm_t *dbm = apr_pcalloc(pool, sizeof(*dbm));

    *error = civic_generations_init(&dbm->all, path, pool);
    *error = *error ? *error : civic_readers_init(&dbm->readers, &dbm->all);
    if (*error) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, dbm, dbm_close, apr_pool_cleanup_null);
    store->ops = &ops;
    store->state = dbm;
    return store;
}

const char *civic_enrollment_dbm_create(const char *path, apr_pool_t *pool)
{
    civic_generations_t all;
    const char *fault = civic_generations_init(&all, path, pool);

    return fault ? fault : civic_generations_create(&all, pool);
}
