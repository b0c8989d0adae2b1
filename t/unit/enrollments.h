/* enrollments.h - what is true of every store of enrollments, whatever it is kept in. */
#ifndef CIVIC_UNIT_ENROLLMENTS_H
#define CIVIC_UNIT_ENROLLMENTS_H

#include "enrollment.h"
#include "unit.h"

#define APPLICATION "CO-ALPHA"

/** Another handle on the same store, as a process that has nothing to do with the first has
 * it. */
typedef civic_enrollments_t *enrollments_open_fn(apr_pool_t *pool);

/** @return of APPLICATION, with no recovery codes, linked in 2026 */
civic_enrollment_t enrollment_of(const char *account, const char *user_id);

/** Calls that fail the test when the store is not available. `assert_store` is their
 * result. */
civic_enrollment_result enrollments_add(civic_enrollments_t *store, const char *account,
                                        const char *user_id, int shared, apr_pool_t *pool);
civic_enrollment_result enrollments_find(civic_enrollments_t *store, civic_enrollment_t *found,
                                         const char *account, apr_pool_t *pool);

/** Nothing is told of anybody, with a reason. */
void enrollments_assert_down(civic_enrollments_t *store, apr_pool_t *pool);

/** Everything is whole, and there are so many. */
void enrollments_assert_whole(civic_enrollments_t *store, int count, apr_pool_t *pool);

/* ---- each of these wants an empty store ---- */

void enrollments_are_found_until_removed(civic_enrollments_t *store, apr_pool_t *pool);
void enrollments_are_unique(civic_enrollments_t *store, apr_pool_t *pool);
/* A database may have the rule in its tables, and then knows no shared ones. */
void enrollments_may_be_shared(civic_enrollments_t *store, apr_pool_t *pool);
void enrollments_have_bounds(civic_enrollments_t *store, apr_pool_t *pool);
void enrollments_are_imported_together_or_not(civic_enrollments_t *store, apr_pool_t *pool);
void enrollments_use_each_code_once(civic_enrollments_t *store, apr_pool_t *pool);
/* Several processes at once. */
void enrollments_have_one_winner(enrollments_open_fn *open, int rounds, apr_pool_t *pool);
void enrollments_give_a_code_once(enrollments_open_fn *open, int rounds, apr_pool_t *pool);

/* ---- as tests, for STORED of a program that sets enrollments_opened first ---- */

extern enrollments_open_fn *enrollments_opened;

void found_until_removed(void **state);
void unique(void **state);
void bounds(void **state);
void import_is_all_or_nothing(void **state);
void codes_once(void **state);
void one_winner(void **state);
void a_code_for_one(void **state);

#define AS_EVERY_STORE                                                                        \
    STORED(found_until_removed), STORED(unique), STORED(bounds),                              \
        STORED(import_is_all_or_nothing), STORED(codes_once), STORED(one_winner),             \
        STORED(a_code_for_one)

#endif
