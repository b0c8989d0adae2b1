/* enrollment.c - what every store of enrollments has in common: bounds, order. See
 * enrollment.h. */
#include "enrollment.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"

/* Printable: no control characters. Bytes of 0x80 and more are UTF-8 or whatever the first
 * login has. */
static int is_fit(const char *text, apr_size_t max)
{
    apr_size_t len = text ? strlen(text) : 0;

    if (len == 0 || len > max) {
        return 0;
    }
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at < 0x20 || *at == 0x7f) {
            return 0;
        }
    }
    return 1;
}

/* base64url, as recovery.h makes it: lists of hashes have commas between them. */
static int is_hash(const char *text)
{
    apr_size_t len = text ? strlen(text) : 0;

    return len > 0 && len <= CIVIC_ENROLLMENT_HASH_MAX
           && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
                  == len;
}

static const char *recovery_fault(const apr_array_header_t *hashes)
{
    if (hashes && hashes->nelts > CIVIC_ENROLLMENT_RECOVERY_MAX) {
        return "it has more than 16 recovery codes";
    }
    for (int i = 0; hashes && i < hashes->nelts; i++) {
        const char *hash = APR_ARRAY_IDX(hashes, i, const char *);

        if (!is_hash(hash)) {
            return "a recovery code's hash must be 1 to 22 characters of base64url";
        }
        for (int j = 0; j < i; j++) {
            if (!strcmp(hash, APR_ARRAY_IDX(hashes, j, const char *))) {
                return "it has the same recovery code twice";
            }
        }
    }
    return NULL;
}

const char *civic_enrollment_fault(const civic_enrollment_t *enrollment)
{
    if (!is_fit(enrollment->application, CIVIC_ENROLLMENT_APPLICATION_MAX)
        || *enrollment->application == '#') {
        return "the application must have 1 to 128 bytes and no control characters, and not "
               "begin "
               "with #";
    }
    if (!is_fit(enrollment->account, CIVIC_ENROLLMENT_ACCOUNT_MAX)) {
        return "the account must have 1 to 255 bytes and no control characters";
    }
    if (!is_fit(enrollment->user_id, CIVIC_ENROLLMENT_USER_MAX)) {
        return "the user id must have 1 to 128 bytes and no control characters";
    }
    if (enrollment->linked < 0) {
        return "the time of linking is before 1970";
    }
    return recovery_fault(enrollment->recovery);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void civic_enrollment_sort(apr_array_header_t *hashes)
{
    if (hashes->nelts > 1) {
        qsort(hashes->elts, (size_t)hashes->nelts, sizeof(const char *), by_text);
    }
}

static apr_array_header_t *sorted(const apr_array_header_t *hashes, apr_pool_t *pool)
{
    apr_array_header_t *copy =
        hashes ? apr_array_copy(pool, hashes) : apr_array_make(pool, 1, sizeof(const char *));

    civic_enrollment_sort(copy);
    return copy;
}

/* No store keeps what cannot be linked. */
static int is_account(const char *application, const char *account)
{
    return is_fit(application, CIVIC_ENROLLMENT_APPLICATION_MAX)
           && is_fit(account, CIVIC_ENROLLMENT_ACCOUNT_MAX);
}

civic_enrollment_result civic_enrollment_find(civic_enrollments_t *store,
                                              civic_enrollment_t *enrollment,
                                              const char *application, const char *account,
                                              const char **error, apr_pool_t *pool)
{
    return is_account(application, account)
               ? store->ops->find(store, enrollment, application, account, error, pool)
               : CIVIC_ENROLLMENT_NONE;
}

civic_enrollment_result civic_enrollment_import(civic_enrollments_t *store,
                                                const apr_array_header_t *list, int shared,
                                                int *at, const char **error, apr_pool_t *pool)
{
    apr_array_header_t *fit =
        apr_array_make(pool, list->nelts > 0 ? list->nelts : 1, sizeof(civic_enrollment_t));
    civic_enrollment_t *enrollment;
    const char *fault;

    for (int i = 0; i < list->nelts; i++) {
        enrollment = apr_array_push(fit);
        *enrollment = APR_ARRAY_IDX(list, i, civic_enrollment_t);
        fault = civic_enrollment_fault(enrollment);
        if (fault) {
            *at = i;
            *error = fault;
            return CIVIC_ENROLLMENT_UNAVAILABLE;
        }
        enrollment->linked = apr_time_from_sec(apr_time_sec(enrollment->linked));
        enrollment->recovery = sorted(enrollment->recovery, pool);
    }
    *at = -1;
    return fit->nelts ? store->ops->import(store, fit, shared, at, error, pool)
                      : CIVIC_ENROLLMENT_OK;
}

civic_enrollment_result civic_enrollment_add(civic_enrollments_t *store,
                                             const civic_enrollment_t *enrollment, int shared,
                                             const char **error, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 1, sizeof(civic_enrollment_t));
    int at;

    APR_ARRAY_PUSH(list, civic_enrollment_t) = *enrollment;
    return civic_enrollment_import(store, list, shared, &at, error, pool);
}

civic_enrollment_result civic_enrollment_remove(civic_enrollments_t *store,
                                                const char *application, const char *account,
                                                const char **error, apr_pool_t *pool)
{
    return is_account(application, account)
               ? store->ops->remove(store, application, account, error, pool)
               : CIVIC_ENROLLMENT_NONE;
}

int civic_enrollment_has_recovery(const civic_enrollment_t *enrollment, const char *hash)
{
    apr_size_t len = strlen(hash);
    int found = 0;

    for (int i = 0; enrollment->recovery && i < enrollment->recovery->nelts; i++) {
        const char *known = APR_ARRAY_IDX(enrollment->recovery, i, const char *);

        found |= strlen(known) == len && civic_equal(known, hash, len);
    }
    return found;
}

civic_enrollment_result civic_enrollment_use_recovery(civic_enrollments_t *store,
                                                      const char *application,
                                                      const char *account, const char *hash,
                                                      const char **error, apr_pool_t *pool)
{
    return is_account(application, account) && is_hash(hash)
               ? store->ops->use_recovery(store, application, account, hash, error, pool)
               : CIVIC_ENROLLMENT_NONE;
}

civic_enrollment_result civic_enrollment_set_recovery(civic_enrollments_t *store,
                                                      const char *application,
                                                      const char *account,
                                                      const apr_array_header_t *hashes,
                                                      const char **error, apr_pool_t *pool)
{
    const char *fault = recovery_fault(hashes);

    if (fault) {
        *error = fault;
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    return is_account(application, account) ? store->ops->set_recovery(
               store, application, account, sorted(hashes, pool), error, pool)
                                            : CIVIC_ENROLLMENT_NONE;
}

civic_enrollment_result civic_enrollment_list(civic_enrollments_t *store,
                                              civic_enrollment_visit_fn *each, void *baton,
                                              const char **error, apr_pool_t *pool)
{
    return store->ops->list(store, each, baton, error, pool);
}

civic_enrollment_result civic_enrollment_verify(civic_enrollments_t *store, const char **error,
                                                apr_pool_t *pool)
{
    return store->ops->verify(store, error, pool);
}
