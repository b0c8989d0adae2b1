/* page.h - the pages that people meet, and problem+json for programs. */
#ifndef CIVIC_PAGE_H
#define CIVIC_PAGE_H

#include <httpd.h>
#include "conf.h"
#include "reason.h"
#include "request.h"
#include "respond.h"
#include "words.h"

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
    const struct civic_posted
        *posted; /* the form that came with the request (posted.h); NULL: none */
} civic_login_page_t;

/** The templates of the pages in one language. */
typedef struct civic_pages {
    const char *login, *message, *logout, *done, *frame, *link, *codes, *recovery;
} civic_pages_t;

const civic_pages_t *civic_pages_make(const civic_language_t *language, apr_pool_t *pool);

const civic_reply_t *civic_page_login(request_rec *r, const civic_login_page_t *page);

/** A page for a refusal, in a frame civic_page_frame; for CIVIC_RULE_NOT_MET with the rules,
 * and a logout that leads back here. @param retry where "start again" leads, NULL for nowhere
 */
const civic_reply_t *civic_page_refusal(request_rec *r, civic_reason reason,
                                        const char *retry);

/**
 * What stands in a frame in place of any other page of ours, none of which may be framed: the
 * reason's words, and a link that opens the address in a window of its own. Without state,
 * script and form.
 * @param is_login a login is what is missing
 */
const civic_reply_t *civic_page_frame(request_rec *r, civic_reason reason, int is_login);

/** The same as RFC 9457 problem+json: type, title, status, reason, detail, reference, retry;
 * where Require rules keep somebody out, also rules and scope; where a login helps, its
 * address as login and what offers it as dialog. */
const civic_reply_t *civic_page_problem(request_rec *r, civic_reason reason);

/** Where a window may be opened to log in for the address of this request (login.c); NULL: it
 * has none. */
const char *civic_page_login_address(request_rec *r);

/** What the site is called here: AuthName as it was written, else the server's name. */
const char *civic_page_site(request_rec *r);

/** The policy of a page with a form and without scripts, which nothing may frame. */
#define CIVIC_PAGE_POLICY                                                                     \
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "             \
    "frame-ancestors 'none'"

/** What every page needs, for page_factor.c. */
apr_table_t *civic_page_values(request_rec *r);

/** A page of that policy, or what a site makes of it, in the request's language. */
const civic_reply_t *civic_page_form(request_rec *r, const char *body);

/** Tells the other windows of the site that somebody is logged in, and closes its own.
 * @param back where it leads when it cannot be closed */
const civic_reply_t *civic_page_done(request_rec *r, const char *back);

/** Asks before a logout that came by GET. @param back a local path or NULL */
const civic_reply_t *civic_page_logout(request_rec *r, const char *back);

#endif
