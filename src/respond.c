/* respond.c - see respond.h. */
#include "respond.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>
#include <string.h>

#include "request.h"

enum { WORTH_DEFLATING = 1024 /* bytes */ };

static ap_filter_rec_t *headers;

static void header_set(request_rec *r, const char *name, const char *value)
{
    apr_table_unset(r->err_headers_out, name);
    apr_table_setn(r->headers_out, name, value);
}

static void header_remove(request_rec *r, const char *name)
{
    apr_table_unset(r->err_headers_out, name);
    apr_table_unset(r->headers_out, name);
}

/* Nobody elsewhere keeps hold of a window that shows a page of ours; a window that it opens
 * may keep hold of it. No page of ours needs a sensor. An embedder policy of the site would
 * keep Civic's library away; in a frame there is none, and the page around may ask for that
 * policy. */
static void page_headers(request_rec *r, const civic_reply_t *reply)
{
    header_set(r, "Cross-Origin-Opener-Policy", "same-origin-allow-popups");
    header_set(r, "Permissions-Policy",
               "accelerometer=(), camera=(), display-capture=(), geolocation=(), "
               "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()");
    if (!reply->is_framed) {
        header_remove(r, "Cross-Origin-Embedder-Policy");
    }
    header_remove(r, "Cross-Origin-Embedder-Policy-Report-Only");
    header_remove(r, "Cross-Origin-Opener-Policy-Report-Only");
}

static void reply_headers(request_rec *r, const civic_reply_t *reply)
{
    static const char *const keep[] = {"no-store", "public, max-age=300",
                                       "public, max-age=31536000, immutable"};

    ap_set_content_type(r, reply->content_type);
    header_set(r, "Content-Security-Policy",
               reply->policy ? reply->policy : "default-src 'none'; frame-ancestors 'none'");
    header_remove(r, "Content-Security-Policy-Report-Only");
    header_set(r, "Cache-Control", keep[reply->keep]);
    header_remove(r, "Expires");
    if (reply->language) {
        header_set(r, "Content-Language", reply->language);
    }
    header_set(r, "X-Content-Type-Options", "nosniff");
    /* Civic judges the site by the origin that the browser names: never no-referrer. */
    header_set(r, "Referrer-Policy", "strict-origin-when-cross-origin");
    if (reply->etag) {
        header_set(r, "ETag", reply->etag); /* a weak one, whatever mod_deflate makes of it */
    }
    if (!strcmp(reply->content_type, CIVIC_TYPE_HTML)) {
        page_headers(r, reply);
    }
}

static ap_filter_rec_t *deflate_for(const civic_reply_t *reply)
{
    return strlen(reply->body) >= WORTH_DEFLATING ? ap_get_output_filter_handle("DEFLATE")
                                                  : NULL;
}

/* httpd sends errors to HEAD, and large ones to everybody, without a length. It is that of the
 * text: filters of the site work on what handlers send, and on no error. To HEAD, it is left
 * out where GET would get it compressed. */
static int length_is_known(request_rec *r, const civic_reply_t *reply)
{
    const char *accepted = apr_table_get(r->headers_in, "Accept-Encoding");

    return r->status >= HTTP_BAD_REQUEST && !apr_table_get(r->headers_out, "Content-Encoding")
           && !(r->header_only && deflate_for(reply) && accepted
                && ap_strcasestr(accepted, "gzip"));
}

/* What was made for this answer. Where httpd answers otherwise in the end, as 416 to a range
 * that is not there, none of it fits. */
static const civic_reply_t *reply_of(request_rec *r)
{
    const civic_request_t *known = civic_request(r);

    return known->reply && known->reply_status == r->status ? known->reply : NULL;
}

static void reply_keep(request_rec *r, int status, const civic_reply_t *reply)
{
    civic_request(r)->reply = reply;
    civic_request(r)->reply_status = status;
}

/* Runs once, behind mod_headers and before the header is written. */
static apr_status_t headers_filter(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    request_rec *r = f->r;
    const civic_reply_t *reply = reply_of(r);

    ap_remove_output_filter(f);
    if (reply) {
        reply_headers(r, reply);
        if (length_is_known(r, reply)) {
            ap_set_content_length(r, (apr_off_t)strlen(reply->body));
        }
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
    const civic_reply_t *reply = reply_of(r);
    ap_filter_rec_t *deflate;

    if (!reply) {
        return;
    }
    ap_add_output_filter_handle(headers, NULL, r, r->connection);
    deflate = deflate_for(reply);
    if (deflate) {
        ap_add_output_filter_handle(deflate, NULL, r, r->connection);
    }
}

int civic_respond(request_rec *r, int status, const civic_reply_t *reply)
{
    apr_size_t len = reply->bytes ? reply->bytes : strlen(reply->body);

    if (r->eos_sent) {
        /* A filter has answered already: httpd's own does when a body's coding is broken. */
        return AP_FILTER_ERROR;
    }
    reply_keep(r, status, reply);
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

int civic_respond_asset(request_rec *r, const civic_reply_t *reply)
{
    int status;

    apr_table_setn(r->headers_out, "ETag", reply->etag);
    status = ap_meets_conditions(r);
    if (status == OK) {
        return civic_respond(r, HTTP_OK, reply);
    }
    if (status == HTTP_NOT_MODIFIED) {
        reply_keep(r, status, reply);
    }
    return status;
}
