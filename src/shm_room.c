/* shm_room.c - how much room there is in a shard, and what takes it. See shm_shard.h. */
#include "shm_layout.h"

apr_uint32_t civic_shard_blocks(apr_size_t record_len)
{
    return record_len <= FIRST_ROOM
               ? 1
               : 1
                     + (apr_uint32_t)((record_len - FIRST_ROOM + FURTHER_ROOM - 1)
                                      / FURTHER_ROOM);
}

void civic_shard_stats(const civic_shard_t *shard, civic_store_stats_t *stats)
{
    const struct civic_shard_head *head = shard->head;
    apr_uint64_t total = (apr_uint64_t)shard->block_count * BLOCK;
    /* Two counts that others may be changing: never less than nothing. */
    apr_uint32_t entries = __atomic_load_n(&head->sessions, __ATOMIC_RELAXED);
    apr_uint32_t pictures = __atomic_load_n(&head->pictures, __ATOMIC_RELAXED);

    stats->sessions += entries > pictures ? entries - pictures : 0;
    stats->bytes_total += total;
    stats->bytes_used +=
        total - (apr_uint64_t)__atomic_load_n(&head->unused_count, __ATOMIC_RELAXED) * BLOCK;
    stats->evicted += __atomic_load_n(&head->evicted, __ATOMIC_RELAXED);
    stats->mended += __atomic_load_n(&head->mended, __ATOMIC_RELAXED);
}
