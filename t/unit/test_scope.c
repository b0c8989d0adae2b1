/* Which scope request holds what another asks for. */
#include "unit.h"

#include "scope.h"

static void more_covers_less_and_not_the_other_way(void **state)
{
    static const char *const rising[] = {"ANONYMOUS_LOGIN", "BASIC_SIGNUP",
                                         "PROOF_OF_IDENTITY"};

    for (int held = 0; held < 3; held++) {
        for (int wanted = 0; wanted < 3; wanted++) {
            assert_int_equal(civic_scope_covers(rising[held], rising[wanted]), held >= wanted);
        }
    }
}

static void an_unknown_name_covers_itself_alone(void **state)
{
    static const char *const others[] = {
        "ANONYMOUS_LOGIN", "BASIC_SIGNUP", "PROOF_OF_IDENTITY", "PROOF_OF_AGE",
        "BASIC",           "basic_signup", "BASIC_SIGNUP_",     ""};

    assert_true(civic_scope_covers("PROOF_OF_RESIDENCE", "PROOF_OF_RESIDENCE"));
    for (apr_size_t i = 0; i < COUNT(others); i++) {
        assert_case(!civic_scope_covers("PROOF_OF_RESIDENCE", others[i]), others[i]);
        assert_case(!civic_scope_covers(others[i], "PROOF_OF_RESIDENCE"), others[i]);
    }
    assert_false(civic_scope_covers("PROOF_OF_IDENTITY", "basic_signup"));
}

static void labels_belong_to_the_least_that_shows_them(void **state)
{
    assert_string_equal(civic_scope_showing("contact.personal.email"), "BASIC_SIGNUP");
    assert_string_equal(civic_scope_showing("documents.genericId.dateOfBirth"),
                        "PROOF_OF_IDENTITY");
    assert_null(civic_scope_showing("verifications.levels.CIVIC:IAL1"));
    assert_null(civic_scope_showing("contact"));
    assert_null(civic_scope_showing("Documents.genericId.type"));
    assert_null(civic_scope_showing(""));
}

static void names_are_upper_case_and_bounded(void **state)
{
    static const char *const unfit[] = {
        "",          "basic",        "BASIC-SIGNUP", "BASIC SIGNUP", "BASIC\n",
        "BASIC.",    "B\xc3\x84SIC", "<B>",          "BASIC,PROOF",  " BASIC",
        "BASIC\x7f", "BASIC\""};

    assert_true(civic_scope_is_name(CIVIC_SCOPE_DEFAULT));
    assert_true(civic_scope_is_name("A"));
    assert_true(civic_scope_is_name("LEVEL_2"));
    assert_true(civic_scope_is_name(unit_repeat('A', CIVIC_SCOPE_MAX, *state)));
    assert_false(civic_scope_is_name(unit_repeat('A', CIVIC_SCOPE_MAX + 1, *state)));
    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        assert_case(!civic_scope_is_name(unfit[i]), unfit[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(more_covers_less_and_not_the_other_way),
        UNIT(an_unknown_name_covers_itself_alone),
        UNIT(labels_belong_to_the_least_that_shows_them),
        UNIT(names_are_upper_case_and_bounded),
    };

    return UNIT_RUN("scope", tests);
}
