/* endpoints.h - the addresses below CivicEndpoint (the table in endpoints.c): what the
 * module's pages send back and load, and what sites and applications ask.
 *
 * They work wherever they are, even when the whole site is protected, denied or proxied: they
 * are claimed before mod_rewrite and mod_proxy see them, and the surrounding sections do not
 * apply. Sections for their own path do: <Location "/civic/session"> can restrict them.
 */
#ifndef CIVIC_ENDPOINTS_H
#define CIVIC_ENDPOINTS_H

#include <httpd.h>
#include "reason.h"

/** One address: a row of the table in endpoints.c. */
typedef struct civic_endpoint {
    const char *name;              /* what follows CivicEndpoint and a slash */
    int (*handle)(request_rec *r); /* a handler: OK or a status */
} civic_endpoint_t;

/** pre_translate_name and translate_name: is it one of ours? Exact, after httpd has normalised
 * the path; the browser's own request alone, no sub-request or internal redirect. */
int civic_endpoints_claim(request_rec *r);

/** map_to_storage: no file stands behind it. */
int civic_endpoints_map(request_rec *r);

/** header_parser: leave only sections of its own path in force. */
int civic_endpoints_configure(request_rec *r);

/** handler. */
int civic_endpoints_handle(request_rec *r);

/* The handlers, each in a file of its name. */
int civic_callback(request_rec *r);
int civic_login(request_rec *r);
int civic_logout(request_rec *r);
int civic_session_info(request_rec *r);
int civic_link(request_rec *r);
int civic_recover(request_rec *r);
int civic_jwks(request_rec *r);
int civic_renew(request_rec *r);
int civic_report(request_rec *r);
int civic_document_image(request_rec *r);

/** Counts one try of this client. @return CIVIC_OK; CIVIC_TOO_MANY_ATTEMPTS, with Retry-After
 */
civic_refusal_t civic_callback_count(request_rec *r);

/** Refuse a method that is not in the list. @return the status */
int civic_endpoint_method(request_rec *r, const char *allowed);

#endif
