/* respond.c - see respond.h. */
#include "respond.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "request.h"

static ap_filter_rec_t *headers;

static void header_set(request_rec *r, const char *name, const char *value)
{
    apr_table_unset(r->err_headers_out, name);
    apr_table_setn(r->headers_out, name, value);
}

/* Runs once, behind mod_headers and before the header is written. */
static apr_status_t headers_filter(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    request_rec *r = f->r;
    const civic_reply_t *reply = civic_request(r)->reply;

    ap_remove_output_filter(f);
    if (reply) {
        ap_set_content_type(r, reply->content_type);
        header_set(r, "Content-Security-Policy",
                   reply->policy ? reply->policy
                                 : "default-src 'none'; frame-ancestors 'none'");
        header_set(r, "Cache-Control",
                   reply->cacheable ? "public, max-age=86400" : "no-store");
        header_set(r, "X-Content-Type-Options", "nosniff");
        /* Civic judges the site by the origin that the browser names: never no-referrer. */
        header_set(r, "Referrer-Policy", "strict-origin-when-cross-origin");
        apr_table_unset(r->err_headers_out, "Content-Security-Policy-Report-Only");
        apr_table_unset(r->headers_out, "Content-Security-Policy-Report-Only");
    }
    return ap_pass_brigade(f->next, brigade);
}

void civic_respond_register(apr_pool_t *pool)
{
    headers = ap_register_output_filter("CIVIC_HEADERS", headers_filter, NULL,
                                        AP_FTYPE_PROTOCOL - 1);
}

void civic_respond_insert_filter(request_rec *r)
{
    if (civic_request(r)->reply) {
        ap_add_output_filter_handle(headers, NULL, r, r->connection);
    }
}

int civic_respond(request_rec *r, int status, const civic_reply_t *reply)
{
    apr_size_t len = reply->bytes ? reply->bytes : strlen(reply->body);

    if (r->eos_sent) {
        /* A filter has answered already: httpd's own does when a body's coding is broken. */
        return AP_FILTER_ERROR;
    }
    civic_request(r)->reply = reply;
    if (status != HTTP_OK) {
        ap_custom_response(r, status, reply->body);
        return status;
    }
    ap_add_output_filter_handle(headers, NULL, r, r->connection);
    ap_set_content_type(r, reply->content_type);
    ap_set_content_length(r, (apr_off_t)len);
    if (!r->header_only) {
        ap_rwrite(reply->body, (int)len, r);
    }
    return OK;
}
