/* Recovery codes: easy to type, hard to guess, good for one account. */
#include <apr_strings.h>
#include <string.h>

#include "enrollment.h"
#include "recovery.h"
#include "unit.h"

static apr_array_header_t *codes, *hashes;

static void make(int count, const char *account, apr_pool_t *pool)
{
    assert_true(civic_recovery_make(&codes, &hashes, count, "CO-ALPHA", account, pool));
    assert_int_equal(codes->nelts, count);
    assert_int_equal(hashes->nelts, count);
}

static const char *hash(const char *typed, apr_pool_t *pool)
{
    return civic_recovery_hash(typed, "CO-ALPHA", "alice", pool);
}

static void four_groups_without_look_alikes(void **state)
{
    make(CIVIC_ENROLLMENT_RECOVERY_MAX, "alice", *state);
    for (int i = 0; i < codes->nelts; i++) {
        const char *code = APR_ARRAY_IDX(codes, i, const char *);

        assert_int_equal(strlen(code), 19);
        assert_int_equal(strspn(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), 19);
        assert_true(code[4] == '-' && code[9] == '-' && code[14] == '-');
        assert_string_equal(hash(code, *state), APR_ARRAY_IDX(hashes, i, const char *));
        assert_int_equal(strlen(APR_ARRAY_IDX(hashes, i, const char *)),
                         CIVIC_ENROLLMENT_HASH_MAX);
    }
}

/* Each of the 32 characters comes at each of the 16 places. */
static void every_character_everywhere(void **state)
{
    unsigned char seen[19][128] = {{0}};

    for (int i = 0; i < 100; i++) {
        make(16, "alice", *state);
        for (int j = 0; j < 16; j++) {
            const char *code = APR_ARRAY_IDX(codes, j, const char *);

            for (int k = 0; k < 19; k++) {
                seen[k][(int)code[k]] = 1;
            }
        }
    }
    for (int k = 0; k < 19; k++) {
        int characters = 0;

        for (int c = 0; c < 128; c++) {
            characters += seen[k][c];
        }
        assert_int_equal(characters, k % 5 == 4 ? 1 : 32);
    }
}

static void however_it_is_typed(void **state)
{
    static const char *const same[] = {"0123-4567-89AB-1KMN", "0123456789ab1kmn",
                                       " 0123 4567 89aB iKmN\t", "o123-4567-89ab-lkmn",
                                       "O--123456789 AB IKMN\r\n"};
    static const char *const wrong[] = {
        "",    "0123-4567-89AB-1KM",  "0123-4567-89AB-1KMNX",      "0123-4567-89AB-1KMU",
        "-- ", "0123-4567-89AB-1K.N", "0123-4567-89AB-1KM\xc3\xa9"};

    for (apr_size_t i = 0; i < COUNT(same); i++) {
        assert_case(hash(same[i], *state), same[i]);
        assert_string_equal(hash(same[i], *state), hash(same[0], *state));
    }
    for (apr_size_t i = 0; i < COUNT(wrong); i++) {
        assert_case(!hash(wrong[i], *state), wrong[i]);
    }
    assert_null(hash(unit_repeat('A', 100000, *state), *state));
    assert_string_not_equal(hash("0123-4567-89AB-1KMM", *state), hash(same[0], *state));
}

/* base64url of the first half of SHA-256("CO-ALPHA" NUL "alice" NUL "0123456789AB1KMN"): what
 * stores and exports hold must not change. */
static void the_hash_is_fixed(void **state)
{
    assert_string_equal(hash("0123-4567-89AB-1KMN", *state), "m4sWSVgs0dYlHzMwupQRkg");
}

static void one_account_alone(void **state)
{
    static const char code[] = "0123-4567-89AB-1KMN";

    assert_string_not_equal(hash(code, *state),
                            civic_recovery_hash(code, "CO-ALPHA", "bob", *state));
    assert_string_not_equal(hash(code, *state),
                            civic_recovery_hash(code, "CO-BETA", "alice", *state));
    assert_string_not_equal(hash(code, *state),
                            civic_recovery_hash(code, "CO-ALPHAa", "lice", *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(four_groups_without_look_alikes),
        UNIT(every_character_everywhere),
        UNIT(however_it_is_typed),
        UNIT(the_hash_is_fixed),
        UNIT(one_account_alone),
    };

    return UNIT_RUN("recovery", tests);
}
