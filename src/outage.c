/* outage.c - see outage.h. */
#include "outage.h"

#include <apr_strings.h>
#include <pthread.h>
#include <string.h>

#include "clock.h"

#define ASK_EVERY (APR_USEC_PER_SEC / 2)
#define HANGS     apr_time_from_sec(3)
#define PATIENCE  apr_time_from_sec(1)
#define LOST      apr_time_from_sec(10)
#define SAY_EVERY apr_time_from_sec(10)

enum { LINE_LEN = 400, WHY_MAX = 200 };

struct civic_outage {
    const civic_store_env_t *env;
    const char *name, *whom;
    int most, most_ever;  /* calls that may be out; with those that are lost; 0: any number */
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t returned; /* a call; or it is down */
    int down;
    int out;           /* calls that are out there */
    int lost;          /* were out when it went down, and are still */
    apr_time_t since;  /* down; all times are of civic_clock_steady */
    apr_time_t answer; /* the last one, good or bad; or the first call that is out */
    apr_time_t said;   /* the last line about it */
    char why[WHY_MAX];
    apr_time_t noted[CIVIC_OUTAGE_NOTES];
};

static apr_status_t destroy(void *data)
{
    civic_outage_t *outage = data;

    pthread_cond_destroy(&outage->returned);
    pthread_mutex_destroy(&outage->lock);
    return APR_SUCCESS;
}

civic_outage_t *civic_outage_create(const civic_store_env_t *env, const char *name,
                                    const char *whom, apr_pool_t *pool)
{
    civic_outage_t *outage = apr_pcalloc(pool, sizeof(*outage));
    pthread_condattr_t steadily;

    outage->env = env;
    outage->name = name;
    outage->whom = whom;
    pthread_mutex_init(&outage->lock, NULL);
    pthread_condattr_init(&steadily);
    pthread_condattr_setclock(&steadily, CLOCK_MONOTONIC);
    pthread_cond_init(&outage->returned, &steadily);
    pthread_condattr_destroy(&steadily);
    apr_pool_cleanup_register(pool, outage, destroy, apr_pool_cleanup_null);
    return outage;
}

void civic_outage_bound(civic_outage_t *outage, int threads)
{
    outage->most = threads > 1 ? threads / 2 : 1;
    outage->most_ever = threads > 1 ? threads - threads / 4 : 1;
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
    pthread_cond_broadcast(&outage->returned);
    pthread_mutex_unlock(&outage->lock);
    if (news) {
        apr_snprintf(line, sizeof(line),
                     "%s: it is %sdown: %s; until it is back, %s are answered 503",
                     outage->name, still ? "still " : "", why, outage->whom);
        outage->env->say(outage->env->say_baton, CIVIC_LOUD_ERROR, line);
    }
}

static int is_full(const civic_outage_t *outage)
{
    return outage->most
           && (outage->out >= outage->most || outage->out + outage->lost >= outage->most_ever);
}

/* Under the lock, while it is up: until a call comes back.
 * @return 1 when none does: it hangs */
static int wait_for_room(civic_outage_t *outage)
{
    apr_time_t begun = civic_clock_steady(), now = begun;

    while (!outage->down && is_full(outage) && now - begun < HANGS) {
        apr_time_t until = (outage->answer > begun ? outage->answer : begun) + PATIENCE;
        struct timespec when = {(time_t)apr_time_sec(until), apr_time_usec(until) * 1000};

        if (now >= until) {
            return 1;
        }
        pthread_cond_timedwait(&outage->returned, &outage->lock, &when);
        now = civic_clock_steady();
    }
    return 0;
}

/* Under the lock. Nobody knows when they come back; one that tries again does not wait. */
static void lose(civic_outage_t *outage, apr_time_t now)
{
    outage->lost += outage->out;
    outage->out = 0;
    outage->answer = now;
}

int civic_outage_may_ask(civic_outage_t *outage)
{
    apr_time_t now;
    int may, hangs;

    pthread_mutex_lock(&outage->lock);
    hangs = outage->most && !outage->down && is_full(outage) && wait_for_room(outage);
    now = civic_clock_steady();
    if (!outage->down && (hangs || (outage->out && now - outage->answer >= HANGS))) {
        if (outage->most) {
            lose(outage, now);
        }
        set_down(outage, "it hangs", now);
        return 0;
    }
    if (outage->most && outage->down && outage->out && now - outage->answer >= LOST) {
        lose(outage, now);
    }
    may = !is_full(outage)
          && (!outage->down || (!outage->out && now - outage->answer >= ASK_EVERY));
    if (may) {
        outage->answer = outage->out ? outage->answer : now;
        outage->out++;
    }
    pthread_mutex_unlock(&outage->lock);
    return may;
}

/* Under the lock. Which one it is does not matter: their sum is right. */
static void came_back(civic_outage_t *outage)
{
    *(outage->out ? &outage->out : &outage->lost) -= 1;
    outage->answer = civic_clock_steady();
    pthread_cond_broadcast(&outage->returned);
}

void civic_outage_up(civic_outage_t *outage)
{
    char line[LINE_LEN];
    apr_time_t now = civic_clock_steady(), lasted = -1;

    pthread_mutex_lock(&outage->lock);
    if (outage->down) {
        lasted = now - outage->since;
    }
    came_back(outage);
    outage->down = 0;
    pthread_mutex_unlock(&outage->lock);
    if (lasted >= 0) {
        apr_snprintf(line, sizeof(line), "%s: it is back after %" APR_INT64_T_FMT " s",
                     outage->name, apr_time_sec(lasted));
        outage->env->say(outage->env->say_baton, CIVIC_LOUD_WARN, line);
    }
}

void civic_outage_down(civic_outage_t *outage, const char *why)
{
    apr_time_t now = civic_clock_steady();

    pthread_mutex_lock(&outage->lock);
    came_back(outage);
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
        apr_snprintf(whole, sizeof(whole), "%s: %s", outage->name, line);
        outage->env->say(outage->env->say_baton, loudness, whole);
    }
}
