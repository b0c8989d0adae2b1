/* redis_pool.c - see redis_pool.h. */
#include "redis_pool.h"

#include <apr_strings.h>
#include <pthread.h>
#include <stdlib.h>

#include "clock.h"

/* Firewalls and Redis' own `timeout` forget idle connections without a word. */
#define IDLE_MAX apr_time_from_sec(60)

typedef struct link {
    redisContext *context;
    apr_time_t used;   /* last */
    unsigned era;      /* of the pool, when it was opened */
    struct link *next; /* used longer ago */
} link_t;

struct civic_redis_pool {
    civic_redis_site_t *site;
    civic_outage_t *outage;
    pthread_mutex_t lock; /* of all below */
    link_t *idle;         /* last used first */
    unsigned era;         /* one more with every flush */
};

static void link_close(link_t *link)
{
    redisFree(link->context);
    free(link);
}

static void close_all(link_t *link)
{
    while (link) {
        link_t *next = link->next;

        link_close(link);
        link = next;
    }
}

/* Those that are in use are closed when they are given back. */
static void flush(civic_redis_pool_t *pool)
{
    link_t *all;

    pthread_mutex_lock(&pool->lock);
    all = pool->idle;
    pool->idle = NULL;
    pool->era++;
    pthread_mutex_unlock(&pool->lock);
    close_all(all);
}

static apr_status_t destroy(void *data)
{
    civic_redis_pool_t *pool = data;

    flush(pool);
    pthread_mutex_destroy(&pool->lock);
    return APR_SUCCESS;
}

civic_redis_pool_t *civic_redis_pool_create(civic_redis_site_t *site,
                                            const civic_store_env_t *env, apr_pool_t *pchild)
{
    civic_redis_pool_t *pool = apr_pcalloc(pchild, sizeof(*pool));

    pool->site = site;
    pool->outage = civic_outage_create(
        env, apr_pstrcat(pchild, "session store ", site->address->text, NULL),
        "requests with a session", pchild);
    pthread_mutex_init(&pool->lock, NULL);
    apr_pool_cleanup_register(pchild, pool, destroy, apr_pool_cleanup_null);
    return pool;
}

civic_outage_t *civic_redis_pool_outage(civic_redis_pool_t *pool)
{
    return pool->outage;
}

/* The one used last; when even that has been idle for too long, none. */
static link_t *take_idle(civic_redis_pool_t *pool)
{
    apr_time_t now = civic_clock_boot();
    link_t *link, *stale = NULL;

    pthread_mutex_lock(&pool->lock);
    link = pool->idle;
    if (link && now - link->used > IDLE_MAX) {
        stale = link;
        link = pool->idle = NULL;
    }
    if (link) {
        pool->idle = link->next;
    }
    pthread_mutex_unlock(&pool->lock);
    close_all(stale);
    return link;
}

static link_t *open_new(civic_redis_pool_t *pool, civic_redis_fault_t *fault)
{
    link_t *link = calloc(1, sizeof(*link));

    if (!link) {
        civic_redis_fault_set(fault, CIVIC_REDIS_UNREACHABLE, "out of memory");
        return NULL;
    }
    pthread_mutex_lock(&pool->lock);
    link->era = pool->era;
    pthread_mutex_unlock(&pool->lock);
    link->context = civic_redis_link_open(pool->site, fault);
    if (!link->context) {
        free(link);
        return NULL;
    }
    return link;
}

static void give_back(civic_redis_pool_t *pool, link_t *link)
{
    int keep;

    pthread_mutex_lock(&pool->lock);
    keep = !link->context->err && link->era == pool->era;
    if (keep) {
        link->used = civic_clock_boot();
        link->next = pool->idle;
        pool->idle = link;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keep) {
        link_close(link);
    }
}

static civic_store_result judge(civic_redis_pool_t *pool, const civic_redis_fault_t *fault,
                                int reached)
{
    char words[300];

    civic_redis_fault_words(fault, words, sizeof(words));
    if (!reached || civic_redis_fault_is_outage(fault->cause)) {
        civic_outage_down(pool->outage, words);
        return CIVIC_STORE_DOWN;
    }
    civic_outage_up(pool->outage);
    civic_outage_note(pool->outage, fault->cause, CIVIC_LOUD_ERROR, words);
    return fault->cause == CIVIC_REDIS_FULL ? CIVIC_STORE_EXHAUSTED : CIVIC_STORE_DOWN;
}

/* Over this connection, or with NULL over a new one, once. */
static redisReply *ask_over(civic_redis_pool_t *pool, link_t *link,
                            const civic_redis_command_t *command, civic_redis_fault_t *fault,
                            int *reached)
{
    redisReply *reply;

    link = link ? link : open_new(pool, fault);
    *reached = link != NULL;
    if (!link) {
        return NULL;
    }
    reply = civic_redis_link_ask(link->context, command, fault);
    if (!reply && civic_redis_fault_wants_another(fault->cause)) {
        flush(pool);
    }
    give_back(pool, link);
    return reply;
}

civic_store_result civic_redis_pool_ask(civic_redis_pool_t *pool, redisReply **reply,
                                        const civic_redis_command_t *command)
{
    civic_redis_fault_t fault;
    redisReply *got;
    link_t *link;
    int reached;

    if (!civic_outage_may_ask(pool->outage)) {
        return CIVIC_STORE_DOWN;
    }
    link = take_idle(pool);
    got = ask_over(pool, link, command, &fault, &reached);
    /* What fails over a new connection would fail again, unless it is the wrong server. */
    if (!got && reached && civic_redis_fault_wants_another(fault.cause)
        && (link || fault.cause == CIVIC_REDIS_REPLICA)) {
        got = ask_over(pool, NULL, command, &fault, &reached);
    }
    if (!got) {
        return judge(pool, &fault, reached);
    }
    civic_outage_up(pool->outage);
    *reply = got;
    return CIVIC_STORE_OK;
}

civic_store_result civic_redis_pool_strange(civic_redis_pool_t *pool)
{
    civic_redis_fault_t fault;
    char words[300];

    civic_redis_fault_set(&fault, CIVIC_REDIS_STRANGE, NULL);
    civic_outage_note(pool->outage, CIVIC_REDIS_STRANGE, CIVIC_LOUD_ERROR,
                      civic_redis_fault_words(&fault, words, sizeof(words)));
    return CIVIC_STORE_DOWN;
}
