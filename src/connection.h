/* connection.h - the sessions that came over a connection before.
 *
 * A browser sends its cookie with each request. The second time that one comes over the same
 * connection, its session is kept there: from then on only the store is asked whether the
 * session is still there and when it was last used, and the record is neither read nor taken
 * apart again. What is kept is bounded, whatever cookies come, and goes with the connection.
 */
#ifndef CIVIC_CONNECTION_H
#define CIVIC_CONNECTION_H

#include <httpd.h>
#include "conf.h"
#include "session.h"

/** What a location is told of a session by variables: the same each time. */
typedef struct {
    const civic_claim_choice_t *choice;
    const apr_table_t *table; /* NULL: not made yet */
} civic_variables_t;

typedef struct {
    apr_pool_t *pool; /* the connection's */
    int seen;         /* the cookie has opened a session before */
    int kept;         /* `session` is set */
    civic_session_t session;
    civic_variables_t variables;
    /* what it belongs to */
    const civic_application_t *application;
    unsigned char realm[CIVIC_REALM_LEN];
    char id[CIVIC_SESSION_ID_LEN + 1];
} civic_acquaintance_t;

/**
 * What a connection knows of a cookie. Streams of HTTP/2 have nothing of their own to keep it
 * in.
 * @param id of a sane form (civic_session_id_is_sane)
 * @return NULL when it can remember nothing more
 */
civic_acquaintance_t *civic_connection_meet(conn_rec *c,
                                            const civic_application_t *application,
                                            const unsigned char realm[CIVIC_REALM_LEN],
                                            const char *id);

/**
 * A cookie has opened a session: from the second time on it is kept, unless it is large.
 * @param scratch for what is needed on the way
 */
void civic_connection_keep(conn_rec *c, civic_acquaintance_t *acquaintance,
                           const civic_session_t *session, apr_pool_t *scratch);

/** Its session has ended: the place is free for another. */
void civic_connection_forget(civic_acquaintance_t *acquaintance);

#endif
