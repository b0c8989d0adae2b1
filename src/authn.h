/* authn.h - does this request come from somebody who is logged in as this location wants it?
 *
 * A request that does not is never let through with an empty or made-up user: every path below
 * ends in a status of 400 or more, so that no handler runs behind a login page.
 */
#ifndef CIVIC_AUTHN_H
#define CIVIC_AUTHN_H

#include <httpd.h>
#include "request.h"
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

/** access_checker: where CivicUnauthenticated is `pass`, a session is used when there
 * is one. */
int civic_authn_pass(request_rec *r);

/**
 * access_checker_ex: httpd asks the Require rules before anybody is known, and whom they let
 * in needs no login. That is not enough where a negated civic rule was asked, which httpd then
 * takes for neutral, or an expression about the session. There, the login comes first.
 */
int civic_authn_access(request_rec *r);

/** A negated civic rule, or an expression about the session, stands somewhere: as long as none
 * does, civic_authn_access leaves all to httpd. */
void civic_authn_rules_may_need_login(void);

/**
 * auth_checker: somebody who is logged in and fails a Require rule gets 403, not 401, which
 * would ask him to log in again and again; or a login page, where he may show more or log in
 * anew to get in, as the rules say (civic_unmet_t).
 */
int civic_authn_authorize(request_rec *r);

/* ---- steps, shared with factor.c ---- */

/** Do session and location fit? Limits and scope are the location's. */
civic_refusal_t civic_authn_judge(request_rec *r, const civic_lookup_t *lookup,
                                  const civic_dir_conf_t *dir);

/** Count what a session is, once for each request and application, however many sub-requests
 * and redirects it takes. */
void civic_authn_count(request_rec *r, civic_lookup_t *lookup, civic_reason reason);

/** Is this a request whose answer a person looks at? By CivicUnauthenticated. */
int civic_authn_is_for_person(request_rec *r);

/**
 * Answer who does not get in: the login page, a page or problem+json.
 * @param lookup may be NULL without a scope
 * @param scope  what a person may show to get in by a new login; NULL: no login would help
 * @return the status
 */
int civic_authn_turn_away(request_rec *r, const civic_lookup_t *lookup,
                          civic_refusal_t refusal, const char *scope);

/** Somebody is logged in, and the rules keep him out. @return the status */
int civic_authn_forbid(request_rec *r);

/** Let the other modules judge; our own hooks step aside meanwhile. */
int civic_authn_rules(request_rec *r, int (*run)(request_rec *));

/** Whose request it is. @param user becomes r->user; NULL: that stays what it is */
void civic_authn_let_in(request_rec *r, civic_lookup_t *lookup, const char *user);

#endif
