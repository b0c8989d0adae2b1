/* status.h - what the operator sees: SetHandler civic-status, and a block of mod_status.
 *
 * Who may see it is for the Require rules of its location to say. GET shows numbers; POST,
 * where CivicStatusActions is On, lists and ends the sessions of a person at the applications
 * of this host. No claim, cookie or session id is in any answer.
 */
#ifndef CIVIC_STATUS_H
#define CIVIC_STATUS_H

#include <httpd.h>
#include "metrics.h"
#include "respond.h"

/** What an operator asked about a person, and what came of it. All of it may be NULL. */
typedef struct {
    const char *application, *user_id;
    const char *notice;                 /* a sentence for the operator */
    const apr_array_header_t *sessions; /* of civic_session_t; NULL: not listed */
    int ended;                          /* -1: the store does not know how many */
    int may_end_all;                    /* the store cannot list, but end them */
} civic_status_person_t;

/** handler, for civic-status. */
int civic_status_handle(request_rec *r);

/** mod_status' optional hook status_hook: a short block on its page. */
int civic_status_block(request_rec *r, int flags);

/** Numbers of this moment, in the request's pool. status.c */
const civic_metrics_t *civic_status_metrics(request_rec *r);

/** POST to the handler: status_sessions.c. @return what the handler is to return */
int civic_status_act(request_rec *r);

/** The page for people: status_page.c. @param person NULL: actions are not allowed here */
const civic_reply_t *civic_status_page(request_rec *r, const civic_status_person_t *person);

#endif
