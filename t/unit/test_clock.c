/* Clocks that are never set. */
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

static void they_run(void **state)
{
    apr_time_t steady = civic_clock_steady(), boot = civic_clock_boot();

    usleep(2000);
    assert_true(civic_clock_steady() - steady >= 1000);
    assert_true(civic_clock_boot() - boot >= 1000);
    assert_true(boot >= steady); /* which counts no sleep */
}

static void they_are_the_same_in_another_process(void **state)
{
    apr_time_t steady = civic_clock_steady(), boot = civic_clock_boot();
    int status = -1;

    if (fork() == 0) {
        _exit(civic_clock_steady() >= steady && civic_clock_boot() >= boot ? 0 : 1);
    }
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(they_run),
        UNIT(they_are_the_same_in_another_process),
    };

    return UNIT_RUN("clock", tests);
}
