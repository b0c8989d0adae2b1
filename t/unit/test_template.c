/* Pages from templates: whatever a value holds, it stays text. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "template.h"

static const char *render(const char *page, const char *name, const char *value,
                          apr_pool_t *pool)
{
    apr_table_t *values = apr_table_make(pool, 1);

    if (value) {
        apr_table_setn(values, name, value);
    }
    return civic_template_render(page, values, pool);
}

static void values_take_the_place_of_their_names(void **state)
{
    apr_table_t *values = apr_table_make(*state, 2);

    apr_table_setn(values, "a", "1");
    apr_table_setn(values, "b", "two words");
    assert_string_equal(civic_template_render("", values, *state), "");
    assert_string_equal(civic_template_render("plain", values, *state), "plain");
    assert_string_equal(civic_template_render("{{a}}", values, *state), "1");
    assert_string_equal(civic_template_render("<{{a}}|{{b}}|{{a}}>", values, *state),
                        "<1|two words|1>");
    assert_string_equal(civic_template_render("{{c}}.", values, *state), ".");
}

static void sections_show_when_their_value_is_set(void **state)
{
    static const char page[] = "a{{?x}}[{{x}}]{{/}}b";

    assert_string_equal(render(page, "x", "1", *state), "a[1]b");
    assert_string_equal(render(page, "x", NULL, *state), "ab");
    assert_string_equal(render("{{?x}}1{{/}}{{?y}}2{{/}}3", "y", "", *state), "23");
    assert_string_equal(render("{{?x}}{{y}}{{/}}.", "y", "hidden", *state), ".");
}

/* A template of the site's own may be wrong: it then shows as it is, and no byte is lost. */
static void a_broken_template_is_still_rendered(void **state)
{
    assert_string_equal(render("{{", "x", "1", *state), "{{");
    assert_string_equal(render("a {{x b", "x", "1", *state), "a {{x b");
    assert_string_equal(render("}} {{x}}", "x", "1", *state), "}} 1");
    assert_string_equal(render("{{}}.", "x", "1", *state), ".");
    assert_string_equal(render("{{?x}}rest", "y", "1", *state), "rest");
    assert_string_equal(render("{{/}}rest", "y", "1", *state), "rest");
    assert_string_equal(render("{ {x} } {x}", "x", "1", *state), "{ {x} } {x}");
}

static void a_value_is_no_template(void **state)
{
    assert_string_equal(render("{{x}}", "x", "{{x}}", *state), "{{x}}");
    assert_string_equal(render("{{x}}!", "x", "{{?y}}", *state), "{{?y}}!");
    assert_string_equal(render("{{x}}{{/}}", "x", "{{", *state), "{{");
}

static const char *const polyglots[] = {
    "<script>alert(1)</script>",
    "\"><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=alert() )//%0D%0A%0d%0a//</stYle/</titLe/"
    "</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=alert()//>\\x3e",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)' autofocus='",
    "</title><svg onload=alert(1)>",
    "--><b>",
    "]]><b>",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "&",
    "<!--",
    "<\xc3\xa9>",
    "a&b=\"c\" d='e' <f>",
};

/* None of the characters that end a text or an attribute's value. */
static void polyglots_stay_text(void **state)
{
    for (apr_size_t i = 0; i < COUNT(polyglots); i++) {
        const char *out = render("{{x}}", "x", polyglots[i], *state);

        assert_case(!strpbrk(out, "<>\"'"), polyglots[i]);
        for (const char *p = strchr(out, '&'); p; p = strchr(p + 1, '&')) {
            assert_case(!strncmp(p, "&lt;", 4) || !strncmp(p, "&gt;", 4)
                            || !strncmp(p, "&amp;", 5) || !strncmp(p, "&quot;", 6)
                            || !strncmp(p, "&apos;", 6) || !strncmp(p, "&#39;", 5),
                        out);
        }
    }
}

static const char *unescape(const char *text, apr_pool_t *pool)
{
    static const char *const entities[][2] = {{"&lt;", "<"},   {"&gt;", ">"},
                                              {"&amp;", "&"},  {"&quot;", "\""},
                                              {"&apos;", "'"}, {"&#39;", "'"}};
    char *out = apr_palloc(pool, strlen(text) + 1), *end = out;

    while (*text) {
        apr_size_t skip = 1;

        *end = *text;
        for (apr_size_t i = 0; i < COUNT(entities); i++) {
            if (!strncmp(text, entities[i][0], strlen(entities[i][0]))) {
                *end = *entities[i][1];
                skip = strlen(entities[i][0]);
            }
        }
        text += skip;
        end++;
    }
    *end = '\0';
    return out;
}

static void a_browser_reads_the_value_that_was_set(void **state)
{
    for (apr_size_t i = 0; i < COUNT(polyglots); i++) {
        const char *out = render("{{x}}", "x", polyglots[i], *state);

        assert_string_equal(unescape(out, *state), polyglots[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(values_take_the_place_of_their_names),
        UNIT(sections_show_when_their_value_is_set),
        UNIT(a_broken_template_is_still_rendered),
        UNIT(a_value_is_no_template),
        UNIT(polyglots_stay_text),
        UNIT(a_browser_reads_the_value_that_was_set),
    };

    return UNIT_RUN("template", tests);
}
