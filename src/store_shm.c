/* store_shm.c - sessions in a mapped file. See store_shm.h.
 *
 *   +--------+---------------------+---------+---------+-- ... --+
 *   | header | seen[SEEN_COUNT...] | shard 0 | shard 1 |         |
 *   +--------+---------------------+---------+---------+-- ... --+
 *
 * A session's shard follows from the first bytes of its key; so does the slot of a one-time
 * token in `seen`. What a shard looks like: shm_shard.h. Everything's place follows from the
 * file's size, the header says only whether the file is ours.
 */
#include "store_shm.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shm_file.h"
#include "shm_shard.h"

static const char magic[16] = "civic sessions\n";

enum {
    LAYOUT = 4,
    WORD_ORDER = 0x01020304,
    FINGERPRINT = 16,
    BOOT_ID = 36,
    PAGE = 4096,
    SEEN_PROBES = 64,
    SEEN_SHARE = 16, /* of the file's size, for one-time tokens: as many as sessions fit */
    SHARDS_MAX = 64
};
#define SHARD_LEAST (4 * 1024 * 1024) /* bytes: a record of 1 MiB fits */

typedef struct {
    char magic[16];
    apr_uint32_t layout, word_order, long_size;
    apr_uint64_t size;
    unsigned char fingerprint[FINGERPRINT]; /* of the seal key that is in use */
    char boot_id[BOOT_ID];
    apr_time_t wall, steady; /* one instant, on both clocks: see shm_now */
    pthread_mutex_t seen_lock;
    apr_time_t said_full, said_nearly; /* by shm_now: the operator was told */
} header_t;

typedef struct {
    unsigned char key[16]; /* of the token's digest, cut */
    apr_time_t expires;    /* by shm_now */
} seen_t;

typedef struct {
    civic_shm_file_t *file;
    header_t *header;
    seen_t *seen;
    apr_uint32_t seen_count;
    apr_uint32_t shard_count; /* a power of two */
    civic_shard_t shards[SHARDS_MAX];
    const civic_store_env_t *env;
} shm_t;

/* ---- geometry ---- */

static void locate(shm_t *shm, civic_shm_file_t *file)
{
    char *base = file->base;
    apr_size_t seen_bytes = file->size / SEEN_SHARE / PAGE * PAGE, left, each;

    shm->file = file;
    shm->header = file->base;
    shm->seen = (seen_t *)(base + PAGE);
    shm->seen_count = (apr_uint32_t)(seen_bytes / sizeof(seen_t));
    left = file->size - PAGE - seen_bytes;
    shm->shard_count = 1;
    while (shm->shard_count < SHARDS_MAX && left / (2 * shm->shard_count) >= SHARD_LEAST) {
        shm->shard_count *= 2;
    }
    each = left / shm->shard_count / PAGE * PAGE;
    for (apr_uint32_t i = 0; i < shm->shard_count; i++) {
        civic_shard_locate(&shm->shards[i], base + PAGE + seen_bytes + i * each, each);
    }
}

static civic_shard_t *shard_of(shm_t *shm, const unsigned char *key)
{
    apr_uint32_t n;

    memcpy(&n, key, sizeof(n));
    return &shm->shards[n & (shm->shard_count - 1)];
}

/* ---- the clock ---- */

static apr_time_t clock_read(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000;
}

/* It goes on when the system's clock is set forward or back. */
static apr_time_t now_of(const shm_t *shm)
{
    return shm->header->wall + clock_read(CLOCK_BOOTTIME) - shm->header->steady;
}

/* One word for the time since this machine was started. */
static void boot_id_read(char id[BOOT_ID])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    memset(id, 0, BOOT_ID);
    if (fd >= 0) {
        if (read(fd, id, BOOT_ID) != BOOT_ID) {
            memset(id, 0, BOOT_ID);
        }
        close(fd);
    }
}

/* A steady clock starts anew with the machine. */
static void clock_start(header_t *header)
{
    boot_id_read(header->boot_id);
    header->wall = clock_read(CLOCK_REALTIME);
    header->steady = clock_read(CLOCK_BOOTTIME);
}

/* ---- the file ---- */

static int fingerprint(unsigned char out[FINGERPRINT], const unsigned char *key)
{
    unsigned char digest[CIVIC_SHA256_LEN];

    if (!civic_sha256(digest, key, CIVIC_SEAL_KEY_LEN)) {
        return 0;
    }
    memcpy(out, digest, FINGERPRINT);
    return 1;
}

static int sealed_by(const header_t *header, const civic_seal_keys_t *keys)
{
    unsigned char mark[FINGERPRINT];

    return (fingerprint(mark, keys->current)
            && civic_equal(mark, header->fingerprint, FINGERPRINT))
           || (keys->has_previous && fingerprint(mark, keys->previous)
               && civic_equal(mark, header->fingerprint, FINGERPRINT));
}

/* NULL when the file is a store of ours. */
static const char *distrust(const civic_shm_file_t *file, const civic_seal_keys_t *keys)
{
    const header_t *header = file->base;

    if (memcmp(header->magic, magic, sizeof(magic))) {
        return "it is not a session store";
    }
    if (header->layout != LAYOUT || header->word_order != WORD_ORDER
        || header->long_size != sizeof(long)) {
        return "it is of another version of this module or another kind of machine";
    }
    if (header->size != file->size) {
        return "it was cut short or grew";
    }
    return sealed_by(header, keys) ? NULL : "it was made with another seal key";
}

static int seen_relock(header_t *header)
{
    pthread_mutexattr_t attr;
    int ok;

    if (pthread_mutexattr_init(&attr)) {
        return 0;
    }
    memset(&header->seen_lock, 0, sizeof(header->seen_lock));
    ok = !pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED)
         && !pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST)
         && !pthread_mutex_init(&header->seen_lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return ok;
}

static int format(shm_t *shm)
{
    header_t *header = shm->header;

    header->layout = LAYOUT;
    header->word_order = WORD_ORDER;
    header->long_size = sizeof(long);
    header->size = shm->file->size;
    clock_start(header);
    if (!fingerprint(header->fingerprint, shm->env->seal_keys->current)
        || !seen_relock(header)) {
        return 0;
    }
    for (apr_uint32_t i = 0; i < shm->shard_count; i++) {
        if (!civic_shard_format(&shm->shards[i])) {
            return 0;
        }
    }
    memcpy(header->magic, magic, sizeof(magic));
    return 1;
}

static void say(const shm_t *shm, civic_loudness loudness, const char *line)
{
    shm->env->say(shm->env->say_baton, loudness, line);
}

/* A file that nobody else uses: locks may be left over, the machine may have been stopped in
 * the middle of anything. */
static int put_in_order(shm_t *shm)
{
    header_t *header = shm->header;
    char boot_id[BOOT_ID];

    boot_id_read(boot_id);
    if (memcmp(boot_id, header->boot_id, BOOT_ID)) {
        clock_start(header);
    }
    if (!seen_relock(header)) {
        return 0;
    }
    for (apr_uint32_t i = 0; i < shm->shard_count; i++) {
        const char *fault;

        if (!civic_shard_relock(&shm->shards[i])) {
            return 0;
        }
        fault = civic_shard_validate(&shm->shards[i]);
        if (fault) {
            say(shm, CIVIC_LOUD_WARN,
                apr_psprintf(shm->env->pool,
                             "the session store was left in disorder (%s); sessions that are "
                             "whole stay",
                             fault));
            civic_shard_mend(&shm->shards[i]);
        }
    }
    return 1;
}

static shm_t *open_existing(const civic_store_env_t *env, const char *path, const char **why)
{
    civic_shm_file_t *file = civic_shm_file_open(path, CIVIC_STORE_SHM_MIN, why, env->pool);
    shm_t *shm;

    if (!file) {
        return NULL;
    }
    *why = distrust(file, env->seal_keys);
    if (*why) {
        civic_shm_file_close(file, env->pool);
        return NULL;
    }
    shm = apr_pcalloc(env->pool, sizeof(*shm));
    shm->env = env;
    locate(shm, file);
    if (file->alone && !put_in_order(shm)) {
        *why = "its locks cannot be made anew";
        civic_shm_file_close(file, env->pool);
        return NULL;
    }
    /* A key that was rolled over: the one now in use marks the file. */
    fingerprint(shm->header->fingerprint, env->seal_keys->current);
    return shm;
}

/* ---- moving to a file of another size ---- */

typedef struct {
    shm_t *to;
    apr_time_t shift; /* from the old file's clock to the new one's */
    apr_uint64_t moved;
} move_t;

static void move_one(void *baton, const civic_stored_t *session)
{
    move_t *move = baton;
    civic_stored_t copy = *session;

    copy.expires += move->shift;
    copy.last_used += move->shift;
    if (civic_shard_put(shard_of(move->to, copy.key), &copy, now_of(move->to))
        == CIVIC_STORE_OK) {
        move->moved++;
    }
}

static void move_all(shm_t *to, shm_t *from)
{
    move_t move = {to, now_of(to) - now_of(from), 0};
    apr_pool_t *pool;

    for (apr_uint32_t i = 0; i < from->shard_count; i++) {
        apr_pool_create(&pool, to->env->pool);
        civic_shard_visit(&from->shards[i], NULL, move_one, &move, pool);
        apr_pool_destroy(pool);
    }
    say(to, CIVIC_LOUD_WARN,
        apr_psprintf(to->env->pool,
                     "the session store's size changes from %" APR_SIZE_T_FMT
                     " to %" APR_SIZE_T_FMT " bytes: %" APR_UINT64_T_FMT
                     " sessions were moved over",
                     from->file->size, to->file->size, move.moved));
}

static shm_t *make_new(const civic_store_env_t *env, const char *path, apr_size_t size,
                       shm_t *old, const char **fault)
{
    const char *temporary;
    civic_shm_file_t *file = civic_shm_file_make(&temporary, path, size, fault, env->pool);
    shm_t *shm;

    if (!file) {
        return NULL;
    }
    shm = apr_pcalloc(env->pool, sizeof(*shm));
    shm->env = env;
    locate(shm, file);
    if (!format(shm)) {
        *fault = "the locks of the session store cannot be made";
        unlink(temporary);
        return NULL;
    }
    if (old) {
        move_all(shm, old);
    }
    *fault = civic_shm_file_name(temporary, path, env->pool);
    return *fault ? NULL : shm;
}

/* ---- the interface ---- */

static void shm_child_init(civic_store_t *store, apr_pool_t *pchild)
{
}

static apr_time_t shm_now(civic_store_t *store)
{
    return now_of(store->state);
}

/* Once in a while over all processes. @return 1 for the one who is to say it */
static int is_due(apr_time_t *said, apr_time_t now, apr_interval_time_t every)
{
    apr_time_t last = __atomic_load_n(said, __ATOMIC_RELAXED);

    return (last == 0 || now - last >= every)
           && __atomic_compare_exchange_n(said, &last, now, 0, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED);
}

static void say_room(shm_t *shm, const char *what, const civic_store_stats_t *stats)
{
    char line[300];

    apr_snprintf(line, sizeof(line),
                 "%s: %" APR_UINT64_T_FMT " sessions take %" APR_UINT64_T_FMT
                 " of %" APR_UINT64_T_FMT " bytes, %" APR_UINT64_T_FMT
                 " had to go so far: raise the size in CivicSessionStore",
                 what, stats->sessions, stats->bytes_used, stats->bytes_total, stats->evicted);
    say(shm, CIVIC_LOUD_WARN, line);
}

static void watch_room(shm_t *shm, const civic_shard_t *shard, apr_uint64_t evicted_before,
                       apr_time_t now)
{
    civic_store_stats_t own = {0}, all = {0};

    civic_shard_stats(shard, &own);
    if (own.bytes_used < own.bytes_total / 5 * 4) {
        return;
    }
    for (apr_uint32_t i = 0; i < shm->shard_count; i++) {
        civic_shard_stats(&shm->shards[i], &all);
    }
    if (own.evicted > evicted_before
        && is_due(&shm->header->said_full, now, apr_time_from_sec(60))) {
        say_room(shm, "the session store is full, who was idle for longest is logged out",
                 &all);
    }
    else if (all.bytes_used >= all.bytes_total / 5 * 4
             && is_due(&shm->header->said_nearly, now, apr_time_from_sec(3600))) {
        say_room(shm, "the session store is four fifths full", &all);
    }
}

static civic_store_result shm_put(civic_store_t *store, const civic_stored_t *session)
{
    shm_t *shm = store->state;
    civic_shard_t *shard = shard_of(shm, session->key);
    civic_store_stats_t before = {0};
    apr_time_t now = now_of(shm);
    civic_store_result result;

    civic_shard_stats(shard, &before);
    result = civic_shard_put(shard, session, now);
    watch_room(shm, shard, before.evicted, now);
    return result;
}

static civic_store_result shm_get(civic_store_t *store, civic_stored_t *session,
                                  const unsigned char *key, apr_pool_t *pool)
{
    return civic_shard_get(shard_of(store->state, key), session, key, shm_now(store), pool);
}

static civic_store_result shm_look(civic_store_t *store, civic_stored_t *session,
                                   apr_pool_t *pool)
{
    return civic_shard_look(shard_of(store->state, session->key), session, shm_now(store),
                            pool);
}

static civic_store_result shm_touch(civic_store_t *store, const unsigned char *key,
                                    apr_pool_t *pool)
{
    return civic_shard_touch(shard_of(store->state, key), key, shm_now(store));
}

static civic_store_result shm_remove(civic_store_t *store, const unsigned char *key,
                                     const unsigned char *user, apr_pool_t *pool)
{
    return civic_shard_remove(shard_of(store->state, key), key);
}

/* A user's sessions may be in any shard; all are asked, even when one cannot answer. */
static civic_store_result shm_remove_user(civic_store_t *store, const unsigned char *user,
                                          int *count, apr_pool_t *pool)
{
    shm_t *shm = store->state;
    civic_store_result result = CIVIC_STORE_OK;
    int removed = 0;

    for (apr_uint32_t i = 0; i < shm->shard_count; i++) {
        if (civic_shard_remove_user(&shm->shards[i], user, &removed) != CIVIC_STORE_OK) {
            result = CIVIC_STORE_DOWN;
        }
    }
    *count = removed;
    return result;
}

static civic_store_result shm_visit_user(civic_store_t *store, const unsigned char *user,
                                         civic_store_visit_fn *visit, void *baton,
                                         apr_pool_t *pool)
{
    shm_t *shm = store->state;
    civic_store_result result = CIVIC_STORE_OK;

    for (apr_uint32_t i = 0; i < shm->shard_count && result == CIVIC_STORE_OK; i++) {
        result = civic_shard_visit(&shm->shards[i], user, visit, baton, pool);
    }
    return result;
}

/* Under the lock. A slot whose time has passed is taken, else that of the token that ends
 * first: Civic refuses it as well, and nobody is turned away because tokens are many. */
static civic_store_result note_seen(shm_t *shm, const unsigned char *key, apr_time_t expires,
                                    apr_time_t now)
{
    seen_t *slot = NULL;
    apr_uint32_t n;

    memcpy(&n, key, sizeof(n));
    for (apr_uint32_t i = 0; i < SEEN_PROBES; i++) {
        seen_t *each = &shm->seen[(n + i) % shm->seen_count];

        if (each->expires > now && !memcmp(each->key, key, sizeof(each->key))) {
            return CIVIC_STORE_MISSING;
        }
        if (!slot || each->expires < slot->expires) {
            slot = each;
        }
    }
    /* In this order: a process that dies in between leaves the slot unused. */
    slot->expires = 0;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(slot->key, key, sizeof(slot->key));
    __atomic_store_n(&slot->expires, expires, __ATOMIC_RELEASE);
    return CIVIC_STORE_OK;
}

static civic_store_result shm_once(civic_store_t *store, const unsigned char *key,
                                   apr_time_t expires, apr_pool_t *pool)
{
    shm_t *shm = store->state;
    apr_time_t now = now_of(shm);
    civic_store_result result;
    struct timespec end;
    int rc;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 2;
    rc = pthread_mutex_timedlock(&shm->header->seen_lock, &end);
    if (rc == EOWNERDEAD) {
        rc = pthread_mutex_consistent(&shm->header->seen_lock);
    }
    if (rc) {
        return CIVIC_STORE_DOWN;
    }
    result = note_seen(shm, key, expires - clock_read(CLOCK_REALTIME) + now, now);
    pthread_mutex_unlock(&shm->header->seen_lock);
    return result;
}

static civic_store_result shm_stats(civic_store_t *store, civic_store_stats_t *stats)
{
    shm_t *shm = store->state;

    memset(stats, 0, sizeof(*stats));
    for (apr_uint32_t i = 0; i < shm->shard_count; i++) {
        civic_shard_stats(&shm->shards[i], stats);
    }
    return CIVIC_STORE_OK;
}

static const civic_store_ops_t shm_ops = {
    "shm",      shm_child_init,  shm_now,        shm_put,  shm_get,   shm_touch,
    shm_remove, shm_remove_user, shm_visit_user, shm_once, shm_stats, shm_look};

civic_store_t *civic_store_shm_open(const civic_store_env_t *env, const char *path,
                                    apr_size_t size, const char **fault)
{
    civic_store_t *store = apr_palloc(env->pool, sizeof(*store));
    const char *why = NULL;
    shm_t *old = open_existing(env, path, &why), *shm = old;

    if (why) {
        env->say(env->say_baton, CIVIC_LOUD_WARN,
                 apr_psprintf(env->pool,
                              "the session store %s is not used: %s; it starts empty", path,
                              why));
    }
    if (!old || old->file->size != size) {
        shm = make_new(env, path, size, old, fault);
        if (old) {
            civic_shm_file_close(old->file, env->pool);
        }
    }
    if (!shm) {
        return NULL;
    }
    civic_shm_file_share(shm->file);
    store->ops = &shm_ops;
    store->state = shm;
    return store;
}

apr_uint64_t civic_store_shm_room(civic_store_t *store, apr_size_t record_len)
{
    shm_t *shm = store->state;

    return (apr_uint64_t)shm->shard_count * shm->shards[0].block_count
           / civic_shard_blocks(record_len);
}

struct civic_shard *civic_store_shm_shard(civic_store_t *store, const unsigned char *key)
{
    return shard_of(store->state, key);
}

const char *civic_store_shm_validate(civic_store_t *store)
{
    shm_t *shm = store->state;
    const char *fault = NULL;

    for (apr_uint32_t i = 0; i < shm->shard_count && !fault; i++) {
        fault = civic_shard_validate(&shm->shards[i]);
    }
    return fault;
}
