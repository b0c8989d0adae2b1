/* identity.h - who somebody is, told to the application behind: r->user, the environment,
 * headers (identity_headers.h).
 */
#ifndef CIVIC_IDENTITY_H
#define CIVIC_IDENTITY_H

#include <httpd.h>
#include "claims.h"
#include "request.h"

/**
 * What becomes REMOTE_USER here, by CivicRemoteUser.
 * @return NULL when the session does not hold it as a verified claim that is fit to be a name
 */
const char *civic_identity_user(request_rec *r, const civic_session_t *session);

/**
 * Set r->ap_auth_type and r->user, without a user leave both as they are; by CivicIdentity
 * CIVIC_USER_ID, CIVIC_APPLICATION, CIVIC_SCOPE, CIVIC_SESSION_ENDS, CIVIC_SECOND_FACTOR and
 * CIVIC_<LABEL> in the environment, and the same as headers, which only a location of AuthType
 * Civic or CivicSecondFactor gets. Verified claims alone, those of CivicClaims; a value with
 * control characters or that is not UTF-8 is left out, and so are labels that fold to one
 * name, and what would be too large.
 */
void civic_identity_set(request_rec *r, civic_lookup_t *lookup, const char *user);

/** Labels of verified claims that fold to one name, for the log; NULL when there are none. */
const char *civic_identity_collisions(const civic_claims_t *claims, apr_pool_t *pool);

/** fixups: a sub-request or internal redirect whose checks httpd skipped, or that leads to
 * where nobody logs in (an ErrorDocument), still knows who asked. */
int civic_identity_restore(request_rec *r);

/** handler: a request that became another one since (DirectoryIndex, FallbackResource,
 * negotiation) is told what that one may know. */
int civic_identity_settle(request_rec *r);

/** post_read_request: drop inbound headers that could pass for ours, take out our cookies.
 * Where trailers become headers (MergeTrailers), they are dropped as they come in. */
int civic_identity_scrub(request_rec *r);

/** Register the filter that does so. */
void civic_identity_register(void);

#endif
