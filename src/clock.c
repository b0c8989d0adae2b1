/* clock.c - see clock.h. */
#include "clock.h"

#include <time.h>

static apr_time_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000;
}

apr_time_t civic_clock_steady(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

apr_time_t civic_clock_boot(void)
{
    return read_clock(CLOCK_BOOTTIME);
}
