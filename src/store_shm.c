/* store_shm.c - sessions in shared memory.
 *
 *   +--------+---------------------+------------------------+--------------------------------+
 *   | header | seen[seen_count]    | buckets[bucket_count]  | blocks[block_count], 256 bytes |
 *   +--------+---------------------+------------------------+--------------------------------+
 *
 *   block, first of a session: entry_t (key, times, links) | record ...
 *   block, further ones:       next(4) | record ...
 *
 * A bucket heads a chain of sessions (entry_t.chain); blocks of one session are linked by
 * `next`; free blocks too. All sessions are in one list by last use, oldest first. Links are
 * block numbers plus one, 0 is none: no pointers, so that each process may map the segment
 * where it likes.
 *
 * One robust lock guards everything. Whoever gets it after a process died with it walks the
 * structure, and starts empty when it is not whole.
 */
#include "store.h"

#include <apr_strings.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define MAGIC 0x43495643u /* "CIVC" */
enum { LAYOUT = 1, BLOCK = 256, SEEN_PROBES = 64 };

typedef apr_uint32_t link_t;

typedef struct {
    unsigned char key[16]; /* of the token's digest, cut */
    apr_time_t expires;
} seen_t;

typedef struct {
    link_t next; /* of this session's blocks; must stay first, as in further blocks */
    link_t chain;
    link_t older, newer;
    unsigned char key[CIVIC_STORE_KEY_LEN];
    unsigned char user[CIVIC_STORE_USER_LEN];
    civic_store_times_t times;
    apr_uint32_t length;
} entry_t;

typedef struct {
    apr_uint32_t magic, layout;
    apr_uint64_t size;
    pthread_mutex_t lock;
    apr_uint32_t seen_count, bucket_count, block_count;
    link_t free_head, oldest, newest;
    apr_uint32_t free_count, sessions;
    apr_uint64_t evicted;
} header_t;

typedef struct {
    header_t *header;
    seen_t *seen;
    link_t *buckets;
    unsigned char *blocks;
} shm_t;

enum { FIRST_ROOM = BLOCK - sizeof(entry_t), NEXT_ROOM = BLOCK - sizeof(link_t) };

static apr_size_t round_up(apr_size_t n)
{
    return (n + 63) & ~(apr_size_t)63;
}

static void locate(shm_t *shm, void *segment)
{
    unsigned char *base = segment;

    shm->header = segment;
    base += round_up(sizeof(header_t));
    shm->seen = (seen_t *)base;
    base += round_up(shm->header->seen_count * sizeof(seen_t));
    shm->buckets = (link_t *)base;
    base += round_up(shm->header->bucket_count * sizeof(link_t));
    shm->blocks = base;
}

static entry_t *entry_at(const shm_t *shm, link_t link)
{
    return (entry_t *)(shm->blocks + (apr_size_t)(link - 1) * BLOCK);
}

static link_t *next_of(const shm_t *shm, link_t link)
{
    return (link_t *)(shm->blocks + (apr_size_t)(link - 1) * BLOCK);
}

/* Keys are digests: any of their bytes are a good hash. */
static link_t *bucket_of(const shm_t *shm, const unsigned char *key)
{
    apr_uint32_t n;

    memcpy(&n, key, sizeof(n));
    return &shm->buckets[n % shm->header->bucket_count];
}

static void make_empty(shm_t *shm)
{
    header_t *h = shm->header;

    memset(shm->buckets, 0, h->bucket_count * sizeof(link_t));
    h->free_head = h->block_count ? 1 : 0;
    for (link_t i = 1; i <= h->block_count; i++) {
        *next_of(shm, i) = i < h->block_count ? i + 1 : 0;
    }
    h->free_count = h->block_count;
    h->oldest = h->newest = 0;
    h->sessions = 0;
}

/* ---- the walk -----------------------------------------------------------------------------
 */

/* Blocks of one session: as many as its length needs, none out of range. 0 when not so. */
static apr_uint32_t walk_blocks(const shm_t *shm, link_t link)
{
    apr_uint32_t limit = shm->header->block_count, left, count = 1;
    const entry_t *e = entry_at(shm, link);

    left = e->length > FIRST_ROOM ? e->length - FIRST_ROOM : 0;
    for (link = e->next; link; link = *next_of(shm, link)) {
        if (link > limit || ++count > limit || left == 0) {
            return 0;
        }
        left = left > NEXT_ROOM ? left - NEXT_ROOM : 0;
    }
    return left ? 0 : count;
}

static const char *walk_sessions(const shm_t *shm, apr_uint32_t *blocks)
{
    const header_t *h = shm->header;
    apr_uint32_t sessions = 0;
    link_t before = 0;

    for (link_t link = h->oldest; link; link = entry_at(shm, link)->newer) {
        apr_uint32_t n;

        if (link > h->block_count || ++sessions > h->sessions) {
            return "the list by last use leaves the segment or is too long";
        }
        if (entry_at(shm, link)->older != before) {
            return "the list by last use is not linked back";
        }
        n = walk_blocks(shm, link);
        if (n == 0) {
            return "a session's blocks do not fit its length";
        }
        *blocks += n;
        before = link;
    }
    return sessions == h->sessions && h->newest == before ? NULL
                                                          : "the list by last use is cut";
}

static const char *walk_buckets(const shm_t *shm)
{
    const header_t *h = shm->header;
    apr_uint32_t sessions = 0;

    for (apr_uint32_t i = 0; i < h->bucket_count; i++) {
        for (link_t link = shm->buckets[i]; link; link = entry_at(shm, link)->chain) {
            if (link > h->block_count || ++sessions > h->sessions) {
                return "a hash chain leaves the segment or is too long";
            }
            if (bucket_of(shm, entry_at(shm, link)->key) != &shm->buckets[i]) {
                return "a session is in the wrong hash chain";
            }
        }
    }
    return sessions == h->sessions ? NULL : "a session is in no hash chain";
}

static const char *walk(const shm_t *shm)
{
    const header_t *h = shm->header;
    apr_uint32_t blocks = 0, unused = 0;
    const char *fault = walk_sessions(shm, &blocks);

    if (!fault) {
        fault = walk_buckets(shm);
    }
    for (link_t link = h->free_head; link && !fault; link = *next_of(shm, link)) {
        if (link > h->block_count || ++unused > h->free_count) {
            fault = "the list of free blocks leaves the segment or is too long";
        }
    }
    if (!fault && (unused != h->free_count || blocks + unused != h->block_count)) {
        fault = "blocks are lost";
    }
    return fault;
}

/* ---- the lock -----------------------------------------------------------------------------
 */

static int lock(const shm_t *shm)
{
    int rc = pthread_mutex_lock(&shm->header->lock);

    if (rc == EOWNERDEAD) {
        shm_t whole = *shm;

        if (walk(shm)) {
            make_empty(&whole);
        }
        pthread_mutex_consistent(&shm->header->lock);
        return 1;
    }
    return rc == 0;
}

static void unlock(const shm_t *shm)
{
    pthread_mutex_unlock(&shm->header->lock);
}

static int lock_make(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;
    int ok;

    if (pthread_mutexattr_init(&attr)) {
        return 0;
    }
    ok = !pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED)
         && !pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST)
         && !pthread_mutex_init(mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return ok;
}

/* ---- sessions, all under the lock ----------------------------------------------------------
 */

static link_t find(const shm_t *shm, const unsigned char *key)
{
    link_t link = *bucket_of(shm, key);

    while (link && !civic_equal(entry_at(shm, link)->key, key, CIVIC_STORE_KEY_LEN)) {
        link = entry_at(shm, link)->chain;
    }
    return link;
}

static void list_take_out(shm_t *shm, entry_t *e)
{
    header_t *h = shm->header;

    *(e->older ? &entry_at(shm, e->older)->newer : &h->oldest) = e->newer;
    *(e->newer ? &entry_at(shm, e->newer)->older : &h->newest) = e->older;
}

static void list_append(shm_t *shm, link_t link)
{
    header_t *h = shm->header;
    entry_t *e = entry_at(shm, link);

    e->older = h->newest;
    e->newer = 0;
    *(h->newest ? &entry_at(shm, h->newest)->newer : &h->oldest) = link;
    h->newest = link;
}

static void drop(shm_t *shm, link_t link)
{
    header_t *h = shm->header;
    entry_t *e = entry_at(shm, link);
    link_t *at = bucket_of(shm, e->key);
    link_t last = link;
    apr_uint32_t blocks = 1;

    while (*at != link) {
        at = &entry_at(shm, *at)->chain;
    }
    *at = e->chain;
    list_take_out(shm, e);
    h->sessions--;
    while (*next_of(shm, last)) {
        last = *next_of(shm, last);
        blocks++;
    }
    *next_of(shm, last) = h->free_head;
    h->free_head = link;
    h->free_count += blocks;
}

static apr_uint32_t blocks_for(apr_size_t len)
{
    return len <= FIRST_ROOM
               ? 1
               : 1 + (apr_uint32_t)((len - FIRST_ROOM + NEXT_ROOM - 1) / NEXT_ROOM);
}

/* Whoever was idle for longest goes first, expired or not. */
static void make_room(shm_t *shm, apr_uint32_t blocks, apr_time_t now)
{
    header_t *h = shm->header;

    while (h->free_count < blocks && h->oldest) {
        if (entry_at(shm, h->oldest)->times.expires > now) {
            h->evicted++;
        }
        drop(shm, h->oldest);
    }
}

static link_t take_block(shm_t *shm)
{
    link_t link = shm->header->free_head;

    shm->header->free_head = *next_of(shm, link);
    shm->header->free_count--;
    return link;
}

static void write_record(shm_t *shm, link_t link, const civic_bytes_t *record)
{
    entry_t *e = entry_at(shm, link);
    const unsigned char *data = record->data;
    apr_size_t left = record->len, n = left < FIRST_ROOM ? left : FIRST_ROOM;
    link_t *next = &e->next;

    e->length = (apr_uint32_t)record->len;
    memcpy(e + 1, data, n);
    while (left > n) {
        data += n;
        left -= n;
        n = left < NEXT_ROOM ? left : NEXT_ROOM;
        *next = take_block(shm);
        memcpy(next_of(shm, *next) + 1, data, n);
        next = next_of(shm, *next);
    }
    *next = 0;
}

static void read_record(const shm_t *shm, const entry_t *e, civic_bytes_t *record,
                        apr_pool_t *pool)
{
    apr_size_t left = e->length, n = left < FIRST_ROOM ? left : FIRST_ROOM;
    unsigned char *out = apr_palloc(pool, left + 1);
    link_t next = e->next;

    record->data = out;
    record->len = left;
    memcpy(out, e + 1, n);
    while (left > n) {
        out += n;
        left -= n;
        n = left < NEXT_ROOM ? left : NEXT_ROOM;
        memcpy(out, next_of(shm, next) + 1, n);
        next = *next_of(shm, next);
    }
    out[n] = '\0';
}

/* ---- the interface ---- */

static civic_store_result shm_put(civic_store_t *store, const unsigned char *key,
                                  const unsigned char *user, const civic_bytes_t *record,
                                  const civic_store_times_t *times)
{
    shm_t *shm = store->state;
    apr_uint32_t blocks;
    link_t link, *bucket;
    entry_t *e;

    /* No single session may push out more than a quarter of all others. */
    if (record->len > (apr_size_t)shm->header->block_count * BLOCK / 4) {
        return CIVIC_STORE_TOO_LARGE;
    }
    blocks = blocks_for(record->len);
    if (!lock(shm)) {
        return CIVIC_STORE_DOWN;
    }
    link = find(shm, key);
    if (link) {
        drop(shm, link);
    }
    make_room(shm, blocks, times->last_used);
    link = take_block(shm);
    e = entry_at(shm, link);
    memcpy(e->key, key, sizeof(e->key));
    memcpy(e->user, user, sizeof(e->user));
    e->times = *times;
    write_record(shm, link, record);
    bucket = bucket_of(shm, key);
    e->chain = *bucket;
    *bucket = link;
    list_append(shm, link);
    shm->header->sessions++;
    unlock(shm);
    return CIVIC_STORE_OK;
}

static civic_store_result shm_get(civic_store_t *store, const unsigned char *key,
                                  apr_time_t now, civic_bytes_t *record,
                                  civic_store_times_t *times, apr_pool_t *pool)
{
    shm_t *shm = store->state;
    civic_store_result result = CIVIC_STORE_MISSING;
    link_t link;

    if (!lock(shm)) {
        return CIVIC_STORE_DOWN;
    }
    link = find(shm, key);
    if (link && entry_at(shm, link)->times.expires <= now) {
        drop(shm, link);
    }
    else if (link) {
        read_record(shm, entry_at(shm, link), record, pool);
        *times = entry_at(shm, link)->times;
        result = CIVIC_STORE_OK;
    }
    unlock(shm);
    return result;
}

static civic_store_result shm_touch(civic_store_t *store, const unsigned char *key,
                                    apr_time_t now)
{
    shm_t *shm = store->state;
    civic_store_result result = CIVIC_STORE_MISSING;
    link_t link;

    if (!lock(shm)) {
        return CIVIC_STORE_DOWN;
    }
    link = find(shm, key);
    if (link && entry_at(shm, link)->times.expires <= now) {
        drop(shm, link);
    }
    else if (link) {
        entry_at(shm, link)->times.last_used = now;
        list_take_out(shm, entry_at(shm, link));
        list_append(shm, link);
        result = CIVIC_STORE_OK;
    }
    unlock(shm);
    return result;
}

static civic_store_result shm_remove(civic_store_t *store, const unsigned char *key)
{
    shm_t *shm = store->state;
    link_t link;

    if (!lock(shm)) {
        return CIVIC_STORE_DOWN;
    }
    link = find(shm, key);
    if (link) {
        drop(shm, link);
    }
    unlock(shm);
    return link ? CIVIC_STORE_OK : CIVIC_STORE_MISSING;
}

static civic_store_result shm_remove_user(civic_store_t *store, const unsigned char *user)
{
    shm_t *shm = store->state;

    if (!lock(shm)) {
        return CIVIC_STORE_DOWN;
    }
    for (link_t link = shm->header->oldest, next; link; link = next) {
        next = entry_at(shm, link)->newer;
        if (!memcmp(entry_at(shm, link)->user, user, CIVIC_STORE_USER_LEN)) {
            drop(shm, link);
        }
    }
    unlock(shm);
    return CIVIC_STORE_OK;
}

/* Under the lock. The first slot of the probe whose time has passed is taken. */
static civic_store_result note_seen(shm_t *shm, const unsigned char *key, apr_time_t expires,
                                    apr_time_t now)
{
    apr_uint32_t n, count = shm->header->seen_count;
    seen_t *unused = NULL;

    memcpy(&n, key, sizeof(n));
    for (apr_uint32_t i = 0; i < SEEN_PROBES; i++) {
        seen_t *slot = &shm->seen[(n + i) % count];

        if (slot->expires <= now) {
            unused = unused ? unused : slot;
        }
        else if (!memcmp(slot->key, key, sizeof(slot->key))) {
            return CIVIC_STORE_MISSING;
        }
    }
    if (!unused) {
        return CIVIC_STORE_EXHAUSTED;
    }
    memcpy(unused->key, key, sizeof(unused->key));
    unused->expires = expires;
    return CIVIC_STORE_OK;
}

static civic_store_result shm_once(civic_store_t *store, const unsigned char *key,
                                   apr_time_t expires, apr_time_t now)
{
    shm_t *shm = store->state;
    civic_store_result result;

    if (!lock(shm)) {
        return CIVIC_STORE_DOWN;
    }
    result = note_seen(shm, key, expires, now);
    unlock(shm);
    return result;
}

static civic_store_result shm_stats(civic_store_t *store, civic_store_stats_t *stats)
{
    shm_t *shm = store->state;
    const header_t *h = shm->header;

    if (!lock(shm)) {
        return CIVIC_STORE_DOWN;
    }
    stats->sessions = h->sessions;
    stats->bytes_total = (apr_size_t)h->block_count * BLOCK;
    stats->bytes_used = (apr_size_t)(h->block_count - h->free_count) * BLOCK;
    stats->evicted = h->evicted;
    unlock(shm);
    return CIVIC_STORE_OK;
}

static const civic_store_ops_t shm_ops = {
    "shm", shm_put, shm_get, shm_touch, shm_remove, shm_remove_user, shm_once, shm_stats,
};

/* One token seen for every 4 KiB, one bucket for every other block. */
int civic_store_shm_format(void *segment, apr_size_t size)
{
    header_t *h = segment;
    shm_t shm;

    h->size = size;
    h->seen_count = (apr_uint32_t)(size / 4096 > 65536 ? 65536 : size / 4096);
    h->bucket_count = (apr_uint32_t)(size / (2 * BLOCK)) | 1;
    locate(&shm, segment);
    h->block_count = (apr_uint32_t)((size - (shm.blocks - (unsigned char *)segment)) / BLOCK);
    if (!lock_make(&h->lock)) {
        return 0;
    }
    make_empty(&shm);
    h->layout = LAYOUT;
    h->magic = MAGIC;
    return 1;
}

civic_store_t *civic_store_shm_open(void *segment, apr_size_t size, apr_pool_t *pool)
{
    const header_t *h = segment;
    civic_store_t *store;

    if (h->magic != MAGIC || h->layout != LAYOUT || h->size != size) {
        return NULL;
    }
    store = apr_palloc(pool, sizeof(*store));
    store->ops = &shm_ops;
    store->state = apr_palloc(pool, sizeof(shm_t));
    locate(store->state, segment);
    return store;
}

const char *civic_store_shm_validate(civic_store_t *store)
{
    shm_t *shm = store->state;
    const char *fault;

    if (!lock(shm)) {
        return "the lock cannot be had";
    }
    fault = walk(shm);
    unlock(shm);
    return fault;
}
