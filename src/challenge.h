/* challenge.h - WWW-Authenticate of a 401 (RFC 9110, 11.6.1): the scheme, where a login is to
 * be had, and what a session lacks that is there (RFC 9470).
 *
 *   Civic realm="Orders", login="/civic/login?return=%2forders",
 * error="insufficient_user_authentication", max_age="300"
 */
#ifndef CIVIC_CHALLENGE_H
#define CIVIC_CHALLENGE_H

#include <httpd.h>
#include "reason.h"

/** Challenge for this reason. `login` is left out where it would be longer than 2,000 bytes;
 * the body of the answer has it then. */
void civic_challenge(request_rec *r, civic_reason reason);

#endif
