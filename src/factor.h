/* factor.h - CivicSecondFactor: Civic behind another login, which stays as it is.
 *
 *     rules of the location, nobody known yet   a refusal is final, unless it is about Civic
 *     the first login (check_user_id)           its answer is final until it names somebody
 *     the second factor                         a session bound to that name, whose userId is
 * linked to it rules of the location, both known
 *
 * r->user and r->ap_auth_type stay the first login's. Whoever is let in without a first login
 * anywhere else (`Require all granted`, `Satisfy Any`) is asked for it here: without a name
 * nothing can be bound. Every way that does not end in OK ends in a status of 400 or more.
 */
#ifndef CIVIC_FACTOR_H
#define CIVIC_FACTOR_H

#include <httpd.h>
#include "enrollment.h"
#include "reason.h"

/** A yes links what was approved this short a time ago: counted from the approval to the yes.
 */
#define CIVIC_FACTOR_LINK_WITHIN apr_time_from_sec(10 * 60)

/** access_checker_ex: all of the above; DECLINED where CivicSecondFactor is not On. */
int civic_factor_access(request_rec *r);

/** fixups: a request that has come here without the above is taken through it now. */
int civic_factor_insist(request_rec *r);

/** What a line of the log says of a refusal, with the account that it is about, in the
 * request's pool. */
const char *civic_factor_about(request_rec *r, const char *account, const char *detail);

/**
 * Which Civic identity an account has.
 * @param account folded (account.h)
 * @return CIVIC_OK with `enrollment` set; CIVIC_NOT_ENROLLED; CIVIC_ENROLLMENT_DOWN;
 *         CIVIC_NOT_CONFIGURED without a store
 */
civic_refusal_t civic_factor_enrollment(civic_enrollment_t *enrollment, request_rec *r,
                                        const char *application, const char *account);

#endif
