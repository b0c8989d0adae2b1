/* factor_form.h - what pages of the second factor send back. The addresses they send it to are
 * outside of the location with the first login: all that is known of that comes from the
 * sealed state, which such a page alone carries, and which works in the browser it was made
 * for. */
#ifndef CIVIC_FACTOR_FORM_H
#define CIVIC_FACTOR_FORM_H

#include <httpd.h>
#include "conf.h"
#include "reason.h"
#include "state.h"

typedef struct {
    apr_table_t *fields;
    civic_state_t state;
    civic_browser_t browser;
    const civic_application_t *application;
} civic_factor_form_t;

/**
 * Read a form from a page of this site, with a state of an account that is for this use.
 * @return CIVIC_OK; CIVIC_CROSS_ORIGIN, CIVIC_CONTENT_TYPE, as civic_body_read,
 * civic_form_parse and civic_state_judge; CIVIC_STATE_INVALID
 */
civic_refusal_t civic_factor_form_read(civic_factor_form_t *form, request_rec *r,
                                       civic_state_use use);

/** "See other": to a local path. @return the status */
int civic_factor_go(request_rec *r, const char *path);

#endif
