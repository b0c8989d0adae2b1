/* Names of accounts: one spelling for all that a first login may take for the same. */
#include "unit.h"

#include <string.h>

#include "account.h"
#include "enrollment.h"

static void spellings_become_one(void **state)
{
    static const struct {
        const char *name, *folded;
    } names[] = {
        {"alice", "alice"},
        {"ALICE", "alice"},
        {"aLiCe@Example.ORG", "alice@example.org"},
        {" alice", "alice"},
        {"alice  ", "alice"},
        {"\talice \t ", "alice"},
        {"Alice  B\tC", "alice b c"},
        {"UID=Alice, DC=Example", "uid=alice, dc=example"},
        {"Zo\xc3\x8b", "zo\xc3\x8b"}, /* ASCII alone is folded */
        {"[Z{@", "[z{@"},
    };

    for (apr_size_t i = 0; i < COUNT(names); i++) {
        const char *folded = civic_account_fold(names[i].name, *state);

        assert_non_null(folded);
        assert_string_equal(folded, names[i].folded);
        assert_string_equal(civic_account_fold(folded, *state), folded);
    }
}

static void what_names_nobody_is_refused(void **state)
{
    static const char *const names[] = {"",     " ",     "\t \t", "a\nb",   "a\rb",
                                        "\x7f", "a\x01", "\xff",  "Zo\xcb", "a\xc2\x85"};

    assert_null(civic_account_fold(NULL, *state));
    for (apr_size_t i = 0; i < COUNT(names); i++) {
        assert_null(civic_account_fold(names[i], *state));
    }
}

static void only_ascii_is_plain(void **state)
{
    assert_true(civic_account_is_plain("alice@example.org"));
    assert_true(civic_account_is_plain("a~ b"));
    assert_false(civic_account_is_plain("zo\xc3\xab"));
    assert_false(civic_account_is_plain("\xef\xbd\x81lice"));
}

static void the_store_sets_the_limit(void **state)
{
    const int most = CIVIC_ENROLLMENT_ACCOUNT_MAX;

    assert_non_null(civic_account_fold(unit_repeat('a', most, *state), *state));
    assert_null(civic_account_fold(unit_repeat('a', most + 1, *state), *state));
    assert_null(civic_account_fold(unit_repeat('a', 100000, *state), *state));
}

static void names_are_compared_whole(void **state)
{
    assert_true(civic_account_equal("alice", "alice"));
    assert_false(civic_account_equal("alice", "alicf"));
    assert_false(civic_account_equal("alice", "alic"));
    assert_false(civic_account_equal("alice", "alice "));
    assert_false(civic_account_equal("alice", ""));
    assert_true(civic_account_equal("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(spellings_become_one),     UNIT(what_names_nobody_is_refused),
        UNIT(only_ascii_is_plain),      UNIT(the_store_sets_the_limit),
        UNIT(names_are_compared_whole),
    };

    return UNIT_RUN("account", tests);
}
