/* slots.c - see slots.h. */
#include "slots.h"

#include <apr_shm.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CROWDED_LEAST                                                                         \
    apr_time_from_sec(10)               /* so that coming and going does not fill the log */
#define LOOK_EVERY apr_time_from_sec(1) /* for processes that are gone */

typedef apr_uint64_t owner_t;
enum {
    PID_BITS = 22,
    START_FIELD = 20
}; /* Linux' highest pid; counted from behind the name */

struct civic_slots {
    _Atomic int limit;
    _Atomic int highest;        /* limit so far: what is beyond was never taken */
    _Atomic apr_time_t crowded; /* since when there were too few, 0 when there are not */
    _Atomic apr_time_t looked;  /* when somebody looked for processes that are gone */
    _Atomic owner_t owner[CIVIC_SLOTS_MAX];
};

/* ---- processes ---- */

/* When a process began, in ticks since the machine did: a number that comes again gets
 * another. See proc(5). @return 0 when that cannot be told */
static owner_t start_of(pid_t pid)
{
    char path[64], text[1024], *field;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    field = strrchr(text, ')'); /* a name may hold anything */
    for (int i = 0; field && i < START_FIELD; i++) {
        field = strchr(field + 1, ' ');
    }
    return field ? strtoull(field, NULL, 10) : 0;
}

static owner_t myself(void)
{
    static _Atomic owner_t known;
    owner_t mine = atomic_load(&known);
    pid_t pid = getpid();

    if ((mine & (((owner_t)1 << PID_BITS) - 1)) != (owner_t)pid) {
        mine = start_of(pid) << PID_BITS | (owner_t)pid;
        atomic_store(&known, mine);
    }
    return mine;
}

/* In doubt it lives. */
static int is_gone(owner_t owner)
{
    pid_t pid = (pid_t)(owner & (((owner_t)1 << PID_BITS) - 1));
    owner_t start = owner >> PID_BITS, start_now;

    if (kill(pid, 0) && errno == ESRCH) {
        return 1;
    }
    start_now = start_of(pid);
    return start && start_now && start != start_now;
}

/* ---- slots ---- */

civic_slots_t *civic_slots_create(apr_pool_t *pool)
{
    civic_slots_t *slots;
    apr_shm_t *shm;

    if (apr_shm_create(&shm, sizeof(*slots), NULL, pool) != APR_SUCCESS) {
        return NULL;
    }
    slots = apr_shm_baseaddr_get(shm); /* all zero; what is not touched takes no memory */
    civic_slots_set_limit(slots, 1);
    return slots;
}

void civic_slots_set_limit(civic_slots_t *slots, int limit)
{
    limit = limit > CIVIC_SLOTS_MAX ? CIVIC_SLOTS_MAX : limit;
    if (limit > atomic_load(&slots->highest)) {
        atomic_store(&slots->highest, limit);
    }
    atomic_store(&slots->limit, limit);
}

static int count(const civic_slots_t *slots)
{
    int taken = 0, highest = atomic_load(&slots->highest);

    for (int i = 0; i < highest; i++) {
        taken += atomic_load(&slots->owner[i]) != 0;
    }
    return taken;
}

static int take_free(civic_slot_t *slot, civic_slots_t *slots)
{
    int limit = atomic_load(&slots->limit);
    owner_t mine = myself();

    for (int i = 0; i < limit; i++) {
        owner_t nobody = 0;

        if (atomic_load_explicit(&slots->owner[i], memory_order_relaxed) != 0
            || !atomic_compare_exchange_strong(&slots->owner[i], &nobody, mine)) {
            continue;
        }
        /* Those that were taken when the limit was higher count as well. */
        if (count(slots) <= limit) {
            slot->index = i;
            return 1;
        }
        atomic_store(&slots->owner[i], 0);
        break;
    }
    slot->index = -1;
    return 0;
}

/* Frees what processes held that are gone, once in a while. @return 1 when it was time for
 * that */
static int look(civic_slots_t *slots, apr_time_t now)
{
    apr_time_t last = atomic_load(&slots->looked);
    owner_t lives = 0;

    if ((last && now - last < LOOK_EVERY)
        || !atomic_compare_exchange_strong(&slots->looked, &last, now)) {
        return 0;
    }
    for (int i = 0, highest = atomic_load(&slots->highest); i < highest; i++) {
        owner_t owner = atomic_load(&slots->owner[i]);

        if (owner == 0 || owner == lives) {
            continue;
        }
        if (is_gone(owner)) {
            atomic_compare_exchange_strong(&slots->owner[i], &owner, 0);
        }
        else {
            lives = owner;
        }
    }
    return 1;
}

int civic_slots_take(civic_slot_t *slot, civic_slots_t *slots, apr_time_t now)
{
    return take_free(slot, slots) || (look(slots, now) && take_free(slot, slots));
}

void civic_slots_give_back(const civic_slot_t *slot, civic_slots_t *slots)
{
    owner_t mine = myself();

    if (slot->index >= 0) {
        atomic_compare_exchange_strong(&slots->owner[slot->index], &mine, 0);
    }
}

int civic_slots_is_news(int *crowded, civic_slots_t *slots, int taken, apr_time_t now)
{
    apr_time_t since = atomic_load(&slots->crowded);

    *crowded = !taken;
    if (!taken) {
        return since == 0 && atomic_compare_exchange_strong(&slots->crowded, &since, now);
    }
    return since != 0 && now - since >= CROWDED_LEAST
           && 2 * (civic_slots_taken(slots, now) - 1) < civic_slots_limit(slots)
           && atomic_compare_exchange_strong(&slots->crowded, &since, 0);
}

int civic_slots_taken(civic_slots_t *slots, apr_time_t now)
{
    look(slots, now);
    return count(slots);
}

int civic_slots_limit(const civic_slots_t *slots)
{
    return atomic_load(&slots->limit);
}
