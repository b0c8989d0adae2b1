/* shm_mend.c - a shard's lock, its walk, and how it is put in order again. See shm_shard.h. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "shm_layout.h"

enum { LOCK_WAIT_SEC = 2 };

/* ---- the walk ---- */

/* Is this link a session's first block? */
static int is_session(const civic_shard_t *shard, link_t link)
{
    return link > 0 && link <= shard->block_count && kind_is_first(shard->kinds[link - 1]);
}

/* How many blocks the chain of a session has; 0 when it does not fit its length. */
static apr_uint32_t chain_length(const civic_shard_t *shard, link_t link)
{
    const entry_t *entry = entry_at(shard, link);
    apr_uint32_t wanted, count = 1;

    if (entry->length > (apr_size_t)shard->block_count * BLOCK) {
        return 0;
    }
    wanted = civic_shard_blocks(entry->length);
    for (link = entry->next; link; link = link_get(block_at(shard, link))) {
        if (link > shard->block_count || shard->kinds[link - 1] != KIND_FURTHER
            || ++count > wanted) {
            return 0;
        }
    }
    return count == wanted ? count : 0;
}

static const char *walk_list(const civic_shard_t *shard, apr_uint32_t *blocks)
{
    const struct civic_shard_head *head = shard->head;
    apr_uint32_t sessions = 0;
    link_t before = 0;

    for (link_t link = head->oldest; link; link = entry_at(shard, link)->newer) {
        apr_uint32_t n;

        if (!is_session(shard, link) || ++sessions > head->sessions) {
            return "the list by last use leaves the sessions or is too long";
        }
        if (entry_at(shard, link)->older != before) {
            return "the list by last use is not linked back";
        }
        n = chain_length(shard, link);
        if (n == 0) {
            return "a session's blocks do not fit its length";
        }
        *blocks += n;
        before = link;
    }
    return sessions == head->sessions && head->newest == before
               ? NULL
               : "the list by last use is cut";
}

typedef link_t *bucket_fn(const civic_shard_t *shard, const entry_t *entry);

static link_t *key_bucket(const civic_shard_t *shard, const entry_t *entry)
{
    return bucket_of(shard, entry->key);
}

static link_t *user_bucket(const civic_shard_t *shard, const entry_t *entry)
{
    return user_bucket_of(shard, entry->user);
}

static const char *walk_index(const civic_shard_t *shard, const link_t *buckets,
                              bucket_fn *bucket, apr_size_t link_offset)
{
    apr_uint32_t sessions = 0;

    for (apr_uint32_t i = 0; i < shard->bucket_count; i++) {
        for (link_t link = buckets[i]; link;
             link = link_get((const char *)block_at(shard, link) + link_offset)) {
            if (!is_session(shard, link) || ++sessions > shard->head->sessions) {
                return "a hash chain leaves the sessions or is too long";
            }
            if (bucket(shard, entry_at(shard, link)) != &buckets[i]) {
                return "a session is in the wrong hash chain";
            }
        }
    }
    return sessions == shard->head->sessions ? NULL : "a session is in no hash chain";
}

static const char *walk_unused(const civic_shard_t *shard, apr_uint32_t blocks)
{
    apr_uint32_t unused = 0;

    for (link_t link = shard->head->unused; link; link = link_get(block_at(shard, link))) {
        if (link > shard->block_count || shard->kinds[link - 1] != KIND_UNUSED
            || ++unused > shard->head->unused_count) {
            return "the list of unused blocks leaves them or is too long";
        }
    }
    return unused == shard->head->unused_count && blocks + unused == shard->block_count
               ? NULL
               : "blocks are lost";
}

static int is_whole(const civic_shard_t *shard, link_t link)
{
    entry_t entry = *entry_at(shard, link);
    unsigned char *record = malloc(entry.length + 1u);
    int whole = record && civic_shard_copy(shard, link, &entry, record)
                && checksum_of(&entry, record) == entry.checksum;

    free(record);
    return whole;
}

static const char *walk_records(const civic_shard_t *shard)
{
    for (link_t link = shard->head->oldest; link; link = entry_at(shard, link)->newer) {
        if (!is_whole(shard, link)) {
            return "a session does not fit its checksum";
        }
    }
    return NULL;
}

static const char *walk(const civic_shard_t *shard)
{
    apr_uint32_t blocks = 0;
    const char *fault = NULL;

    for (apr_uint32_t i = 0; i < shard->block_count && !fault; i++) {
        fault = shard->kinds[i] > KIND_PICTURE ? "a block is of no known kind" : NULL;
    }
    fault = fault ? fault : walk_list(shard, &blocks);
    fault = fault ? fault
                  : walk_index(shard, shard->buckets, key_bucket, offsetof(entry_t, chain));
    fault = fault
                ? fault
                : walk_index(shard, shard->users, user_bucket, offsetof(entry_t, user_chain));
    fault = fault ? fault : walk_unused(shard, blocks);
    fault = fault ? fault : walk_records(shard);
    return fault ? fault : shard->head->sequence & 1 ? "a session is half unlinked" : NULL;
}

const char *civic_shard_validate(civic_shard_t *shard)
{
    const char *fault;

    if (!civic_shard_lock(shard)) {
        return "the lock cannot be had";
    }
    fault = walk(shard);
    civic_shard_unlock(shard);
    return fault;
}

/* ---- in order again ---- */

typedef struct {
    apr_time_t last_used;
    link_t link;
} aged_t;

static int by_age(const void *a, const void *b)
{
    apr_time_t left = ((const aged_t *)a)->last_used, right = ((const aged_t *)b)->last_used;

    return (left > right) - (left < right);
}

/* The sessions that are whole, each block in one of them at most. While this goes on, the kind
 * of a block that is spoken for has its highest bit set. */
static apr_uint32_t gather(civic_shard_t *shard, aged_t *found)
{
    enum { TAKEN = 0x80 };
    apr_uint32_t count = 0;

    for (apr_uint32_t i = 0; i < shard->block_count; i++) {
        if (shard->kinds[i] > KIND_PICTURE) {
            shard->kinds[i] = KIND_UNUSED;
        }
    }
    for (link_t link = 1; link <= shard->block_count; link++) {
        if (!kind_is_first(shard->kinds[link - 1]) || !chain_length(shard, link)
            || !is_whole(shard, link)) {
            continue;
        }
        found[count].last_used = entry_at(shard, link)->last_used;
        found[count++].link = link;
        for (link_t each = link; each; each = link_get(block_at(shard, each))) {
            shard->kinds[each - 1] |= TAKEN;
        }
    }
    for (apr_uint32_t i = 0; i < shard->block_count; i++) {
        shard->kinds[i] = shard->kinds[i] & TAKEN ? shard->kinds[i] & ~TAKEN : KIND_UNUSED;
    }
    return count;
}

static void gather_unused(civic_shard_t *shard)
{
    struct civic_shard_head *head = shard->head;

    head->unused = head->unused_count = 0;
    for (link_t link = shard->block_count; link > 0; link--) {
        if (shard->kinds[link - 1] == KIND_UNUSED) {
            link_set(block_at(shard, link), head->unused);
            head->unused = link;
            head->unused_count++;
        }
    }
}

static void sequence_even(civic_shard_t *shard)
{
    apr_uint32_t next = (shard->head->sequence | 1) + 1;

    __atomic_store_n(&shard->head->sequence, next, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

void civic_shard_rebuild(civic_shard_t *shard)
{
    struct civic_shard_head *head = shard->head;
    aged_t *found = malloc(((apr_size_t)shard->block_count + 1) * sizeof(*found));
    apr_uint32_t count;

    __atomic_store_n(&head->sequence, head->sequence | 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memset(shard->buckets, 0, shard->bucket_count * sizeof(link_t));
    memset(shard->users, 0, shard->bucket_count * sizeof(link_t));
    head->oldest = head->newest = head->sessions = head->pictures = 0;
    head->first_expiry = 0;
    head->swept = 0;
    if (found) {
        count = gather(shard, found);
        qsort(found, count, sizeof(*found), by_age);
        for (apr_uint32_t i = 0; i < count; i++) {
            civic_shard_hook(shard, found[i].link);
        }
    }
    else {
        memset(shard->kinds, KIND_UNUSED, shard->block_count);
    }
    free(found);
    gather_unused(shard);
    head->mended++;
    shard->damaged = 0;
    sequence_even(shard);
}

int civic_shard_mend(civic_shard_t *shard)
{
    if (!civic_shard_lock(shard)) {
        return 0;
    }
    civic_shard_rebuild(shard);
    civic_shard_unlock(shard);
    return 1;
}

/* ---- the lock ---- */

int civic_shard_lock(civic_shard_t *shard)
{
    struct timespec end;
    int rc = pthread_mutex_trylock(&shard->head->lock);

    if (rc == EBUSY) {
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += LOCK_WAIT_SEC;
        rc = pthread_mutex_timedlock(&shard->head->lock, &end);
    }
    if (rc == EOWNERDEAD) {
        civic_shard_rebuild(shard);
        rc = pthread_mutex_consistent(&shard->head->lock);
    }
    return rc == 0;
}

void civic_shard_unlock(civic_shard_t *shard)
{
    if (shard->damaged) {
        civic_shard_rebuild(shard);
    }
    pthread_mutex_unlock(&shard->head->lock);
}

int civic_shard_relock(civic_shard_t *shard)
{
    pthread_mutexattr_t attr;
    int ok;

    if (pthread_mutexattr_init(&attr)) {
        return 0;
    }
    memset(&shard->head->lock, 0, sizeof(shard->head->lock));
    ok = !pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED)
         && !pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST)
         && !pthread_mutex_init(&shard->head->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return ok;
}
