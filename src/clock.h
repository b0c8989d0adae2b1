/* clock.h - clocks that go on when the system's clock is set: how long something takes, and
 * how long it has left, goes by one of these. Microseconds since some moment; the same in all
 * processes of this machine, until it is started anew. */
#ifndef CIVIC_CLOCK_H
#define CIVIC_CLOCK_H

#include <apr_time.h>

/** Stands still while the machine sleeps: for how long somebody waits. */
apr_time_t civic_clock_steady(void);

/** Runs on while the machine sleeps: for how old something is. */
apr_time_t civic_clock_boot(void);

#endif
