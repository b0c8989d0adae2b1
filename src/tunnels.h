/* tunnels.h - connections that were upgraded (WebSockets) end with the session that opened
 * them.
 *
 * Each child has one list. Its thread, which starts with the first tunnel, asks the store
 * about each session every CivicWebSocketCheck: asking is no use of the session. When it has
 * ended or expired, both directions of the client's connection are shut down, and mod_proxy
 * ends the tunnel.
 *
 *     upgraded --watch--> listed --session over--> shut down --request ends--> gone
 *                           +---------------- request ends --------------------^
 *
 * While the store is down nothing is known: a tunnel then ends with its session's life, not
 * before.
 */
#ifndef CIVIC_TUNNELS_H
#define CIVIC_TUNNELS_H

#include <httpd.h>
#include "counters.h"
#include "session.h"

typedef struct civic_tunnels civic_tunnels_t;

/** Whose a tunnel is, and how long it may be open. */
typedef struct {
    civic_session_t session; /* as it was found; of its record, the time of the login alone */
    apr_interval_time_t idle, life; /* of the location */
    const char *reference;          /* of its request, for the log */
} civic_tunnel_t;

/**
 * In a child.
 *
 * @param counters count those that are closed
 * @param every time between two looks at a session
 * @param s     for log lines
 * @return NULL when there are no locks
 */
civic_tunnels_t *civic_tunnels_create(civic_store_t *store, civic_counters_t *counters,
                                      apr_interval_time_t every, server_rec *s,
                                      apr_pool_t *pchild);

/**
 * Watch a connection for as long as the request that it was upgraded by lives; its streams are
 * watched by their common connection.
 *
 * @param tunnel copied; its reference must live as long as the request
 * @return APR_SUCCESS, or why it cannot be watched: it must not be opened then
 */
apr_status_t civic_tunnels_watch(civic_tunnels_t *tunnels, const civic_tunnel_t *tunnel,
                                 request_rec *r);

#endif
