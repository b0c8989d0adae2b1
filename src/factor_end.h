/* factor_end.h - a second factor lasts no longer than the first login that it stands behind.
 *
 * How a first login ends is its own affair, and no module tells. What can be seen:
 *
 *     401 with WWW-Authenticate      nothing: browsers ask so before they send what they have
 * (Basic, Digest, Negotiate) 401 without, or a redirect     the login lives in a cookie, which
 * is not there or no good: it has ended mod_auth_form's handlers       it ends, or begins anew
 */
#ifndef CIVIC_FACTOR_END_H
#define CIVIC_FACTOR_END_H

#include <httpd.h>
#include "request.h"

/**
 * The first login of a location has let nobody in: where it has ended, so does the second
 * factor that the browser came with.
 * @param status what the first login answers
 */
void civic_factor_end(request_rec *r, int status);

/** handler: before form-logout-handler and form-login-handler. @return DECLINED */
int civic_factor_end_form(request_rec *r);

#endif
