/* The shared-memory store against a plain model, under many processes, killed processes, and
 * every kind of damage to its file. */
#include "unit.h"

#include <apr_strings.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm_layout.h"
#include "store_shm.h"

enum { MIB = 1024 * 1024 };

static civic_seal_keys_t keys = {.current = "a seal key of thirty-two bytes!"};

/* ---- a store in a folder of its own ---- */

typedef struct {
    civic_store_env_t env;
    const char *path;
    char said[2048]; /* all lines, one after the other */
} place_t;

static void say(void *baton, civic_loudness loudness, const char *line)
{
    place_t *place = baton;

    apr_snprintf(place->said + strlen(place->said), sizeof(place->said) - strlen(place->said),
                 "%s\n", line);
}

/* The folder, with all that a test may have left there. */
static apr_status_t folder_remove(void *data)
{
    const char *folder = data;
    struct dirent *entry;
    DIR *dir = opendir(folder);
    char path[400];

    while (dir && (entry = readdir(dir))) {
        apr_snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (dir) {
        closedir(dir);
    }
    return rmdir(folder) ? APR_EGENERAL : APR_SUCCESS;
}

static place_t *place_make(apr_pool_t *pool)
{
    place_t *place = apr_pcalloc(pool, sizeof(*place));
    char *folder = apr_pstrdup(pool, "/tmp/civic-store-XXXXXX");

    assert_non_null(mkdtemp(folder));
    apr_pool_cleanup_register(pool, folder, folder_remove, apr_pool_cleanup_null);
    place->path = apr_pstrcat(pool, folder, "/sessions", NULL);
    place->env.pool = pool;
    place->env.seal_keys = &keys;
    place->env.say = say;
    place->env.say_baton = place;
    return place;
}

/* The store in a pool of its own: destroying it is what a stop of httpd does. */
static civic_store_t *store_open(place_t *place, apr_size_t size, apr_pool_t *pool)
{
    civic_store_env_t *env = apr_pmemdup(pool, &place->env, sizeof(place->env));
    const char *fault = NULL;
    civic_store_t *store;

    env->pool = pool;
    place->said[0] = '\0';
    store = civic_store_shm_open(env, place->path, size, &fault);
    assert_case(store, fault ? fault : "no fault named");
    assert_null(civic_store_shm_validate(store));
    return store;
}

static apr_pool_t *subpool(apr_pool_t *parent)
{
    apr_pool_t *pool = NULL;

    assert_int_equal(apr_pool_create(&pool, parent), APR_SUCCESS);
    return pool;
}

/* ---- sessions whose whole content follows from a number ---- */

static void session_make(civic_stored_t *session, apr_uint64_t n, apr_size_t len,
                         civic_store_t *store, apr_pool_t *pool)
{
    apr_uint64_t seed = n;

    for (int i = 0; i < 4; i++) {
        apr_uint64_t word = unit_random(&seed);

        memcpy(session->key + 8 * i, &word, 8);
    }
    memset(session->user, (int)(n % 50), sizeof(session->user));
    session->kind = CIVIC_STORED_SESSION;
    session->record.data = apr_palloc(pool, len + 1);
    for (apr_size_t i = 0; i < len; i++) {
        session->record.data[i] = (unsigned char)(n + i * 7);
    }
    session->record.len = len;
    session->last_used = store->ops->now(store);
    session->expires = session->last_used + apr_time_from_sec(3600);
}

static int is_intact(const civic_stored_t *session, apr_uint64_t n)
{
    for (apr_size_t i = 0; i < session->record.len; i++) {
        if (session->record.data[i] != (unsigned char)(n + i * 7)) {
            return 0;
        }
    }
    return session->user[0] == n % 50;
}

static void put(civic_store_t *store, apr_uint64_t n, apr_size_t len, apr_pool_t *pool)
{
    civic_stored_t session;

    session_make(&session, n, len, store, pool);
    assert_int_equal(store->ops->put(store, &session), CIVIC_STORE_OK);
}

/* @return 1 when it is there, whole, and the right one */
static int has(civic_store_t *store, apr_uint64_t n, apr_pool_t *pool)
{
    civic_stored_t wanted, session;
    civic_store_result result;

    session_make(&wanted, n, 0, store, pool);
    result = store->ops->get(store, &session, wanted.key, pool);
    if (result == CIVIC_STORE_MISSING) {
        return 0;
    }
    assert_int_equal(result, CIVIC_STORE_OK);
    assert_true(is_intact(&session, n));
    return 1;
}

/* ---- the model ---- */

enum { NUMBERS = 400 };

typedef struct {
    apr_size_t len; /* of the record, plus one; 0: not stored */
} model_t;

static int model_remove_user(model_t *model, int user)
{
    int count = 0;

    for (int n = 0; n < NUMBERS; n++) {
        if (model[n].len && n % 50 == user) {
            model[n].len = 0;
            count++;
        }
    }
    return count;
}

/* Who knows a session learns its last use, and nothing else. */
static void look(civic_store_t *store, const civic_stored_t *got, apr_pool_t *pool)
{
    civic_stored_t known = *got;

    known.last_used = 0;
    assert_int_equal(store->ops->look(store, &known, pool), CIVIC_STORE_OK);
    assert_int_equal(known.last_used, got->last_used);
    assert_int_equal(known.expires, got->expires);
    assert_memory_equal(known.key, got->key, sizeof(known.key));
    assert_ptr_equal(known.record.data, got->record.data);
}

static void step(civic_store_t *store, model_t *model, apr_uint64_t *seed, apr_pool_t *pool)
{
    apr_uint64_t dice = unit_random(seed);
    int n = (int)((dice >> 8) % NUMBERS), count = 0, expected;
    civic_stored_t session;

    session_make(&session, (apr_uint64_t)n,
                 dice % 100 < 2 ? (dice >> 40) % 9000 : (dice >> 40) % 600, store, pool);
    switch (dice % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        assert_int_equal(store->ops->put(store, &session), CIVIC_STORE_OK);
        model[n].len = session.record.len + 1;
        break;
    case 4:
    case 5:
        assert_int_equal(store->ops->remove(store, session.key, session.user, pool),
                         model[n].len ? CIVIC_STORE_OK : CIVIC_STORE_MISSING);
        model[n].len = 0;
        break;
    case 6:
        assert_int_equal(store->ops->touch(store, session.key, pool),
                         model[n].len ? CIVIC_STORE_OK : CIVIC_STORE_MISSING);
        break;
    case 7:
        if (dice >> 60 == 0) {
            expected = model_remove_user(model, n % 50);
            assert_int_equal(store->ops->remove_user(store, session.user, &count, pool),
                             CIVIC_STORE_OK);
            assert_int_equal(count, expected);
        }
        break;
    default:
        assert_int_equal(has(store, (apr_uint64_t)n, pool), model[n].len != 0);
        if (model[n].len) {
            assert_int_equal(store->ops->get(store, &session, session.key, pool),
                             CIVIC_STORE_OK);
            assert_int_equal(session.record.len, model[n].len - 1);
            look(store, &session, pool);
        }
        else {
            assert_int_equal(store->ops->look(store, &session, pool), CIVIC_STORE_MISSING);
        }
    }
}

static void behaves_as_a_plain_table(void **state)
{
    apr_pool_t *pool = *state, *each = subpool(pool);
    civic_store_t *store = store_open(place_make(pool), 4 * MIB, pool);
    model_t *model = apr_pcalloc(pool, NUMBERS * sizeof(*model));
    int rounds = unit_rounds(1000000, 5000);
    apr_uint64_t seed = 1;

    for (int i = 0; i < rounds; i++) {
        step(store, model, &seed, each);
        if (i % 256 == 0) {
            apr_pool_clear(each);
        }
        if (i % 100000 == 0) {
            assert_null(civic_store_shm_validate(store));
        }
    }
    assert_null(civic_store_shm_validate(store));
}

/* ---- many processes ---- */

static pid_t spawn(void (*work)(civic_store_t *, apr_uint64_t, apr_pool_t *),
                   civic_store_t *store, apr_uint64_t number, apr_pool_t *pool)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        work(store, number, pool);
        _exit(0);
    }
    return pid;
}

static int ended_well(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Each process has numbers of its own, and reads everybody's. Leaves with 1 at any fault. */
static void mix(civic_store_t *store, apr_uint64_t number, apr_pool_t *pool)
{
    apr_pool_t *each = subpool(pool);
    apr_uint64_t seed = number;
    int rounds = unit_rounds(60000, 500);

    for (int i = 0; i < rounds; i++) {
        apr_uint64_t dice = unit_random(&seed), own = number * 1000 + dice % 300;
        civic_stored_t session, found;

        session_make(&session, own, (dice >> 20) % 700, store, each);
        if (dice % 7 == 0 && store->ops->put(store, &session) != CIVIC_STORE_OK) {
            _exit(1);
        }
        if (dice % 7 == 1) {
            store->ops->remove(store, session.key, session.user, each);
        }
        own = (1 + (dice >> 30) % 4) * 1000 + (dice >> 10) % 300;
        session_make(&session, own, 0, store, each);
        if (store->ops->get(store, &found, session.key, each) == CIVIC_STORE_OK
            && !is_intact(&found, own)) {
            _exit(1);
        }
        if (i % 64 == 0) {
            apr_pool_clear(each);
        }
    }
}

static void never_shows_what_is_not_whole(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    pid_t pids[4];

    for (int i = 0; i < 4; i++) {
        pids[i] = spawn(mix, store, (apr_uint64_t)i + 1, pool);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(ended_well(pids[i]));
    }
    assert_null(civic_store_shm_validate(store));
}

static void mix_for_ever(civic_store_t *store, apr_uint64_t number, apr_pool_t *pool)
{
    for (;;) {
        mix(store, number, pool);
    }
}

static void survives_the_death_of_writers_at_any_instant(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    int rounds = unit_rounds(200, 5);
    apr_uint64_t seed = 7;

    for (int n = 0; n < 20; n++) {
        put(store, 900000 + (apr_uint64_t)n, 300, pool);
    }
    for (int i = 0; i < rounds; i++) {
        pid_t pid = spawn(mix_for_ever, store, 1 + (apr_uint64_t)i % 4, pool);

        usleep((useconds_t)(unit_random(&seed) % 4000));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_null(civic_store_shm_validate(store));
    }
    for (int n = 0; n < 20; n++) {
        assert_true(has(store, 900000 + (apr_uint64_t)n, pool));
    }
}

/* ---- a process that dies with the lock, at a chosen point ---- */

static civic_shard_t *only_shard(civic_store_t *store)
{
    /* A store of 1 MiB has one shard: found by its place in the file. */
    struct {
        void *file, *header, *seen;
        apr_uint32_t seen_count, shard_count;
        civic_shard_t shards[1];
    } *shm = store->state;

    assert_int_equal(shm->shard_count, 1);
    return &shm->shards[0];
}

static void die_holding_the_lock(civic_store_t *store, apr_uint64_t number, apr_pool_t *pool)
{
    civic_shard_t *shard = only_shard(store);

    civic_shard_lock(shard);
    shard->head->sequence++;
    if (number == 1) { /* in the middle of unlinking */
        shard->buckets[0] = 0xffffffff;
        shard->head->oldest = 12345678;
    }
    _exit(0);
}

static void mends_a_shard_whose_writer_died(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    civic_store_stats_t stats;

    for (apr_uint64_t n = 0; n < 100; n++) {
        put(store, n, 200 + n, pool);
    }
    for (apr_uint64_t how = 0; how < 2; how++) {
        assert_true(ended_well(spawn(die_holding_the_lock, store, how, pool)));
        for (apr_uint64_t n = 0; n < 100; n++) {
            assert_true(has(store, n, pool));
        }
        assert_null(civic_store_shm_validate(store));
        store->ops->stats(store, &stats);
        assert_int_equal(stats.mended, how + 1);
        assert_int_equal(stats.sessions, 100);
    }
}

/* ---- room ---- */

static void lets_the_longest_idle_go_when_it_is_full(void **state)
{
    apr_pool_t *pool = *state;
    place_t *place = place_make(pool);
    civic_store_t *store = store_open(place, MIB, pool);
    apr_uint64_t room = civic_store_shm_room(store, 250);
    civic_store_stats_t stats;
    civic_stored_t first;

    for (apr_uint64_t n = 0; n < room; n++) {
        put(store, n, 250, pool);
    }
    store->ops->stats(store, &stats);
    assert_int_equal(stats.sessions, room);
    assert_int_equal(stats.evicted, 0);
    session_make(&first, 0, 0, store, pool);
    assert_int_equal(store->ops->touch(store, first.key, pool), CIVIC_STORE_OK);
    for (apr_uint64_t n = room; n < 2 * room; n++) {
        put(store, n, 250, pool);
        if (n == room) {
            assert_true(has(store, 0, pool)); /* used a moment ago */
            assert_false(has(store, 1, pool));
        }
        assert_true(has(store, n, pool));
    }
    assert_non_null(strstr(place->said, "four fifths full"));
    assert_non_null(strstr(place->said, "the session store is full"));
    assert_true(strlen(place->said) < 600); /* each once */
    store->ops->stats(store, &stats);
    assert_int_equal(stats.sessions, room);
    assert_int_equal(stats.evicted, room);
    assert_null(civic_store_shm_validate(store));
}

static void who_was_known_is_missing_once_he_has_gone(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    civic_stored_t known, expired;

    session_make(&known, 1, 300, store, pool);
    session_make(&expired, 2, 300, store, pool);
    expired.expires = store->ops->now(store) + APR_USEC_PER_SEC / 20;
    assert_int_equal(store->ops->put(store, &known), CIVIC_STORE_OK);
    assert_int_equal(store->ops->put(store, &expired), CIVIC_STORE_OK);
    assert_int_equal(store->ops->look(store, &expired, pool), CIVIC_STORE_OK);
    while (store->ops->now(store) <= expired.expires) {
        apr_sleep(1000);
    }
    assert_int_equal(store->ops->look(store, &expired, pool), CIVIC_STORE_MISSING);
    look(store, &known, pool);
    /* Damaged under its feet: what cannot be told from another session is none. */
    memset(only_shard(store)->blocks, 0x5a, 64);
    assert_int_equal(store->ops->look(store, &known, pool), CIVIC_STORE_MISSING);
    assert_int_equal(store->ops->put(store, &known), CIVIC_STORE_OK);
    look(store, &known, pool);
    assert_int_equal(store->ops->remove(store, known.key, known.user, pool), CIVIC_STORE_OK);
    assert_int_equal(store->ops->look(store, &known, pool), CIVIC_STORE_MISSING);
}

static void lets_expired_ones_go_first(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    apr_uint64_t room = civic_store_shm_room(store, 250);
    civic_store_stats_t stats;
    civic_stored_t session;

    /* The newest half has expired, the older half lives. */
    for (apr_uint64_t n = 0; n < room; n++) {
        session_make(&session, n, 250, store, pool);
        if (n >= room / 2) {
            session.expires = session.last_used;
        }
        assert_int_equal(store->ops->put(store, &session), CIVIC_STORE_OK);
    }
    assert_false(has(store, room - 1, pool));
    for (apr_uint64_t n = room; n < room + room / 2; n++) {
        put(store, n, 250, pool);
    }
    for (apr_uint64_t n = 0; n < room / 2; n++) {
        assert_true(has(store, n, pool));
    }
    store->ops->stats(store, &stats);
    assert_int_equal(stats.evicted, 0);
}

static void takes_records_of_any_size_up_to_a_limit(void **state)
{
    static const apr_size_t sizes[] = {0,   1,   23,  24,  25,   143,  144,     145,
                                       263, 264, 265, 384, 1000, 4096, 1048576, 1048577};
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), 16 * MIB, pool);
    civic_stored_t session;

    for (apr_size_t i = 0; i < COUNT(sizes); i++) {
        put(store, i, sizes[i], pool);
        session_make(&session, i, 0, store, pool);
        assert_int_equal(store->ops->get(store, &session, session.key, pool), CIVIC_STORE_OK);
        assert_int_equal(session.record.len, sizes[i]);
        assert_true(is_intact(&session, i));
    }
    session_make(&session, 99, 2 * MIB, store, pool);
    assert_int_equal(store->ops->put(store, &session), CIVIC_STORE_TOO_LARGE);
    assert_null(civic_store_shm_validate(store));
}

static void memory_of_a_session(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), 32 * MIB, pool);

    /* The budget: 512 bytes for a session of BASIC_SIGNUP (about 250), index included. */
    assert_true(32.0 * MIB / (double)civic_store_shm_room(store, 256) <= 512);
}

/* ---- users ---- */

static void count_visit(void *baton, const civic_stored_t *session)
{
    assert_true(is_intact(session, session->user[0]));
    (*(int *)baton)++;
}

static void knows_whose_sessions_are_whose(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), 16 * MIB, pool);
    unsigned char user[CIVIC_STORE_USER_LEN];
    int count = 0;

    for (apr_uint64_t n = 0; n < 1000; n++) {
        put(store, n, 0, pool);
    }
    memset(user, 7, sizeof(user));
    store->ops->visit_user(store, user, count_visit, &count, pool);
    assert_int_equal(count, 20);
    assert_int_equal(store->ops->remove_user(store, user, &count, pool), CIVIC_STORE_OK);
    assert_int_equal(count, 20);
    for (apr_uint64_t n = 0; n < 1000; n++) {
        assert_int_equal(has(store, n, pool), n % 50 != 7);
    }
    memset(user, 99, sizeof(user));
    assert_int_equal(store->ops->remove_user(store, user, &count, pool), CIVIC_STORE_OK);
    assert_int_equal(count, 0);
}

/* ---- one-time tokens ---- */

static void race_for_token(civic_store_t *store, apr_uint64_t number, apr_pool_t *pool)
{
    unsigned char key[CIVIC_STORE_KEY_LEN] = "one token for all";

    _exit(store->ops->once(store, key, apr_time_now() + apr_time_from_sec(60), pool)
                  == CIVIC_STORE_OK
              ? 0
              : 7);
}

static void a_token_counts_once(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    unsigned char key[CIVIC_STORE_KEY_LEN] = "a token";
    int first = 0, status;

    assert_int_equal(store->ops->once(store, key, apr_time_now() + 100000000, pool),
                     CIVIC_STORE_OK);
    assert_int_equal(store->ops->once(store, key, apr_time_now() + 100000000, pool),
                     CIVIC_STORE_MISSING);
    key[0]++;
    assert_int_equal(store->ops->once(store, key, apr_time_now() - 1, pool), CIVIC_STORE_OK);
    assert_int_equal(store->ops->once(store, key, apr_time_now() - 1, pool), CIVIC_STORE_OK);
    for (int i = 0; i < 20; i++) {
        spawn(race_for_token, store, 0, pool);
    }
    for (int i = 0; i < 20; i++) {
        assert_true(wait(&status) > 0);
        first += WEXITSTATUS(status) == 0;
    }
    assert_int_equal(first, 1);
}

static void the_tokens_that_end_first_are_forgotten_first(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), CIVIC_STORE_SHM_MIN, pool);
    unsigned char key[CIVIC_STORE_KEY_LEN] = {0};
    apr_time_t end = apr_time_now() + apr_time_from_sec(100);
    apr_uint64_t seed = 3, word;

    for (int i = 0; i < 5000; i++) {
        word = unit_random(&seed);
        memcpy(key, &word, sizeof(word));
        assert_int_equal(store->ops->once(store, key, end + i * 1000, pool), CIVIC_STORE_OK);
        assert_int_equal(store->ops->once(store, key, end, pool), CIVIC_STORE_MISSING);
    }
}

/* ---- the file ---- */

static void sessions_outlive_a_stop(void **state)
{
    apr_pool_t *pool = *state, *run = subpool(pool);
    place_t *place = place_make(pool);
    civic_store_t *store = store_open(place, MIB, run);
    unsigned char key[CIVIC_STORE_KEY_LEN] = "a token";

    put(store, 1, 300, pool);
    store->ops->once(store, key, apr_time_now() + 100000000, pool);
    apr_pool_destroy(run);
    store = store_open(place, MIB, pool);
    assert_string_equal(place->said, "");
    assert_true(has(store, 1, pool));
    assert_int_equal(store->ops->once(store, key, apr_time_now() + 100000000, pool),
                     CIVIC_STORE_MISSING);
}

static void two_at_once_share_it(void **state)
{
    apr_pool_t *pool = *state;
    place_t *place = place_make(pool);
    civic_store_t *first = store_open(place, MIB, pool), *second;

    put(first, 1, 300, pool);
    second = store_open(place, MIB, pool);
    assert_true(has(second, 1, pool));
    put(second, 2, 300, pool);
    assert_true(has(first, 2, pool));
}

static void another_size_takes_the_sessions_along(void **state)
{
    apr_pool_t *pool = *state, *run = subpool(pool);
    place_t *place = place_make(pool);
    civic_store_t *store = store_open(place, MIB, run);

    for (apr_uint64_t n = 0; n < 500; n++) {
        put(store, n, 300, pool);
    }
    apr_pool_destroy(run);
    store = store_open(place, 16 * MIB, pool);
    assert_non_null(strstr(place->said, "500 sessions were moved over"));
    for (apr_uint64_t n = 0; n < 500; n++) {
        assert_true(has(store, n, pool));
    }
}

static void rolls_seal_keys_over(void **state)
{
    apr_pool_t *pool = *state, *run = subpool(pool);
    place_t *place = place_make(pool);
    civic_seal_keys_t rolled = {.has_previous = 1}, other = {.current = "another"};

    put(store_open(place, MIB, run), 1, 300, pool);
    apr_pool_destroy(run);
    memcpy(rolled.current, "the new key", 12);
    memcpy(rolled.previous, keys.current, sizeof(rolled.previous));
    place->env.seal_keys = &rolled;
    run = subpool(pool);
    assert_true(has(store_open(place, MIB, run), 1, pool));
    apr_pool_destroy(run);
    place->env.seal_keys = &other;
    assert_false(has(store_open(place, MIB, pool), 1, pool));
    assert_non_null(strstr(place->said, "another seal key"));
}

/* What to do to the file, and what is then said of it; NULL: what is said does not matter. */
static void file_write(const char *path, off_t at, const void *bytes, size_t len)
{
    int fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
    close(fd);
}

static void spoil_magic(const char *path)
{
    file_write(path, 0, "x", 1);
}

static void spoil_version(const char *path)
{
    file_write(path, 16, "\377", 1);
}

static void cut(const char *path)
{
    assert_int_equal(truncate(path, MIB / 2), 0);
}

static void cut_to_nothing(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}

static void open_to_all(const char *path)
{
    assert_int_equal(chmod(path, 0644), 0);
}

static void give_away(const char *path)
{
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, 12345), 0);
    }
    else {
        open_to_all(path);
    }
}

static void link_twice(const char *path)
{
    char other[200];

    apr_snprintf(other, sizeof(other), "%s.other", path);
    assert_int_equal(link(path, other), 0);
}

static void link_away(const char *path)
{
    char other[200];

    apr_snprintf(other, sizeof(other), "%s.moved", path);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
}

static void what_cannot_be_trusted_is_replaced(void **state)
{
    static const struct {
        void (*spoil)(const char *path);
        const char *said;
    } cases[] = {{spoil_magic, "not a session store"}, {spoil_version, "another version"},
                 {cut, "cut short or grew"},           {cut_to_nothing, "cut short"},
                 {open_to_all, "mode is not 0600"},    {give_away, NULL},
                 {link_twice, "more than one name"},   {link_away, "symbolic link"}};
    apr_pool_t *pool = *state;

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        apr_pool_t *run = subpool(pool);
        place_t *place = place_make(pool);
        civic_store_t *store = store_open(place, MIB, run);
        struct stat info;

        put(store, 1, 300, pool);
        apr_pool_destroy(run);
        cases[i].spoil(place->path);
        store = store_open(place, MIB, pool);
        assert_false(has(store, 1, pool));
        put(store, 2, 300, pool);
        assert_true(has(store, 2, pool));
        assert_non_null(strstr(place->said, cases[i].said ? cases[i].said : "starts empty"));
        assert_int_equal(stat(place->path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        assert_int_equal(info.st_uid, geteuid());
    }
}

static void a_place_that_cannot_be_written_is_a_fault(void **state)
{
    apr_pool_t *pool = *state;
    place_t *place = place_make(pool);
    const char *fault = NULL;

    place->path = "/nonexistent/folder/sessions";
    assert_null(civic_store_shm_open(&place->env, place->path, MIB, &fault));
    assert_non_null(strstr(fault, "/nonexistent/folder/sessions"));
}

/* A machine that lost power: whoever held a lock will never give it back. */
static void locks_left_over_are_made_anew(void **state)
{
    apr_pool_t *pool = *state, *run = subpool(pool);
    place_t *place = place_make(pool);
    civic_store_t *store = store_open(place, MIB, run);
    unsigned char key[CIVIC_STORE_KEY_LEN] = "a token";
    civic_shard_t *shard = only_shard(store);

    put(store, 1, 300, pool);
    assert_true(civic_shard_lock(shard));
    memset(&shard->head->lock, 0x5a, sizeof(shard->head->lock));
    apr_pool_destroy(run);
    store = store_open(place, MIB, pool);
    assert_true(has(store, 1, pool));
    put(store, 2, 300, pool);
    assert_true(has(store, 2, pool));
    assert_int_equal(store->ops->once(store, key, apr_time_now() + 100000000, pool),
                     CIVIC_STORE_OK);
}

/* Scribble over the shards, behind the header, of a file that nobody uses. */
static void what_is_whole_outlives_random_damage(void **state)
{
    apr_pool_t *pool = *state;
    int rounds = unit_rounds(60, 3);
    apr_uint64_t seed = 99;

    for (int i = 0; i < rounds; i++) {
        apr_pool_t *each = subpool(pool), *run = subpool(each);
        place_t *place = place_make(each);
        civic_store_t *store = store_open(place, MIB, run);
        int kept = 0;

        for (apr_uint64_t n = 0; n < 300; n++) {
            put(store, n, 300, each);
        }
        apr_pool_destroy(run);
        for (int hole = 0; hole < 40; hole++) {
            apr_uint64_t noise = unit_random(&seed);

            file_write(place->path, 4096 + (off_t)(unit_random(&seed) % (MIB - 4104)), &noise,
                       8);
        }
        store = store_open(place, MIB, each);
        for (apr_uint64_t n = 0; n < 300; n++) {
            kept += has(store, n, each);
        }
        assert_true(kept > 200);
        put(store, 1000, 300, each);
        assert_true(has(store, 1000, each));
        apr_pool_destroy(each);
    }
}

/* The same while the store is in use: no crash, nobody else's session, and it goes on. */
static void damage_under_its_feet_is_a_missing_session(void **state)
{
    apr_pool_t *pool = *state;
    int rounds = unit_rounds(60, 3);
    apr_uint64_t seed = 5;

    for (int i = 0; i < rounds; i++) {
        apr_pool_t *each = subpool(pool);
        civic_store_t *store = store_open(place_make(each), MIB, each);
        civic_shard_t *shard = only_shard(store);
        apr_size_t offset =
            (apr_size_t)((unsigned char *)shard->buckets - (unsigned char *)shard->head);
        apr_size_t span = (apr_size_t)(shard->blocks - (unsigned char *)shard->buckets)
                          + (apr_size_t)shard->block_count * BLOCK;

        for (int n = 0; n < 3000; n++) {
            apr_uint64_t noise = unit_random(&seed), dice = unit_random(&seed);
            civic_stored_t session;

            if (n % 10 == 0) {
                memcpy((unsigned char *)shard->head + offset + unit_random(&seed) % (span - 8),
                       &noise, 8);
            }
            session_make(&session, dice % 500, 100 + dice % 400, store, each);
            switch (dice % 5) {
            case 0:
            case 1:
                store->ops->put(store, &session);
                break;
            case 2:
                store->ops->remove(store, session.key, session.user, each);
                break;
            case 3:
                store->ops->touch(store, session.key, each);
                break;
            default:
                has(store, dice % 500, each);
            }
        }
        assert_int_equal(civic_shard_mend(shard), 1);
        assert_null(civic_store_shm_validate(store));
        apr_pool_destroy(each);
    }
}

/* ---- pictures ---- */

static civic_store_stats_t stats_of(civic_store_t *store)
{
    civic_store_stats_t stats;

    assert_int_equal(store->ops->stats(store, &stats), CIVIC_STORE_OK);
    return stats;
}

static civic_store_result picture_put(civic_store_t *store, apr_uint64_t n, apr_size_t len,
                                      apr_interval_time_t life, apr_pool_t *pool)
{
    civic_stored_t picture;

    session_make(&picture, n, len, store, pool);
    picture.kind = CIVIC_STORED_PICTURE;
    picture.expires = picture.last_used + life;
    return store->ops->put(store, &picture);
}

/* They leave half of the room to sessions, push nobody out, and are the first to go. */
static void pictures_make_way_for_sessions(void **state)
{
    enum { LEN = 40 * 1024, SESSION = 1000 };
    apr_interval_time_t life = apr_time_from_sec(3600);
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    civic_store_stats_t stats;
    civic_stored_t found, session;
    int pictures = 0, n = 1000;

    while (picture_put(store, (apr_uint64_t)pictures, LEN, life, pool) == CIVIC_STORE_OK) {
        assert_in_range(pictures++, 0, 100);
    }
    stats = stats_of(store);
    assert_int_equal(stats.sessions, 0);
    assert_int_equal(stats.evicted, 0);
    assert_in_range(stats.bytes_used, stats.bytes_total / 2 - LEN - 2048,
                    stats.bytes_total / 2);
    assert_null(civic_store_shm_validate(store));
    while (stats.bytes_used + 2 * SESSION < stats.bytes_total && n < 3000) {
        session_make(&session, (apr_uint64_t)n++, SESSION, store, pool);
        assert_int_equal(store->ops->put(store, &session), CIVIC_STORE_OK);
        stats = stats_of(store);
    }
    assert_int_equal(stats.sessions, n - 1000); /* all of them are there */
    session_make(&session, 0, 0, store, pool);
    assert_int_equal(store->ops->get(store, &found, session.key, pool), CIVIC_STORE_OK);
    for (int i = 0; i < 10; i++) { /* one more than fits: the oldest picture goes */
        session_make(&session, (apr_uint64_t)n++, SESSION, store, pool);
        assert_int_equal(store->ops->put(store, &session), CIVIC_STORE_OK);
    }
    stats = stats_of(store);
    assert_int_equal(stats.sessions, n - 1000);
    assert_int_equal(stats.evicted, 0); /* nobody was logged out */
    session_make(&session, 0, 0, store, pool);
    assert_int_equal(store->ops->get(store, &found, session.key, pool), CIVIC_STORE_MISSING);
    civic_shard_mend(only_shard(store));
    assert_null(civic_store_shm_validate(store));
    assert_int_equal(stats_of(store).sessions,
                     n - 1000); /* and it still knows which is which */
    assert_int_equal(picture_put(store, 0, LEN, life, pool), CIVIC_STORE_EXHAUSTED);
}

static void expired_pictures_make_way_for_pictures(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    int n = 0;

    while (picture_put(store, (apr_uint64_t)n, 40 * 1024, 0, pool) == CIVIC_STORE_OK
           && n < 1000) {
        n++;
    }
    assert_in_range(n, 20, 1000); /* far more than fit into half of it */
}

static void pictures_move_to_a_file_of_another_size(void **state)
{
    place_t *place = place_make(*state);
    apr_pool_t *first = subpool(*state);
    civic_store_t *store = store_open(place, MIB, first);
    civic_stored_t session, found;

    assert_int_equal(picture_put(store, 1, 40 * 1024, apr_time_from_sec(3600), *state),
                     CIVIC_STORE_OK);
    session_make(&session, 2, 100, store, *state);
    assert_int_equal(store->ops->put(store, &session), CIVIC_STORE_OK);
    apr_pool_destroy(first);
    store = store_open(place, 2 * MIB, *state);
    assert_int_equal(stats_of(store).sessions, 1);
    session_make(&session, 1, 0, store, *state);
    assert_int_equal(store->ops->get(store, &found, session.key, *state), CIVIC_STORE_OK);
    assert_true(is_intact(&found, 1));
}

/* A session that is forged inside of another's contents is never found, rebuilt or not. */
static void contents_never_pass_for_a_session(void **state)
{
    apr_pool_t *pool = *state;
    civic_store_t *store = store_open(place_make(pool), MIB, pool);
    civic_stored_t forged, carrier, found;
    entry_t entry = {.length = 0};

    session_make(&forged, 4242, 0, store, pool);
    memcpy(entry.key, forged.key, sizeof(entry.key));
    memcpy(entry.user, forged.user, sizeof(entry.user));
    entry.expires = forged.expires;
    entry.checksum = checksum_of(&entry, "");
    session_make(&carrier, 1, 5000, store, pool);
    for (apr_size_t at = 0; at + sizeof(entry) < 5000; at += 8) {
        memcpy(carrier.record.data + at, &entry, sizeof(entry));
        assert_int_equal(store->ops->put(store, &carrier), CIVIC_STORE_OK);
        civic_shard_mend(only_shard(store));
        assert_int_equal(store->ops->get(store, &found, forged.key, pool),
                         CIVIC_STORE_MISSING);
        at += 64;
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT(behaves_as_a_plain_table),
        UNIT(never_shows_what_is_not_whole),
        UNIT(survives_the_death_of_writers_at_any_instant),
        UNIT(mends_a_shard_whose_writer_died),
        UNIT(lets_the_longest_idle_go_when_it_is_full),
        UNIT(who_was_known_is_missing_once_he_has_gone),
        UNIT(lets_expired_ones_go_first),
        UNIT(pictures_make_way_for_sessions),
        UNIT(expired_pictures_make_way_for_pictures),
        UNIT(pictures_move_to_a_file_of_another_size),
        UNIT(takes_records_of_any_size_up_to_a_limit),
        UNIT(memory_of_a_session),
        UNIT(knows_whose_sessions_are_whose),
        UNIT(a_token_counts_once),
        UNIT(the_tokens_that_end_first_are_forgotten_first),
        UNIT(sessions_outlive_a_stop),
        UNIT(two_at_once_share_it),
        UNIT(another_size_takes_the_sessions_along),
        UNIT(rolls_seal_keys_over),
        UNIT(what_cannot_be_trusted_is_replaced),
        UNIT(a_place_that_cannot_be_written_is_a_fault),
        UNIT(locks_left_over_are_made_anew),
        UNIT(what_is_whole_outlives_random_damage),
        UNIT(damage_under_its_feet_is_a_missing_session),
        UNIT(contents_never_pass_for_a_session),
    };

    return UNIT_RUN("store_shm", tests);
}
