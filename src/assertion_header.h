/* assertion_header.h - CivicAssertion: a request brings a signed statement of whose it is. */
#ifndef CIVIC_ASSERTION_HEADER_H
#define CIVIC_ASSERTION_HEADER_H

#include "identity_headers.h"
#include "session.h"

/**
 * Set the header, with a token of this session for the location's audience: signed now, or by
 * this child before. Claims that were left out of a new one are noted. Where it cannot be
 * signed, the log says so and there is none: an application that checks lets nobody in.
 */
void civic_assertion_tell(civic_parcel_t *parcel, const civic_session_t *session);

#endif
