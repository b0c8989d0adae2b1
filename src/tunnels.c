/* tunnels.c - see tunnels.h.
 *
 * The list is in the order of numbers that only grow. A round copies it, asks the store
 * without holding the lock, and then walks list and copy side by side: what has left meanwhile
 * is not touched. Each tunnel has a descriptor of its own for its connection, so that it never
 * shuts down another one that was given the same number.
 */
#include "tunnels.h"

#include <apr_portable.h>
#include <apr_ring.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <errno.h>
#include <fcntl.h>
#include <http_core.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

typedef enum { GOES_ON, ENDED, EXPIRED } verdict_t;

typedef struct listed {
    APR_RING_ENTRY(listed) link;
    apr_uint64_t number;
    civic_tunnel_t tunnel;
    int fd;
    struct civic_tunnels *tunnels;
} listed_t;

struct civic_tunnels {
    civic_store_t *store;
    civic_counters_t *counters;
    apr_interval_time_t every;
    server_rec *server;
    apr_pool_t *pool;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;  /* there is a first tunnel, or it is time to stop */
    APR_RING_HEAD(ring, listed) list;
    apr_uint64_t last;
    apr_thread_t *thread; /* NULL: not started */
    atomic_int stop;
};

/* What a round asks about, and what came of it. */
typedef struct {
    apr_uint64_t number;
    civic_tunnel_t tunnel;
    verdict_t verdict;
} asked_t;

static verdict_t judge(civic_tunnel_t *tunnel, civic_store_t *store, apr_pool_t *pool)
{
    civic_reason reason = civic_session_look(&tunnel->session, store, pool);
    civic_session_ends_t ends =
        civic_session_ends(&tunnel->session, tunnel->idle, tunnel->life);
    apr_time_t now = civic_session_now(store);

    if (reason == CIVIC_LOGIN_REQUIRED) {
        return ENDED;
    }
    return now > ends.absolute || (reason == CIVIC_OK && now > ends.idle) ? EXPIRED : GOES_ON;
}

/* ---- one round ---- */

static apr_array_header_t *copy_list(civic_tunnels_t *tunnels, apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, 16, sizeof(asked_t));
    listed_t *item;

    APR_RING_FOREACH(item, &tunnels->list, listed, link)
    {
        APR_ARRAY_PUSH(all, asked_t) = (asked_t){item->number, item->tunnel, GOES_ON};
    }
    return all;
}

static void shut(civic_tunnels_t *tunnels, const listed_t *item, verdict_t verdict)
{
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, tunnels->server,
                 CIVIC_LOG_PREFIX "websocket closed: its session has %s ref=%s",
                 verdict == ENDED ? "ended" : "expired", item->tunnel.reference);
    civic_counters_add(tunnels->counters, CIVIC_COUNT_WEBSOCKETS_CLOSED, 1);
    shutdown(item->fd, SHUT_RDWR);
}

/* Both are in the order of their numbers. */
static void act(civic_tunnels_t *tunnels, const apr_array_header_t *all)
{
    listed_t *item = APR_RING_FIRST(&tunnels->list);

    for (int i = 0; i < all->nelts; i++) {
        const asked_t *asked = &APR_ARRAY_IDX(all, i, asked_t);

        while (item != APR_RING_SENTINEL(&tunnels->list, listed, link)
               && item->number < asked->number) {
            item = APR_RING_NEXT(item, link);
        }
        if (item == APR_RING_SENTINEL(&tunnels->list, listed, link)) {
            return;
        }
        if (item->number == asked->number && asked->verdict != GOES_ON && item->fd >= 0) {
            shut(tunnels, item, asked->verdict);
            close(item->fd);
            item->fd = -1; /* once is enough */
        }
    }
}

/* With the lock held; it is let go while the store is asked. */
static void look_at_all(civic_tunnels_t *tunnels, apr_pool_t *pool)
{
    apr_array_header_t *all = copy_list(tunnels, pool);

    pthread_mutex_unlock(&tunnels->lock);
    for (int i = 0; i < all->nelts && !tunnels->stop; i++) {
        asked_t *asked = &APR_ARRAY_IDX(all, i, asked_t);

        asked->verdict = judge(&asked->tunnel, tunnels->store, pool);
    }
    pthread_mutex_lock(&tunnels->lock);
    act(tunnels, all);
}

/* ---- the lock, on threads of httpd's ---- */

/* Prefork's handler of SIGTERM ends the child, `stop` below included, where it runs: never
 * while the lock is held there. */
static void lock_whole(civic_tunnels_t *tunnels, sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    pthread_mutex_lock(&tunnels->lock);
}

static void unlock_whole(civic_tunnels_t *tunnels, const sigset_t *before)
{
    pthread_mutex_unlock(&tunnels->lock);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* ---- the thread ---- */

/* @return 1 when the time is over, 0 when something woke it */
static int wait_for_a_round(civic_tunnels_t *tunnels)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)apr_time_sec(tunnels->every);
    until.tv_nsec += (long)apr_time_usec(tunnels->every) * 1000;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    while (!tunnels->stop) {
        if (pthread_cond_timedwait(&tunnels->wake, &tunnels->lock, &until) == ETIMEDOUT) {
            return !tunnels->stop;
        }
    }
    return 0;
}

static void *APR_THREAD_FUNC watch(apr_thread_t *thread, void *data)
{
    civic_tunnels_t *tunnels = data;
    apr_pool_t *pool;

    apr_pool_create(&pool, apr_thread_pool_get(thread));
    pthread_mutex_lock(&tunnels->lock);
    while (!tunnels->stop) {
        if (APR_RING_EMPTY(&tunnels->list, listed, link)) {
            pthread_cond_wait(&tunnels->wake, &tunnels->lock);
        }
        else if (wait_for_a_round(tunnels)) {
            look_at_all(tunnels, pool);
            apr_pool_clear(pool);
        }
    }
    pthread_mutex_unlock(&tunnels->lock);
    return NULL;
}

/* Before anything of the child goes away that the thread uses. */
static apr_status_t stop(void *data)
{
    civic_tunnels_t *tunnels = data;
    apr_status_t rv;

    pthread_mutex_lock(&tunnels->lock);
    tunnels->stop = 1;
    pthread_cond_signal(&tunnels->wake);
    pthread_mutex_unlock(&tunnels->lock);
    if (tunnels->thread) {
        apr_thread_join(&rv, tunnels->thread);
    }
    return APR_SUCCESS;
}

civic_tunnels_t *civic_tunnels_create(civic_store_t *store, civic_counters_t *counters,
                                      apr_interval_time_t every, server_rec *s,
                                      apr_pool_t *pchild)
{
    civic_tunnels_t *tunnels = apr_pcalloc(pchild, sizeof(*tunnels));
    pthread_condattr_t monotonic;

    tunnels->store = store;
    tunnels->counters = counters;
    tunnels->every = every;
    tunnels->server = s;
    APR_RING_INIT(&tunnels->list, listed, link);
    /* Of its own, since it is used by whichever thread has the lock. */
    if (apr_pool_create(&tunnels->pool, pchild) != APR_SUCCESS
        || pthread_condattr_init(&monotonic)) {
        return NULL;
    }
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    if (pthread_mutex_init(&tunnels->lock, NULL)
        || pthread_cond_init(&tunnels->wake, &monotonic)) {
        return NULL;
    }
    pthread_condattr_destroy(&monotonic);
    apr_pool_pre_cleanup_register(pchild, tunnels, stop);
    return tunnels;
}

/* ---- one tunnel ---- */

static apr_status_t forget(void *data)
{
    listed_t *item = data;
    sigset_t before;

    lock_whole(item->tunnels, &before);
    APR_RING_REMOVE(item, link);
    unlock_whole(item->tunnels, &before);
    if (item->fd >= 0) {
        close(item->fd);
    }
    return APR_SUCCESS;
}

static apr_status_t list_add(civic_tunnels_t *tunnels, listed_t *item)
{
    apr_status_t rv = APR_SUCCESS;
    sigset_t before;

    lock_whole(tunnels, &before);
    if (!tunnels->thread) { /* which inherits that signals are for others */
        rv = apr_thread_create(&tunnels->thread, NULL, watch, tunnels, tunnels->pool);
    }
    if (rv == APR_SUCCESS) {
        if (APR_RING_EMPTY(&tunnels->list, listed, link)) {
            pthread_cond_signal(&tunnels->wake);
        }
        item->number = ++tunnels->last;
        APR_RING_INSERT_TAIL(&tunnels->list, item, listed, link);
    }
    unlock_whole(tunnels, &before);
    return rv;
}

/* A descriptor of our own for the client's connection; of a stream, for that which
 * carries it. */
static int descriptor(conn_rec *c)
{
    apr_socket_t *socket = ap_get_conn_socket(c->master ? c->master : c);
    apr_os_sock_t fd;

    if (!socket || apr_os_sock_get(&fd, socket) != APR_SUCCESS) {
        return -1;
    }
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

apr_status_t civic_tunnels_watch(civic_tunnels_t *tunnels, const civic_tunnel_t *tunnel,
                                 request_rec *r)
{
    listed_t *item = apr_pcalloc(r->pool, sizeof(*item));
    apr_status_t rv;

    item->tunnel = *tunnel;
    item->tunnels = tunnels;
    item->fd = descriptor(r->connection);
    if (item->fd < 0) {
        return errno ? errno : APR_ENOSOCKET;
    }
    rv = list_add(tunnels, item);
    if (rv != APR_SUCCESS) {
        close(item->fd);
        return rv;
    }
    apr_pool_cleanup_register(r->pool, item, forget, apr_pool_cleanup_null);
    return APR_SUCCESS;
}
