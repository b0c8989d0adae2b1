/* outage.c - see outage.h. */
#include "outage.h"

#include <apr_strings.h>
#include <pthread.h>
#include <string.h>

#include "clock.h"

#define ASK_EVERY (APR_USEC_PER_SEC / 2)
#define HANGS     apr_time_from_sec(3)
#define SAY_EVERY apr_time_from_sec(10)

enum { LINE_LEN = 400, WHY_MAX = 200 };

struct civic_outage {
    const civic_store_env_t *env;
    const char *name;
    pthread_mutex_t lock; /* of all below */
    int down;
    int out;           /* calls that are out there */
    apr_time_t since;  /* down; all times are of civic_clock_steady */
    apr_time_t answer; /* the last one, good or bad; or the first call that is out */
    apr_time_t said;   /* the last line about it */
    char why[WHY_MAX];
    apr_time_t noted[CIVIC_OUTAGE_NOTES];
};

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

/* Under the lock. Another cause is news as well, but two in turn would fill the log. */
static int is_news(const civic_outage_t *outage, const char *why, apr_time_t now)
{
    return !outage->down
           || (strncmp(outage->why, why, WHY_MAX - 1) && now - outage->said >= SAY_EVERY);
}

/* Under the lock, which it gives up: then the log is written. */
static void set_down(civic_outage_t *outage, const char *why, apr_time_t now)
{
    int news = is_news(outage, why, now), still = outage->down;
    char line[LINE_LEN];

    if (!still) {
        outage->since = now;
    }
    if (news) {
        outage->said = now;
        apr_cpystrn(outage->why, why, WHY_MAX);
    }
    outage->down = 1;
    pthread_mutex_unlock(&outage->lock);
    if (news) {
        apr_snprintf(line, sizeof(line),
                     "session store %s: it is %sdown: %s; until it is back, requests with a "
                     "session are answered 503",
                     outage->name, still ? "still " : "", why);
        outage->env->say(outage->env->say_baton, CIVIC_LOUD_ERROR, line);
    }
}

int civic_outage_may_ask(civic_outage_t *outage)
{
    apr_time_t now = civic_clock_steady();
    int may;

    pthread_mutex_lock(&outage->lock);
    if (!outage->down && outage->out && now - outage->answer >= HANGS) {
        set_down(outage, "it hangs", now);
        return 0;
    }
    may = !outage->down || (!outage->out && now - outage->answer >= ASK_EVERY);
    if (may) {
        outage->answer = outage->out ? outage->answer : now;
        outage->out++;
    }
    pthread_mutex_unlock(&outage->lock);
    return may;
}

void civic_outage_up(civic_outage_t *outage)
{
    char line[LINE_LEN];
    apr_time_t now = civic_clock_steady(), lasted = -1;

    pthread_mutex_lock(&outage->lock);
    if (outage->down) {
        lasted = now - outage->since;
    }
    outage->out--;
    outage->answer = now;
    outage->down = 0;
    pthread_mutex_unlock(&outage->lock);
    if (lasted >= 0) {
        apr_snprintf(line, sizeof(line),
                     "session store %s: it is back after %" APR_INT64_T_FMT " s", outage->name,
                     apr_time_sec(lasted));
        outage->env->say(outage->env->say_baton, CIVIC_LOUD_WARN, line);
    }
}

void civic_outage_down(civic_outage_t *outage, const char *why)
{
    apr_time_t now = civic_clock_steady();

    pthread_mutex_lock(&outage->lock);
    outage->out--;
    outage->answer = now;
    set_down(outage, why, now);
}

void civic_outage_note(civic_outage_t *outage, unsigned kind, civic_loudness loudness,
                       const char *line)
{
    apr_time_t now = civic_clock_steady();
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
