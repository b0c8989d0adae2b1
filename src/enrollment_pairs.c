/* enrollment_pairs.c - see enrollment_pairs.h. */
#include "enrollment_pairs.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>

#include "enrollment_record.h"

/* ---- pairs ---- */

static int failed(const char **error, const char *what, apr_status_t rv, apr_pool_t *pool)
{
    char buffer[120];

    *error = apr_psprintf(pool, "the store of enrollments: a pair cannot be %s: %s", what,
                          apr_strerror(rv, buffer, sizeof(buffer)));
    return CIVIC_PAIR_FAILED;
}

static int damaged(const char **error)
{
    *error = "the store of enrollments is damaged: a pair is not what its key says";
    return CIVIC_PAIR_FAILED;
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
    return value->dptr ? CIVIC_PAIR_FOUND : CIVIC_PAIR_MISSING;
}

static int pair_put(apr_sdbm_t *db, unsigned char *key, void *data, apr_size_t len,
                    const char **error, apr_pool_t *pool)
{
    apr_sdbm_datum_t name = {(char *)key, CIVIC_ENROLLMENT_KEY_LEN};
    apr_sdbm_datum_t value = {data, (int)len};
    apr_status_t rv = apr_sdbm_store(db, name, value, APR_SDBM_REPLACE);

    return rv == APR_SUCCESS ? CIVIC_PAIR_FOUND : failed(error, "written", rv, pool);
}

static int pair_delete(apr_sdbm_t *db, unsigned char *key, const char **error,
                       apr_pool_t *pool)
{
    apr_sdbm_datum_t name = {(char *)key, CIVIC_ENROLLMENT_KEY_LEN};
    apr_status_t rv = apr_sdbm_delete(db, name);

    return rv == APR_SUCCESS ? CIVIC_PAIR_FOUND : failed(error, "removed", rv, pool);
}

static int key_make(unsigned char *key, char kind, const char *application, const char *name,
                    const char **error, apr_pool_t *pool)
{
    if (civic_enrollment_key(key, kind, application, name, pool)) {
        return CIVIC_PAIR_FOUND;
    }
    *error = "the store of enrollments: SHA-256 is not available";
    return CIVIC_PAIR_FAILED;
}

/* ---- accounts and identities ---- */

int civic_pairs_account(apr_sdbm_t *db, civic_enrollment_t *found, const char *application,
                        const char *account, const char **error, apr_pool_t *pool)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN];
    apr_sdbm_datum_t value;
    int got = key_make(key, 'a', application, account, error, pool);

    if (got == CIVIC_PAIR_FOUND) {
        got = pair_get(db, key, &value, error, pool);
    }
    if (got != CIVIC_PAIR_FOUND) {
        return got;
    }
    return civic_enrollment_decode(found, value.dptr, (apr_size_t)value.dsize, pool)
                   && !strcmp(found->application, application)
                   && !strcmp(found->account, account)
               ? CIVIC_PAIR_FOUND
               : damaged(error);
}

int civic_pairs_put(apr_sdbm_t *db, const civic_enrollment_t *enrollment, const char **error,
                    apr_pool_t *pool)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN];
    civic_bytes_t bytes = civic_enrollment_encode(enrollment, pool);

    return key_make(key, 'a', enrollment->application, enrollment->account, error, pool)
                   == CIVIC_PAIR_FOUND
               ? pair_put(db, key, bytes.data, bytes.len, error, pool)
               : CIVIC_PAIR_FAILED;
}

/* @param count CIVIC_PAIR_MISSING sets it to 0 */
static int identity_get(apr_sdbm_t *db, apr_uint32_t *count, unsigned char *key,
                        const civic_enrollment_t *enrollment, const char **error,
                        apr_pool_t *pool)
{
    apr_sdbm_datum_t value;
    int got = key_make(key, 'i', enrollment->application, enrollment->user_id, error, pool);

    *count = 0;
    if (got == CIVIC_PAIR_FOUND) {
        got = pair_get(db, key, &value, error, pool);
    }
    if (got == CIVIC_PAIR_FOUND
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

    if (got == CIVIC_PAIR_FAILED) {
        return CIVIC_PAIR_FAILED;
    }
    if (step < 0 && count <= 1) {
        return count ? pair_delete(db, key, error, pool) : damaged(error);
    }
    civic_enrollment_count_encode(bytes, step < 0 ? count - 1 : count + 1);
    return pair_put(db, key, bytes, sizeof(bytes), error, pool);
}

/* ---- both of them ---- */

int civic_pairs_has_identity(apr_sdbm_t *db, const civic_enrollment_t *enrollment,
                             const char **error, apr_pool_t *pool)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN];
    apr_uint32_t count;

    return identity_get(db, &count, key, enrollment, error, pool);
}

int civic_pairs_link(apr_sdbm_t *db, const civic_enrollment_t *enrollment, const char **error,
                     apr_pool_t *pool)
{
    return civic_pairs_put(db, enrollment, error, pool) == CIVIC_PAIR_FOUND
               ? identity_count(db, enrollment, +1, error, pool)
               : CIVIC_PAIR_FAILED;
}

int civic_pairs_unlink(apr_sdbm_t *db, const civic_enrollment_t *enrollment,
                       const char **error, apr_pool_t *pool)
{
    unsigned char key[CIVIC_ENROLLMENT_KEY_LEN];

    return key_make(key, 'a', enrollment->application, enrollment->account, error, pool)
                       == CIVIC_PAIR_FOUND
                   && pair_delete(db, key, error, pool) == CIVIC_PAIR_FOUND
               ? identity_count(db, enrollment, -1, error, pool)
               : CIVIC_PAIR_FAILED;
}

/* ---- all of them ---- */

/* Keys of the accounts, then each of them: SDBM cannot be asked while it is walked through. */
int civic_pairs_all(apr_array_header_t *list, apr_sdbm_t *db, const char **error,
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

        if (pair_get(db, name, &value, error, pool) != CIVIC_PAIR_FOUND
            || !civic_enrollment_decode(found, value.dptr, (apr_size_t)value.dsize, pool)
            || key_make(expected, 'a', found->application, found->account, error, pool)
                   != CIVIC_PAIR_FOUND
            || memcmp(expected, name, sizeof(expected))) {
            return damaged(error);
        }
    }
    return CIVIC_PAIR_FOUND;
}

/* Every identity is counted once for each of its accounts, and no other is. */
int civic_pairs_verify(const apr_array_header_t *list, apr_sdbm_t *db, const char **error,
                       apr_pool_t *pool)
{
    apr_hash_t *counts = apr_hash_make(pool);
    apr_sdbm_datum_t key;
    apr_status_t rv;
    unsigned pairs = 0;

    for (int i = 0; i < list->nelts; i++) {
        const civic_enrollment_t *one = &APR_ARRAY_IDX(list, i, civic_enrollment_t);
        unsigned char *name = apr_palloc(pool, CIVIC_ENROLLMENT_KEY_LEN);
        apr_uint32_t *left, stored;

        if (identity_get(db, &stored, name, one, error, pool) != CIVIC_PAIR_FOUND) {
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
    return pairs == apr_hash_count(counts) ? CIVIC_PAIR_FOUND : damaged(error);
}
