/* main.c - how fast sessions are found, and what room they take.
 *
 *   bench-store FOLDER [ROUNDS]      stores are made in FOLDER (a tmpfs), unlinked at once
 *
 * Every figure is the median of several rounds, which go over all cases in turn, so that what
 * else the machine does meets all of them alike. Lookups are random among all sessions, after
 * each session was read once. Every call's result is checked.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crowd.h"
#include "people.h"
#include "shm_shard.h"
#include "store_shm.h"

enum {
    SIZES = 4,
    ROUNDS_MAX = 99,
    BATCH = 64,
    LOOKUPS = 32 * BATCH, /* in one sample */
    SAMPLES = 15,         /* of a case in one round */
    WRITES = 20000,
    CROWD_PEOPLE = 100000
};
static const apr_uint32_t sizes[SIZES] = {1, 1000, 100000, 1000000};
static const int crowds[] = {1, 2, 4, 8};
static const double crowd_seconds = 0.15;

typedef struct {
    civic_store_t *store;
    apr_uint32_t people;
    apr_size_t bytes;
    apr_uint64_t random;
} case_t;

typedef enum { BY_KEY, BY_KEY_LOCKED, BY_COOKIE, KINDS } kind_t;

typedef struct {
    double of[ROUNDS_MAX];
} series_t;

static apr_pool_t *pool;
static const char *folder;
static int rounds = 5;
static unsigned char realm[CIVIC_REALM_LEN];

static void expect(int fine, const char *what)
{
    if (!fine) {
        fprintf(stderr, "bench-store: %s failed\n", what);
        exit(1);
    }
}

/* ---- numbers ---- */

/* Time that this program had a processor for: others of the machine do not count. */
static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median_of(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(double), by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double median(const series_t *series)
{
    series_t copy = *series;

    return median_of(copy.of, rounds);
}

/* Round by round: what disturbs one side of a ratio disturbs the other as well. */
static double median_ratio(const series_t *over, const series_t *under)
{
    series_t ratio;

    for (int i = 0; i < rounds; i++) {
        ratio.of[i] = over->of[i] / under->of[i];
    }
    return median_of(ratio.of, rounds);
}

/* ---- stores ---- */

/* That a store is full is what we want. */
static void say(void *baton, civic_loudness loudness, const char *line)
{
}

static civic_store_t *store_open(apr_size_t bytes)
{
    civic_seal_keys_t *keys = apr_pcalloc(pool, sizeof(*keys));
    civic_store_env_t *env = apr_pcalloc(pool, sizeof(*env));
    const char *path = apr_psprintf(pool, "%s/bench-store.%ld", folder, (long)getpid());
    const char *fault = NULL;
    civic_store_t *store;

    env->pool = pool;
    env->seal_keys = keys;
    env->say = say;
    store = civic_store_shm_open(env, path, bytes, &fault);
    if (!store) {
        fprintf(stderr, "bench-store: %s\n", fault);
        exit(1);
    }
    unlink(path);
    return store;
}

static void put(civic_store_t *store, apr_uint64_t n, apr_pool_t *p)
{
    civic_stored_t session;

    people_session(&session, n, store->ops->now(store), p);
    expect(store->ops->put(store, &session) == CIVIC_STORE_OK, "put");
}

static void fill(civic_store_t *store, apr_uint32_t people)
{
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    for (apr_uint32_t i = 0; i < people; i++) {
        put(store, i, p);
        if (i % BATCH == 0) {
            apr_pool_clear(p);
        }
    }
    apr_pool_destroy(p);
}

/* ---- lookups ---- */

typedef struct {
    apr_uint64_t who[BATCH];
    unsigned char keys[BATCH][CIVIC_STORE_KEY_LEN];
    char ids[BATCH][CIVIC_SESSION_ID_LEN + 1];
} wanted_t;

static void choose(wanted_t *wanted, case_t *bench)
{
    for (int i = 0; i < BATCH; i++) {
        wanted->who[i] = people_random(&bench->random) % bench->people;
        people_id(wanted->ids[i], wanted->who[i]);
        people_key(wanted->keys[i], wanted->who[i]);
    }
}

static int look_up(const case_t *bench, kind_t kind, const wanted_t *wanted, int i,
                   apr_pool_t *p)
{
    civic_store_t *store = bench->store;
    const unsigned char *key = wanted->keys[i];
    civic_session_t session;
    civic_stored_t stored;

    switch (kind) {
    case BY_KEY:
        return store->ops->get(store, &stored, key, p) == CIVIC_STORE_OK;
    case BY_KEY_LOCKED:
        return civic_shard_get_locked(civic_store_shm_shard(store, key), &stored, key,
                                      store->ops->now(store), p)
               == CIVIC_STORE_OK;
    default:
        return civic_session_find(&session, store, wanted->ids[i], realm, PEOPLE_APPLICATION,
                                  p)
               == CIVIC_OK;
    }
}

/* Nanoseconds a lookup, with its share of emptying the pool, as a request has it. */
static double time_lookups(case_t *bench, kind_t kind)
{
    double start, spent = 0;
    wanted_t wanted;
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    for (int done = 0; done < LOOKUPS; done += BATCH) {
        choose(&wanted, bench);
        start = now_ns();
        for (int i = 0; i < BATCH; i++) {
            expect(look_up(bench, kind, &wanted, i, p), "a lookup");
            apr_pool_clear(p);
        }
        spent += now_ns() - start;
    }
    apr_pool_destroy(p);
    return spent / LOOKUPS;
}

static void warm_up(case_t *bench)
{
    unsigned char key[CIVIC_STORE_KEY_LEN];
    civic_stored_t stored;
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    for (apr_uint32_t i = 0; i < bench->people; i++) {
        people_key(key, i);
        expect(bench->store->ops->get(bench->store, &stored, key, p) == CIVIC_STORE_OK,
               "a lookup");
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
}

static void case_make(case_t *bench, apr_uint32_t people)
{
    bench->people = people;
    bench->bytes = CIVIC_STORE_SHM_DEFAULT;
    while (bench->bytes / 440 < people) {
        bench->bytes *= 2;
    }
    bench->random = people;
    bench->store = store_open(bench->bytes);
    fill(bench->store, people);
    warm_up(bench);
}

static void lookups_measure(case_t *benches)
{
    static series_t times[SIZES][KINDS];
    double samples[SAMPLES];

    for (int round = 0; round < rounds; round++) {
        for (int kind = 0; kind < KINDS; kind++) {
            for (int size = 0; size < SIZES; size++) {
                for (int i = 0; i < SAMPLES; i++) {
                    samples[i] = time_lookups(&benches[size], (kind_t)kind);
                }
                times[size][kind].of[round] = median_of(samples, SAMPLES);
            }
        }
    }
    printf("| sessions in the store | lookup by cookie, ns | of it the store's, ns | "
           "the store's under its mutex, ns |\n| ---: | ---: | ---: | ---: |\n");
    for (int size = 0; size < SIZES; size++) {
        printf("| %u | %.0f | %.0f | %.0f |\n", benches[size].people,
               median(&times[size][BY_COOKIE]), median(&times[size][BY_KEY]),
               median(&times[size][BY_KEY_LOCKED]));
    }
    printf("| 1,000,000 : 1 | %.2f | %.2f | %.2f |\n\n",
           median_ratio(&times[SIZES - 1][BY_COOKIE], &times[0][BY_COOKIE]),
           median_ratio(&times[SIZES - 1][BY_KEY], &times[0][BY_KEY]),
           median_ratio(&times[SIZES - 1][BY_KEY_LOCKED], &times[0][BY_KEY_LOCKED]));
}

/* ---- room ---- */

/* Put sessions into a store of the default size until the first has to go. */
static void room_measure(void)
{
    civic_store_t *store = store_open(CIVIC_STORE_SHM_DEFAULT);
    civic_store_stats_t stats = {0};
    civic_stored_t session;
    apr_uint64_t n = 0;
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    for (; stats.evicted == 0; n++) {
        put(store, n, p);
        store->ops->stats(store, &stats);
        apr_pool_clear(p);
    }
    people_session(&session, 0, 0, p);
    printf(
        "A session of BASIC_SIGNUP is a record of %" APR_SIZE_T_FMT
        " bytes and takes %.0f bytes of the store, index and all else included: the default "
        "store of %d MiB holds %" APR_UINT64_T_FMT " before the first has to go.\n\n",
        session.record.len, (double)CIVIC_STORE_SHM_DEFAULT / (double)stats.sessions,
        CIVIC_STORE_SHM_DEFAULT / 1024 / 1024, stats.sessions);
    apr_pool_destroy(p);
}

/* ---- writing ---- */

typedef enum { PUT, TOUCH, REMOVE, PUT_AGAIN, REMOVE_USER, WRITINGS } writing_t;
static const char *const writing_names[] = {"put", "touch", "remove", NULL,
                                            "all sessions of a user"};

static int write_one(civic_store_t *store, writing_t writing, const civic_stored_t *session,
                     apr_pool_t *p)
{
    int count = 0;

    switch (writing) {
    case TOUCH:
        return store->ops->touch(store, session->key, p) == CIVIC_STORE_OK;
    case REMOVE:
        return store->ops->remove(store, session->key, session->user, p) == CIVIC_STORE_OK;
    case REMOVE_USER:
        return store->ops->remove_user(store, session->user, &count, p) == CIVIC_STORE_OK
               && count == 1;
    default:
        return store->ops->put(store, session) == CIVIC_STORE_OK;
    }
}

/* Nanoseconds a call, for people who are not in the store otherwise. */
static double time_writes(const case_t *bench, writing_t writing, apr_pool_t *p)
{
    civic_stored_t sessions[BATCH];
    double start, spent = 0;

    for (int done = 0; done < WRITES; done += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            people_session(&sessions[i], bench->people + (apr_uint64_t)(done + i),
                           bench->store->ops->now(bench->store), p);
        }
        start = now_ns();
        for (int i = 0; i < BATCH; i++) {
            expect(write_one(bench->store, writing, &sessions[i], p), "a write");
        }
        spent += now_ns() - start;
        apr_pool_clear(p);
    }
    return spent / WRITES;
}

static void writes_measure(const case_t *bench)
{
    static series_t times[WRITINGS];
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    for (int round = 0; round < rounds; round++) {
        for (int writing = 0; writing < WRITINGS; writing++) {
            times[writing].of[round] = time_writes(bench, (writing_t)writing, p);
        }
    }
    apr_pool_destroy(p);
    printf("| writing, beside %u sessions | ns |\n| --- | ---: |\n", bench->people);
    for (int writing = 0; writing < WRITINGS; writing++) {
        if (writing_names[writing]) {
            printf("| %s | %.0f |\n", writing_names[writing], median(&times[writing]));
        }
    }
    printf("\n");
}

/* ---- processes ---- */

static void crowds_measure(const case_t *bench)
{
    enum { CROWDS = sizeof(crowds) / sizeof(*crowds) };
    static series_t speeds[CROWDS][CROWD_MIXES][CROWD_WAYS];
    crowd_t *crowd = crowd_make(bench->store, bench->people, pool);

    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < CROWDS; i++) {
            for (int mix = 0; mix < CROWD_MIXES; mix++) {
                for (int way = 0; way < CROWD_WAYS; way++) {
                    speeds[i][mix][way].of[round] =
                        crowd_run(crowd, (crowd_way)way, (crowd_mix)mix, crowds[i],
                                  crowd_seconds)
                        / 1e6;
                }
            }
        }
    }
    printf(
        "| processes at once, million lookups/s of %u sessions | lock-free | robust mutex | "
        "rwlock | with writers: lock-free | robust mutex | rwlock |\n"
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        bench->people);
    for (int i = 0; i < CROWDS; i++) {
        printf("| %d |", crowds[i]);
        for (int mix = 0; mix < CROWD_MIXES; mix++) {
            for (int way = 0; way < CROWD_WAYS; way++) {
                printf(" %.2f |", median(&speeds[i][mix][way]));
            }
        }
        printf("\n");
    }
    printf("\nWriters: of 1,000 calls ten note a use, one stores a session and ends it.\n");
}

int main(int argc, const char *const *argv, const char *const *env)
{
    static case_t benches[SIZES];

    apr_app_initialize(&argc, &argv, &env);
    apr_pool_create(&pool, NULL);
    if (argc < 2 || argc > 3 || (argc == 3 && (rounds = atoi(argv[2])) < 1)
        || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: bench-store FOLDER [ROUNDS, at most %d]\n", ROUNDS_MAX);
        return 2;
    }
    folder = argv[1];
    people_realm(realm);
    for (int size = 0; size < SIZES; size++) {
        case_make(&benches[size], sizes[size]);
    }
    lookups_measure(benches);
    room_measure();
    writes_measure(&benches[SIZES - 1]);
    crowds_measure(&benches[SIZES - 2]);
    return 0;
}
