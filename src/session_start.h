/* session_start.h - how every login ends: a session of its own, and the browser that
 * keeps it. */
#ifndef CIVIC_SESSION_START_H
#define CIVIC_SESSION_START_H

#include <httpd.h>
#include "request.h"
#include "state.h"

/**
 * Keep what somebody has shown as a new session, and set its cookie. The session that the
 * browser came with ends, and of the person's others those beyond CivicSessionsPerUser.
 *
 * @param old     what the browser has there
 * @param record  its realm and `created` are filled in
 * @param picture of a document, NULL for none; record->has_picture says whether it is kept
 * @param browser its login cookie, which notes the time
 * @return CIVIC_OK, or as civic_session_create
 */
civic_refusal_t civic_session_start(request_rec *r, const civic_lookup_t *old,
                                    civic_record_t *record, const civic_bytes_t *picture,
                                    civic_browser_t *browser);

/* ---- the same in two steps, for a login that must not be used up in vain ---- */

/**
 * Keep the session, for nobody yet: hand it out, or discard it.
 * @param id set on success alone: the cookie's value
 * @return as civic_session_start
 */
civic_refusal_t civic_session_keep(const char **id, request_rec *r, civic_record_t *record,
                                   const civic_bytes_t *picture);

/** Set its cookie, with all that civic_session_start does behind that. */
void civic_session_hand_out(request_rec *r, const char *id, const civic_lookup_t *old,
                            const civic_record_t *record, civic_browser_t *browser);

/** End it, which nobody has the id of. */
void civic_session_discard(request_rec *r, const char *id, const civic_record_t *record);

#endif
