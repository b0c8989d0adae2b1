/* respond.h - how an answer of the module's own leaves the server.
 *
 * An answer brings its own security headers and does without those that the site sets for its
 * own pages (a site-wide Content-Security-Policy would block the login). So they are written
 * by a filter behind mod_headers. What the site adds beside them, as HSTS, stays.
 *
 * Where mod_deflate is loaded, pages go through it, unless the site sets no-gzip: httpd itself
 * leaves filters of the content aside when it sends an error, and the login page is one.
 */
#ifndef CIVIC_RESPOND_H
#define CIVIC_RESPOND_H

#include <httpd.h>

/** How long caches may keep an answer. */
typedef enum {
    CIVIC_KEEP_NOT,
    CIVIC_KEEP_SHORTLY, /* an asset, the same for everybody */
    CIVIC_KEEP_FOREVER  /* an asset at an address that changes with it */
} civic_keeping;

typedef struct civic_reply {
    const char *content_type;
    const char *body;
    const char *policy;   /* Content-Security-Policy; NULL: nothing may load */
    const char *language; /* of what people read in it; NULL: none */
    int is_framed;        /* a page of the site has it in a frame */
    civic_keeping keep;
    const char *etag; /* NULL: none */
    apr_size_t bytes; /* of a body that is no text; 0: it is text */
} civic_reply_t;

#define CIVIC_TYPE_HTML    "text/html; charset=utf-8"
#define CIVIC_TYPE_JSON    "application/json"
#define CIVIC_TYPE_JWKS    "application/jwk-set+json"
#define CIVIC_TYPE_PROBLEM "application/problem+json"

/**
 * Answer with this reply, which must live as long as the request.
 *
 * @param status 200 writes the body now (handlers only); any other is sent by httpd when the
 * hook or handler returns it, in place of the site's ErrorDocument
 * @return what the hook or handler is to return
 */
int civic_respond(request_rec *r, int status, const civic_reply_t *reply);

/** The same for an asset with an ETag: 304 for who has it already. @return as above */
int civic_respond_asset(request_rec *r, const civic_reply_t *reply);

/** Register the filter. */
void civic_respond_register(apr_pool_t *pool);

/** insert_error_filter: our headers for an answer of ours that httpd sends as an error. */
void civic_respond_insert_filter(request_rec *r);

#endif
