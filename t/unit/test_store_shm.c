/* The store in shared memory: against a plain model, from several processes at once, and after
 * a process died in the middle of a write. */
#include "unit.h"

#include <apr_strings.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store.h"

#define SECOND apr_time_from_sec(1)
#define START  apr_time_from_sec(1000000)

/* ---- a store, keys, records ---- */

static apr_status_t unmap(void *segment)
{
    munmap(segment, CIVIC_STORE_SHM_MIN);
    return APR_SUCCESS;
}

/* Of the least size, in memory that children share. */
static void *segment_new(apr_pool_t *pool)
{
    void *segment = mmap(NULL, CIVIC_STORE_SHM_MIN, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(segment, MAP_FAILED);
    apr_pool_cleanup_register(pool, segment, unmap, apr_pool_cleanup_null);
    assert_true(civic_store_shm_format(segment, CIVIC_STORE_SHM_MIN));
    return segment;
}

static civic_store_t *store_new(apr_pool_t *pool)
{
    civic_store_t *store = civic_store_shm_open(segment_new(pool), CIVIC_STORE_SHM_MIN, pool);

    assert_non_null(store);
    return store;
}

static const unsigned char *key_of(unsigned char key[CIVIC_STORE_KEY_LEN], int number)
{
    assert_true(civic_sha256(key, &number, sizeof(number)));
    return key;
}

static const unsigned char *user_of(unsigned char user[CIVIC_STORE_USER_LEN], int number)
{
    memset(user, number, CIVIC_STORE_USER_LEN);
    return user;
}

/* Bytes that tell which key and version they are of, whatever their number. */
static void fill(unsigned char *data, apr_size_t len, int key, apr_uint32_t version)
{
    apr_uint64_t seed = (apr_uint64_t)key << 32 | version;

    for (apr_size_t i = 0; i < len; i++) {
        data[i] = (unsigned char)(i < 4 ? version >> (8 * i) : unit_random(&seed));
    }
}

static civic_store_result put(civic_store_t *store, int key, int user, apr_uint32_t version,
                              apr_size_t len, const civic_store_times_t *times)
{
    unsigned char k[CIVIC_STORE_KEY_LEN], u[CIVIC_STORE_USER_LEN];
    unsigned char *data = test_malloc(len + 1);
    civic_bytes_t record = {data, len};
    civic_store_result result;

    fill(data, len, key, version);
    result = store->ops->put(store, key_of(k, key), user_of(u, user), &record, times);
    test_free(data);
    return result;
}

static civic_store_result put_simple(civic_store_t *store, int key, apr_size_t len)
{
    civic_store_times_t times = {.expires = START + 3600 * SECOND, .last_used = START};

    return put(store, key, 0, 1, len, &times);
}

static civic_store_result get_at(civic_store_t *store, int key, apr_time_t now,
                                 civic_bytes_t *record, apr_pool_t *pool)
{
    unsigned char k[CIVIC_STORE_KEY_LEN];
    civic_store_times_t times;

    return store->ops->get(store, key_of(k, key), now, record, &times, pool);
}

static int has(civic_store_t *store, int key, apr_pool_t *pool)
{
    civic_bytes_t record;

    return get_at(store, key, START, &record, pool) == CIVIC_STORE_OK;
}

static civic_store_stats_t stats_of(civic_store_t *store)
{
    civic_store_stats_t stats;

    assert_int_equal(store->ops->stats(store, &stats), CIVIC_STORE_OK);
    return stats;
}

/* ---- the segment ---- */

static void a_segment_of_another_layout_is_not_opened(void **state)
{
    apr_uint64_t *words = apr_pcalloc(*state, CIVIC_STORE_SHM_MIN);

    assert_null(civic_store_shm_open(words, CIVIC_STORE_SHM_MIN, *state));
    assert_true(civic_store_shm_format(words, CIVIC_STORE_SHM_MIN));
    assert_non_null(civic_store_shm_open(words, CIVIC_STORE_SHM_MIN, *state));
    assert_null(civic_store_shm_open(words, CIVIC_STORE_SHM_MIN - 4096, *state));
    words[0] ^= 1;
    assert_null(civic_store_shm_open(words, CIVIC_STORE_SHM_MIN, *state));
    words[0] ^= 1 ^ (apr_uint64_t)1 << 32;
    assert_null(civic_store_shm_open(words, CIVIC_STORE_SHM_MIN, *state));
}

static void a_segment_may_lie_at_any_address(void **state)
{
    FILE *file = tmpfile();
    void *map[2];
    civic_store_t *store[2];
    civic_bytes_t record;

    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), CIVIC_STORE_SHM_MIN), 0);
    for (int i = 0; i < 2; i++) {
        map[i] = mmap(NULL, CIVIC_STORE_SHM_MIN, PROT_READ | PROT_WRITE, MAP_SHARED,
                      fileno(file), 0);
        assert_ptr_not_equal(map[i], MAP_FAILED);
    }
    assert_true(civic_store_shm_format(map[0], CIVIC_STORE_SHM_MIN));
    for (int i = 0; i < 2; i++) {
        store[i] = civic_store_shm_open(map[i], CIVIC_STORE_SHM_MIN, *state);
    }
    assert_int_equal(put_simple(store[0], 1, 1000), CIVIC_STORE_OK);
    assert_int_equal(get_at(store[1], 1, START, &record, *state), CIVIC_STORE_OK);
    assert_int_equal(record.len, 1000);
    assert_null(civic_store_shm_validate(store[1]));
    munmap(map[0], CIVIC_STORE_SHM_MIN);
    munmap(map[1], CIVIC_STORE_SHM_MIN);
    fclose(file);
}

/* Each word of the segment changed in turn, but for those of its header: damage is told, and
 * the walk itself comes to an end whatever it finds. */
static void validate_sees_damage(void **state)
{
    apr_size_t words = CIVIC_STORE_SHM_MIN / sizeof(apr_uint32_t), told = 0;
    apr_uint32_t *segment = segment_new(*state);
    civic_store_t *store = civic_store_shm_open(segment, CIVIC_STORE_SHM_MIN, *state);

    for (int i = 0; i < 300; i++) {
        assert_int_equal(put_simple(store, i, 600), CIVIC_STORE_OK);
    }
    for (apr_size_t i = 128; i < words; i += (apr_size_t)unit_rounds(3, 61)) {
        segment[i] ^= 0x10;
        told += civic_store_shm_validate(store) != NULL;
        segment[i] ^= 0x10 ^ 0xffffffff;
        told += civic_store_shm_validate(store) != NULL;
        segment[i] ^= 0xffffffff;
    }
    assert_true(told > 900 / (apr_size_t)unit_rounds(3, 61));
    assert_null(civic_store_shm_validate(store));
}

/* ---- records ---- */

static void records_of_every_length_come_back(void **state)
{
    civic_store_t *store = store_new(*state);
    unsigned char expected[1100];

    for (apr_size_t len = 0; len <= sizeof(expected); len++) {
        civic_bytes_t record;

        assert_int_equal(put_simple(store, 1, len), CIVIC_STORE_OK);
        assert_int_equal(get_at(store, 1, START, &record, *state), CIVIC_STORE_OK);
        fill(expected, len, 1, 1);
        assert_int_equal(record.len, len);
        assert_memory_equal(record.data, expected, len);
        assert_int_equal(record.data[len], 0);
    }
    assert_int_equal(stats_of(store).sessions, 1);
    assert_null(civic_store_shm_validate(store));
}

static void no_session_takes_more_than_a_quarter(void **state)
{
    civic_store_t *store = store_new(*state);
    apr_size_t most = stats_of(store).bytes_total / 4;
    civic_bytes_t record;

    for (int i = 0; i < 2000; i++) {
        assert_int_equal(put_simple(store, i, 300), CIVIC_STORE_OK);
    }
    assert_int_equal(put_simple(store, -1, most + 1), CIVIC_STORE_TOO_LARGE);
    assert_int_equal(put_simple(store, -2, most), CIVIC_STORE_OK);
    assert_int_equal(get_at(store, -2, START, &record, *state), CIVIC_STORE_OK);
    assert_int_equal(record.len, most);
    assert_false(has(store, -1, *state));
    assert_true(has(store, 1999, *state));
    assert_null(civic_store_shm_validate(store));
}

static void a_session_ends_at_its_time(void **state)
{
    civic_store_t *store = store_new(*state);
    civic_store_times_t times = {.expires = START + 10, .last_used = START};
    unsigned char k[CIVIC_STORE_KEY_LEN];
    civic_bytes_t record;

    assert_int_equal(put(store, 1, 0, 1, 50, &times), CIVIC_STORE_OK);
    assert_int_equal(put(store, 2, 0, 1, 50, &times), CIVIC_STORE_OK);
    assert_int_equal(get_at(store, 1, START + 9, &record, *state), CIVIC_STORE_OK);
    assert_int_equal(get_at(store, 1, START + 10, &record, *state), CIVIC_STORE_MISSING);
    assert_int_equal(store->ops->touch(store, key_of(k, 2), START + 9), CIVIC_STORE_OK);
    assert_int_equal(store->ops->touch(store, key_of(k, 2), START + 10), CIVIC_STORE_MISSING);
}

static void the_longest_idle_goes_first(void **state)
{
    civic_store_t *store = store_new(*state);
    unsigned char k[CIVIC_STORE_KEY_LEN];
    int last = 0;

    while (stats_of(store).evicted == 0 && last < 5000) {
        assert_int_equal(put_simple(store, last++, 100), CIVIC_STORE_OK);
        assert_int_equal(store->ops->touch(store, key_of(k, 0), START), CIVIC_STORE_OK);
    }
    assert_true(last > 500 && last < 5000);
    assert_true(has(store, 0, *state));
    assert_false(has(store, 1, *state));
    assert_true(has(store, 2, *state));
}

static void a_users_sessions_end_together_and_no_others(void **state)
{
    civic_store_t *store = store_new(*state);
    civic_store_times_t times = {.expires = START + 10, .last_used = START};
    unsigned char u[CIVIC_STORE_USER_LEN];

    for (int i = 0; i < 30; i++) {
        assert_int_equal(put(store, i, i % 3, 1, 400, &times), CIVIC_STORE_OK);
    }
    assert_int_equal(store->ops->remove_user(store, user_of(u, 1)), CIVIC_STORE_OK);
    assert_int_equal(store->ops->remove_user(store, user_of(u, 9)), CIVIC_STORE_OK);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(has(store, i, *state), i % 3 != 1);
    }
    assert_null(civic_store_shm_validate(store));
}

/* ---- the model ---- */

enum { KEYS = 400, USERS = 8 };

typedef struct {
    int stored, user;
    apr_uint32_t version;
    apr_size_t len, bytes; /* of the record; that it takes in the store */
    civic_store_times_t times;
    apr_uint64_t use; /* the greater, the later */
} kept_t;

typedef struct {
    civic_store_t *store;
    apr_pool_t *pool; /* cleared at each step */
    kept_t kept[KEYS];
    apr_size_t count;
    apr_uint64_t uses, seed;
    apr_time_t now;
    civic_store_stats_t before; /* this step */
    int evictions, expiries;    /* that the test has seen */
} world_t;

static apr_size_t below(world_t *w, apr_size_t n)
{
    return (apr_size_t)(unit_random(&w->seed) % n);
}

static void forget(world_t *w, kept_t *kept)
{
    w->count -= (apr_size_t)kept->stored;
    kept->stored = 0;
}

static kept_t *longest_idle(world_t *w, const kept_t *but)
{
    kept_t *oldest = NULL;

    for (int i = 0; i < KEYS; i++) {
        kept_t *kept = &w->kept[i];

        if (kept->stored && kept != but && (!oldest || kept->use < oldest->use)) {
            oldest = kept;
        }
    }
    return oldest;
}

/* Who had to go: the longest idle, counted when alive, and not one more than needed. */
static apr_size_t follow_evictions(world_t *w, const kept_t *fresh)
{
    civic_store_stats_t after = stats_of(w->store);
    apr_uint64_t evicted = w->before.evicted;
    apr_size_t freed = 0, last = 0;

    while (w->count > after.sessions) {
        kept_t *oldest = longest_idle(w, fresh);

        assert_non_null(oldest);
        evicted += oldest->times.expires > w->now;
        last = oldest->bytes;
        freed += last;
        forget(w, oldest);
        w->evictions++;
    }
    assert_int_equal(after.evicted, evicted);
    assert_true(last == 0 || after.bytes_total - after.bytes_used < last);
    return after.bytes_used - w->before.bytes_used + freed;
}

static apr_size_t some_length(world_t *w)
{
    switch (below(w, 100)) {
    case 0:
        return w->before.bytes_total / 4 + below(w, 3);
    case 1:
        return below(w, 20000);
    case 2:
    case 3:
    case 4:
        return below(w, 3000);
    default:
        return below(w, 300);
    }
}

static void step_put(world_t *w, int key)
{
    kept_t *kept = &w->kept[key];
    apr_size_t len = some_length(w), replaced = kept->stored ? kept->bytes : 0;
    int user = (int)below(w, USERS);
    civic_store_times_t times = {.expires = w->now + (apr_time_t)below(w, 1000) * SECOND,
                                 .last_used = w->now};
    civic_store_result result = put(w->store, key, user, kept->version + 1, len, &times);

    if (len > w->before.bytes_total / 4) {
        assert_int_equal(result, CIVIC_STORE_TOO_LARGE);
        return;
    }
    assert_int_equal(result, CIVIC_STORE_OK);
    w->count += !kept->stored;
    *kept = (kept_t){1, user, kept->version + 1, len, 0, times, ++w->uses};
    kept->bytes = follow_evictions(w, kept) + replaced;
    assert_true(kept->bytes > len && kept->bytes <= len + len / 16 + 512);
}

/* Expired sessions may be reclaimed when they are looked at, or later. */
static int is_alive(world_t *w, kept_t *kept)
{
    if (!kept->stored || kept->times.expires > w->now) {
        return kept->stored;
    }
    w->expiries++;
    if (stats_of(w->store).sessions < w->count) {
        forget(w, kept);
    }
    return 0;
}

static void step_get(world_t *w, int key)
{
    unsigned char k[CIVIC_STORE_KEY_LEN], *expected;
    civic_bytes_t record = {NULL, 7};
    civic_store_times_t times;
    kept_t *kept = &w->kept[key];
    civic_store_result result =
        w->store->ops->get(w->store, key_of(k, key), w->now, &record, &times, w->pool);

    if (!is_alive(w, kept)) {
        assert_int_equal(result, CIVIC_STORE_MISSING);
        assert_true(record.data == NULL && record.len == 7);
        return;
    }
    assert_int_equal(result, CIVIC_STORE_OK);
    assert_int_equal(record.len, kept->len);
    expected = apr_palloc(w->pool, kept->len + 1);
    fill(expected, kept->len, key, kept->version);
    assert_true(!memcmp(record.data, expected, kept->len));
    assert_int_equal(times.expires, kept->times.expires);
    assert_int_equal(times.last_used, kept->times.last_used);
}

static void step_touch(world_t *w, int key)
{
    unsigned char k[CIVIC_STORE_KEY_LEN];
    kept_t *kept = &w->kept[key];
    civic_store_result result = w->store->ops->touch(w->store, key_of(k, key), w->now);

    if (!is_alive(w, kept)) {
        assert_int_equal(result, CIVIC_STORE_MISSING);
        return;
    }
    assert_int_equal(result, CIVIC_STORE_OK);
    kept->times.last_used = w->now;
    kept->use = ++w->uses;
}

static void step_remove(world_t *w, int key)
{
    unsigned char k[CIVIC_STORE_KEY_LEN];
    kept_t *kept = &w->kept[key];
    civic_store_result result = w->store->ops->remove(w->store, key_of(k, key));

    if (kept->times.expires > w->now || !kept->stored) {
        assert_int_equal(result, kept->stored ? CIVIC_STORE_OK : CIVIC_STORE_MISSING);
    }
    forget(w, kept);
}

static void step_remove_user(world_t *w)
{
    unsigned char u[CIVIC_STORE_USER_LEN];
    int user = (int)below(w, USERS);

    assert_int_equal(w->store->ops->remove_user(w->store, user_of(u, user)), CIVIC_STORE_OK);
    for (int i = 0; i < KEYS; i++) {
        if (w->kept[i].user == user) {
            forget(w, &w->kept[i]);
        }
    }
}

static void step(world_t *w)
{
    apr_size_t what = below(w, 1000);
    int key = (int)below(w, KEYS);

    apr_pool_clear(w->pool);
    w->before = stats_of(w->store);
    w->now += (apr_time_t)below(w, 3) * SECOND;
    if (what < 350) {
        step_put(w, key);
    }
    else if (what < 650) {
        step_get(w, key);
    }
    else if (what < 900) {
        step_touch(w, key);
    }
    else if (what < 999) {
        step_remove(w, key);
    }
    else {
        step_remove_user(w);
    }
    assert_int_equal(stats_of(w->store).sessions, w->count);
}

static void the_store_does_what_a_plain_model_does(void **state)
{
    world_t *w = apr_pcalloc(*state, sizeof(*w));
    int rounds = unit_rounds(200000, 5000);

    w->store = store_new(*state);
    w->now = START;
    apr_pool_create(&w->pool, *state);
    for (int i = 0; i < rounds; i++) {
        step(w);
        if (i % 997 == 0) {
            assert_null(civic_store_shm_validate(w->store));
        }
    }
    for (int key = 0; key < KEYS; key++) {
        step_get(w, key);
    }
    assert_null(civic_store_shm_validate(w->store));
    assert_true(w->evictions > rounds / 1000 && w->expiries > rounds / 1000);
}

/* ---- tokens seen ---- */

static void a_token_passes_once_until_it_expires(void **state)
{
    civic_store_t *store = store_new(*state);
    apr_time_t expires[40] = {0}, now = START;
    apr_uint64_t seed = 5;

    for (int i = 0; i < unit_rounds(100000, 3000); i++) {
        unsigned char k[CIVIC_STORE_KEY_LEN];
        apr_size_t key = unit_random(&seed) % COUNT(expires);
        apr_time_t until = now + 1 + (apr_time_t)(unit_random(&seed) % 100);
        civic_store_result result = store->ops->once(store, key_of(k, (int)key), until, now);

        assert_int_equal(result, expires[key] > now ? CIVIC_STORE_MISSING : CIVIC_STORE_OK);
        if (result == CIVIC_STORE_OK) {
            expires[key] = until;
        }
        now += (apr_time_t)(unit_random(&seed) % 3);
    }
}

/* When there is no room to remember, the answer is "cannot tell", never "the first time". */
static void no_token_is_forgotten_for_another(void **state)
{
    civic_store_t *store = store_new(*state);
    unsigned char k[CIVIC_STORE_KEY_LEN];
    char passed[2000] = {0};
    int count = 0;

    assert_int_equal(put_simple(store, 1, 100), CIVIC_STORE_OK);
    for (int i = 0; i < 2000; i++) {
        civic_store_result result = store->ops->once(store, key_of(k, i), START + 10, START);

        assert_true(result == CIVIC_STORE_OK || result == CIVIC_STORE_EXHAUSTED);
        passed[i] = result == CIVIC_STORE_OK;
        count += passed[i];
    }
    assert_true(count >= 32 && count < 2000);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(store->ops->once(store, key_of(k, i), START + 10, START + 9),
                         passed[i] ? CIVIC_STORE_MISSING : CIVIC_STORE_EXHAUSTED);
    }
    assert_true(has(store, 1, *state));
    assert_int_equal(store->ops->once(store, key_of(k, 1999), START + 20, START + 10),
                     CIVIC_STORE_OK);
}

/* ---- several processes ---- */

static void children_succeed(int count)
{
    for (int i = 0; i < count; i++) {
        int status = -1;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

/* Random steps on keys that others use too. @return how many records were not whole */
static int disturb(civic_store_t *store, apr_uint64_t seed, int rounds, apr_pool_t *parent)
{
    unsigned char k[CIVIC_STORE_KEY_LEN], u[CIVIC_STORE_USER_LEN], expected[2000];
    civic_store_times_t times = {.expires = START + 3600 * SECOND, .last_used = START};
    apr_pool_t *pool;
    int broken = 0;

    apr_pool_create(&pool, parent);
    for (int i = 0; i < rounds; i++) {
        int key = (int)(unit_random(&seed) % 100), what = (int)(unit_random(&seed) % 100);
        civic_bytes_t record;

        if (what < 40) {
            put(store, key, key % USERS, (apr_uint32_t)i,
                4 + unit_random(&seed) % (sizeof(expected) - 4), &times);
        }
        else if (what < 80 && get_at(store, key, START, &record, pool) == CIVIC_STORE_OK) {
            apr_uint32_t version =
                (apr_uint32_t)(record.data[0] | record.data[1] << 8 | record.data[2] << 16);

            fill(expected, record.len, key, version);
            broken += memcmp(record.data, expected, record.len) != 0;
        }
        else if (what < 90) {
            store->ops->touch(store, key_of(k, key), START);
        }
        else if (what < 99) {
            store->ops->remove(store, key_of(k, key));
        }
        else {
            store->ops->remove_user(store, user_of(u, key % USERS));
        }
        apr_pool_clear(pool);
    }
    apr_pool_destroy(pool);
    return broken;
}

static void processes_do_not_harm_each_other(void **state)
{
    civic_store_t *store = store_new(*state);

    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            _exit(disturb(store, (apr_uint64_t)i, unit_rounds(20000, 500), *state) ? 1 : 0);
        }
    }
    children_succeed(4);
    assert_null(civic_store_shm_validate(store));
    assert_int_equal(disturb(store, 9, 1000, *state), 0);
}

static void one_process_of_many_passes_with_a_token(void **state)
{
    civic_store_t *store = store_new(*state);
    atomic_int *passed =
        mmap(NULL, sizeof(*passed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            for (int key = 0; key < 60; key++) {
                unsigned char k[CIVIC_STORE_KEY_LEN];

                if (store->ops->once(store, key_of(k, key), START + 10, START)
                    == CIVIC_STORE_OK) {
                    atomic_fetch_add(passed, 1);
                }
            }
            _exit(0);
        }
    }
    children_succeed(4);
    assert_int_equal(atomic_load(passed), 60);
    munmap(passed, sizeof(*passed));
}

/* ---- death ---- */

/* A record that lies where nothing may be read: the put dies while it copies, with the lock. */
static void die_while_writing(civic_store_t *store)
{
    unsigned char k[CIVIC_STORE_KEY_LEN], u[CIVIC_STORE_USER_LEN];
    civic_store_times_t times = {.expires = START + 10, .last_used = START};
    struct rlimit no_core = {0, 0};
    civic_bytes_t record = {mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                            1000};

    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGSEGV, SIG_DFL);
    store->ops->put(store, key_of(k, 77), user_of(u, 1), &record, &times);
    _exit(0);
}

static void a_death_while_writing_is_recovered_from(void **state)
{
    civic_store_t *store = store_new(*state);
    unsigned char k[CIVIC_STORE_KEY_LEN];
    int status = 0;

    assert_int_equal(put_simple(store, 1, 500), CIVIC_STORE_OK);
    assert_int_equal(store->ops->once(store, key_of(k, 5), START + 10, START), CIVIC_STORE_OK);
    if (fork() == 0) {
        die_while_writing(store);
    }
    assert_true(wait(&status) > 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_false(has(store, 77, *state));
    assert_null(civic_store_shm_validate(store));
    assert_int_equal(put_simple(store, 2, 500), CIVIC_STORE_OK);
    assert_true(has(store, 2, *state));
    /* whatever else was lost, a code that was used stays used */
    assert_int_equal(store->ops->once(store, key_of(k, 5), START + 10, START),
                     CIVIC_STORE_MISSING);
    assert_int_equal(disturb(store, 3, 1000, *state), 0);
    assert_null(civic_store_shm_validate(store));
}

static void a_kill_at_any_moment_is_recovered_from(void **state)
{
    civic_store_t *store = store_new(*state);

    for (int i = 0; i < unit_rounds(50, 3); i++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            for (apr_uint64_t seed = (apr_uint64_t)i;; seed++) {
                disturb(store, seed, 1000, *state);
            }
        }
        usleep((useconds_t)(500 + 37 * i));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_null(civic_store_shm_validate(store));
        assert_int_equal(disturb(store, 1, 100, *state), 0);
        assert_null(civic_store_shm_validate(store));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_segment_of_another_layout_is_not_opened),
        UNIT(a_segment_may_lie_at_any_address),
        UNIT(validate_sees_damage),
        UNIT(records_of_every_length_come_back),
        UNIT(no_session_takes_more_than_a_quarter),
        UNIT(a_session_ends_at_its_time),
        UNIT(the_longest_idle_goes_first),
        UNIT(a_users_sessions_end_together_and_no_others),
        UNIT(the_store_does_what_a_plain_model_does),
        UNIT(a_token_passes_once_until_it_expires),
        UNIT(no_token_is_forgotten_for_another),
        UNIT(processes_do_not_harm_each_other),
        UNIT(one_process_of_many_passes_with_a_token),
        UNIT(a_death_while_writing_is_recovered_from),
        UNIT(a_kill_at_any_moment_is_recovered_from),
    };

    return UNIT_RUN("store_shm", tests);
}
