/* outage.c - see outage.h. */
#include "outage.h"

#include <apr_strings.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define ASK_EVERY (APR_USEC_PER_SEC / 2)
#define SAY_EVERY apr_time_from_sec(10)

enum { LINE_LEN = 400, WHY_MAX = 200 };

struct civic_outage {
    const civic_store_env_t *env;
    const char *name;
    pthread_mutex_t lock; /* of all below */
    int down;
    int asking;       /* while down: a call is out there */
    apr_time_t since; /* down; all times are of the steady clock */
    apr_time_t asked; /* in vain */
    apr_time_t said;  /* the last line about it */
    char why[WHY_MAX];
    apr_time_t noted[CIVIC_OUTAGE_NOTES];
};

/* It goes on when the system's clock is set. */
static apr_time_t steady(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000;
}

static apr_status_t destroy(void *data)
{
    civic_outage_t *outage = data;

    pthread_mutex_destroy(&outage->lock);
    return APR_SUCCESS;
}

civic_outage_t *civic_outage_create(const civic_store_env_t *env, const char *name,
                                    apr_pool_t *pool)
{
    civic_outage_t *outage = apr_pcalloc(pool, sizeof(*outage));

    outage->env = env;
    outage->name = name;
    pthread_mutex_init(&outage->lock, NULL);
    apr_pool_cleanup_register(pool, outage, destroy, apr_pool_cleanup_null);
    return outage;
}

int civic_outage_may_ask(civic_outage_t *outage)
{
    int may = 1;

    pthread_mutex_lock(&outage->lock);
    if (outage->down) {
        may = !outage->asking && steady() - outage->asked >= ASK_EVERY;
        outage->asking = outage->asking || may;
    }
    pthread_mutex_unlock(&outage->lock);
    return may;
}

void civic_outage_up(civic_outage_t *outage)
{
    char line[LINE_LEN];
    apr_time_t lasted = -1;

    pthread_mutex_lock(&outage->lock);
    if (outage->down) {
        lasted = steady() - outage->since;
    }
    outage->down = outage->asking = 0;
    pthread_mutex_unlock(&outage->lock);
    if (lasted >= 0) {
        apr_snprintf(line, sizeof(line),
                     "session store %s: it is back after %" APR_INT64_T_FMT " s", outage->name,
                     apr_time_sec(lasted));
        outage->env->say(outage->env->say_baton, CIVIC_LOUD_WARN, line);
    }
}

/* Under the lock. Another cause is news as well, but two in turn would fill the log. */
static int is_news(const civic_outage_t *outage, const char *why)
{
    return !outage->down
           || (strncmp(outage->why, why, WHY_MAX - 1)
               && outage->asked - outage->said >= SAY_EVERY);
}

void civic_outage_down(civic_outage_t *outage, const char *why)
{
    char line[LINE_LEN];
    int news, still;

    pthread_mutex_lock(&outage->lock);
    outage->asked = steady();
    news = is_news(outage, why);
    still = outage->down;
    if (!still) {
        outage->since = outage->asked;
    }
    if (news) {
        outage->said = outage->asked;
        apr_cpystrn(outage->why, why, WHY_MAX);
    }
    outage->down = 1;
    outage->asking = 0;
    pthread_mutex_unlock(&outage->lock);
    if (news) {
        apr_snprintf(line, sizeof(line),
                     "session store %s: it is %sdown: %s; until it is back, requests with a "
                     "session are answered 503",
                     outage->name, still ? "still " : "", why);
        outage->env->say(outage->env->say_baton, CIVIC_LOUD_ERROR, line);
    }
}

void civic_outage_note(civic_outage_t *outage, unsigned kind, civic_loudness loudness,
                       const char *line)
{
    apr_time_t now = steady();
    char whole[LINE_LEN];
    int news;

    pthread_mutex_lock(&outage->lock);
    news = outage->noted[kind] == 0 || now - outage->noted[kind] >= SAY_EVERY;
    if (news) {
        outage->noted[kind] = now;
    }
    pthread_mutex_unlock(&outage->lock);
    if (news) {
        apr_snprintf(whole, sizeof(whole), "session store %s: %s", outage->name, line);
        outage->env->say(outage->env->say_baton, loudness, whole);
    }
}
