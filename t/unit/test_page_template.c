/* Templates of a site: whatever is in one, it is taken or refused with a line, and a value in
 * one that was taken stays text. (What is refused, and how it is said: t/67-login-page.t.) */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "page_template.h"
#include "template.h"

static const char built_in[] =
    "<html>\n<head>\n<title>{{title}}</title>\n<script src=\"x\">"
    "</script>\n</head>\n<body class=\"a\">\n<main>{{words}}</main>\n"
    "</body>\n</html>\n";

/* Says which words there are. */
static const civic_language_t *english(apr_pool_t *pool)
{
    static const char text[] = "{\"page.again\":\"Try again\"}";
    const char *fault;
    int missing;

    return civic_words_read("en", text, strlen(text), NULL, &missing, &fault, pool);
}

static void words_are_taken_by_their_keys(void **state)
{
    static const struct {
        const char *template;
        int is_taken;
    } cases[] = {{"{{head}}{{login}}<p>{{page.again}}</p>", 1},
                 {"{{head}}{{login}}<p title=\"{{page.again}}\">", 1},
                 {"{{head}}{{login}}<p>{{page.agaim}}</p>", 0},
                 {"{{head}}{{login}}<p>{{reason.internal}}</p>", 0},
                 {"{{head}}{{login}}<p>{{script-words}}</p>", 0},
                 {"{{head}}{{login}}<a href=\"{{page.again}}\">", 0}};

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        const char *page;
        civic_template_fault_t fault =
            civic_page_template(&page, cases[i].template, built_in, english(*state), *state);

        assert_case((fault.text == NULL) == cases[i].is_taken, cases[i].template);
    }
}

static void parts_of_the_built_in_page_are_put_in(void **state)
{
    const char *page = NULL;
    civic_template_fault_t fault =
        civic_page_template(&page, "<title>{{site}}</title>{{head}}<body>{{login}}{{site}}",
                            built_in, english(*state), *state);

    assert_null(fault.text);
    assert_string_equal(page, "<title>{{site}}</title>\n<script src=\"x\"></script>\n<body>\n"
                              "<main>{{words}}</main>\n{{site}}");
}

static const char *const pieces[] = {"{{",        "}}",
                                     "{{site}}",  "{{?cause}}",
                                     "{{/}}",     "{{head}}",
                                     "{{login}}", "{{endpoint}}",
                                     "<",         ">",
                                     "/",         "=",
                                     "\"",        "'",
                                     "<!--",      "-->",
                                     "<!",        "<p ",
                                     "</p>",      "<title>",
                                     "</title>",  "<script src=x>",
                                     "</script>", "<style>",
                                     "</style>",  "<a href=",
                                     " title=",   "on",
                                     "\n",        " ",
                                     "x",         "&",
                                     "\x80",      "<TEXTAREA>",
                                     "</textarea"};

/* Markup that a value must not be able to make or end. */
static const char hostile[] = "\"'><script>alert(1)</script><!-- --> x=y onload=z";

static int count_of(const char *text, const char *what)
{
    int n = 0;

    for (text = strstr(text, what); text; text = strstr(text + 1, what)) {
        n++;
    }
    return n;
}

/* How often markup's own characters occur: the same with any value. */
static int markup_of(const char *page)
{
    return count_of(page, "<") + 1000 * (count_of(page, ">") + 1000 * count_of(page, "\""));
}

static const char *render(const char *page, const char *value, apr_pool_t *pool)
{
    apr_table_t *values = apr_table_make(pool, 4);

    apr_table_setn(values, "site", value);
    apr_table_setn(values, "cause", value);
    return civic_template_render(page, values, pool);
}

static void any_sequence_is_taken_or_refused(void **state)
{
    apr_uint64_t seed = 7;
    int rounds = unit_rounds(200000, 2000), taken = 0;
    const civic_language_t *words = english(*state);

    for (int i = 0; i < rounds; i++) {
        const char *text = i % 2 ? "{{head}}{{login}}" : "", *page = NULL;
        civic_template_fault_t fault;
        apr_pool_t *pool;

        apr_pool_create(&pool, *state);
        for (int n = (int)(unit_random(&seed) % 9); n >= 0; n--) {
            text = apr_pstrcat(pool, text, pieces[unit_random(&seed) % COUNT(pieces)], NULL);
        }
        fault = civic_page_template(&page, text, built_in, words, pool);
        assert_int_equal(page == NULL, fault.text != NULL);
        assert_true(fault.line >= 0 && fault.line <= 1 + count_of(text, "\n"));
        if (page) {
            taken++;
            assert_int_equal(markup_of(render(page, hostile, pool)),
                             markup_of(render(page, "", pool)));
        }
        apr_pool_destroy(pool);
    }
    assert_true(taken > rounds / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(words_are_taken_by_their_keys),
        UNIT(parts_of_the_built_in_page_are_put_in),
        UNIT(any_sequence_is_taken_or_refused),
    };

    return UNIT_RUN("page_template", tests);
}
