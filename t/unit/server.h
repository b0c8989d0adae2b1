/* server.h - an HTTP server of a few lines on loopback, which answers by a script.
 *
 * It runs in a child process, one connection at a time, until the pool goes. Each request that
 * was read whole is answered by the next step; what comes after the last step is closed. What
 * it got can be read while it runs.
 */
#ifndef CIVIC_UNIT_SERVER_H
#define CIVIC_UNIT_SERVER_H

#include <apr_pools.h>

#define SERVER_REQUESTS_MAX 8
#define SERVER_REQUEST_MAX  (32 * 1024)

typedef enum { SERVER_CLOSES, SERVER_KEEPS_OPEN } server_after;

typedef struct {
    const char *answer; /* sent as it is; NULL: nothing */
    apr_size_t len;     /* 0: strlen(answer) */
    const char *again;  /* then this over and over, until the client goes; NULL: nothing */
    int pause_ms;       /* before the answer, and between repetitions */
    server_after after;
} server_step_t;

typedef struct server server_t;

/** Fails the test when there is no port to be had. `steps` are copied with the fork. */
server_t *server_start(const server_step_t *steps, int count, apr_pool_t *pool);

/** "http://127.0.0.1:port" and the path. */
const char *server_url(const server_t *server, const char *path, apr_pool_t *pool);

/** Connections accepted, requests read whole, connections closed, since the start. */
int server_connections(const server_t *server);
int server_requests(const server_t *server);
int server_closed(const server_t *server);

/** Wait until one of the above says `count` or more; fails the test when it takes too long. */
void server_await(int (*counter)(const server_t *), int count, const server_t *server);

/** The text of a request, from 0 on; "" when there was none. */
const char *server_request(const server_t *server, int index);

/** A port of loopback where nobody listens, nor can before the pool ends. */
int server_unused_port(apr_pool_t *pool);

#endif
