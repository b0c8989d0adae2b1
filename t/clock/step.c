/* step.c - a system clock that a test sets: preloaded into httpd, it moves what
 * CLOCK_REALTIME, gettimeofday and time tell by the seconds that the file CIVIC_CLOCK_STEP
 * holds (8 bytes, native order), at once in all processes. Steady clocks go on, as they do
 * when a clock is set. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *step;

__attribute__((constructor)) static void map(void)
{
    const char *path = getenv("CIVIC_CLOCK_STEP");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *memory =
        fd >= 0 ? mmap(NULL, sizeof(*step), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (fd >= 0) {
        close(fd);
    }
    step = memory == MAP_FAILED ? NULL : memory;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, id, now);

    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) && step) {
        now->tv_sec += *step;
    }
    return rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec fine;
    int rc = clock_gettime(CLOCK_REALTIME, &fine);

    if (zone) {
        errno = EINVAL; /* nobody asks for it any more */
        return -1;
    }
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return rc;
}

time_t time(time_t *now)
{
    struct timespec fine;

    clock_gettime(CLOCK_REALTIME, &fine);
    if (now) {
        *now = fine.tv_sec;
    }
    return fine.tv_sec;
}
