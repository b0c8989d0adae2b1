/* Content-Security-Policy: sources are added where they belong, once, and none that lets any
 * script in. */
#include "unit.h"

#include <string.h>

#include "policy.h"

static const char base[] = "default-src 'none'; script-src 'self' https://a.example; "
                           "img-src 'self' data:; frame-ancestors 'none'";

static void sources_are_added_to_their_directive(void **state)
{
    assert_string_equal(civic_policy_add(base, "", *state), base);
    assert_string_equal(civic_policy_add(base, "img-src https://b.example", *state),
                        "default-src 'none'; script-src 'self' https://a.example; "
                        "img-src 'self' data: https://b.example; frame-ancestors 'none'");
    assert_string_equal(
        civic_policy_add(base, "IMG-SRC DATA: ;; script-src https://A.example", *state), base);
    assert_string_equal(
        civic_policy_add(base, "frame-ancestors 'self' https://b.example", *state),
        "default-src 'none'; script-src 'self' https://a.example; "
        "img-src 'self' data:; frame-ancestors 'self' https://b.example");
    assert_string_equal(civic_policy_add("img-src a", "font-src b c; img-src bb b", *state),
                        "img-src a bb b; font-src b c");
    assert_string_equal(
        civic_policy_add("script-src-elem a; script-src", "script-src b", *state),
        "script-src-elem a; script-src b");
    assert_string_equal(civic_policy_add("img-src;font-src", "img-src b;font-src c", *state),
                        "img-src b;font-src c");
    assert_string_equal(civic_policy_add("", "img-src b", *state), "; img-src b");
}

static void what_is_no_policy_is_refused(void **state)
{
    static const char *const add_faults[] = {"",
                                             " ",
                                             ";",
                                             " ; ",
                                             "img-src",
                                             "img",
                                             "default-src a",
                                             "base-uri a",
                                             "object-src a",
                                             "sandbox a",
                                             "img-src 'none'",
                                             "img-src a; script-src *",
                                             "script-src 'UNSAFE-inline'",
                                             "script-src data:",
                                             "script-src https://*",
                                             "script-src HTTPS://*:443",
                                             "script-src *:*",
                                             "script-src */x.js",
                                             "script-src a 'unsafe-eval'",
                                             "img-src a,b",
                                             "img-src \x01",
                                             "img-src \xc3\xa4",
                                             "img-src a\nx: y",
                                             "script-src-elem a"};
    static const char *const set_faults[] = {"", ";", "x", "img-src a, b", "default-src\n"};

    for (apr_size_t i = 0; i < COUNT(add_faults); i++) {
        assert_non_null(civic_policy_fault(add_faults[i], CIVIC_POLICY_ADD, *state));
    }
    for (apr_size_t i = 0; i < COUNT(set_faults); i++) {
        assert_non_null(civic_policy_fault(set_faults[i], CIVIC_POLICY_SET, *state));
    }
    assert_null(civic_policy_fault("img-src a b;;font-src c;", CIVIC_POLICY_ADD, *state));
    assert_null(civic_policy_fault("script-src https://*.example *.example; img-src *",
                                   CIVIC_POLICY_ADD, *state));
    assert_null(civic_policy_fault("default-src 'none'; script-src 'unsafe-inline'; "
                                   "upgrade-insecure-requests",
                                   CIVIC_POLICY_SET, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(sources_are_added_to_their_directive),
        UNIT(what_is_no_policy_is_refused),
    };

    return UNIT_RUN("policy", tests);
}
