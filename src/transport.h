/* transport.h - https to Civic, by libcurl.
 *
 * A transport belongs to one child process: made after the fork, used by all its threads.
 * Handles are pooled, last used first, so that warm connections serve again. Only https (plain
 * http to loopback), no redirects, certificates always verified, answers and times bounded.
 */
#ifndef CIVIC_TRANSPORT_H
#define CIVIC_TRANSPORT_H

#include <apr_pools.h>
#include <apr_time.h>
#include "reason.h"

#define CIVIC_ANSWER_MAX (8 * 1024 * 1024) /* bytes of a body */

typedef struct civic_transport civic_transport_t;

typedef struct {
    const char *url;
    const char *body;          /* NULL: a GET */
    const char *authorization; /* NULL: none is sent */
    const char *ca_file;       /* NULL: the system's */
    const char *proxy;         /* NULL: none, the environment is not asked */
    apr_time_t deadline;
} civic_http_request_t;

typedef struct {
    int status;
    char *body; /* NUL-terminated, in the pool */
    apr_size_t len;
} civic_http_answer_t;

/** Once per child, after the fork. Cleaned up with the pool. @return NULL when out of memory
 */
civic_transport_t *civic_transport_create(apr_pool_t *pool);

/**
 * Send and receive. A connection that was never made is tried once more; a body that was sent,
 * even in part, is not.
 *
 * @param answer set on success alone, whatever its status
 * @return CIVIC_OK; CIVIC_UPSTREAM_TIMEOUT, _UNREACHABLE, _CUT, _UNTRUSTED, _TOO_LARGE
 */
civic_refusal_t civic_transport_send(civic_http_answer_t *answer, civic_transport_t *transport,
                                     const civic_http_request_t *request, apr_pool_t *pool);

#endif
