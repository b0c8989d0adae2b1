/* body.c - see body.h. */
#include "body.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <util_filter.h>
#include <string.h>

int civic_body_is(request_rec *r, const char *type)
{
    const char *header = apr_table_get(r->headers_in, "Content-Type");
    apr_size_t len = strlen(type);

    if (!header || strncasecmp(header, type, len)) {
        return 0;
    }
    header += len;
    return header[strspn(header, " \t")] == '\0' || header[strspn(header, " \t")] == ';';
}

static civic_refusal_t incomplete(request_rec *r, const char *detail)
{
    r->connection->keepalive = AP_CONN_CLOSE;
    return civic_refusal(CIVIC_BODY_INCOMPLETE, detail);
}

static civic_refusal_t too_large(request_rec *r, apr_size_t limit)
{
    /* What is left of it is not worth reading. */
    r->connection->keepalive = AP_CONN_CLOSE;
    return civic_refusal(
        CIVIC_BODY_TOO_LARGE,
        apr_psprintf(r->pool, "the limit is %" APR_SIZE_T_FMT " bytes", limit));
}

/* One piece more; an empty one sets `ended`. Not by ap_get_client_block, which answers an
 * error with a page of its own, in front of ours. */
static civic_refusal_t read_piece(request_rec *r, apr_bucket_brigade *brigade, char *buffer,
                                  apr_size_t limit, apr_size_t *have, int *ended)
{
    /* One byte more than allowed tells a body that is too long from one that just fits. */
    apr_size_t n = limit + 1 - *have;
    apr_status_t rv = ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES,
                                     APR_BLOCK_READ, (apr_off_t)n);

    if (rv == APR_SUCCESS) {
        rv = apr_brigade_flatten(brigade, buffer + *have, &n);
    }
    apr_brigade_cleanup(brigade);
    if (rv != APR_SUCCESS) {
        return ap_map_http_request_error(rv, HTTP_BAD_REQUEST) == HTTP_REQUEST_ENTITY_TOO_LARGE
                   ? too_large(r, limit)
                   : incomplete(r, "the connection broke, or it took too long");
    }
    *have += n;
    *ended = n == 0;
    return *have > limit ? too_large(r, limit) : civic_accepted();
}

civic_refusal_t civic_body_read_within(request_rec *r, apr_size_t limit, const char **text,
                                       apr_size_t *len)
{
    civic_refusal_t refusal = {CIVIC_OK, NULL};
    int status = ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK), ended;
    apr_bucket_brigade *brigade;
    apr_size_t have = 0;
    char *buffer;

    if (status == HTTP_REQUEST_ENTITY_TOO_LARGE || r->remaining > (apr_off_t)limit) {
        return too_large(r, limit);
    }
    if (status != OK) {
        return incomplete(r, "its length or transfer coding is unfit");
    }
    buffer = apr_palloc(r->pool, limit + 2);
    brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    ended = !ap_request_has_body(r);
    while (!ended && refusal.reason == CIVIC_OK) {
        refusal = read_piece(r, brigade, buffer, limit, &have, &ended);
    }
    if (refusal.reason == CIVIC_OK) {
        buffer[have] = '\0';
        *text = buffer;
        *len = have;
    }
    return refusal;
}

civic_refusal_t civic_body_read(request_rec *r, const char **text, apr_size_t *len)
{
    return civic_body_read_within(r, CIVIC_BODY_MAX, text, len);
}

/* One name=value; a name given twice is refused, as is what cannot be decoded. */
static civic_refusal_t form_pair(apr_table_t *form, char *pair)
{
    char *value = strchr(pair, '=');

    if (value) {
        *value++ = '\0';
    }
    if (ap_unescape_urlencoded(pair) != OK || (value && ap_unescape_urlencoded(value) != OK)) {
        return civic_refusal(CIVIC_BODY_MALFORMED, "the form is not URL-encoded");
    }
    if (apr_table_get(form, pair)) {
        return civic_refusal(CIVIC_BODY_MALFORMED, "a field is given twice");
    }
    apr_table_setn(form, pair, value ? value : "");
    return civic_accepted();
}

civic_refusal_t civic_form_parse(apr_table_t *form, const char *text, apr_pool_t *pool)
{
    char *last, *copy = apr_pstrdup(pool, text);

    for (char *pair = apr_strtok(copy, "&", &last); pair;
         pair = apr_strtok(NULL, "&", &last)) {
        civic_refusal_t refusal = form_pair(form, pair);

        if (refusal.reason != CIVIC_OK) {
            return refusal;
        }
    }
    return civic_accepted();
}
