/* posted.c - see posted.h. */
#include "posted.h"

#include <string.h>

#include "body.h"
#include "conf.h"
#include "encoding.h"
#include "request.h"

enum { TYPE_MAX = 200 }; /* characters; browsers' boundaries are short */

/* What <form> can send. */
static int is_form(request_rec *r)
{
    return civic_body_is(r, "application/x-www-form-urlencoded")
           || civic_body_is(r, "multipart/form-data") || civic_body_is(r, "text/plain");
}

static int is_fit(const char *type)
{
    apr_size_t len;

    for (len = 0; type[len]; len++) {
        if (len >= TYPE_MAX || type[len] < ' ' || type[len] > '~') {
            return 0;
        }
    }
    return 1;
}

static const char *read_body(request_rec *r, apr_size_t limit)
{
    const char *bytes;
    apr_size_t len;

    if (apr_table_get(r->headers_in, "Content-Encoding")
        || civic_body_read_within(r, limit, &bytes, &len).reason != CIVIC_OK) {
        return NULL;
    }
    return civic_base64_encode(bytes, len, r->pool);
}

const civic_posted_t *civic_posted_read(request_rec *r)
{
    int limit = civic_dir_conf(r)->preserve_post;
    civic_posted_t *posted;
    const char *type;

    limit = limit == CIVIC_UNSET ? CIVIC_DEFAULT_PRESERVE_POST : limit;
    if (r->method_number != M_POST || limit == 0 || !is_form(r)
        || !civic_request_is_navigation(r)) {
        return NULL;
    }
    posted = apr_pcalloc(r->pool, sizeof(*posted));
    type = apr_table_get(r->headers_in, "Content-Type");
    if (!civic_request_is_same_origin(r)) {
        posted->is_foreign = 1;
        posted->lost = "page.form-foreign";
    }
    else if (!is_fit(type) || !(posted->body = read_body(r, (apr_size_t)limit))) {
        posted->lost = "page.form-lost";
    }
    else {
        posted->type = type;
    }
    return posted;
}

void civic_posted_values(const civic_posted_t *posted, const civic_language_t *language,
                         apr_table_t *values)
{
    if (posted->type) {
        apr_table_setn(values, "form-type", posted->type);
        apr_table_setn(values, "form", posted->body);
    }
    else {
        apr_table_setn(values, "form-lost", civic_words_text(language, posted->lost));
    }
}
