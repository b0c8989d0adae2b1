/* authn.h - does this request come from somebody who is logged in as this location wants it?
 *
 * A request that does not is never let through with an empty or made-up user: every path below
 * ends in a status of 400 or more, so that no handler runs behind a login page.
 */
#ifndef CIVIC_AUTHN_H
#define CIVIC_AUTHN_H

#include <httpd.h>
#include "session.h"

/** Does AuthType say Civic here? */
int civic_authn_is_ours(request_rec *r);

/**
 * The session of this request: the one that it was let in by, else one that would open this
 * location. Looks, and neither logs in nor counts as a use.
 * @return NULL when there is none
 */
const civic_session_t *civic_authn_session(request_rec *r);

/** check_user_id: OK with r->user set; DECLINED where AuthType is another; else a status. */
int civic_authn_check(request_rec *r);

/**
 * Ask for the login that a request for another address would meet, at this one.
 * @param at a sub-request for that address, which lives as long as r
 * @return the status of the answer; DECLINED when no login is missing there
 */
int civic_authn_ask(request_rec *r, request_rec *at);

/** access_checker: where CivicUnauthenticated is `pass`, a session is used when there is one.
 */
int civic_authn_pass(request_rec *r);

/**
 * access_checker_ex: httpd asks the Require rules before anybody is known, and whom they let in
 * needs no login. That is not enough where a negated civic rule was asked, which httpd then
 * takes for neutral, or an expression about the session. There, the login comes first.
 */
int civic_authn_access(request_rec *r);

/**
 * auth_checker: somebody who is logged in and fails a Require rule gets 403, not 401, which
 * would ask him to log in again and again; or a login page, where he may show more or log in
 * anew to get in, as the rules say (civic_unmet_t).
 */
int civic_authn_authorize(request_rec *r);

#endif
