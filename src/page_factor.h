/* page_factor.h - the pages of the second factor. */
#ifndef CIVIC_PAGE_FACTOR_H
#define CIVIC_PAGE_FACTOR_H

#include <httpd.h>
#include "request.h"
#include "respond.h"

/** What the login page says behind another login. */
void civic_page_factor_values(request_rec *r, apr_table_t *values,
                              const civic_first_factor_t *factor);

/** Whom to ask: ServerAdmin. NULL when nobody has said. */
const char *civic_page_contact(request_rec *r);

/** What is about to be linked, and whether it shall be. @param state sealed, for
 * CIVIC_STATE_LINK */
const civic_reply_t *civic_page_link(request_rec *r, const civic_first_factor_t *factor,
                                     const civic_session_t *session, const char *state);

/** It was linked: these are its recovery codes. @param codes of const char *
 * @param back a local path */
const civic_reply_t *civic_page_codes(request_rec *r, const char *account,
                                      const apr_array_header_t *codes, const char *back);

/** Nothing was linked. @param back a local path */
const civic_reply_t *civic_page_not_linked(request_rec *r, const char *account,
                                           const char *back);

/** Asks for a recovery code. @param state sealed, for CIVIC_STATE_LOGIN
 * @param refused the one before was */
const civic_reply_t *civic_page_recovery(request_rec *r, const civic_state_t *about,
                                         const char *state, int refused);

#endif
