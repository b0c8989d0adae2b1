/* cookie.h - our cookies: taken out of the request, put into the answer.
 *
 * Names: CivicCookie's name, then "-login" or "-" and 8 hex digits that stand for the
 * application, or for its second factors.
 */
#ifndef CIVIC_COOKIE_H
#define CIVIC_COOKIE_H

#include <httpd.h>
#include "conf.h"
#include "request.h"
#include "state.h"

/** The full name here: over plain http a __Host- or __Secure- prefix is left out, since
 * browsers would not take it. In the request's pool. */
const char *civic_cookie_name(request_rec *r, const char *suffix);

/**
 * Take our cookies out of the Cookie header, so that no handler and no back end sees them; all
 * others stay byte for byte. They are kept in civic_request(r)->cookies. First request only.
 */
void civic_cookie_take(request_rec *r);

/** Add the session cookie that this lookup looks for to the answer, or with a NULL id take it
 * away; the attributes are the same in both cases. Survives an error answer. */
void civic_cookie_set_session(request_rec *r, const civic_lookup_t *lookup, const char *id);

/** The login cookie of this browser. @return 1, 0 when there is none that opens */
int civic_cookie_get_browser(civic_browser_t *browser, request_rec *r);

/** Send the login cookie. @return 1, 0 when it cannot be sealed */
int civic_cookie_set_browser(request_rec *r, const civic_browser_t *browser);

#endif
