/* body.c - see body.h. */
#include "body.h"

#include <apr_strings.h>
#include <http_protocol.h>
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

static civic_refusal_t incomplete(const char *detail)
{
    return (civic_refusal_t){CIVIC_BODY_INCOMPLETE, detail};
}

static civic_refusal_t too_large(request_rec *r)
{
    /* What is left of it is not worth reading. */
    r->connection->keepalive = AP_CONN_CLOSE;
    return (civic_refusal_t){CIVIC_BODY_TOO_LARGE, "the limit is 65536 bytes"};
}

civic_refusal_t civic_body_read(request_rec *r, const char **text, apr_size_t *len)
{
    char *buffer;
    apr_size_t have = 0;
    long got;

    if (ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK) != OK) {
        return incomplete("its length or transfer coding is unfit");
    }
    if (r->remaining > CIVIC_BODY_MAX) {
        return too_large(r);
    }
    buffer = apr_palloc(r->pool, CIVIC_BODY_MAX + 2);
    if (ap_should_client_block(r)) {
        /* One byte more than allowed tells a body that is too long from one that just fits. */
        while (have <= CIVIC_BODY_MAX
               && (got = ap_get_client_block(r, buffer + have, CIVIC_BODY_MAX + 1 - have))
                      != 0) {
            if (got < 0) {
                return incomplete("the connection broke, or it took too long");
            }
            have += (apr_size_t)got;
        }
    }
    if (have > CIVIC_BODY_MAX) {
        return too_large(r);
    }
    buffer[have] = '\0';
    *text = buffer;
    *len = have;
    return (civic_refusal_t){CIVIC_OK, NULL};
}

/* One name=value; a name given twice is refused, as is what cannot be decoded. */
static civic_refusal_t form_pair(apr_table_t *form, char *pair)
{
    char *value = strchr(pair, '=');

    if (value) {
        *value++ = '\0';
    }
    if (ap_unescape_urlencoded(pair) != OK || (value && ap_unescape_urlencoded(value) != OK)) {
        return (civic_refusal_t){CIVIC_BODY_MALFORMED, "the form is not URL-encoded"};
    }
    if (apr_table_get(form, pair)) {
        return (civic_refusal_t){CIVIC_BODY_MALFORMED, "a field is given twice"};
    }
    apr_table_setn(form, pair, value ? value : "");
    return (civic_refusal_t){CIVIC_OK, NULL};
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
    return (civic_refusal_t){CIVIC_OK, NULL};
}
