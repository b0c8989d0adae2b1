/* enrollment_dbm.c - enrollments in files of this machine, see generation.h and enrollment_record.h.
 *
 * A process keeps one generation open to read, under a mutex: SDBM has one buffer. To look somebody up
 * is one lstat() and one or two reads. A change copies the whole database, which is the price of never
 * being half done: fit for thousands of enrollments that change rarely.
 */
#include <apr_hash.h>
#include <apr_strings.h>
#include <pthread.h>
#include <string.h>

#include "enrollment.h"
#include "enrollment_record.h"
#include "generation.h"

typedef struct {
    civic_generations_t all;
    pthread_mutex_t mutex; /* guards what is below */
    civic_generation_t *open;
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

enum { FAILED = -1, MISSING = 0, FOUND = 1 };

/* ---- pairs ---- */

static int failed(const char **error, const char *what, apr_status_t rv, apr_pool_t *pool)
{
    char buffer[120];

    *error = apr_psprintf(pool, "the store of enrollments: a pair cannot be %s: %s", what,
                          apr_strerror(rv, buffer, sizeof(buffer)));
    return FAILED;
}

static int damaged(const char **error)
{
    *error = "the store of enrollments is damaged: a pair is not what its key says";
    return FAILED;
}

/* @param value points into the database until its next call */
static int pair_get(apr_sdbm_t *db, unsigned char *key, apr_sdbm_datum_t *value,
                    const char **error, apr_pool_t *pool)
{
    apr_sdbm_datum_t name = {(char *)key, CIVIC_ENROLLMENT_KEY_LEN};
    apr_status_t rv = apr_sdbm_fetch(db, value, name);

    if (rv != APR_SUCCESS) {
        return failed(error, "read", rv, pool);
    }
    return value->dptr ? FOUND : MISSING;
}

static int pair_put(apr_sdbm_t *db, unsigned char *key, void *data, apr_size_t len,
                    const char **error, apr_pool_t *pool)
{
    apr_sdbm_datum_t name = {(char *)key, CIVIC_ENROLLMENT_KEY_LEN};
    apr_sdbm_datum_t value = {data, (int)len};
    apr_status_t rv = apr_sdbm_store(db, name, value, APR_SDBM_REPLACE);

    return rv == APR_SUCCESS ? FOUND : failed(error, "written", rv, pool);
}

static int pair_delete(apr_sdbm_t *db, unsigned char *key, const char **error,
                       apr_pool_t *pool)
{
    apr_sdbm_datum_t name = {(char *)key, CIVIC_ENROLLMENT_KEY_LEN};
    apr_status_t rv = apr_sdbm_delete(db, name);

    return rv == APR_SUCCESS ? FOUND : failed(error, "removed", rv, pool);
}

static int key_make(unsigned char *key, char kind, const char *application, const char *name,
                    const char **error, apr_pool_t *pool)
{
    if (civic_enrollment_key(key, kind, application, name, pool)) {
        return FOUND;
    }
    *error = "the store of enrollments: SHA-256 is not available";
    return FAILED;
}

/* ---- accounts and identities ---- */

static int account_get(apr_sdbm_t *db, civic_enrollment_t *found, const char *application,
                       const char *account, const char **error, apr_pool_t *pool)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN];
    apr_sdbm_datum_t value;
    int got = key_make(key, 'a', application, account, error, pool);

    if (got == FOUND) {
        got = pair_get(db, key, &value, error, pool);
    }
    if (got != FOUND) {
        return got;
    }
    return civic_enrollment_decode(found, value.dptr, (apr_size_t)value.dsize, pool)
                   && !strcmp(found->application, application)
                   && !strcmp(found->account, account)
               ? FOUND
               : damaged(error);
}

static int account_put(apr_sdbm_t *db, const civic_enrollment_t *enrollment,
                       const char **error, apr_pool_t *pool)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN];
    civic_bytes_t bytes = civic_enrollment_encode(enrollment, pool);

    return key_make(key, 'a', enrollment->application, enrollment->account, error, pool)
                   == FOUND
               ? pair_put(db, key, bytes.data, bytes.len, error, pool)
               : FAILED;
}

/* @param count MISSING sets it to 0 */
static int identity_get(apr_sdbm_t *db, apr_uint32_t *count, unsigned char *key,
                        const civic_enrollment_t *enrollment, const char **error,
                        apr_pool_t *pool)
{
    apr_sdbm_datum_t value;
    int got = key_make(key, 'i', enrollment->application, enrollment->user_id, error, pool);

    *count = 0;
    if (got == FOUND) {
        got = pair_get(db, key, &value, error, pool);
    }
    if (got == FOUND
        && !civic_enrollment_count_decode(count, value.dptr, (apr_size_t)value.dsize)) {
        return damaged(error);
    }
    return got;
}

/* One account more or less. */
static int identity_count(apr_sdbm_t *db, const civic_enrollment_t *enrollment, int step,
                          const char **error, apr_pool_t *pool)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN], bytes[CIVIC_ENROLLMENT_COUNT_LEN];
    apr_uint32_t count;
    int got = identity_get(db, &count, key, enrollment, error, pool);

    if (got == FAILED) {
        return FAILED;
    }
    if (step < 0 && count <= 1) {
        return count ? pair_delete(db, key, error, pool) : damaged(error);
    }
    civic_enrollment_count_encode(bytes, step < 0 ? count - 1 : count + 1);
    return pair_put(db, key, bytes, sizeof(bytes), error, pool);
}

/* ---- changes: each judges what there is, then changes a copy ---- */

/* The account must be there. */
static civic_enrollment_result judge_account(change_t *change, apr_sdbm_t *db)
{
    int got = account_get(db, &change->found, change->application, change->account,
                          change->error, change->pool);

    return got == FOUND     ? CIVIC_ENROLLMENT_OK
           : got == MISSING ? CIVIC_ENROLLMENT_NONE
                            : CIVIC_ENROLLMENT_UNAVAILABLE;
}

/* @param exists the very same pair is there */
static civic_enrollment_result judge_link(change_t *change, apr_sdbm_t *db,
                                          const civic_enrollment_t *enrollment, int *exists)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN];
    civic_enrollment_t found;
    apr_uint32_t count;
    int got = account_get(db, &found, enrollment->application, enrollment->account,
                          change->error, change->pool);

    *exists = got == FOUND;
    if (got == FAILED) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    if (got == FOUND) {
        return strcmp(found.user_id, enrollment->user_id) ? CIVIC_ENROLLMENT_ACCOUNT_TAKEN
                                                          : CIVIC_ENROLLMENT_OK;
    }
    if (identity_get(db, &count, key, enrollment, change->error, change->pool) == FAILED) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    return count && !change->shared ? CIVIC_ENROLLMENT_IDENTITY_TAKEN : CIVIC_ENROLLMENT_OK;
}

/* What is in the way already, and pairs that are there already, are seen before anything is copied. */
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
            && (account_put(db, enrollment, change->error, change->pool) == FAILED
                || identity_count(db, enrollment, +1, change->error, change->pool)
                       == FAILED)) {
            return CIVIC_ENROLLMENT_UNAVAILABLE;
        }
    }
    *change->at = -1;
    return CIVIC_ENROLLMENT_OK;
}

static civic_enrollment_result apply_remove(change_t *change, apr_sdbm_t *db)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN];

    return key_make(key, 'a', change->application, change->account, change->error,
                    change->pool)
                       == FOUND
                   && pair_delete(db, key, change->error, change->pool) == FOUND
                   && identity_count(db, &change->found, -1, change->error, change->pool)
                          == FOUND
               ? CIVIC_ENROLLMENT_OK
               : CIVIC_ENROLLMENT_UNAVAILABLE;
}

static civic_enrollment_result apply_recovery(change_t *change, apr_sdbm_t *db)
{
    civic_enrollment_t changed = change->found;

    changed.recovery = apr_array_copy(change->pool, change->hashes);
    return account_put(db, &changed, change->error, change->pool) == FOUND
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

/* Under the mutex. What a parent opened is not for its children, who would share its position. */
static const char *current_open(dbm_t *dbm, apr_pool_t *pool)
{
    if (dbm->open && civic_generation_is_current(dbm->open, &dbm->all)) {
        return NULL;
    }
    if (dbm->open) {
        civic_generation_close(dbm->open);
        dbm->open = NULL;
    }
    return civic_generation_open(&dbm->open, &dbm->all, pool);
}

/* A judge that looks at what is there now, without the lock. */
static civic_enrollment_result look(dbm_t *dbm, change_t *change)
{
    civic_enrollment_result result = CIVIC_ENROLLMENT_UNAVAILABLE;

    pthread_mutex_lock(&dbm->mutex);
    *change->error = current_open(dbm, change->pool);
    if (!*change->error) {
        result = change->judge(change, dbm->open->sdbm);
    }
    if (result == CIVIC_ENROLLMENT_UNAVAILABLE && dbm->open) {
        civic_generation_close(dbm->open);
        dbm->open = NULL;
    }
    pthread_mutex_unlock(&dbm->mutex);
    return result;
}

/* Keys of the accounts, then each of them: SDBM cannot be asked while it is walked through. */
static int accounts_get(apr_array_header_t *list, apr_sdbm_t *db, const char **error,
                        apr_pool_t *pool)
{
    apr_array_header_t *keys = apr_array_make(pool, 64, CIVIC_ENROLLMENT_KEY_LEN);
    apr_sdbm_datum_t key, value;
    apr_status_t rv = apr_sdbm_firstkey(db, &key);

    for (; rv == APR_SUCCESS && key.dptr; rv = apr_sdbm_nextkey(db, &key)) {
        if (key.dsize != CIVIC_ENROLLMENT_KEY_LEN || (*key.dptr != 'a' && *key.dptr != 'i')) {
            return damaged(error);
        }
        if (*key.dptr == 'a') {
            memcpy(apr_array_push(keys), key.dptr, CIVIC_ENROLLMENT_KEY_LEN);
        }
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return failed(error, "read", rv, pool);
    }
    for (int i = 0; i < keys->nelts; i++) {
        unsigned char *name =
            (unsigned char *)keys->elts + (apr_size_t)i * CIVIC_ENROLLMENT_KEY_LEN;
        unsigned char expected[CIVIC_ENROLLMENT_KEY_LEN];
        civic_enrollment_t *found = apr_array_push(list);

        if (pair_get(db, name, &value, error, pool) != FOUND
            || !civic_enrollment_decode(found, value.dptr, (apr_size_t)value.dsize, pool)
            || key_make(expected, 'a', found->application, found->account, error, pool)
                   != FOUND
            || memcmp(expected, name, sizeof(expected))) {
            return damaged(error);
        }
    }
    return FOUND;
}

/* Every identity is counted once for each of its accounts, and no other is. */
static int identities_verify(const apr_array_header_t *list, apr_sdbm_t *db,
                             const char **error, apr_pool_t *pool)
{
    apr_hash_t *counts = apr_hash_make(pool);
    apr_sdbm_datum_t key;
    apr_status_t rv;
    unsigned pairs = 0;

    for (int i = 0; i < list->nelts; i++) {
        const civic_enrollment_t *one = &APR_ARRAY_IDX(list, i, civic_enrollment_t);
        unsigned char *name = apr_palloc(pool, CIVIC_ENROLLMENT_KEY_LEN);
        apr_uint32_t *left, stored;

        if (identity_get(db, &stored, name, one, error, pool) != FOUND) {
            return damaged(error);
        }
        left = apr_hash_get(counts, name, CIVIC_ENROLLMENT_KEY_LEN);
        if (!left) {
            left = apr_pmemdup(pool, &stored, sizeof(stored));
            apr_hash_set(counts, name, CIVIC_ENROLLMENT_KEY_LEN, left);
        }
        if ((*left)-- == 0) {
            return damaged(error);
        }
    }
    for (apr_hash_index_t *at = apr_hash_first(pool, counts); at; at = apr_hash_next(at)) {
        if (*(const apr_uint32_t *)apr_hash_this_val(at)) {
            return damaged(error);
        }
    }
    rv = apr_sdbm_firstkey(db, &key);
    for (; rv == APR_SUCCESS && key.dptr; rv = apr_sdbm_nextkey(db, &key)) {
        pairs += *key.dptr == 'i';
    }
    return pairs == apr_hash_count(counts) ? FOUND : damaged(error);
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
    got = accounts_get(list, generation->sdbm, error, pool);
    if (got == FOUND && verify) {
        got = identities_verify(list, generation->sdbm, error, pool);
    }
    civic_generation_close(generation);
    return got == FOUND ? CIVIC_ENROLLMENT_OK : CIVIC_ENROLLMENT_UNAVAILABLE;
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

    if (dbm->open) {
        civic_generation_close(dbm->open);
    }
    pthread_mutex_destroy(&dbm->mutex);
    return APR_SUCCESS;
}

civic_enrollments_t *civic_enrollment_dbm_open(const char *path, const char **error,
                                               apr_pool_t *pool)
{
    civic_enrollments_t *store = apr_pcalloc(pool, sizeof(*store));
    dbm_t *dbm = apr_pcalloc(pool, sizeof(*dbm));

    *error = civic_generations_init(&dbm->all, path, pool);
    if (*error) {
        return NULL;
    }
    if (pthread_mutex_init(&dbm->mutex, NULL)) {
        *error = "a mutex cannot be made";
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
