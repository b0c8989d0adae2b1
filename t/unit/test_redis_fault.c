/* What Redis' errors mean, and that the log repeats nothing of what it was sent. */
#include "unit.h"

#include <string.h>

#include "redis_fault.h"

static void errors_are_told_apart(void **state)
{
    static const struct {
        const char *error;
        civic_redis_cause cause;
    } cases[] = {
        {"LOADING Redis is loading the dataset in memory", CIVIC_REDIS_LOADING},
        {"READONLY You can't write against a read only replica.", CIVIC_REDIS_REPLICA},
        {"READONLY You can't write against a read only replica. script: 0a, on "
         "@user_script:1.",
         CIVIC_REDIS_REPLICA},
        {"ERR Error running script (call to f_0a): @user_script:1: @user_script: 1: -READONLY "
         "You can't write against a read only replica. ",
         CIVIC_REDIS_REPLICA},
        {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
         CIVIC_REDIS_REPLICA},
        {"MOVED 3999 127.0.0.1:6381", CIVIC_REDIS_CLUSTER},
        {"ASK 3999 127.0.0.1:6381", CIVIC_REDIS_CLUSTER},
        {"CROSSSLOT Keys in request don't hash to the same slot", CIVIC_REDIS_CLUSTER},
        {"CLUSTERDOWN The cluster is down", CIVIC_REDIS_CLUSTER},
        {"NOAUTH Authentication required.", CIVIC_REDIS_LOGIN_MISSING},
        {"WRONGPASS invalid username-password pair or user is disabled.",
         CIVIC_REDIS_LOGIN_WRONG},
        {"ERR invalid password", CIVIC_REDIS_LOGIN_WRONG},
        {"ERR AUTH <password> called without any password configured for the default user.",
         CIVIC_REDIS_LOGIN_NEEDLESS},
        {"ERR Client sent AUTH, but no password is set", CIVIC_REDIS_LOGIN_NEEDLESS},
        {"NOPERM this user has no permissions to run the 'role' command",
         CIVIC_REDIS_FORBIDDEN},
        {"ERR The user executing the script can't run this command or subcommand",
         CIVIC_REDIS_FORBIDDEN},
        {"OOM command not allowed when used memory > 'maxmemory'.", CIVIC_REDIS_FULL},
        {"ERR Error running script (call to f_0a): @user_script:1: @user_script: 1: -OOM "
         "command not allowed when used memory > 'maxmemory'. ",
         CIVIC_REDIS_FULL},
        {"BUSY Redis is busy running a script.", CIVIC_REDIS_BUSY},
        {"MISCONF Redis is configured to save RDB snapshots", CIVIC_REDIS_WRITES_REFUSED},
        {"NOREPLICAS Not enough good replicas to write.", CIVIC_REDIS_WRITES_REFUSED},
        {"ERR unknown command 'EVAL'", CIVIC_REDIS_REFUSED},
        {"ERR something about LOADING and READONLY things", CIVIC_REDIS_REFUSED},
        {"LOADINGX", CIVIC_REDIS_REFUSED},
        {"", CIVIC_REDIS_REFUSED},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        civic_redis_fault_t fault;

        civic_redis_fault_judge(&fault, cases[i].error);
        if (fault.cause != cases[i].cause) {
            fail_msg("%s: %d", cases[i].error, fault.cause);
        }
    }
}

static void nothing_that_was_sent_is_repeated(void **state)
{
    static const char *const errors[] = {
        "ERR unknown command 'AUTH', with args beginning with: 'hunter22'",
        "ERR unknown command `AUTH`, with args beginning with: `hunter22`",
        "ERR wrong number of arguments, hunter22",
        "WRONGPASS hunter22",
        "ERR \"hunter22\"",
        "ERR a line\r\nhunter22",
    };

    for (apr_size_t i = 0; i < COUNT(errors); i++) {
        civic_redis_fault_t fault;
        char words[300];

        civic_redis_fault_judge(&fault, errors[i]);
        assert_null(strstr(civic_redis_fault_words(&fault, words, sizeof(words)), "hunter22"));
        assert_null(strpbrk(words, "\r\n"));
    }
}

static void long_errors_are_cut(void **state)
{
    civic_redis_fault_t fault;
    char error[1000], words[100];

    memset(error, 'x', sizeof(error) - 1);
    error[sizeof(error) - 1] = '\0';
    civic_redis_fault_judge(&fault, error);
    assert_int_equal(strlen(fault.detail), sizeof(fault.detail) - 1);
    civic_redis_fault_words(&fault, words, sizeof(words));
    assert_int_equal(strlen(words), sizeof(words) - 1);
}

static void every_cause_has_words(void **state)
{
    for (int cause = 0; cause < CIVIC_REDIS_CAUSES; cause++) {
        civic_redis_fault_t fault;
        char words[300];

        civic_redis_fault_set(&fault, (civic_redis_cause)cause, NULL);
        assert_true(strlen(civic_redis_fault_words(&fault, words, sizeof(words))) > 5);
        /* What another connection may cure concerns the whole store. */
        if (civic_redis_fault_wants_another(fault.cause)) {
            assert_true(civic_redis_fault_is_outage(fault.cause));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(errors_are_told_apart),
        UNIT(nothing_that_was_sent_is_repeated),
        UNIT(long_errors_are_cut),
        UNIT(every_cause_has_words),
    };

    return UNIT_RUN("redis_fault", tests);
}
