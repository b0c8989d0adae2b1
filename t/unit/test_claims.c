/* User data: parsing, what counts as verified, the picture, names and values for
 * applications. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "claims.h"
#include "encoding.h"

static civic_reason parse(civic_claims_t *claims, const char *text, apr_pool_t *pool)
{
    const char *detail = "never set";
    civic_reason reason = civic_claims_parse(claims, text, strlen(text), &detail, pool);

    assert_case((detail == NULL) == (reason == CIVIC_OK), text);
    return reason;
}

static civic_claims_t parsed(const char *text, apr_pool_t *pool)
{
    civic_claims_t claims = {NULL, 0};

    assert_reason(parse(&claims, text, pool), CIVIC_OK, text);
    return claims;
}

#define ITEM(label, value, valid, owner)                                                      \
    "{\"label\":" label ",\"value\":" value ",\"isValid\":" valid ",\"isOwner\":" owner "}"

/* ---- parsing ---- */

static void items_keep_their_order_and_values(void **state)
{
    civic_claims_t claims = parsed("[" ITEM("\"b\"", "\"x\"", "true", "true") "," ITEM(
                                       "\"a\"", "\"Zo\xc3\xab\"", "true",
                                       "false") "," ITEM("\"a\"", "\"\"", "false", "true") "]",
                                   *state);

    assert_int_equal(claims.count, 3);
    assert_string_equal(claims.items[0].label, "b");
    assert_string_equal(claims.items[1].value, "Zo\xc3\xab");
    assert_string_equal(claims.items[2].value, "");
    assert_int_equal(claims.items[0].flags, CIVIC_CLAIM_VERIFIED);
    assert_int_equal(claims.items[1].flags, CIVIC_CLAIM_VALID);
    assert_int_equal(claims.items[2].flags, CIVIC_CLAIM_OWNED);
}

static void an_empty_list_is_a_list(void **state)
{
    assert_int_equal(parsed("[]", *state).count, 0);
}

static void only_true_itself_counts(void **state)
{
    static const char *const others[] = {"false",    "null",  "1",      "1.0",
                                         "\"true\"", "\"1\"", "[true]", "{\"true\":true}",
                                         "\"\"",     "[]"};

    for (apr_size_t i = 0; i < COUNT(others); i++) {
        const char *text = apr_psprintf(*state,
                                        "[" ITEM("\"a\"", "\"x\"", "%s", "true") "," ITEM(
                                            "\"a\"", "\"y\"", "true", "%s") "]",
                                        others[i], others[i]);
        civic_claims_t claims = parsed(text, *state);

        assert_int_equal(claims.items[0].flags, CIVIC_CLAIM_OWNED);
        assert_int_equal(claims.items[1].flags, CIVIC_CLAIM_VALID);
        assert_null(civic_claims_get(&claims, "a"));
    }
}

static void marks_that_are_missing_do_not_count(void **state)
{
    civic_claims_t claims = parsed("[{\"label\":\"a\",\"value\":\"x\"},"
                                   "{\"label\":\"a\",\"value\":\"x\",\"isvalid\":true,"
                                   "\"IsOwner\":true,\"verified\":true}]",
                                   *state);

    assert_int_equal(claims.items[0].flags, 0);
    assert_int_equal(claims.items[1].flags, 0);
}

static void numbers_and_booleans_keep_their_json(void **state)
{
    civic_claims_t claims = parsed(
        "[" ITEM("\"a\"", "42", "true", "true") "," ITEM(
            "\"b\"", "1.5", "true", "true") "," ITEM("\"c\"", "false", "true", "true") "]",
        *state);

    assert_string_equal(civic_claims_get(&claims, "a"), "42");
    assert_string_equal(civic_claims_get(&claims, "b"), "1.5");
    assert_string_equal(civic_claims_get(&claims, "c"), "false");
}

static void what_is_no_list_of_items_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "{}",
                                        "null",
                                        "1",
                                        "\"x\"",
                                        "not json",
                                        "[",
                                        "[]x",
                                        "[1]",
                                        "[null]",
                                        "[[]]",
                                        "[\"a\"]",
                                        "[{}]",
                                        "[{\"label\":\"a\"}]",
                                        "[{\"value\":\"a\"}]",
                                        "[" ITEM("\"\"", "\"x\"", "true", "true") "]",
                                        "[" ITEM("1", "\"x\"", "true", "true") "]",
                                        "[" ITEM("null", "\"x\"", "true", "true") "]",
                                        "[" ITEM("\"a b\"", "\"x\"", "true", "true") "]",
                                        "[" ITEM("\"a\\n\"", "\"x\"", "true", "true") "]",
                                        "[" ITEM("\"a\\u007f\"", "\"x\"", "true", "true") "]",
                                        "[" ITEM("\"\xc3\xa9\"", "\"x\"", "true", "true") "]",
                                        "[" ITEM("\"a\"", "null", "true", "true") "]",
                                        "[" ITEM("\"a\"", "[]", "true", "true") "]",
                                        "[" ITEM("\"a\"", "{}", "true", "true") "]",
                                        "[" ITEM("\"a\"", "\"\\u0000\"", "true", "true") "]",
                                        "[{\"label\":\"a\",\"value\":\"x\",\"value\":\"y\"}]",
                                        "[{\"label\":\"a\",\"label\":\"b\",\"value\":\"x\"}]",
                                        "[" ITEM("\"a\"", "\"x\"", "true", "true") ",1]"};

    for (apr_size_t i = 0; i < COUNT(texts); i++) {
        civic_claims_t claims = {NULL, 7};

        assert_reason(parse(&claims, texts[i], *state), CIVIC_ANSWER_FORMAT, texts[i]);
        assert_case(claims.items == NULL && claims.count == 7, texts[i]);
    }
}

/* The log may hold the detail, so it must hold nothing of the person. */
static void details_show_no_label_and_no_value(void **state)
{
    static const char text[] = "[" ITEM("\"canary label\"", "\"x\"", "true", "true") "]";
    static const char also[] =
        "[" ITEM("\"canary.label\"", "[\"canary\"]", "true", "true") "]";
    const char *detail;
    civic_claims_t claims;

    civic_claims_parse(&claims, text, strlen(text), &detail, *state);
    assert_null(strstr(detail, "canary"));
    civic_claims_parse(&claims, also, strlen(also), &detail, *state);
    assert_null(strstr(detail, "canary"));
}

static const char *list_of(int count, apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, count + 2, sizeof(const char *));

    APR_ARRAY_PUSH(parts, const char *) = "[";
    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(parts, const char *) =
            apr_psprintf(pool, "%s" ITEM("\"l%d\"", "\"x\"", "true", "true"), i ? "," : "", i);
    }
    APR_ARRAY_PUSH(parts, const char *) = "]";
    return apr_array_pstrcat(pool, parts, 0);
}

static void at_most_256_items(void **state)
{
    civic_claims_t claims;

    assert_int_equal(parsed(list_of(CIVIC_CLAIMS_MAX, *state), *state).count,
                     CIVIC_CLAIMS_MAX);
    assert_reason(parse(&claims, list_of(CIVIC_CLAIMS_MAX + 1, *state), *state),
                  CIVIC_ANSWER_FORMAT, "one more");
}

static civic_reason parse_sized(apr_size_t label, apr_size_t value, apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, "[{\"label\":\"", unit_repeat('l', label, pool),
                                   "\",\"value\":\"", unit_repeat('v', value, pool),
                                   "\",\"isValid\":true,\"isOwner\":true}]", NULL);
    civic_claims_t claims;

    return parse(&claims, text, pool);
}

static void labels_and_values_are_bounded(void **state)
{
    assert_reason(parse_sized(CIVIC_LABEL_MAX, 1, *state), CIVIC_OK, "label");
    assert_reason(parse_sized(CIVIC_LABEL_MAX + 1, 1, *state), CIVIC_ANSWER_FORMAT, "label");
    assert_reason(parse_sized(1, CIVIC_VALUE_MAX, *state), CIVIC_OK, "value");
    assert_reason(parse_sized(1, CIVIC_VALUE_MAX + 1, *state), CIVIC_ANSWER_FORMAT, "value");
}

/* ---- verified claims ---- */

static void a_claim_is_got_by_its_exact_label(void **state)
{
    civic_claims_t claims = parsed("[" ITEM("\"a.b\"", "\"x\"", "true", "true") "]", *state);
    civic_claims_t none = {NULL, 0};

    assert_string_equal(civic_claims_get(&claims, "a.b"), "x");
    assert_null(civic_claims_get(&claims, "A.B"));
    assert_null(civic_claims_get(&claims, "a.bc"));
    assert_null(civic_claims_get(&claims, "a"));
    assert_null(civic_claims_get(&claims, ""));
    assert_null(civic_claims_get(&none, "a.b"));
}

static void two_values_of_one_label_are_no_claim(void **state)
{
    civic_claims_t differ = parsed("[" ITEM("\"a\"", "\"x\"", "true", "true") "," ITEM(
                                       "\"a\"", "\"y\"", "true", "true") "]",
                                   *state);
    civic_claims_t same = parsed("[" ITEM("\"a\"", "\"x\"", "true", "true") "," ITEM(
                                     "\"a\"", "\"x\"", "true", "true") "]",
                                 *state);
    civic_claims_t one = parsed(
        "[" ITEM("\"a\"", "\"y\"", "false", "true") "," ITEM(
            "\"a\"", "\"x\"", "true", "true") "," ITEM("\"a\"", "\"z\"", "true", "false") "]",
        *state);

    assert_null(civic_claims_get(&differ, "a"));
    assert_string_equal(civic_claims_get(&same, "a"), "x");
    assert_string_equal(civic_claims_get(&one, "a"), "x");
}

/* ---- the picture ---- */

/* The base64 of "picture" between two other items, with the md5 given. */
static civic_claims_t pictured(const char *image, const char *md5, apr_pool_t *pool)
{
    const char *text = apr_psprintf(
        pool,
        "[" ITEM("\"first\"", "\"1\"", "true", "true") "," ITEM(
            "\"" CIVIC_LABEL_IMAGE "\"", "\"%s\"", "true",
            "true") "," ITEM("\"" CIVIC_LABEL_IMAGE_MD5 "\"", "\"%s\"", "true",
                             "true") "," ITEM("\"last\"", "\"2\"", "true", "true") "]",
        image, md5);

    return parsed(text, pool);
}

static void the_picture_is_taken_out(void **state)
{
    /* md5 of the text cGljdHVyZQ==, of the same in capitals, of its bytes */
    static const char *const sums[] = {"ea931e7ee87c7daa6df09b9d219d7b88",
                                       "EA931E7EE87C7DAA6DF09B9D219D7B88",
                                       "5456fc54c74a297ce994998c2873b370"};

    for (apr_size_t i = 0; i < COUNT(sums); i++) {
        civic_claims_t claims = pictured("cGljdHVyZQ==", sums[i], *state);

        assert_case(civic_claims_drop_picture(&claims, *state), sums[i]);
        assert_int_equal(claims.count, 3);
        assert_string_equal(claims.items[0].label, "first");
        assert_string_equal(claims.items[1].label, CIVIC_LABEL_IMAGE_MD5);
        assert_int_equal(claims.items[1].flags, CIVIC_CLAIM_VERIFIED);
        assert_string_equal(claims.items[2].label, "last");
    }
}

static void a_picture_that_does_not_fit_marks_its_md5(void **state)
{
    static const char *const pairs[][2] = {
        {"cGljdHVyZQ==", "00000000000000000000000000000000"},
        {"cGljdHVyZQ==", ""},
        {"cGljdHVyZQ==", "ea931e7ee87c7daa6df09b9d219d7b8"},
        {"cGljdHVyZQ==", "ea931e7ee87c7daa6df09b9d219d7b88 "},
        {"not base64!", "d41d8cd98f00b204e9800998ecf8427e"}};

    for (apr_size_t i = 0; i < COUNT(pairs); i++) {
        civic_claims_t claims = pictured(pairs[i][0], pairs[i][1], *state);

        assert_case(!civic_claims_drop_picture(&claims, *state), pairs[i][1]);
        assert_int_equal(claims.count, 3);
        assert_int_equal(claims.items[1].flags, CIVIC_CLAIM_OWNED);
        assert_string_equal(civic_claims_get(&claims, "last"), "2");
    }
}

static void a_picture_without_md5_does_not_fit(void **state)
{
    civic_claims_t claims =
        parsed("[" ITEM("\"" CIVIC_LABEL_IMAGE "\"", "\"AAAA\"", "true", "true") "]", *state);

    assert_false(civic_claims_drop_picture(&claims, *state));
    assert_int_equal(claims.count, 0);
}

static void no_picture_is_fine(void **state)
{
    civic_claims_t claims =
        parsed("[" ITEM("\"" CIVIC_LABEL_IMAGE_MD5 "\"", "\"0\"", "true", "true") "]", *state);
    civic_claims_t none = {NULL, 0};

    assert_true(civic_claims_drop_picture(&claims, *state));
    assert_int_equal(claims.items[0].flags, CIVIC_CLAIM_VERIFIED);
    assert_true(civic_claims_drop_picture(&none, *state));
}

static void no_second_picture_stays(void **state)
{
    civic_claims_t claims = parsed(
        "[" ITEM("\"" CIVIC_LABEL_IMAGE "\"", "\"cGljdHVyZQ==\"", "true", "true") "," ITEM(
            "\"" CIVIC_LABEL_IMAGE "\"", "\"AAAA\"", "true",
            "true") "," ITEM("\"" CIVIC_LABEL_IMAGE_MD5 "\"",
                             "\"ea931e7ee87c7daa6df09b9d219d7b88\"", "true", "true") "]",
        *state);

    assert_false(civic_claims_drop_picture(&claims, *state));
    assert_int_equal(claims.count, 1);
    assert_string_equal(claims.items[0].label, CIVIC_LABEL_IMAGE_MD5);
    assert_int_equal(claims.items[0].flags, CIVIC_CLAIM_OWNED);
}

/* ---- for applications ---- */

static void labels_fold_to_names(void **state)
{
    assert_string_equal(civic_label_fold("contact.personal.email", *state),
                        "CONTACT_PERSONAL_EMAIL");
    assert_string_equal(civic_label_fold("verifications.levels.CIVIC:IAL1", *state),
                        "VERIFICATIONS_LEVELS_CIVIC_IAL1");
    assert_string_equal(civic_label_fold("a-b_c=d$e`f%g\"h", *state), "A_B_C_D_E_F_G_H");
    assert_string_equal(civic_label_fold("\xc3\xa9", *state), "__");
    assert_string_equal(civic_label_fold("", *state), "");
}

static void fine_values_are_fine(void **state)
{
    static const char *const values[] = {"",
                                         "x",
                                         " ",
                                         "~",
                                         "Zo\xc3\xab",
                                         "\xc2\xa0",
                                         "\xdf\xbf",
                                         "\xe0\xa0\x80",
                                         "\xe6\x9d\x8e",
                                         "\xed\x9f\xbf",
                                         "\xee\x80\x80",
                                         "\xef\xbf\xbd",
                                         "\xf0\x90\x80\x80",
                                         "\xf0\x9f\x99\x82",
                                         "\xf4\x8f\xbf\xbf"};

    for (apr_size_t i = 0; i < COUNT(values); i++) {
        assert_case(!civic_value_is_unsafe(values[i]), values[i]);
    }
}

static void every_control_character_is_unsafe(void **state)
{
    for (int c = 1; c <= 0x7f; c++) {
        const char text[] = {'a', (char)c, 'b', 0};

        assert_int_equal(civic_value_is_unsafe(text), c < 0x20 || c == 0x7f);
    }
    for (int c = 0x80; c <= 0xbf; c++) {
        const char text[] = {'a', '\xc2', (char)c, 0};

        assert_int_equal(civic_value_is_unsafe(text), c < 0xa0);
    }
}

static void what_is_not_utf8_is_unsafe(void **state)
{
    static const char *const values[] = {"\x80",
                                         "\xbf",
                                         "\xff",
                                         "\xfe",
                                         "\xc3",
                                         "\xc3(",
                                         "\xc0\x80",
                                         "\xc0\xaf",
                                         "\xc1\xbf",
                                         "\xe0\x80\xaf",
                                         "\xe0\x9f\xbf",
                                         "\xe6\x9d",
                                         "\xe6\x9d(",
                                         "\xed\xa0\x80",
                                         "\xed\xbf\xbf",
                                         "\xf0\x80\x80\xaf",
                                         "\xf0\x8f\xbf\xbf",
                                         "\xf0\x9f\x99",
                                         "\xf4\x90\x80\x80",
                                         "\xf5\x80\x80\x80",
                                         "\xf8\x88\x80\x80\x80",
                                         "ok\xe9",
                                         "\xc3\xa9\x80"};

    for (apr_size_t i = 0; i < COUNT(values); i++) {
        assert_case(civic_value_is_unsafe(values[i]), values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(items_keep_their_order_and_values),
        UNIT(an_empty_list_is_a_list),
        UNIT(only_true_itself_counts),
        UNIT(marks_that_are_missing_do_not_count),
        UNIT(numbers_and_booleans_keep_their_json),
        UNIT(what_is_no_list_of_items_is_refused),
        UNIT(details_show_no_label_and_no_value),
        UNIT(at_most_256_items),
        UNIT(labels_and_values_are_bounded),
        UNIT(a_claim_is_got_by_its_exact_label),
        UNIT(two_values_of_one_label_are_no_claim),
        UNIT(the_picture_is_taken_out),
        UNIT(a_picture_that_does_not_fit_marks_its_md5),
        UNIT(a_picture_without_md5_does_not_fit),
        UNIT(no_picture_is_fine),
        UNIT(no_second_picture_stays),
        UNIT(labels_fold_to_names),
        UNIT(fine_values_are_fine),
        UNIT(every_control_character_is_unsafe),
        UNIT(what_is_not_utf8_is_unsafe),
    };

    return UNIT_RUN("claims", tests);
}
