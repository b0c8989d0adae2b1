/* JSON with our rules: bounded depth, no duplicates, no NUL, UTF-8, one value and no more. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "json.h"

static json_t *parse(const char *text, apr_pool_t *pool)
{
    return civic_json_parse(text, strlen(text), pool);
}

/* `depth` times `open`, then as many closing brackets. */
static const char *nested(const char *open, const char *inner, char close, int depth,
                          apr_pool_t *pool)
{
    const char *text = inner;

    for (int i = 0; i < depth; i++) {
        text = apr_psprintf(pool, "%s%s%c", open, text, close);
    }
    return text;
}

static void sixteen_levels_are_the_limit(void **state)
{
    apr_pool_t *pool = *state;

    assert_non_null(parse(nested("[", "1", ']', 16, pool), pool));
    assert_null(parse(nested("[", "1", ']', 17, pool), pool));
    assert_non_null(parse(nested("{\"a\":", "1", '}', 16, pool), pool));
    assert_null(parse(nested("{\"a\":", "1", '}', 17, pool), pool));
    assert_non_null(parse(nested("[", "{}", ']', 15, pool), pool));
    assert_null(parse(nested("[", "{}", ']', 16, pool), pool));
}

static void depth_is_counted_again_for_each_branch(void **state)
{
    apr_pool_t *pool = *state;
    const char *branch = nested("[", "1", ']', 15, pool);

    assert_non_null(parse(apr_psprintf(pool, "[%s,%s,%s]", branch, branch, branch), pool));
}

static void brackets_in_strings_are_text(void **state)
{
    apr_pool_t *pool = *state;
    const char *many = unit_repeat('[', 100, pool);

    assert_non_null(parse(apr_psprintf(pool, "[\"%s\"]", many), pool));
    assert_non_null(parse(apr_psprintf(pool, "[\"\\\"%s\"]", many), pool));
    assert_non_null(parse(apr_psprintf(pool, "{\"%s\\\\\":1}", many), pool));
    assert_null(parse(apr_psprintf(pool, "[\"\\\\\",%s]", many), pool));
}

/* Enough to break a recursive parser's stack. */
static void a_million_brackets_are_refused(void **state)
{
    apr_pool_t *pool = *state;

    assert_null(parse(unit_repeat('[', 1000000, pool), pool));
    assert_null(parse(unit_repeat('{', 1000000, pool), pool));
    assert_null(parse(unit_repeat(']', 1000000, pool), pool));
    assert_null(parse(unit_repeat('"', 1000001, pool), pool));
    assert_null(parse(unit_repeat('\\', 1000000, pool), pool));
}

static void refuses_all(const char *const *texts, apr_pool_t *pool)
{
    for (; *texts; texts++) {
        assert_case(!parse(*texts, pool), *texts);
    }
}

static void a_name_may_come_once(void **state)
{
    static const char *const texts[] = {"{\"a\":1,\"a\":1}",
                                        "{\"a\":1,\"b\":2,\"a\":3}",
                                        "{\"a\":1,\"\\u0061\":2}",
                                        "[{\"a\":{\"b\":1,\"b\":1}}]",
                                        "{\"alg\":\"ES256\",\"alg\":\"none\"}",
                                        NULL};

    refuses_all(texts, *state);
    assert_non_null(parse("{\"a\":{\"a\":1},\"A\":2}", *state));
}

static void nul_is_refused_in_any_form(void **state)
{
    static const char *const texts[] = {"\"\\u0000\"", "{\"a\":\"b\\u0000c\"}",
                                        "{\"a\\u0000b\":1}", NULL};

    refuses_all(texts, *state);
    assert_null(civic_json_parse("\"a\0b\"", 5, *state));
    assert_null(civic_json_parse("[1]\0", 4, *state));
    assert_null(civic_json_parse("[\0001]", 4, *state));
}

static void text_must_be_utf8(void **state)
{
    static const char *const texts[] = {"\"\xff\"",
                                        "\"\x80\"",
                                        "\"\xc3\"",
                                        "\"\xc0\xaf\"",
                                        "\"\xe0\x80\xaf\"",
                                        "\"\xf0\x80\x80\xaf\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "\"\\ud800\"",
                                        "\"\\ud800\\u0041\"",
                                        "\"\\udc00\"",
                                        "{\"\xff\":1}",
                                        NULL};

    refuses_all(texts, *state);
    assert_non_null(parse("\"\xf0\x9f\x99\x82\"", *state));
    assert_non_null(parse("\"\\ud83d\\ude42\"", *state));
}

static void nothing_may_follow(void **state)
{
    static const char *const texts[] = {"{}x",  "{} {}", "1 2",        "[],", "null//",
                                        "[]\v", "{}}",   "\"a\"\"b\"", NULL};

    refuses_all(texts, *state);
    assert_non_null(parse(" \t\r\n{} \t\r\n", *state));
}

static void what_is_not_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "",        " ",   "{",        "[1,]",   "{\"a\"}",
        "{a:1}",   "'a'", "01",       "1.",     ".5",
        "+1",      "NaN", "Infinity", "True",   "\xef\xbb\xbf{}",
        "\"\n\"",  "\"a", "1e400",    "-1e400", "92233720368547758080",
        "\"\\x\"", NULL};

    refuses_all(texts, *state);
}

/* What is given is `len` bytes, whatever stands behind them. */
static void the_length_is_obeyed(void **state)
{
    assert_non_null(civic_json_parse("[1]garbage", 3, *state));
    assert_null(civic_json_parse("[1]", 2, *state));
    assert_null(civic_json_parse("[1]", 0, *state));
}

static void text_is_compact_with_sorted_keys(void **state)
{
    json_t *value =
        parse("{ \"b\" : [ 1 , true ], \"a\" : \"\xc3\xa9\", \"B\":null }", *state);

    assert_string_equal(civic_json_text(value, *state),
                        "{\"B\":null,\"a\":\"\xc3\xa9\",\"b\":[1,true]}");
    assert_string_equal(civic_json_text(parse("true", *state), *state), "true");
}

static void a_string_member_is_a_string_and_not_empty(void **state)
{
    json_t *object =
        parse("{\"a\":\"x\",\"b\":\"\",\"c\":1,\"d\":null,\"e\":[\"x\"]}", *state);

    assert_string_equal(civic_json_string(object, "a"), "x");
    assert_null(civic_json_string(object, "b"));
    assert_null(civic_json_string(object, "c"));
    assert_null(civic_json_string(object, "d"));
    assert_null(civic_json_string(object, "e"));
    assert_null(civic_json_string(object, "f"));
    assert_null(civic_json_string(parse("[\"a\"]", *state), "a"));
    assert_null(civic_json_string(NULL, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(sixteen_levels_are_the_limit),
        UNIT(depth_is_counted_again_for_each_branch),
        UNIT(brackets_in_strings_are_text),
        UNIT(a_million_brackets_are_refused),
        UNIT(a_name_may_come_once),
        UNIT(nul_is_refused_in_any_form),
        UNIT(text_must_be_utf8),
        UNIT(nothing_may_follow),
        UNIT(what_is_not_json_is_refused),
        UNIT(the_length_is_obeyed),
        UNIT(text_is_compact_with_sorted_keys),
        UNIT(a_string_member_is_a_string_and_not_empty),
    };

    return UNIT_RUN("json", tests);
}
