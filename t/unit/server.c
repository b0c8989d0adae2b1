/* server.c - see server.h. */
#include "server.h"
#include "unit.h"

#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Shared with the child. */
typedef struct {
    atomic_int connections, requests, closed;
    char texts[SERVER_REQUESTS_MAX][SERVER_REQUEST_MAX];
} log_t;

struct server {
    log_t *log;
    pid_t pid;
    int port;
};

enum { LIFE_SEC = 120, TLS_HANDSHAKE = 0x16 };

/* ---- in the child ---- */

/* Headers and as much body as they say; the first record of TLS counts as a request too. */
static int is_whole(const char *text, apr_size_t len)
{
    const char *end = strstr(text, "\r\n\r\n"), *length;

    if (len > 0 && text[0] == TLS_HANDSHAKE) {
        return 1;
    }
    if (!end) {
        return 0;
    }
    length = strcasestr(text, "\r\nContent-Length:");
    return !length || length > end
           || len - (apr_size_t)(end + 4 - text) >= strtoul(length + 17, NULL, 10);
}

/* @return 0 when the client went before its request was whole */
static int request_read(int connection, log_t *log)
{
    int index = atomic_load(&log->requests);
    char *text = log->texts[index < SERVER_REQUESTS_MAX ? index : SERVER_REQUESTS_MAX - 1];
    apr_size_t len = 0;

    memset(text, 0, SERVER_REQUEST_MAX);
    while (!is_whole(text, len)) {
        ssize_t n = recv(connection, text + len, SERVER_REQUEST_MAX - 1 - len, 0);

        if (n <= 0) {
            return 0;
        }
        len += (apr_size_t)n;
    }
    atomic_fetch_add(&log->requests, 1);
    return 1;
}

static int send_all(int connection, const char *data, apr_size_t len)
{
    while (len > 0) {
        ssize_t n = send(connection, data, len, MSG_NOSIGNAL);

        if (n <= 0) {
            return 0;
        }
        data += n;
        len -= (apr_size_t)n;
    }
    return 1;
}

static void step_run(int connection, const server_step_t *step)
{
    int closes = step->after == SERVER_CLOSES && !step->again;

    /* The end comes in one packet with the answer: no client can take the connection for one
     * that serves again in between. */
    setsockopt(connection, IPPROTO_TCP, TCP_CORK, &closes, sizeof(closes));
    usleep((useconds_t)step->pause_ms * 1000);
    if (step->answer) {
        send_all(connection, step->answer, step->len ? step->len : strlen(step->answer));
    }
    while (step->again && send_all(connection, step->again, strlen(step->again))) {
        usleep((useconds_t)step->pause_ms * 1000);
    }
}

static void serve(int listener, log_t *log, const server_step_t *steps, int count)
{
    for (int done = 0;;) {
        int connection = accept(listener, NULL, NULL);

        if (connection < 0) {
            _exit(1);
        }
        atomic_fetch_add(&log->connections, 1);
        while (request_read(connection, log) && done < count) {
            const server_step_t *step = &steps[done++];

            step_run(connection, step);
            if (step->after == SERVER_CLOSES) {
                break;
            }
        }
        close(connection);
        atomic_fetch_add(&log->closed, 1);
    }
}

/* ---- in the test ---- */

static int bind_somewhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int bound = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(bound >= 0);
    assert_int_equal(bind(bound, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(bound, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return bound;
}

static apr_status_t server_stop(void *data)
{
    server_t *server = data;

    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    munmap(server->log, sizeof(*server->log));
    return APR_SUCCESS;
}

server_t *server_start(const server_step_t *steps, int count, apr_pool_t *pool)
{
    server_t *server = apr_pcalloc(pool, sizeof(*server));
    int listener = bind_somewhere(&server->port);

    assert_int_equal(listen(listener, 16), 0);
    server->log = mmap(NULL, sizeof(*server->log), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(server->log, MAP_FAILED);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        alarm(LIFE_SEC); /* should the test die */
        serve(listener, server->log, steps, count);
    }
    close(listener);
    apr_pool_cleanup_register(pool, server, server_stop, apr_pool_cleanup_null);
    return server;
}

const char *server_url(const server_t *server, const char *path, apr_pool_t *pool)
{
    return apr_psprintf(pool, "http://127.0.0.1:%d%s", server->port, path);
}

int server_connections(const server_t *server)
{
    return atomic_load(&server->log->connections);
}

int server_requests(const server_t *server)
{
    return atomic_load(&server->log->requests);
}

int server_closed(const server_t *server)
{
    return atomic_load(&server->log->closed);
}

void server_await(int (*counter)(const server_t *), int count, const server_t *server)
{
    for (int i = 0; i < 10000 && counter(server) < count; i++) {
        usleep(1000);
    }
    assert_true(counter(server) >= count);
}

const char *server_request(const server_t *server, int index)
{
    return server->log->texts[index];
}

static apr_status_t port_leave(void *data)
{
    close((int)(intptr_t)data);
    return APR_SUCCESS;
}

int server_unused_port(apr_pool_t *pool)
{
    int port, bound = bind_somewhere(&port);

    apr_pool_cleanup_register(pool, (void *)(intptr_t)bound, port_leave,
                              apr_pool_cleanup_null);
    return port;
}
