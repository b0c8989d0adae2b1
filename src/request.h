/* request.h - what this module knows of a request while it lasts.
 *
 * Sub-requests and internal redirects share what the first request of their chain knows:
 * cookies are read once, a session is looked up once for each application, and its use is
 * noted once.
 */
#ifndef CIVIC_REQUEST_H
#define CIVIC_REQUEST_H

#include <httpd.h>
#include "conf.h"
#include "connection.h"
#include "reason.h"
#include "session.h"
#include "state.h"
#include "words.h"

struct ap_directive_t;
struct civic_reply;
struct civic_endpoint;

/** A session as one application's cookie brought it, or why there is none. */
typedef struct {
    const civic_application_t *application;
    int is_factor;       /* of second factors, not of logins by themselves */
    civic_reason reason; /* CIVIC_OK, CIVIC_LOGIN_REQUIRED, CIVIC_STORE_UNAVAILABLE */
    civic_session_t session;
    civic_acquaintance_t *known; /* what the connection keeps of it; NULL: nothing */
    int cookies;                 /* how many of that name the browser sent */
    int used;                    /* its use was noted */
    int counted;                 /* what it is was counted */
} civic_lookup_t;

typedef struct {
    const char *name, *value;
} civic_cookie_t;

/** A Require rule that keeps this person out (authz.h). */
typedef struct {
    const char *name;    /* of the rule, as civic-age: for the log */
    const char *words;   /* for the person */
    const char *step_up; /* the scope request that may show what is missing; NULL: none */
    int is_known;        /* 0: it could not be judged */
    apr_interval_time_t
        max_age; /* of the login: a new one meets it; 0: it is about something else */
    const struct ap_directive_t *section; /* where the rule stands */
} civic_unmet_t;

/** What a login would be about, at an address that a sub-request was turned away from. */
typedef struct {
    const civic_lookup_t *lookup;
    civic_refusal_t refusal;
    const char *scope; /* NULL: no login helps */
} civic_need_t;

/** How much a request was told of who somebody is. */
typedef struct {
    int env, headers; /* civic_identity_channels */
    const civic_claim_choice_t *claims;
    int assertion; /* CivicAssertion, to this audience */
    const char *audience;
    int ticket; /* CivicDocumentImageTicket */
} civic_told_t;

/** A location of CivicSecondFactor, behind its first login. */
typedef struct {
    civic_state_factor_t state; /* what its pages are for */
    const char *name;           /* the account as the first login spells it */
    int linked;                 /* it has a Civic identity */
} civic_first_factor_t;

typedef struct {
    /* of the chain's first request alone */
    apr_array_header_t *cookies; /* of civic_cookie_t: ours, taken out of the header */
    apr_array_header_t *lookups; /* of civic_lookup_t * */
    const char *reference;       /* the word that ties page and log */
    int in_headers;              /* some request of the chain has headers that say who it is */
    int in_ticket;               /* or a ticket for the document's picture */
    int guarded;                 /* its answer is for whoever is logged in, or not */
    int retry_after;             /* seconds, for a refusal that says so; 0: the usual */

    /* of each request */
    const struct civic_endpoint *endpoint; /* NULL: not one of our addresses */
    const struct civic_reply *reply;       /* what we answer, see respond.h */
    int reply_status;                      /* as what: another status is httpd's own answer */
    civic_lookup_t *identity;              /* whose request this is, once it is judged */
    civic_told_t told;                     /* of identity */
    const civic_need_t *need;              /* of a sub-request; NULL: it was not turned away */
    int asking;                /* it shows the login of another address, see login.c */
    apr_array_header_t *unmet; /* of civic_unmet_t: rules that keep out; NULL: none */
    int authorizing;           /* the Require rules are being judged, see authn.c */
    int strict;                /* negated rules keep out who is not known yet */
    int doubtful;              /* a negated rule was asked while nobody was known */
    int asked;                 /* so was an expression */
    const civic_first_factor_t *factor; /* NULL: none is known */
    int first_shown;                    /* that one was */
    int factor_shown;                   /* the second one was, too */
    int filtered;                       /* its filters are there, see privacy.c */
} civic_request_t;

/** Of this request; made when there is none yet. */
civic_request_t *civic_request(request_rec *r);

/** The first request of the chain of sub-requests and internal redirects. */
request_rec *civic_request_first(request_rec *r);

/** The session that this browser has at an application; looked up once. Never NULL. */
civic_lookup_t *civic_request_session(request_rec *r, const civic_application_t *application);

/** The same of second factors, which have cookies of their own: for no account in
 * particular. */
civic_lookup_t *civic_request_factor(request_rec *r, const civic_application_t *application);

/** How the name of a session's cookie ends (cookie.h), and the digest for the login cookie. */
const char *civic_lookup_suffix(const civic_lookup_t *lookup);
const unsigned char *civic_lookup_digest(const civic_lookup_t *lookup);

/** The word for this request that pages and log lines share: 8 letters and digits. */
const char *civic_request_reference(request_rec *r);

/** Go by the reference of an earlier page, where this is one: what is logged from here on has
 * it. */
void civic_request_refer(request_rec *r, const char *word);

/** The language of the answer: CivicLanguage, else what the browser prefers. */
const civic_language_t *civic_request_language(request_rec *r);

/** Is the browser's connection https (as httpd sees it: ServerName or mod_ssl)? */
int civic_request_is_https(request_rec *r);

/** This site as the configuration has it, whatever a client says: https://www.example.org,
 * with the port that ServerName or the <VirtualHost> names, where it is not the usual one. In
 * the pool. */
const char *civic_request_site(request_rec *r);

/** Plain http, but to this machine: good enough to try things out. */
int civic_request_is_loopback(request_rec *r);

/**
 * Path and query as the browser asked for them, without scheme and host.
 * @return in the pool; NULL when it is not a path that may be returned to (return_path.h)
 */
const char *civic_request_return_path(request_rec *r);

/** Does the request come from a page of this very site (Sec-Fetch-Site, else Origin)? */
int civic_request_is_same_origin(request_rec *r);

/**
 * The body of a request that only a page of this very site may make: where it comes from and
 * its type are judged before anything is read.
 * @param type the only media type that is taken; NULL: whoever asks judges it
 * @return CIVIC_OK; CIVIC_CROSS_ORIGIN, CIVIC_CONTENT_TYPE, or as civic_body_read
 */
civic_refusal_t civic_request_body_of_own_page(request_rec *r, const char *type,
                                               const char **text, apr_size_t *len);

/** Is an Origin this site's own? */
int civic_request_is_own_origin(request_rec *r, const char *origin);

/**
 * Is this a preflight as a browser sends it before a request across origins (Fetch, 4.8):
 * OPTIONS with Origin and Access-Control-Request-Method, without credentials and without a
 * body?
 */
int civic_request_is_preflight(request_rec *r);

/** Will the answer stand within another page, as far as the browser says (Sec-Fetch-Dest)? */
int civic_request_is_framed(request_rec *r);

/** Does a person look at the answer (a navigation), or a program? Sec-Fetch-*, else Accept. */
int civic_request_is_navigation(request_rec *r);

#endif
