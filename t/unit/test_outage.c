/* A store that is down is asked by one, others fail at once; of one that hangs threads are
 * kept for everybody else. */
#include <string.h>

#include "outage.h"
#include "unit.h"

enum { THREADS = 4, MOST = 2, MOST_EVER = 3 };

static char last[400];

static void say(void *baton, civic_loudness loudness, const char *line)
{
    strncpy(last, line, sizeof(last) - 1);
}

static civic_outage_t *outage_create(apr_pool_t *pool)
{
    static civic_store_env_t env = {.say = say};

    *last = '\0';
    return civic_outage_create(&env, "store of a test", "all of them", pool);
}

/* Until somebody may try whether it is back. */
static void wait_for_trial(civic_outage_t *outage)
{
    for (int i = 0; i < 600 && !civic_outage_may_ask(outage); i++) {
        apr_sleep(apr_time_from_msec(20));
    }
}

static void one_tries(void **state)
{
    civic_outage_t *outage = outage_create(*state);

    assert_true(civic_outage_may_ask(outage));
    civic_outage_down(outage, "it is a test");
    assert_string_equal(last,
                        "store of a test: it is down: it is a test; until it is back, all "
                        "of them are answered 503");
    wait_for_trial(outage);
    assert_false(civic_outage_may_ask(outage));
    civic_outage_up(outage);
    assert_non_null(strstr(last, "store of a test: it is back after "));
    assert_true(civic_outage_may_ask(outage));
}

/* Without a bound any number may be out. */
static void no_bound(void **state)
{
    civic_outage_t *outage = outage_create(*state);

    for (int i = 0; i < 100; i++) {
        assert_true(civic_outage_may_ask(outage));
    }
}

static void half_of_the_threads(void **state)
{
    civic_outage_t *outage = outage_create(*state);

    civic_outage_bound(outage, THREADS);
    for (int i = 0; i < MOST; i++) {
        assert_true(civic_outage_may_ask(outage));
    }
    assert_false(civic_outage_may_ask(outage));
    assert_non_null(strstr(last, "it is down: it hangs"));
}

/* Calls that never come back stop neither the trial nor those behind it, but a thread is
 * always left. */
static void lost_calls(void **state)
{
    civic_outage_t *outage = outage_create(*state);

    civic_outage_bound(outage, THREADS);
    for (int i = 0; i < MOST; i++) {
        assert_true(civic_outage_may_ask(outage));
    }
    assert_false(civic_outage_may_ask(outage));
    wait_for_trial(outage);
    civic_outage_up(outage);
    assert_true(civic_outage_may_ask(outage)); /* with the two that are lost: all that may */
    assert_false(civic_outage_may_ask(outage));
    for (int i = 0; i < MOST_EVER; i++) {
        civic_outage_up(outage);
    }
    for (int i = 0; i < MOST; i++) {
        assert_true(civic_outage_may_ask(outage));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(one_tries),
        UNIT(no_bound),
        UNIT(half_of_the_threads),
        UNIT(lost_calls),
    };

    return UNIT_RUN("outage", tests);
}
