/* How often one client may try. */
#include "unit.h"

#include <apr_strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempts.h"

#define SEC(n) apr_time_from_sec(n)
static const civic_rate_t SIX_A_MINUTE = {6, APR_USEC_PER_SEC * 60};
static const unsigned char SITE[] = "a site", OTHER[] = "another";

static int take(civic_attempts_t *attempts, const char *address, apr_time_t now,
                apr_pool_t *pool)
{
    apr_sockaddr_t *from;

    assert_int_equal(apr_sockaddr_info_get(&from, address, APR_UNSPEC, 1, 0, pool),
                     APR_SUCCESS);
    return civic_attempts_take(attempts, from, SITE, sizeof(SITE), &SIX_A_MINUTE, now);
}

static void as_many_at_once_as_the_rate_says(void **state)
{
    civic_attempts_t *attempts = civic_attempts_create(*state);

    for (int i = 0; i < 6; i++) {
        assert_int_equal(take(attempts, "192.0.2.1", SEC(1000), *state), 0);
    }
    assert_int_equal(take(attempts, "192.0.2.1", SEC(1000), *state), 10);
    assert_int_equal(take(attempts, "192.0.2.1", SEC(1009), *state), 1);
}

static void then_one_at_a_time(void **state)
{
    civic_attempts_t *attempts = civic_attempts_create(*state);

    for (int i = 0; i < 6; i++) {
        take(attempts, "192.0.2.1", SEC(1000), *state);
    }
    for (int i = 1; i < 20; i++) {
        assert_int_equal(take(attempts, "192.0.2.1", SEC(1000 + 10 * i), *state), 0);
        assert_int_equal(take(attempts, "192.0.2.1", SEC(1000 + 10 * i), *state), 10);
    }
}

/* However long nobody came, no more than the rate's count is there. */
static void a_bucket_is_full_when_it_is_full(void **state)
{
    civic_attempts_t *attempts = civic_attempts_create(*state);

    take(attempts, "192.0.2.1", SEC(1000), *state);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(take(attempts, "192.0.2.1", SEC(100000), *state), 0);
    }
    assert_true(take(attempts, "192.0.2.1", SEC(100000), *state) > 0);
}

static void clients_do_not_share(void **state)
{
    static const char *const others[] = {"192.0.2.2", "10.0.0.1", "2001:db8:0:1::1",
                                         "2001:db8:0:2::1", "::1"};
    civic_attempts_t *attempts = civic_attempts_create(*state);
    apr_sockaddr_t *from;

    for (int i = 0; i < 7; i++) {
        take(attempts, "192.0.2.1", SEC(1000), *state);
    }
    for (apr_size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(take(attempts, others[i], SEC(1000), *state), 0);
    }
    apr_sockaddr_info_get(&from, "192.0.2.1", APR_UNSPEC, 1, 0, *state);
    assert_int_equal(
        civic_attempts_take(attempts, from, OTHER, sizeof(OTHER), &SIX_A_MINUTE, SEC(1000)),
        0);
}

/* Whoever has a network of IPv6 has 2^64 addresses; one of IPv4 is the same however
 * it comes. */
static void a_network_of_ipv6_is_one_client(void **state)
{
    civic_attempts_t *attempts = civic_attempts_create(*state);

    for (int i = 0; i < 6; i++) {
        const char *address = apr_psprintf(*state, "2001:db8:0:1:%x::%x", i, i);

        assert_int_equal(take(attempts, address, SEC(1000), *state), 0);
    }
    assert_true(take(attempts, "2001:db8:0:1:ffff::1", SEC(1000), *state) > 0);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(
            take(attempts, i % 2 ? "192.0.2.1" : "::ffff:192.0.2.1", SEC(1000), *state), 0);
    }
    assert_true(take(attempts, "192.0.2.1", SEC(1000), *state) > 0);
    assert_true(take(attempts, "::ffff:192.0.2.1", SEC(1000), *state) > 0);
    assert_int_equal(take(attempts, "::ffff:192.0.2.2", SEC(1000), *state), 0);
}

/* A crowd of others takes no room from whoever is out of tries: theirs make room first. */
static void a_crowd_does_not_wash_out_who_has_had_enough(void **state)
{
    civic_attempts_t *attempts = civic_attempts_create(*state);

    for (int i = 0; i < 6; i++) {
        take(attempts, "192.0.2.1", SEC(1000), *state);
    }
    for (int i = 0; i < unit_rounds(50000, 2000); i++) {
        take(attempts, apr_psprintf(*state, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255),
             SEC(1000), *state);
    }
    assert_true(take(attempts, "192.0.2.1", SEC(1000), *state) > 0);
}

static void rates_of_any_size(void **state)
{
    static const civic_rate_t rates[] = {{1, APR_USEC_PER_SEC},
                                         {99999, APR_USEC_PER_SEC},
                                         {1, APR_USEC_PER_SEC * 3600},
                                         {99999, APR_USEC_PER_SEC * 3600}};

    for (apr_size_t i = 0; i < COUNT(rates); i++) {
        civic_attempts_t *attempts = civic_attempts_create(*state);
        apr_sockaddr_t *from;

        apr_sockaddr_info_get(&from, "192.0.2.1", APR_UNSPEC, 1, 0, *state);
        for (int j = 0; j < rates[i].count; j++) {
            assert_int_equal(
                civic_attempts_take(attempts, from, SITE, sizeof(SITE), &rates[i], SEC(1000)),
                0);
        }
        assert_in_range(
            civic_attempts_take(attempts, from, SITE, sizeof(SITE), &rates[i], SEC(1000)), 1,
            3600);
    }
}

static void give_back(civic_attempts_t *attempts, const char *address, apr_time_t now,
                      apr_pool_t *pool)
{
    apr_sockaddr_t *from;

    apr_sockaddr_info_get(&from, address, APR_UNSPEC, 1, 0, pool);
    civic_attempts_give_back(attempts, from, SITE, sizeof(SITE), &SIX_A_MINUTE, now);
}

static void what_is_given_back_is_there_again(void **state)
{
    civic_attempts_t *attempts = civic_attempts_create(*state);

    for (int i = 0; i < 20; i++) {
        assert_int_equal(take(attempts, "192.0.2.1", SEC(1000), *state), 0);
        give_back(attempts, "192.0.2.1", SEC(1000), *state);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(take(attempts, "192.0.2.1", SEC(1000), *state), 0);
    }
    assert_int_equal(take(attempts, "192.0.2.1", SEC(1000), *state), 10);
    give_back(attempts, "192.0.2.2", SEC(1000), *state);
    assert_int_equal(take(attempts, "192.0.2.1", SEC(1000), *state), 10);
    give_back(attempts, "192.0.2.1", SEC(1000), *state);
    assert_int_equal(take(attempts, "192.0.2.1", SEC(1000), *state), 0);
}

/* However much is given back, a bucket holds no more than the rate's count. */
static void nothing_is_given_back_to_a_full_bucket(void **state)
{
    civic_attempts_t *attempts = civic_attempts_create(*state);

    take(attempts, "192.0.2.1", SEC(1000), *state);
    for (int i = 0; i < 20; i++) {
        give_back(attempts, "192.0.2.1", SEC(1000 + 5 * i), *state);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(take(attempts, "192.0.2.1", SEC(1000), *state), 0);
    }
    assert_true(take(attempts, "192.0.2.1", SEC(1000), *state) > 0);
}

static void it_is_one_table_for_all_processes(void **state)
{
    civic_attempts_t *attempts = civic_attempts_create(*state);
    int granted = 0, status;

    for (int i = 0; i < 8; i++) {
        if (fork() == 0) {
            int mine = 0;

            for (int j = 0; j < 20; j++) {
                mine += take(attempts, "192.0.2.1", SEC(1000), *state) == 0;
            }
            _exit(mine);
        }
    }
    for (int i = 0; i < 8; i++) {
        assert_true(wait(&status) > 0 && WIFEXITED(status));
        granted += WEXITSTATUS(status);
    }
    assert_int_equal(granted, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(as_many_at_once_as_the_rate_says),
        UNIT(then_one_at_a_time),
        UNIT(a_bucket_is_full_when_it_is_full),
        UNIT(clients_do_not_share),
        UNIT(a_network_of_ipv6_is_one_client),
        UNIT(a_crowd_does_not_wash_out_who_has_had_enough),
        UNIT(rates_of_any_size),
        UNIT(what_is_given_back_is_there_again),
        UNIT(nothing_is_given_back_to_a_full_bucket),
        UNIT(it_is_one_table_for_all_processes),
    };

    return UNIT_RUN("attempts", tests);
}
