/* transport.h - https to Civic, by libcurl.
 *
 * A transport belongs to one child process: made after the fork, used by all its threads.
 * Handles are pooled, last used first, so that warm connections serve again. Addresses that
 * were resolved and TLS sessions are shared by all threads; connections are not, since libcurl
 * does not support that (CURLSHOPT_SHARE(3), CURL_LOCK_DATA_CONNECT): each handle keeps its
 * own. Only https (plain http to loopback), no redirects, certificates always verified,
 * answers and times bounded.
 */
#ifndef CIVIC_TRANSPORT_H
#define CIVIC_TRANSPORT_H

#include <apr_pools.h>
#include <apr_time.h>
#include "reason.h"

#define CIVIC_ANSWER_MAX  (1024 * 1024)      /* bytes of a body */
#define CIVIC_PAYLOAD_MAX (16 * 1024 * 1024) /* of one that is fetched from storage */

typedef struct civic_transport civic_transport_t;

typedef struct {
    const char *url;
    const char *body;          /* NULL: a GET */
    const char *authorization; /* NULL: none is sent */
    const char *ca_file;       /* NULL: the system's */
    const char *proxy;         /* NULL: none, the environment is not asked */
    const char *proxy_secret;  /* "user:password" for the proxy alone; NULL: none */
    apr_size_t answer_max;     /* bytes of a body; 0: CIVIC_ANSWER_MAX */
    int public_only;     /* no connection to this machine or a private network; where there
                                  is a proxy, that is for the proxy to see to */
    apr_time_t deadline; /* of civic_clock_steady */
} civic_http_request_t;

typedef struct {
    int status;
    char *body; /* NUL-terminated, in the pool */
    apr_size_t len;
    apr_time_t date;      /* what the service's clock says; 0: it did not say */
    int retry_after;      /* seconds; -1: not said as a number */
    const char *encoding; /* Content-Encoding, though none was asked for; NULL: none */
} civic_http_answer_t;

/** Once per child, after the fork. Cleaned up with the pool. @return NULL when out of memory
 */
civic_transport_t *civic_transport_create(apr_pool_t *pool);

/**
 * Send and receive. A connection that was never made is tried once more; a body that was sent,
 * even in part, is not.
 *
 * @param answer set on success alone, whatever its status; all of it in the pool
 * @return CIVIC_OK; CIVIC_UPSTREAM_TIMEOUT, _UNREACHABLE, _CUT, _UNTRUSTED, _TOO_LARGE;
 *         CIVIC_PAYLOAD_HOST where public_only forbids the address
 */
civic_refusal_t civic_transport_send(civic_http_answer_t *answer, civic_transport_t *transport,
                                     const civic_http_request_t *request, apr_pool_t *pool);

#endif
