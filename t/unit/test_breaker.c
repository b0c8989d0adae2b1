/* A service that is down is not asked by everybody. */
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "breaker.h"

#define SEC(n) apr_time_from_sec(n)
static const apr_interval_time_t TIME = APR_USEC_PER_SEC * 10;

static civic_breaker_change ask_and(civic_outcome outcome, civic_breakers_t *breakers,
                                    apr_time_t now)
{
    civic_breaker_pass_t pass;

    assert_int_equal(civic_breaker_ask(&pass, breakers, 0, now, TIME), 0);
    return civic_breaker_report(&pass, breakers, outcome, now);
}

/* Opens it at `now`. */
static civic_breakers_t *opened(apr_time_t now, apr_pool_t *pool)
{
    civic_breakers_t *breakers = civic_breakers_create(2, pool);

    for (int i = 1; i < CIVIC_BREAKER_FAILURES; i++) {
        assert_int_equal(ask_and(CIVIC_OUTCOME_FAILED, breakers, now), CIVIC_BREAKER_STAYS);
        assert_true(civic_breaker_is_closed(breakers, 0));
    }
    assert_int_equal(ask_and(CIVIC_OUTCOME_FAILED, breakers, now), CIVIC_BREAKER_OPENED);
    assert_false(civic_breaker_is_closed(breakers, 0));
    return breakers;
}

static void failures_in_a_row_open_it(void **state)
{
    civic_breakers_t *breakers = opened(SEC(100), *state);
    civic_breaker_pass_t pass;

    assert_int_equal(civic_breaker_ask(&pass, breakers, 0, SEC(100), TIME), 2);
    assert_int_equal(civic_breaker_ask(&pass, breakers, 0, SEC(101), TIME), 1);
    assert_int_equal(civic_breaker_left(breakers, 0, SEC(100)), 2);
    /* its neighbour is another upstream */
    assert_int_equal(civic_breaker_ask(&pass, breakers, 1, SEC(100), TIME), 0);
    assert_int_equal(civic_breaker_left(breakers, 1, SEC(100)), 0);
    assert_true(civic_breaker_is_closed(breakers, 1));
}

static void an_answer_between_them_starts_the_count_anew(void **state)
{
    civic_breakers_t *breakers = civic_breakers_create(1, *state);

    for (int i = 0; i < 5 * CIVIC_BREAKER_FAILURES; i++) {
        civic_outcome outcome =
            (i + 1) % CIVIC_BREAKER_FAILURES ? CIVIC_OUTCOME_FAILED : CIVIC_OUTCOME_GOOD;

        assert_int_equal(ask_and(outcome, breakers, SEC(100)), CIVIC_BREAKER_STAYS);
    }
}

static void what_is_not_known_counts_for_neither(void **state)
{
    civic_breakers_t *breakers = civic_breakers_create(1, *state);

    for (int i = 1; i < CIVIC_BREAKER_FAILURES; i++) {
        ask_and(CIVIC_OUTCOME_FAILED, breakers, SEC(100));
        ask_and(CIVIC_OUTCOME_UNKNOWN, breakers, SEC(100));
    }
    assert_true(civic_breaker_is_closed(breakers, 0));
    assert_int_equal(ask_and(CIVIC_OUTCOME_FAILED, breakers, SEC(100)), CIVIC_BREAKER_OPENED);
}

static void failures_of_long_ago_do_not_count(void **state)
{
    civic_breakers_t *breakers = civic_breakers_create(1, *state);

    for (int i = 0; i < 10 * CIVIC_BREAKER_FAILURES; i++) {
        assert_int_equal(ask_and(CIVIC_OUTCOME_FAILED, breakers, SEC(100 + 10 * i)),
                         CIVIC_BREAKER_STAYS);
    }
}

static void one_asks_and_all_others_wait(void **state)
{
    civic_breakers_t *breakers = opened(SEC(100), *state);
    civic_breaker_pass_t probe, other;

    assert_int_equal(civic_breaker_ask(&probe, breakers, 0, SEC(102), TIME), 0);
    assert_true(civic_breaker_ask(&other, breakers, 0, SEC(102), TIME) > 0);
    assert_false(civic_breaker_is_closed(breakers, 0));
    assert_int_equal(civic_breaker_report(&probe, breakers, CIVIC_OUTCOME_GOOD, SEC(103)),
                     CIVIC_BREAKER_CLOSED);
    assert_int_equal(civic_breaker_ask(&other, breakers, 0, SEC(103), TIME), 0);
    assert_int_equal(civic_breaker_left(breakers, 0, SEC(103)), 0);
    /* and the count begins at nothing */
    for (int i = 1; i < CIVIC_BREAKER_FAILURES; i++) {
        assert_int_equal(ask_and(CIVIC_OUTCOME_FAILED, breakers, SEC(103)),
                         CIVIC_BREAKER_STAYS);
    }
}

static void each_probe_that_fails_doubles_the_time(void **state)
{
    static const int seconds[] = {4, 8, 16, 30, 30, 30};
    apr_time_t now = SEC(102);
    civic_breakers_t *breakers = opened(SEC(100), *state);

    for (apr_size_t i = 0; i < COUNT(seconds); i++) {
        assert_int_equal(ask_and(CIVIC_OUTCOME_FAILED, breakers, now), CIVIC_BREAKER_REOPENED);
        assert_int_equal(civic_breaker_left(breakers, 0, now), seconds[i]);
        now += SEC(seconds[i]);
    }
    for (int i = 0; i < 100; i++) {
        ask_and(CIVIC_OUTCOME_FAILED, breakers, now);
        assert_int_equal(civic_breaker_left(breakers, 0, now), 30);
        now += SEC(30);
    }
    assert_int_equal(ask_and(CIVIC_OUTCOME_GOOD, breakers, now), CIVIC_BREAKER_CLOSED);
}

/* Its child died, or it overran its time: another one is the probe, and alone counts. */
static void a_probe_that_does_not_come_back_frees_itself(void **state)
{
    civic_breakers_t *breakers = opened(SEC(100), *state);
    civic_breaker_pass_t lost, next, none;

    assert_int_equal(civic_breaker_ask(&lost, breakers, 0, SEC(102), TIME), 0);
    assert_true(civic_breaker_ask(&none, breakers, 0, SEC(111), TIME) > 0);
    assert_int_equal(civic_breaker_ask(&next, breakers, 0, SEC(112), TIME), 0);
    assert_int_equal(civic_breaker_report(&lost, breakers, CIVIC_OUTCOME_GOOD, SEC(113)),
                     CIVIC_BREAKER_STAYS);
    assert_false(civic_breaker_is_closed(breakers, 0));
    assert_int_equal(civic_breaker_report(&next, breakers, CIVIC_OUTCOME_GOOD, SEC(114)),
                     CIVIC_BREAKER_CLOSED);
}

static void a_probe_that_was_not_sent_leaves_it_to_the_next(void **state)
{
    civic_breakers_t *breakers = opened(SEC(100), *state);

    assert_int_equal(ask_and(CIVIC_OUTCOME_UNKNOWN, breakers, SEC(102)), CIVIC_BREAKER_STAYS);
    assert_false(civic_breaker_is_closed(breakers, 0));
    assert_int_equal(ask_and(CIVIC_OUTCOME_FAILED, breakers, SEC(102)),
                     CIVIC_BREAKER_REOPENED);
    assert_int_equal(civic_breaker_left(breakers, 0, SEC(102)), 4);
}

static void those_who_were_under_way_do_not_move_it(void **state)
{
    civic_breakers_t *breakers = civic_breakers_create(1, *state);
    civic_breaker_pass_t late[3];

    for (int i = 0; i < 3; i++) {
        assert_int_equal(civic_breaker_ask(&late[i], breakers, 0, SEC(99), TIME), 0);
    }
    for (int i = 0; i < CIVIC_BREAKER_FAILURES; i++) {
        ask_and(CIVIC_OUTCOME_FAILED, breakers, SEC(100));
    }
    assert_int_equal(civic_breaker_report(&late[0], breakers, CIVIC_OUTCOME_FAILED, SEC(101)),
                     CIVIC_BREAKER_STAYS);
    assert_int_equal(civic_breaker_report(&late[1], breakers, CIVIC_OUTCOME_GOOD, SEC(101)),
                     CIVIC_BREAKER_STAYS);
    assert_false(civic_breaker_is_closed(breakers, 0));
    assert_int_equal(civic_breaker_left(breakers, 0, SEC(101)), 1);
}

/* Of many processes whose exchanges fail, one is told that it opened; of many who then ask,
 * one is the probe. */
static void it_is_one_for_all_processes(void **state)
{
    civic_breakers_t *breakers = civic_breakers_create(1, *state);
    int told = 0, probes = 0, status;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 8; i++) {
            if (fork() == 0) {
                civic_breaker_pass_t pass = {0, 0};
                int changes = 0;

                for (int j = 0; j < 500 && round == 0; j++) {
                    changes +=
                        civic_breaker_report(&pass, breakers, CIVIC_OUTCOME_FAILED, SEC(100))
                        == CIVIC_BREAKER_OPENED;
                }
                _exit(round == 0 ? changes
                                 : civic_breaker_ask(&pass, breakers, 0, SEC(102), TIME) == 0);
            }
        }
        for (int i = 0; i < 8; i++) {
            assert_true(wait(&status) > 0 && WIFEXITED(status));
            *(round == 0 ? &told : &probes) += WEXITSTATUS(status);
        }
    }
    assert_int_equal(told, 1);
    assert_int_equal(probes, 1);
}

static void its_clock_runs(void **state)
{
    apr_time_t before = civic_breaker_clock();

    usleep(2000);
    assert_in_range(civic_breaker_clock() - before, 1000, SEC(60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(failures_in_a_row_open_it),
        UNIT(an_answer_between_them_starts_the_count_anew),
        UNIT(what_is_not_known_counts_for_neither),
        UNIT(failures_of_long_ago_do_not_count),
        UNIT(one_asks_and_all_others_wait),
        UNIT(each_probe_that_fails_doubles_the_time),
        UNIT(a_probe_that_does_not_come_back_frees_itself),
        UNIT(a_probe_that_was_not_sent_leaves_it_to_the_next),
        UNIT(those_who_were_under_way_do_not_move_it),
        UNIT(it_is_one_for_all_processes),
        UNIT(its_clock_runs),
    };

    return UNIT_RUN("breaker", tests);
}
