/* page_template.h - a site's own login page: checked when it is read, so that nothing can go
 * wrong when it is sent.
 *
 * Its placeholders are those of template.h, without lists:
 *
 *   {{head}}   once, in its <head>: the style sheets and scripts of the login
 *   {{login}}  once, in its <body>: the login itself, with all that the script needs
 *   {{name}}, {{?name}}...{{/}}  a value (doc/own-page.md), where HTML-escaped text is
 *              text: between tags, in <title> and <textarea>, and within the quotes of an
 *              attribute that is neither an address nor a program
 */
#ifndef CIVIC_PAGE_TEMPLATE_H
#define CIVIC_PAGE_TEMPLATE_H

#include <apr_pools.h>
#include "words.h"

#define CIVIC_PAGE_TEMPLATE_MAX (64 * 1024) /* bytes */

/** What is wrong, and in which line, counted from 1; 0: in none of them. */
typedef struct {
    const char *text; /* NULL: nothing */
    int line;
} civic_template_fault_t;

/**
 * Check a template and put the built-in page's parts into it.
 *
 * @param page set on success alone: for civic_template_render_lists, in the pool
 * @param template NUL-terminated
 * @param built_in the built-in page: what is behind its <title>, and within its <body>, is
 *                 put in
 * @param english says which words there are: {{page.<...>}}, in the language of who reads it
 */
civic_template_fault_t civic_page_template(const char **page, const char *template,
                                           const char *built_in,
                                           const civic_language_t *english, apr_pool_t *pool);

#endif
