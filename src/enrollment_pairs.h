/* enrollment_pairs.h - enrollments in an open SDBM database: an account's pair and its
 * identity's count (enrollment_record.h) are always changed together.
 *
 * For one thread at a time. Every call sets `*error` when it fails.
 */
#ifndef CIVIC_ENROLLMENT_PAIRS_H
#define CIVIC_ENROLLMENT_PAIRS_H

#include <apr_sdbm.h>
#include "enrollment.h"

enum { CIVIC_PAIR_FAILED = -1, CIVIC_PAIR_MISSING = 0, CIVIC_PAIR_FOUND = 1 };

/** @param found set, in the pool, when it is FOUND. @return FOUND, MISSING, FAILED */
int civic_pairs_account(apr_sdbm_t *db, civic_enrollment_t *found, const char *application,
                        const char *account, const char **error, apr_pool_t *pool);

/** Has its identity an account? @return FOUND, MISSING, FAILED */
int civic_pairs_has_identity(apr_sdbm_t *db, const civic_enrollment_t *enrollment,
                             const char **error, apr_pool_t *pool);

/** Replace what is stored of an account whose identity stays. @return FOUND, FAILED */
int civic_pairs_put(apr_sdbm_t *db, const civic_enrollment_t *enrollment, const char **error,
                    apr_pool_t *pool);

/** An account that is not there yet. @return FOUND, FAILED */
int civic_pairs_link(apr_sdbm_t *db, const civic_enrollment_t *enrollment, const char **error,
                     apr_pool_t *pool);

/** @param enrollment as it is stored. @return FOUND, FAILED */
int civic_pairs_unlink(apr_sdbm_t *db, const civic_enrollment_t *enrollment,
                       const char **error, apr_pool_t *pool);

/** @param list of civic_enrollment_t: all of them, everything in the pool
 * @return FOUND, FAILED */
int civic_pairs_all(apr_array_header_t *list, apr_sdbm_t *db, const char **error,
                    apr_pool_t *pool);

/** Does every identity count its accounts, and is there no other pair?
 * @return FOUND, FAILED */
int civic_pairs_verify(const apr_array_header_t *list, apr_sdbm_t *db, const char **error,
                       apr_pool_t *pool);

#endif
