/* page.h - the pages that people meet, and problem+json for programs. */
#ifndef CIVIC_PAGE_H
#define CIVIC_PAGE_H

#include <httpd.h>
#include "conf.h"
#include "reason.h"
#include "request.h"
#include "respond.h"

/** What the login page is about. For CIVIC_RULE_NOT_MET it offers to show more. */
typedef struct {
    const civic_application_t *application;
    const char *scope;
    const char *state; /* sealed, state.h */
    apr_time_t issued; /* of the state */
    int hide_intro;
    civic_reason reason;                /* why it is shown: its words stand on the page */
    const char *cause;                  /* more about that, NULL for none */
    const civic_first_factor_t *factor; /* NULL: Civic is the only one */
} civic_login_page_t;

const civic_reply_t *civic_page_login(request_rec *r, const civic_login_page_t *page);

/** A page for a refusal; for CIVIC_RULE_NOT_MET with the rules, and a logout that leads back
 * here. @param retry where "start again" leads, NULL for nowhere */
const civic_reply_t *civic_page_refusal(request_rec *r, civic_reason reason,
                                        const char *retry);

/** The same as RFC 9457 problem+json: type, title, status, reason, detail, reference, retry; where
 * Require rules keep somebody out, also rules and scope. */
const civic_reply_t *civic_page_problem(request_rec *r, civic_reason reason);

/** What every page needs, for page_factor.c. */
apr_table_t *civic_page_values(request_rec *r);

/** Asks before a logout that came by GET. @param back a local path or NULL */
const civic_reply_t *civic_page_logout(request_rec *r, const char *back);

#endif
