/* privacy.c - see privacy.h. */
#include "privacy.h"

#include <apr_strings.h>
#include <string.h>
#include <util_filter.h>

#include "request.h"

static const char cache_control[] = "Cache-Control";

static ap_filter_rec_t *filter;

/* Does one of these directives stand there, without field names of its own? */
static int is_explicit(const char *value, apr_pool_t *pool)
{
    static const char *const directives[] = {"public", "private", "no-store", "no-cache",
                                             NULL};
    char *last, *copy = apr_pstrdup(pool, value);

    for (char *item = apr_strtok(copy, ", \t", &last); item;
         item = apr_strtok(NULL, ", \t", &last)) {
        if (!strncasecmp(item, "s-maxage=", 9)) {
            return 1;
        }
        for (int i = 0; directives[i]; i++) {
            if (!strcasecmp(item, directives[i])) {
                return 1;
            }
        }
    }
    return 0;
}

static int stop_at_explicit(void *r, const char *name, const char *value)
{
    return !is_explicit(value, ((request_rec *)r)->pool);
}

/* Several headers of the name count together. apr_table_do gives 0 when it was stopped. */
static int site_decides(request_rec *r)
{
    return !apr_table_do(stop_at_explicit, r, r->headers_out, cache_control, NULL)
           || !apr_table_do(stop_at_explicit, r, r->err_headers_out, cache_control, NULL);
}

/* Runs once, behind mod_headers and mod_expires and before mod_cache keeps anything. */
static apr_status_t privacy_filter(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    request_rec *r = f->r;

    ap_remove_output_filter(f);
    if (site_decides(r)) {
        return ap_pass_brigade(f->next, brigade);
    }
    if (apr_table_get(r->err_headers_out, cache_control)) {
        apr_table_mergen(r->err_headers_out, cache_control, "private");
    }
    else if (apr_table_get(r->headers_out, cache_control)
             || apr_table_get(r->headers_out, "Expires")) {
        apr_table_mergen(r->headers_out, cache_control, "private");
    }
    else {
        /* The browser asks each time, so that a page does not outlive the session. */
        apr_table_setn(r->headers_out, cache_control, "private, no-cache");
    }
    return ap_pass_brigade(f->next, brigade);
}

void civic_privacy_guard(request_rec *r)
{
    civic_request_t *first = civic_request(civic_request_first(r));

    if (first->guarded) {
        return;
    }
    first->guarded = 1;
    while (r->main) {
        r = r->main;
    }
    /* A header's expression is evaluated by a filter, when ours are in their places. */
    if (civic_request(r)->filtered) {
        civic_privacy_insert_filter(r);
    }
}

void civic_privacy_insert_filter(request_rec *r)
{
    if (r->main) {
        return;
    }
    civic_request(r)->filtered = 1;
    if (civic_request(civic_request_first(r))->guarded && !civic_request(r)->reply) {
        ap_add_output_filter_handle(filter, NULL, r, r->connection);
    }
}

void civic_privacy_register(void)
{
    filter =
        ap_register_output_filter("CIVIC_PRIVACY", privacy_filter, NULL, AP_FTYPE_CONTENT_SET);
}
