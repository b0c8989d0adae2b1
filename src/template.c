/* template.c - see template.h. */
#include "template.h"

#include <apr_escape.h>
#include <apr_strings.h>
#include <string.h>

static void push(apr_array_header_t *parts, const char *text)
{
    APR_ARRAY_PUSH(parts, const char *) = text;
}

/* APR leaves the apostrophe alone (1.7.2, whatever its manual says), but it ends the value of
 * an attribute as well. */
static void push_escaped(apr_array_header_t *parts, const char *value)
{
    const char *text = apr_pescape_entity(parts->pool, value, 0), *quote;

    while ((quote = strchr(text, '\''))) {
        push(parts, apr_pstrmemdup(parts->pool, text, quote - text));
        push(parts, "&#39;");
        text = quote + 1;
    }
    push(parts, text);
}

const char *civic_template_escape(const char *value, apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, 4, sizeof(const char *));

    push_escaped(parts, value);
    return apr_array_pstrcat(pool, parts, 0);
}

const char *civic_template_render(const char *page, const apr_table_t *values,
                                  apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, 64, sizeof(const char *));

    for (;;) {
        const char *open = strstr(page, "{{");
        const char *close = open ? strstr(open, "}}") : NULL;
        const char *tag, *value, *skip;

        if (!close) {
            push(parts, page);
            return apr_array_pstrcat(pool, parts, 0);
        }
        push(parts, apr_pstrmemdup(pool, page, open - page));
        page = close + 2;
        tag = apr_pstrmemdup(pool, open + 2, close - open - 2);
        if (*tag == '/') {
            continue;
        }
        value = apr_table_get((apr_table_t *)values, *tag == '?' ? tag + 1 : tag);
        if (*tag != '?' && value) {
            push_escaped(parts, value);
        }
        skip = *tag == '?' && !value ? strstr(page, "{{/}}") : NULL;
        if (skip) {
            page = skip + 5;
        }
    }
}

static void render_rows(apr_array_header_t *parts, const char *row,
                        const apr_array_header_t *rows, apr_pool_t *pool)
{
    for (int i = 0; rows && i < rows->nelts; i++) {
        push(parts,
             civic_template_render(row, APR_ARRAY_IDX(rows, i, const apr_table_t *), pool));
    }
}

const char *civic_template_render_lists(const char *page, const apr_table_t *values,
                                        apr_hash_t *lists, apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, 64, sizeof(const char *));

    for (;;) {
        const char *open = strstr(page, "{{*");
        const char *row = open ? strstr(open, "}}") : NULL;
        const char *end = row ? strstr(row, "{{*}}") : NULL;

        if (!end) {
            push(parts, civic_template_render(page, values, pool));
            return apr_array_pstrcat(pool, parts, 0);
        }
        push(parts,
             civic_template_render(apr_pstrmemdup(pool, page, open - page), values, pool));
        render_rows(parts, apr_pstrmemdup(pool, row + 2, end - row - 2),
                    apr_hash_get(lists, open + 3, row - open - 3), pool);
        page = end + 5;
    }
}
