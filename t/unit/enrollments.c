/* enrollments.c - see enrollments.h. */
#include "enrollments.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CROWD = 6 };

civic_enrollment_t enrollment_of(const char *account, const char *user_id)
{
    return (civic_enrollment_t){APPLICATION, account, user_id, apr_time_from_sec(1795561200),
                                NULL};
}

/* @param error what the call sets: looked at after the call, wherever it stands among the
 * arguments */
static civic_enrollment_result available(civic_enrollment_result result, const char **error)
{
    if (result == CIVIC_ENROLLMENT_UNAVAILABLE) {
        print_error("the store is not available: %s\n",
                    *error ? *error : "and does not say why");
        fail();
    }
    return result;
}

civic_enrollment_result enrollments_add(civic_enrollments_t *store, const char *account,
                                        const char *user_id, int shared, apr_pool_t *pool)
{
    civic_enrollment_t enrollment = enrollment_of(account, user_id);
    const char *error = NULL;

    return available(civic_enrollment_add(store, &enrollment, shared, &error, pool), &error);
}

civic_enrollment_result enrollments_find(civic_enrollments_t *store, civic_enrollment_t *found,
                                         const char *account, apr_pool_t *pool)
{
    const char *error = NULL;

    return available(civic_enrollment_find(store, found, APPLICATION, account, &error, pool),
                     &error);
}

static civic_enrollment_result take_away(civic_enrollments_t *store, const char *account,
                                         apr_pool_t *pool)
{
    const char *error = NULL;

    return available(civic_enrollment_remove(store, APPLICATION, account, &error, pool),
                     &error);
}

static int count_one(void *baton, const civic_enrollment_t *enrollment)
{
    assert_null(civic_enrollment_fault(enrollment));
    ++*(int *)baton;
    return 1;
}

void enrollments_assert_down(civic_enrollments_t *store, apr_pool_t *pool)
{
    civic_enrollment_t found, new = enrollment_of("mallory", "id-9");
    const char *error = NULL;

    assert_int_equal(civic_enrollment_find(store, &found, APPLICATION, "alice", &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_non_null(error);
    assert_int_equal(civic_enrollment_add(store, &new, 0, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(
        civic_enrollment_use_recovery(store, APPLICATION, "alice", "one", &error, pool),
        CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(civic_enrollment_verify(store, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
}

void enrollments_assert_whole(civic_enrollments_t *store, int count, apr_pool_t *pool)
{
    const char *error = NULL;
    int counted = 0;

    available(civic_enrollment_verify(store, &error, pool), &error);
    available(civic_enrollment_list(store, count_one, &counted, &error, pool), &error);
    assert_int_equal(counted, count);
}

/* ---- one process ---- */

void enrollments_are_found_until_removed(civic_enrollments_t *store, apr_pool_t *pool)
{
    civic_enrollment_t found;

    enrollments_assert_whole(store, 0, pool);
    assert_int_equal(enrollments_find(store, &found, "alice", pool), CIVIC_ENROLLMENT_NONE);
    assert_int_equal(take_away(store, "alice", pool), CIVIC_ENROLLMENT_NONE);
    assert_int_equal(enrollments_add(store, "alice", "id-1", CIVIC_ENROLLMENT_SOLE, pool),
                     CIVIC_ENROLLMENT_OK);
    assert_int_equal(enrollments_find(store, &found, "alice", pool), CIVIC_ENROLLMENT_OK);
    assert_string_equal(found.application, APPLICATION);
    assert_string_equal(found.account, "alice");
    assert_string_equal(found.user_id, "id-1");
    assert_int_equal(apr_time_sec(found.linked), 1795561200);
    assert_int_equal(found.recovery->nelts, 0);
    assert_int_equal(enrollments_find(store, &found, "Alice", pool), CIVIC_ENROLLMENT_NONE);
    assert_int_equal(enrollments_find(store, &found, "alic", pool), CIVIC_ENROLLMENT_NONE);
    enrollments_assert_whole(store, 1, pool);
    assert_int_equal(take_away(store, "alice", pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(enrollments_find(store, &found, "alice", pool), CIVIC_ENROLLMENT_NONE);
    enrollments_assert_whole(store, 0, pool);
}

void enrollments_are_unique(civic_enrollments_t *store, apr_pool_t *pool)
{
    static const struct {
        const char *account, *user_id;
        civic_enrollment_result expected;
    } rows[] = {
        {"alice", "id-1", CIVIC_ENROLLMENT_OK},
        {"alice", "id-1", CIVIC_ENROLLMENT_OK},
        {"alice", "id-2", CIVIC_ENROLLMENT_ACCOUNT_TAKEN},
        {"bob", "id-1", CIVIC_ENROLLMENT_IDENTITY_TAKEN},
        {"bob", "id-2", CIVIC_ENROLLMENT_OK},
        {"alice", "id-2", CIVIC_ENROLLMENT_ACCOUNT_TAKEN},
        {"J\xc3\xb6rg's \"x\"; --", "id-%s:3", CIVIC_ENROLLMENT_OK},
    };
    civic_enrollment_t other = enrollment_of("alice", "id-1"), found;
    const char *error = NULL;

    for (apr_size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(enrollments_add(store, rows[i].account, rows[i].user_id, 0, pool),
                         rows[i].expected);
    }
    enrollments_assert_whole(store, 3, pool);
    assert_int_equal(enrollments_find(store, &found, "J\xc3\xb6rg's \"x\"; --", pool),
                     CIVIC_ENROLLMENT_OK);
    assert_string_equal(found.user_id, "id-%s:3");
    /* User ids and accounts of another application are others. */
    other.application = "CO-BETA";
    available(civic_enrollment_add(store, &other, 0, &error, pool), &error);
    assert_int_equal(take_away(store, "alice", pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(enrollments_add(store, "carol", "id-1", 0, pool), CIVIC_ENROLLMENT_OK);
    enrollments_assert_whole(store, 4, pool);
}

void enrollments_may_be_shared(civic_enrollments_t *store, apr_pool_t *pool)
{
    civic_enrollment_t found;

    assert_int_equal(enrollments_add(store, "alice", "id-1", 0, pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(enrollments_add(store, "admin", "id-1", CIVIC_ENROLLMENT_SHARED, pool),
                     CIVIC_ENROLLMENT_OK);
    assert_int_equal(enrollments_add(store, "admin", "id-2", CIVIC_ENROLLMENT_SHARED, pool),
                     CIVIC_ENROLLMENT_ACCOUNT_TAKEN);
    assert_int_equal(enrollments_add(store, "bob", "id-1", 0, pool),
                     CIVIC_ENROLLMENT_IDENTITY_TAKEN);
    enrollments_assert_whole(store, 2, pool);
    assert_int_equal(take_away(store, "alice", pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(enrollments_add(store, "bob", "id-1", 0, pool),
                     CIVIC_ENROLLMENT_IDENTITY_TAKEN);
    assert_int_equal(enrollments_find(store, &found, "admin", pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(take_away(store, "admin", pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(enrollments_add(store, "bob", "id-1", 0, pool), CIVIC_ENROLLMENT_OK);
    enrollments_assert_whole(store, 1, pool);
}

static apr_array_header_t *codes_of(const char *const *hashes, int count, apr_pool_t *pool)
{
    apr_array_header_t *codes = apr_array_make(pool, 16, sizeof(const char *));

    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(codes, const char *) = hashes[i];
    }
    return codes;
}

void enrollments_have_bounds(civic_enrollments_t *store, apr_pool_t *pool)
{
    civic_enrollment_t largest = {unit_repeat('p', CIVIC_ENROLLMENT_APPLICATION_MAX, pool),
                                  unit_repeat('a', CIVIC_ENROLLMENT_ACCOUNT_MAX, pool),
                                  unit_repeat('u', CIVIC_ENROLLMENT_USER_MAX, pool),
                                  apr_time_from_sec(1),
                                  apr_array_make(pool, 16, sizeof(const char *))};
    civic_enrollment_t found, wrong[6];
    const char *error = NULL;

    for (int i = 0; i < CIVIC_ENROLLMENT_RECOVERY_MAX; i++) {
        char *hash = unit_repeat('h', CIVIC_ENROLLMENT_HASH_MAX, pool);

        hash[3] = (char)('a' + i);
        APR_ARRAY_PUSH(largest.recovery, const char *) = hash;
    }
    available(civic_enrollment_add(store, &largest, 0, &error, pool), &error);
    available(civic_enrollment_find(store, &found, largest.application, largest.account,
                                    &error, pool),
              &error);
    assert_string_equal(found.user_id, largest.user_id);
    assert_int_equal(found.recovery->nelts, CIVIC_ENROLLMENT_RECOVERY_MAX);
    for (apr_size_t i = 0; i < COUNT(wrong); i++) {
        wrong[i] = enrollment_of("alice", "id-1");
    }
    wrong[0].application = unit_repeat('p', CIVIC_ENROLLMENT_APPLICATION_MAX + 1, pool);
    wrong[1].account = unit_repeat('a', CIVIC_ENROLLMENT_ACCOUNT_MAX + 1, pool);
    wrong[2].user_id = unit_repeat('u', CIVIC_ENROLLMENT_USER_MAX + 1, pool);
    wrong[3].account = "";
    wrong[4].account = "ali\nce";
    wrong[5].user_id = NULL;
    for (apr_size_t i = 0; i < COUNT(wrong); i++) {
        error = NULL;
        assert_int_equal(civic_enrollment_add(store, &wrong[i], 0, &error, pool),
                         CIVIC_ENROLLMENT_UNAVAILABLE);
        assert_non_null(error);
    }
    assert_int_equal(enrollments_find(store, &found, wrong[1].account, pool),
                     CIVIC_ENROLLMENT_NONE);
    enrollments_assert_whole(store, 1, pool);
}

void enrollments_are_imported_together_or_not(civic_enrollments_t *store, apr_pool_t *pool)
{
    static const char *const hashes[] = {"zz", "aa"};
    apr_array_header_t *list = apr_array_make(pool, 4, sizeof(civic_enrollment_t));
    const char *error = NULL;
    civic_enrollment_t found;
    int at = 7;

    assert_int_equal(civic_enrollment_import(store, list, 0, &at, &error, pool),
                     CIVIC_ENROLLMENT_OK);
    assert_int_equal(at, -1);
    APR_ARRAY_PUSH(list, civic_enrollment_t) = enrollment_of("alice", "id-1");
    APR_ARRAY_PUSH(list, civic_enrollment_t) = enrollment_of("bob", "id-2");
    APR_ARRAY_PUSH(list, civic_enrollment_t) = enrollment_of("carol", "id-1");
    APR_ARRAY_IDX(list, 1, civic_enrollment_t).recovery = codes_of(hashes, 2, pool);
    assert_int_equal(civic_enrollment_import(store, list, 0, &at, &error, pool),
                     CIVIC_ENROLLMENT_IDENTITY_TAKEN);
    assert_int_equal(at, 2);
    APR_ARRAY_IDX(list, 2, civic_enrollment_t) = enrollment_of("bob", "id-3");
    assert_int_equal(civic_enrollment_import(store, list, 0, &at, &error, pool),
                     CIVIC_ENROLLMENT_ACCOUNT_TAKEN);
    assert_int_equal(at, 2);
    APR_ARRAY_IDX(list, 2, civic_enrollment_t) = enrollment_of("", "id-3");
    assert_int_equal(civic_enrollment_import(store, list, 0, &at, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(at, 2);
    enrollments_assert_whole(store, 0, pool);
    APR_ARRAY_IDX(list, 2, civic_enrollment_t) = enrollment_of("carol", "id-3");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(civic_enrollment_import(store, list, 0, &at, &error, pool),
                         CIVIC_ENROLLMENT_OK);
        assert_int_equal(at, -1);
    }
    enrollments_assert_whole(store, 3, pool);
    assert_int_equal(enrollments_find(store, &found, "bob", pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(found.recovery->nelts, 2);
    assert_string_equal(APR_ARRAY_IDX(found.recovery, 0, const char *), "aa");
    assert_string_equal(APR_ARRAY_IDX(found.recovery, 1, const char *), "zz");
}

static civic_enrollment_result use_code(civic_enrollments_t *store, const char *account,
                                        const char *hash, apr_pool_t *pool)
{
    const char *error = NULL;

    return available(
        civic_enrollment_use_recovery(store, APPLICATION, account, hash, &error, pool),
        &error);
}

static civic_enrollment_result set_codes(civic_enrollments_t *store, const char *account,
                                         const apr_array_header_t *codes, apr_pool_t *pool)
{
    const char *error = NULL;

    return available(
        civic_enrollment_set_recovery(store, APPLICATION, account, codes, &error, pool),
        &error);
}

void enrollments_use_each_code_once(civic_enrollments_t *store, apr_pool_t *pool)
{
    static const char *const hashes[] = {"one", "two", "three"}, *const later[] = {"four"};
    civic_enrollment_t found;

    assert_int_equal(set_codes(store, "alice", codes_of(hashes, 3, pool), pool),
                     CIVIC_ENROLLMENT_NONE);
    assert_int_equal(use_code(store, "alice", "one", pool), CIVIC_ENROLLMENT_NONE);
    enrollments_add(store, "alice", "id-1", 0, pool);
    enrollments_add(store, "bob", "id-2", 0, pool);
    assert_int_equal(set_codes(store, "alice", codes_of(hashes, 3, pool), pool),
                     CIVIC_ENROLLMENT_OK);
    assert_int_equal(use_code(store, "bob", "one", pool), CIVIC_ENROLLMENT_NONE);
    assert_int_equal(use_code(store, "alice", "on", pool), CIVIC_ENROLLMENT_NONE);
    assert_int_equal(use_code(store, "alice", "", pool), CIVIC_ENROLLMENT_NONE);
    assert_int_equal(use_code(store, "alice", "two", pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(use_code(store, "alice", "two", pool), CIVIC_ENROLLMENT_NONE);
    enrollments_find(store, &found, "alice", pool);
    assert_int_equal(found.recovery->nelts, 2);
    /* Linking again gives nothing back. */
    assert_int_equal(enrollments_add(store, "alice", "id-1", 0, pool), CIVIC_ENROLLMENT_OK);
    assert_int_equal(use_code(store, "alice", "two", pool), CIVIC_ENROLLMENT_NONE);
    assert_int_equal(set_codes(store, "alice", codes_of(later, 1, pool), pool),
                     CIVIC_ENROLLMENT_OK);
    assert_int_equal(use_code(store, "alice", "one", pool), CIVIC_ENROLLMENT_NONE);
    assert_int_equal(use_code(store, "alice", "four", pool), CIVIC_ENROLLMENT_OK);
    enrollments_find(store, &found, "alice", pool);
    assert_int_equal(found.recovery->nelts, 0);
    assert_string_equal(found.user_id, "id-1");
    /* They go with their account. */
    set_codes(store, "alice", codes_of(hashes, 3, pool), pool);
    assert_int_equal(take_away(store, "alice", pool), CIVIC_ENROLLMENT_OK);
    enrollments_add(store, "alice", "id-1", 0, pool);
    assert_int_equal(use_code(store, "alice", "one", pool), CIVIC_ENROLLMENT_NONE);
    enrollments_assert_whole(store, 2, pool);
}

/* ---- several processes ---- */

/* Each process does its part at the same moment, and tells its result: nothing there may fail
 * the test, which would go on in two processes. (Not by its exit status, which is valgrind's
 * when it dislikes what a library leaves.) */
typedef civic_enrollment_result part_fn(civic_enrollments_t *store, int n, int round,
                                        apr_pool_t *pool);

static void take_part(const int gate[2], int answers, enrollments_open_fn *open, part_fn *part,
                      int n, int round, apr_pool_t *pool)
{
    civic_enrollments_t *store = open(pool);
    unsigned char answer;

    close(gate[1]);
    (void)!read(gate[0], &answer, 1);
    answer = (unsigned char)part(store, n, round, pool);
    (void)!write(answers, &answer, 1);
    _exit(0);
}

/* @param counts how many got which result */
static void crowd(int counts[CIVIC_ENROLLMENT_UNAVAILABLE + 1], enrollments_open_fn *open,
                  part_fn *part, int round, apr_pool_t *pool)
{
    int gate[2], answers[2];
    unsigned char answer;

    memset(counts, 0, (CIVIC_ENROLLMENT_UNAVAILABLE + 1) * sizeof(int));
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(pipe(answers), 0);
    for (int n = 0; n < CROWD; n++) {
        if (fork() == 0) {
            take_part(gate, answers[1], open, part, n, round, pool);
        }
    }
    close(gate[0]);
    close(gate[1]);
    close(answers[1]);
    for (int n = 0; n < CROWD; n++) {
        assert_int_equal(read(answers[0], &answer, 1), 1);
        assert_in_range(answer, 0, CIVIC_ENROLLMENT_UNAVAILABLE);
        counts[answer]++;
        assert_true(wait(NULL) > 0);
    }
    close(answers[0]);
}

static civic_enrollment_result add_quietly(civic_enrollments_t *store, const char *account,
                                           const char *user_id, apr_pool_t *pool)
{
    civic_enrollment_t enrollment = enrollment_of(account, user_id);
    const char *error = NULL;
    civic_enrollment_result result = civic_enrollment_add(store, &enrollment, 0, &error, pool);

    if (result == CIVIC_ENROLLMENT_UNAVAILABLE) {
        print_error("%s\n", error);
    }
    return result;
}

static civic_enrollment_result same_account(civic_enrollments_t *store, int n, int round,
                                            apr_pool_t *pool)
{
    return add_quietly(store, apr_psprintf(pool, "account-%d", round),
                       apr_psprintf(pool, "id-%d-%d", round, n), pool);
}

static civic_enrollment_result same_identity(civic_enrollments_t *store, int n, int round,
                                             apr_pool_t *pool)
{
    return add_quietly(store, apr_psprintf(pool, "account-%d-%d", round, n),
                       apr_psprintf(pool, "id-%d", round), pool);
}

void enrollments_have_one_winner(enrollments_open_fn *open, int rounds, apr_pool_t *pool)
{
    int counts[CIVIC_ENROLLMENT_UNAVAILABLE + 1];

    for (int round = 0; round < rounds; round++) {
        crowd(counts, open, same_account, round, pool);
        assert_int_equal(counts[CIVIC_ENROLLMENT_OK], 1);
        assert_int_equal(counts[CIVIC_ENROLLMENT_ACCOUNT_TAKEN], CROWD - 1);
        crowd(counts, open, same_identity, round, pool);
        assert_int_equal(counts[CIVIC_ENROLLMENT_OK], 1);
        assert_int_equal(counts[CIVIC_ENROLLMENT_IDENTITY_TAKEN], CROWD - 1);
    }
    enrollments_assert_whole(open(pool), 2 * rounds, pool);
}

static civic_enrollment_result same_code(civic_enrollments_t *store, int n, int round,
                                         apr_pool_t *pool)
{
    const char *error = NULL;
    civic_enrollment_result result = civic_enrollment_use_recovery(
        store, APPLICATION, "alice", apr_psprintf(pool, "code-%d", round), &error, pool);

    if (result == CIVIC_ENROLLMENT_UNAVAILABLE) {
        print_error("%s\n", error);
    }
    return result;
}

void enrollments_give_a_code_once(enrollments_open_fn *open, int rounds, apr_pool_t *pool)
{
    apr_array_header_t *codes = apr_array_make(pool, rounds, sizeof(const char *));
    int counts[CIVIC_ENROLLMENT_UNAVAILABLE + 1];
    civic_enrollments_t *store = open(pool);

    for (int round = 0; round < rounds; round++) {
        APR_ARRAY_PUSH(codes, const char *) = apr_psprintf(pool, "code-%d", round);
    }
    enrollments_add(store, "alice", "id-1", 0, pool);
    set_codes(store, "alice", codes, pool);
    for (int round = 0; round < rounds; round++) {
        crowd(counts, open, same_code, round, pool);
        assert_int_equal(counts[CIVIC_ENROLLMENT_OK], 1);
        assert_int_equal(counts[CIVIC_ENROLLMENT_NONE], CROWD - 1);
    }
    enrollments_assert_whole(store, 1, pool);
}

/* ---- as tests ---- */

enrollments_open_fn *enrollments_opened;

void found_until_removed(void **state)
{
    enrollments_are_found_until_removed(enrollments_opened(*state), *state);
}

void unique(void **state)
{
    enrollments_are_unique(enrollments_opened(*state), *state);
}

void bounds(void **state)
{
    enrollments_have_bounds(enrollments_opened(*state), *state);
}

void import_is_all_or_nothing(void **state)
{
    enrollments_are_imported_together_or_not(enrollments_opened(*state), *state);
}

void codes_once(void **state)
{
    enrollments_use_each_code_once(enrollments_opened(*state), *state);
}

void one_winner(void **state)
{
    enrollments_have_one_winner(enrollments_opened, unit_rounds(20, 2), *state);
}

void a_code_for_one(void **state)
{
    enrollments_give_a_code_once(enrollments_opened, unit_rounds(16, 2), *state);
}
