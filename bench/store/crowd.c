/* crowd.c - see crowd.h. */
#include "crowd.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "people.h"
#include "store_shm.h"
#include "shm_shard.h"

enum { PROCESSES_MAX = 64, RWLOCKS = 64, BATCH = 64, LINE = 64 };

typedef struct {
    _Alignas(LINE) pthread_rwlock_t lock;
} rwlock_t;

typedef struct {
    _Alignas(LINE) apr_uint64_t lookups;
    double seconds;
} result_t;

/* Shared by all processes. */
typedef struct {
    rwlock_t rwlocks[RWLOCKS];
    result_t results[PROCESSES_MAX];
    _Alignas(LINE) int ready, go;
} shared_t;

typedef unsigned char store_key_t[CIVIC_STORE_KEY_LEN];

struct crowd {
    civic_store_t *store;
    store_key_t *keys; /* in random order: walked along, they cost next to nothing */
    apr_uint32_t people;
    shared_t *shared;
    apr_pool_t *pool;
};

/* One process of it. */
typedef struct {
    crowd_t *crowd;
    crowd_way way;
    crowd_mix mix;
    apr_uint64_t random, number;
    apr_uint32_t next;
    apr_pool_t *pool;
} member_t;

static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void expect(int fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "bench-store: %s failed\n", what);
        _exit(1);
    }
}

static pthread_rwlock_t *rwlock_of(const member_t *member, const unsigned char *key)
{
    return &member->crowd->shared->rwlocks[key[0] % RWLOCKS].lock;
}

static void look_up(member_t *member, const unsigned char *key)
{
    civic_store_t *store = member->crowd->store;
    civic_stored_t session;
    civic_store_result result;

    switch (member->way) {
    case CROWD_MUTEX:
        result = civic_shard_get_locked(civic_store_shm_shard(store, key), &session, key,
                                        store->ops->now(store), member->pool);
        break;
    case CROWD_RWLOCK:
        pthread_rwlock_rdlock(rwlock_of(member, key));
        result = store->ops->get(store, &session, key, member->pool);
        pthread_rwlock_unlock(rwlock_of(member, key));
        break;
    default:
        result = store->ops->get(store, &session, key, member->pool);
    }
    expect(result == CIVIC_STORE_OK, "a lookup");
}

static void touch(member_t *member, const unsigned char *key)
{
    civic_store_t *store = member->crowd->store;

    expect(store->ops->touch(store, key, member->pool) == CIVIC_STORE_OK, "touch");
}

static void come_and_go(member_t *member, const civic_stored_t *session)
{
    civic_store_t *store = member->crowd->store;

    expect(store->ops->put(store, session) == CIVIC_STORE_OK, "put");
    expect(store->ops->remove(store, session->key, session->user, member->pool)
               == CIVIC_STORE_OK,
           "remove");
}

static void write_some(member_t *member, apr_uint64_t dice, const unsigned char *key)
{
    civic_stored_t session;

    if (dice == 0) {
        people_session(&session, member->number++,
                       member->crowd->store->ops->now(member->crowd->store), member->pool);
        key = session.key;
    }
    if (member->way == CROWD_RWLOCK) {
        pthread_rwlock_wrlock(rwlock_of(member, key));
    }
    if (dice == 0) {
        come_and_go(member, &session);
    }
    else {
        touch(member, key);
    }
    if (member->way == CROWD_RWLOCK) {
        pthread_rwlock_unlock(rwlock_of(member, key));
    }
}

static void batch(member_t *member)
{
    const crowd_t *crowd = member->crowd;

    for (int i = 0; i < BATCH; i++) {
        const unsigned char *key = crowd->keys[member->next];
        apr_uint64_t dice = people_random(&member->random) % 1000;

        member->next = member->next + 1 == crowd->people ? 0 : member->next + 1;
        if (member->mix == CROWD_MIXED && dice < 11) {
            write_some(member, dice, key);
        }
        else {
            look_up(member, key);
        }
    }
    apr_pool_clear(member->pool);
}

static void member_run(member_t *member, int number, double seconds)
{
    shared_t *shared = member->crowd->shared;
    result_t *result = &shared->results[number];
    double start, end;

    member->random = (apr_uint64_t)number;
    member->number = (apr_uint64_t)(number + 1) << 32;
    member->next =
        (apr_uint32_t)((apr_uint64_t)number * member->crowd->people / PROCESSES_MAX);
    apr_pool_create(&member->pool, member->crowd->pool);
    __atomic_add_fetch(&shared->ready, 1, __ATOMIC_ACQ_REL);
    while (!__atomic_load_n(&shared->go, __ATOMIC_ACQUIRE)) {
        usleep(100);
    }
    start = now_seconds();
    result->lookups = 0;
    do {
        batch(member);
        result->lookups += BATCH;
        end = now_seconds();
    } while (end - start < seconds);
    result->seconds = end - start;
    _exit(0);
}

double crowd_run(crowd_t *crowd, crowd_way way, crowd_mix mix, int processes, double seconds)
{
    member_t member = {.crowd = crowd, .way = way, .mix = mix};
    double sum = 0;
    int status;

    crowd->shared->ready = crowd->shared->go = 0;
    for (int i = 0; i < processes; i++) {
        pid_t pid = fork();

        expect(pid >= 0, "fork");
        if (pid == 0) {
            member_run(&member, i, seconds);
        }
    }
    while (__atomic_load_n(&crowd->shared->ready, __ATOMIC_ACQUIRE) < processes) {
        usleep(100);
    }
    __atomic_store_n(&crowd->shared->go, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < processes; i++) {
        expect(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0,
               "a process");
    }
    for (int i = 0; i < processes; i++) {
        sum += (double)crowd->shared->results[i].lookups / crowd->shared->results[i].seconds;
    }
    return sum;
}

static void rwlocks_make(shared_t *shared)
{
    pthread_rwlockattr_t attr;

    expect(!pthread_rwlockattr_init(&attr)
               && !pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED),
           "making locks");
    for (int i = 0; i < RWLOCKS; i++) {
        expect(!pthread_rwlock_init(&shared->rwlocks[i].lock, &attr), "making locks");
    }
    pthread_rwlockattr_destroy(&attr);
}

static void shuffle(store_key_t *keys, apr_uint32_t count)
{
    apr_uint64_t random = 1;

    for (apr_uint32_t i = count; i > 1; i--) {
        apr_uint32_t j = (apr_uint32_t)(people_random(&random) % i);
        store_key_t key;

        memcpy(key, keys[j], sizeof(key));
        memcpy(keys[j], keys[i - 1], sizeof(key));
        memcpy(keys[i - 1], key, sizeof(key));
    }
}

crowd_t *crowd_make(civic_store_t *store, apr_uint32_t people, apr_pool_t *pool)
{
    crowd_t *crowd = apr_pcalloc(pool, sizeof(*crowd));

    crowd->store = store;
    crowd->people = people;
    crowd->pool = pool;
    crowd->keys = apr_palloc(pool, people * sizeof(store_key_t));
    for (apr_uint32_t i = 0; i < people; i++) {
        people_key(crowd->keys[i], i);
    }
    shuffle(crowd->keys, people);
    crowd->shared = mmap(NULL, sizeof(shared_t), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    expect(crowd->shared != MAP_FAILED, "mmap");
    rwlocks_make(crowd->shared);
    return crowd;
}
