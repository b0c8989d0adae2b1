/* authn.h - does this request come from somebody who is logged in as this location wants it?
 *
 * A request that does not is never let through with an empty or made-up user: every path below
 * ends in a status of 400 or more, so that no handler runs behind a login page.
 */
#ifndef CIVIC_AUTHN_H
#define CIVIC_AUTHN_H

#include <httpd.h>

/** check_user_id: OK with r->user set; DECLINED where AuthType is another; else a status. */
int civic_authn_check(request_rec *r);

/** access_checker: where CivicUnauthenticated is `pass`, a session is used when there is one.
 */
int civic_authn_pass(request_rec *r);

/** auth_checker: somebody who is logged in and fails a Require rule gets 403, not 401, which
 * would ask him to log in again and again. */
int civic_authn_authorize(request_rec *r);

#endif
