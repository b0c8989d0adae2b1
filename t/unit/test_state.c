/* The sealed state of a login page, and the login cookie that it is bound to. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "jws.h"
#include "return_path.h"
#include "scope.h"
#include "state.h"

#define NOW apr_time_from_sec(1795466541)

static const civic_seal_keys_t keys = {.current = {1, 2, 3}};
static const civic_seal_keys_t other_keys = {.current = {4, 5, 6}};
static const civic_seal_keys_t rolled = {
    .current = {4, 5, 6}, .previous = {1, 2, 3}, .has_previous = 1};
static const civic_seal_keys_t forgotten = {
    .current = {4, 5, 6}, .previous = {1, 2, 3}, .has_previous = 0};

static civic_state_t sample(const civic_browser_t *browser)
{
    civic_state_t made = {.application = "tEsTaPp01",
                          .scope = "BASIC_SIGNUP",
                          .return_path = "/members/?a=1&b=%2F",
                          .issued = NOW};

    assert_true(civic_state_bind(&made, browser));
    return made;
}

static const char *sealed_sample(apr_pool_t *pool)
{
    civic_browser_t browser = {.id = {7}};
    civic_state_t made = sample(&browser);
    const char *text = civic_state_seal(&made, &keys, pool);

    assert_non_null(text);
    return text;
}

static civic_reason open_text(const char *text, const civic_seal_keys_t *with,
                              apr_pool_t *pool)
{
    civic_state_t opened = {.issued = 1};
    civic_reason reason = civic_state_open(&opened, text, strlen(text), with, pool);

    assert_case(reason == CIVIC_OK || (opened.issued == 1 && !opened.return_path), text);
    return reason;
}

/* ---- the state ---- */

static void what_was_sealed_opens(void **state)
{
    civic_browser_t browser;
    civic_state_t made, opened;
    const char *text;

    assert_true(civic_browser_new(&browser));
    made = sample(&browser);
    text = civic_state_seal(&made, &keys, *state);
    assert_reason(civic_state_open(&opened, text, strlen(text), &keys, *state), CIVIC_OK,
                  "sealed");
    assert_string_equal(opened.application, made.application);
    assert_string_equal(opened.scope, made.scope);
    assert_string_equal(opened.return_path, made.return_path);
    assert_int_equal(opened.issued, made.issued);
    assert_memory_equal(opened.browser, made.browser, CIVIC_BROWSER_ID_LEN);
    assert_reason(civic_state_judge(&opened, &browser, NOW), CIVIC_OK, "at once");
}

static void two_seals_of_the_same_differ(void **state)
{
    const char *one = sealed_sample(*state), *two = sealed_sample(*state);

    assert_int_equal(strlen(one), strlen(two));
    assert_string_not_equal(one, two);
    assert_memory_not_equal(one, two, 16);
}

/* Nothing of it can be read by whoever holds the page. */
static void a_seal_shows_nothing(void **state)
{
    const char *text = sealed_sample(*state);
    civic_bytes_t bytes;

    assert_true(civic_base64url_decode(&bytes, text, strlen(text), *state));
    for (apr_size_t i = 0; i + 7 < bytes.len; i++) {
        assert_memory_not_equal(bytes.data + i, "members", 7);
        assert_memory_not_equal(bytes.data + i, "tEsTaPp", 7);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    char *text = apr_pstrdup(*state, sealed_sample(*state));

    for (apr_size_t bit = 0; text[bit / 8]; bit++) {
        char right = text[bit / 8];

        text[bit / 8] = (char)(right ^ 1 << bit % 8);
        if (text[bit / 8]) {
            assert_reason(open_text(text, &keys, *state), CIVIC_STATE_INVALID, text);
        }
        text[bit / 8] = right;
    }
    assert_reason(open_text(text, &keys, *state), CIVIC_OK, text);
}

static void every_cut_is_refused(void **state)
{
    const char *text = sealed_sample(*state);

    for (apr_size_t len = strlen(text); len-- > 0;) {
        assert_reason(open_text(apr_pstrmemdup(*state, text, len), &keys, *state),
                      CIVIC_STATE_INVALID, "cut");
        assert_reason(open_text(text + strlen(text) - len, &keys, *state), CIVIC_STATE_INVALID,
                      "cut in front");
    }
}

static void what_is_no_base64url_is_refused(void **state)
{
    const char *text = sealed_sample(*state);
    const char *const unfit[] = {"",
                                 "x",
                                 "====",
                                 " ",
                                 "{{}}",
                                 apr_pstrcat(*state, text, "=", NULL),
                                 apr_pstrcat(*state, text, "\n", NULL),
                                 apr_pstrcat(*state, " ", text, NULL),
                                 apr_pstrcat(*state, text, text, NULL),
                                 apr_pstrcat(*state, text, "A", NULL),
                                 unit_repeat('A', CIVIC_STATE_MAX, *state),
                                 unit_repeat('A', CIVIC_STATE_MAX + 4, *state)};

    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        assert_reason(open_text(unfit[i], &keys, *state), CIVIC_STATE_INVALID, unfit[i]);
    }
    assert_reason(civic_state_open(&(civic_state_t){0}, "AA\0AA", 5, &keys, *state),
                  CIVIC_STATE_INVALID, "NUL");
}

static void the_previous_key_opens_and_no_other(void **state)
{
    const char *text = sealed_sample(*state);

    assert_reason(open_text(text, &rolled, *state), CIVIC_OK, "rolled over");
    assert_reason(open_text(text, &forgotten, *state), CIVIC_STATE_INVALID, "forgotten");
    assert_reason(open_text(text, &other_keys, *state), CIVIC_STATE_INVALID, "another's");
}

static void the_current_key_seals(void **state)
{
    civic_state_t made = sample(&(civic_browser_t){.id = {7}});
    const char *text = civic_state_seal(&made, &rolled, *state);

    assert_reason(open_text(text, &rolled, *state), CIVIC_OK, "rolled over");
    assert_reason(open_text(text, &other_keys, *state), CIVIC_OK, "with the new key alone");
    assert_reason(open_text(text, &keys, *state), CIVIC_STATE_INVALID,
                  "with the old key alone");
}

/* Same key, another purpose: a login cookie is no state and no state a cookie. */
static void a_cookie_is_no_state(void **state)
{
    civic_browser_t browser = {.id = {7}}, opened;
    const char *cookie = civic_browser_seal(&browser, &keys, *state);
    civic_bytes_t sealed;

    assert_reason(open_text(cookie, &keys, *state), CIVIC_STATE_INVALID, "cookie");
    assert_true(civic_seal(&sealed, keys.current, "civic state 1",
                           unit_repeat('\1', 40, *state), 40, *state));
    assert_false(civic_browser_open(
        &opened, civic_base64url_encode(sealed.data, sealed.len, *state), &keys, *state));
}

/* Bytes with a good seal but another content: what another version may have written. */
static civic_reason open_clear(const void *clear, apr_size_t len, apr_pool_t *pool)
{
    civic_bytes_t sealed;

    assert_true(civic_seal(&sealed, keys.current, "civic state 1", clear, len, pool));
    return open_text(civic_base64url_encode(sealed.data, sealed.len, pool), &keys, pool);
}

static void contents_that_do_not_fit_are_refused(void **state)
{
    static const char good[] = "\1"
                               "12345678"
                               "1234567812345678"
                               "\1\0A"
                               "\1S"
                               "/p";
    const apr_size_t len = sizeof(good) - 1;
    char *other = apr_pmemdup(*state, good, sizeof(good));

    assert_reason(open_clear(good, len, *state), CIVIC_OK, "whole");
    for (apr_size_t cut = 0; cut < len - 1; cut++) {
        assert_reason(open_clear(good, cut, *state), CIVIC_STATE_INVALID, "cut");
    }
    other[0] = 2;
    assert_reason(open_clear(other, len, *state), CIVIC_STATE_INVALID, "version");
    other[0] = 1;
    other[26] = 1;
    assert_reason(open_clear(other, len, *state), CIVIC_STATE_INVALID, "application's length");
    other[26] = 0;
    other[28] = 99;
    assert_reason(open_clear(other, len, *state), CIVIC_STATE_INVALID, "scope's length");
    other[28] = 1;
    other[29] = 's';
    assert_reason(open_clear(other, len, *state), CIVIC_STATE_INVALID, "scope");
    other[29] = 'S';
    other[31] = '/';
    assert_reason(open_clear(other, len, *state), CIVIC_STATE_INVALID, "return path");
}

/* A page behind another login. */
static civic_reason open_any_clear(const void *clear, apr_size_t len, apr_pool_t *pool)
{
    civic_state_t opened;
    civic_bytes_t sealed;
    const char *text;

    assert_true(civic_seal(&sealed, keys.current, "civic state 1", clear, len, pool));
    text = civic_base64url_encode(sealed.data, sealed.len, pool);
    assert_reason(civic_state_open(&opened, text, strlen(text), &keys, pool),
                  CIVIC_STATE_INVALID, "where a plain one is expected");
    return civic_state_open_any(&opened, text, strlen(text), &keys, pool);
}

static void the_first_factor_is_sealed_in(void **state)
{
    static const char good[] = "\3"
                               "12345678"
                               "1234567812345678"
                               "\1\3\1"
                               "12345678123456781234567812345678"
                               "1234567812345678"
                               "\5alice"
                               "\1\0A"
                               "\1S"
                               "/p";
    const apr_size_t len = sizeof(good) - 1;
    char *other = apr_pmemdup(*state, good, sizeof(good));
    civic_state_t made = sample(&(civic_browser_t){.id = {7}}), opened;
    const char *text;

    made.factor =
        (civic_state_factor_t){"alice", CIVIC_STATE_LINK, 10, 1, {1, 2, 3}, {4, 5, 6}};
    text = civic_state_seal(&made, &keys, *state);
    assert_reason(civic_state_open_any(&opened, text, strlen(text), &keys, *state), CIVIC_OK,
                  text);
    assert_string_equal(opened.factor.account, "alice");
    assert_int_equal(opened.factor.use, CIVIC_STATE_LINK);
    assert_int_equal(opened.factor.codes, 10);
    assert_int_equal(opened.factor.shared, 1);
    assert_memory_equal(opened.factor.session, made.factor.session, CIVIC_STATE_SESSION_LEN);
    assert_true(civic_state_is_of(&opened, made.factor.realm));
    assert_false(civic_state_is_of(&opened, (const unsigned char[CIVIC_REALM_LEN]){4, 5, 7}));
    assert_string_equal(opened.return_path, made.return_path);
    assert_string_equal(opened.scope, made.scope);
    text = sealed_sample(*state);
    assert_reason(civic_state_open(&opened, text, strlen(text), &keys, *state), CIVIC_OK,
                  text);
    assert_null(opened.factor.account);

    assert_reason(open_any_clear(good, len, *state), CIVIC_OK, "whole");
    for (apr_size_t cut = 0; cut < len - 1; cut++) {
        assert_reason(open_any_clear(good, cut, *state), CIVIC_STATE_INVALID, "cut");
    }
    other[25] = 2;
    assert_reason(open_any_clear(other, len, *state), CIVIC_STATE_INVALID, "use");
    other[25] = 0;
    assert_reason(open_any_clear(other, len, *state), CIVIC_OK, "the other use");
    other[76] = (char)255;
    assert_reason(open_any_clear(other, len, *state), CIVIC_STATE_INVALID, "account's length");
    made.factor.account = unit_repeat('a', 255, *state);
    assert_non_null(civic_state_seal(&made, &keys, *state));
    made.factor.account = unit_repeat('a', 256, *state);
    assert_null(civic_state_seal(&made, &keys, *state));
}

static void the_longest_path_fits(void **state)
{
    civic_state_t made = sample(&(civic_browser_t){.id = {7}});
    char *path = unit_repeat('a', CIVIC_RETURN_PATH_MAX, *state);
    const char *text;

    path[0] = '/';
    made.return_path = path;
    made.scope = unit_repeat('S', CIVIC_SCOPE_MAX, *state);
    text = civic_state_seal(&made, &keys, *state);
    assert_non_null(text);
    assert_true(strlen(text) <= CIVIC_STATE_MAX);
    assert_reason(open_text(text, &keys, *state), CIVIC_OK, "longest");
}

static void what_would_be_too_long_is_not_sealed(void **state)
{
    civic_state_t made = sample(&(civic_browser_t){.id = {7}});

    made.return_path = unit_repeat('/', CIVIC_STATE_MAX, *state);
    assert_null(civic_state_seal(&made, &keys, *state));
    made.return_path = "/";
    made.scope = unit_repeat('S', CIVIC_SCOPE_MAX + 1, *state);
    assert_null(civic_state_seal(&made, &keys, *state));
    made.scope = "S";
    made.application = unit_repeat('a', 65536, *state);
    assert_null(civic_state_seal(&made, &keys, *state));
}

/* ---- judging ---- */

static void a_state_lives_half_an_hour(void **state)
{
    civic_browser_t browser = {.id = {7}};
    civic_state_t made = sample(&browser);
    const apr_time_t end = NOW + CIVIC_STATE_LIFE;
    const apr_time_t early = NOW - apr_time_from_sec(CIVIC_CLOCK_TOLERANCE);

    assert_int_equal(CIVIC_STATE_LIFE, apr_time_from_sec(1800));
    assert_reason(civic_state_judge(&made, &browser, end), CIVIC_OK, "end");
    assert_reason(civic_state_judge(&made, &browser, end + 1), CIVIC_STATE_EXPIRED, "after");
    assert_reason(civic_state_judge(&made, &browser, early), CIVIC_OK, "clock stepped");
    assert_reason(civic_state_judge(&made, &browser, early - 1), CIVIC_STATE_EXPIRED,
                  "from the future");
}

static void a_state_belongs_to_one_browser(void **state)
{
    civic_browser_t browser = {.id = {7}}, other = {.id = {7}};
    civic_state_t made = sample(&browser);

    other.id[CIVIC_BROWSER_ID_LEN - 1] = 1;
    assert_reason(civic_state_judge(&made, &other, NOW), CIVIC_STATE_FOREIGN, "another's");
    assert_reason(civic_state_judge(&made, NULL, NOW), CIVIC_STATE_FOREIGN, "no cookie");
    /* foreign comes before expired: the cookie says nothing to whoever brings
     * another's page */
    assert_reason(civic_state_judge(&made, &other, NOW + 2 * CIVIC_STATE_LIFE),
                  CIVIC_STATE_FOREIGN, "another's, old");
    /* what the cookie counts does not matter */
    browser.completed = NOW;
    assert_reason(civic_state_judge(&made, &browser, NOW), CIVIC_OK, "same browser");
}

static void the_page_does_not_carry_the_browsers_id(void **state)
{
    civic_browser_t browser;
    civic_state_t made;

    assert_true(civic_browser_new(&browser));
    made = sample(&browser);
    assert_memory_not_equal(made.browser, browser.id, CIVIC_BROWSER_ID_LEN);
}

/* ---- the login cookie ---- */

static void new_browsers_differ(void **state)
{
    civic_browser_t one = {.completed = 9}, two;

    assert_true(civic_browser_new(&one) && civic_browser_new(&two));
    assert_memory_not_equal(one.id, two.id, CIVIC_BROWSER_ID_LEN);
    assert_int_equal(one.completed, 0);
}

static void the_cookie_has_one_length_and_keeps_what_it_holds(void **state)
{
    civic_browser_t browser = {.completed = -1, .application = "12345678"};
    civic_browser_t opened;
    const char *text, *before = "";

    for (int i = 0; i < 20; i++) {
        assert_true(civic_random(browser.id, sizeof(browser.id)));
        text = civic_browser_seal(&browser, &keys, *state);
        assert_int_equal(strlen(text), CIVIC_LOGIN_COOKIE_LEN);
        assert_string_not_equal(text, before);
        assert_true(civic_browser_open(&opened, text, &keys, *state));
        assert_memory_equal(opened.id, browser.id, sizeof(browser.id));
        assert_int_equal(opened.completed, browser.completed);
        assert_memory_equal(opened.application, browser.application, 8);
        before = text;
    }
}

static void garbage_is_no_cookie(void **state)
{
    const char *text = civic_browser_seal(&(civic_browser_t){.id = {7}}, &keys, *state);
    char *spoilt = apr_pstrdup(*state, text);
    const char *const unfit[] = {"",
                                 "x",
                                 text + 1,
                                 apr_pstrcat(*state, text, "A", NULL),
                                 unit_repeat('A', CIVIC_LOGIN_COOKIE_LEN, *state),
                                 unit_repeat('=', CIVIC_LOGIN_COOKIE_LEN, *state),
                                 unit_repeat('\xff', CIVIC_LOGIN_COOKIE_LEN, *state),
                                 unit_repeat('A', 100000, *state),
                                 spoilt};
    civic_browser_t opened = {.completed = 42};

    spoilt[0] = '"';
    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        assert_case(!civic_browser_open(&opened, unfit[i], &keys, *state), unfit[i]);
        assert_int_equal(opened.completed, 42);
    }
}

static void every_flipped_bit_of_the_cookie_is_refused(void **state)
{
    char *text = (char *)civic_browser_seal(&(civic_browser_t){.id = {7}}, &keys, *state);
    civic_browser_t opened;

    for (int bit = 0; bit < 8 * CIVIC_LOGIN_COOKIE_LEN; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        assert_false(civic_browser_open(&opened, text, &keys, *state));
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
    assert_true(civic_browser_open(&opened, text, &keys, *state));
}

static void the_cookie_follows_the_keys(void **state)
{
    const char *text = civic_browser_seal(&(civic_browser_t){.id = {7}}, &keys, *state);
    civic_browser_t opened;

    assert_true(civic_browser_open(&opened, text, &rolled, *state));
    assert_false(civic_browser_open(&opened, text, &forgotten, *state));
    assert_false(civic_browser_open(&opened, text, &other_keys, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(what_was_sealed_opens),
        UNIT(two_seals_of_the_same_differ),
        UNIT(a_seal_shows_nothing),
        UNIT(every_flipped_bit_is_refused),
        UNIT(every_cut_is_refused),
        UNIT(what_is_no_base64url_is_refused),
        UNIT(the_previous_key_opens_and_no_other),
        UNIT(the_current_key_seals),
        UNIT(a_cookie_is_no_state),
        UNIT(contents_that_do_not_fit_are_refused),
        UNIT(the_first_factor_is_sealed_in),
        UNIT(the_longest_path_fits),
        UNIT(what_would_be_too_long_is_not_sealed),
        UNIT(a_state_lives_half_an_hour),
        UNIT(a_state_belongs_to_one_browser),
        UNIT(the_page_does_not_carry_the_browsers_id),
        UNIT(new_browsers_differ),
        UNIT(the_cookie_has_one_length_and_keeps_what_it_holds),
        UNIT(garbage_is_no_cookie),
        UNIT(every_flipped_bit_of_the_cookie_is_refused),
        UNIT(the_cookie_follows_the_keys),
    };

    return UNIT_RUN("state", tests);
}
