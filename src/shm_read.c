/* shm_read.c - finding sessions in a shard, without its lock. See shm_shard.h. */
#include <apr_pools.h>
#include <string.h>

#include "shm_layout.h"

enum { USUAL_BLOCKS = 3, CACHE_LINE = 64, READ_TRIES = 64 };

int civic_shard_copy(const civic_shard_t *shard, link_t first, const entry_t *entry,
                     unsigned char *record)
{
    apr_size_t left = entry->length, n = left < FIRST_ROOM ? left : FIRST_ROOM;
    link_t next = entry->next;

    words_read(record, entry_at(shard, first) + 1, n);
    while (left > n) {
        if (next == 0 || next > shard->block_count) {
            return 0;
        }
        record += n;
        left -= n;
        n = left < FURTHER_ROOM ? left : FURTHER_ROOM;
        words_read(record, (char *)block_at(shard, next) + 8, n);
        next = link_get(block_at(shard, next));
    }
    return 1;
}

static int key_fits(const entry_t *entry, const unsigned char *key)
{
    unsigned char held[CIVIC_STORE_KEY_LEN];

    words_read(held, entry->key, sizeof(held));
    return civic_equal(held, key, sizeof(held));
}

/* A session's blocks mostly lie one behind the other: ask for all of a usual one
 * (BASIC_SIGNUP) at once, instead of waiting for memory at each. */
static void fetch_ahead(const civic_shard_t *shard, link_t link)
{
    const char *at = block_at(shard, link);

    for (int i = 0; i < USUAL_BLOCKS * BLOCK; i += CACHE_LINE) {
        __builtin_prefetch(at + i);
    }
}

/* Bounded whatever others write meanwhile: only `sequence` tells whether the result counts. */
civic_found civic_shard_find(const civic_shard_t *shard, const unsigned char *key,
                             link_t *found)
{
    apr_uint32_t steps = 0;
    link_t link = __atomic_load_n(bucket_of(shard, key), __ATOMIC_ACQUIRE);

    while (link) {
        if (link > shard->block_count || ++steps > shard->block_count) {
            return CIVIC_FOUND_SENSELESS;
        }
        fetch_ahead(shard, link);
        if (key_fits(entry_at(shard, link), key)) {
            *found = link;
            return CIVIC_FOUND;
        }
        link = __atomic_load_n(&entry_at(shard, link)->chain, __ATOMIC_ACQUIRE);
    }
    return CIVIC_FOUND_NONE;
}

/* A copy of a session, in the pool; `room` is how much of `record` was allocated before. */
static civic_found copy(const civic_shard_t *shard, const unsigned char *key, entry_t *entry,
                        unsigned char **record, apr_size_t *room, apr_pool_t *pool)
{
    link_t link;
    civic_found found = civic_shard_find(shard, key, &link);

    if (found != CIVIC_FOUND) {
        return found;
    }
    words_read(entry, entry_at(shard, link), sizeof(*entry));
    if (entry->length > (apr_size_t)shard->block_count * BLOCK) {
        return CIVIC_FOUND_SENSELESS;
    }
    if (entry->length >= *room) {
        *room = entry->length + 1u;
        *record = apr_palloc(pool, *room);
    }
    return civic_shard_copy(shard, link, entry, *record) ? CIVIC_FOUND : CIVIC_FOUND_SENSELESS;
}

void civic_shard_give(civic_stored_t *session, const entry_t *entry, unsigned char *record)
{
    session->kind = CIVIC_STORED_SESSION;
    memcpy(session->key, entry->key, sizeof(session->key));
    memcpy(session->user, entry->user, sizeof(session->user));
    session->expires = entry->expires;
    session->last_used = entry->last_used;
    record[entry->length] = '\0';
    session->record.data = record;
    session->record.len = entry->length;
}

civic_store_result civic_shard_get_locked(civic_shard_t *shard, civic_stored_t *session,
                                          const unsigned char *key, apr_time_t now,
                                          apr_pool_t *pool)
{
    unsigned char *record = NULL;
    apr_size_t room = 0;
    entry_t entry;
    civic_found found;

    if (!civic_shard_lock(shard)) {
        return CIVIC_STORE_DOWN;
    }
    found = copy(shard, key, &entry, &record, &room, pool);
    if (found == CIVIC_FOUND && checksum_of(&entry, record) != entry.checksum) {
        found = CIVIC_FOUND_SENSELESS;
    }
    shard->damaged = shard->damaged || found == CIVIC_FOUND_SENSELESS;
    civic_shard_unlock(shard);
    if (found != CIVIC_FOUND || entry.expires <= now) {
        return CIVIC_STORE_MISSING;
    }
    civic_shard_give(session, &entry, record);
    return CIVIC_STORE_OK;
}

civic_store_result civic_shard_get(civic_shard_t *shard, civic_stored_t *session,
                                   const unsigned char *key, apr_time_t now, apr_pool_t *pool)
{
    unsigned char *record = NULL;
    apr_size_t room = 0;
    entry_t entry;

    for (int i = 0; i < READ_TRIES; i++) {
        apr_uint32_t before = __atomic_load_n(&shard->head->sequence, __ATOMIC_ACQUIRE);
        civic_found found;

        if (before & 1) {
            continue;
        }
        found = copy(shard, key, &entry, &record, &room, pool);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&shard->head->sequence, __ATOMIC_RELAXED) != before) {
            continue;
        }
        if (found == CIVIC_FOUND_NONE || (found == CIVIC_FOUND && entry.expires <= now)) {
            return CIVIC_STORE_MISSING;
        }
        if (found == CIVIC_FOUND && checksum_of(&entry, record) == entry.checksum) {
            civic_shard_give(session, &entry, record);
            return CIVIC_STORE_OK;
        }
        break; /* nobody disturbed us: it is damaged */
    }
    return civic_shard_get_locked(shard, session, key, now, pool);
}

/* A session never changes but for its last use: who knows the rest need not read it again. */
civic_store_result civic_shard_look(civic_shard_t *shard, civic_stored_t *session,
                                    apr_time_t now, apr_pool_t *pool)
{
    civic_stored_t again;
    civic_store_result result;
    link_t link;

    for (int i = 0; i < READ_TRIES; i++) {
        apr_uint32_t before = __atomic_load_n(&shard->head->sequence, __ATOMIC_ACQUIRE);
        civic_found found;
        entry_t entry;

        if (before & 1) {
            continue;
        }
        found = civic_shard_find(shard, session->key, &link);
        if (found == CIVIC_FOUND) {
            words_read(&entry, entry_at(shard, link), sizeof(entry));
        }
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&shard->head->sequence, __ATOMIC_RELAXED) != before) {
            continue;
        }
        if (found == CIVIC_FOUND_NONE || session->expires <= now) {
            return CIVIC_STORE_MISSING;
        }
        if (found == CIVIC_FOUND && entry.expires == session->expires) {
            session->last_used = entry.last_used;
            return CIVIC_STORE_OK;
        }
        break; /* damaged */
    }
    result = civic_shard_get_locked(shard, &again, session->key, now, pool);
    if (result == CIVIC_STORE_OK) {
        session->last_used = again.last_used;
    }
    return result;
}
