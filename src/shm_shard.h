/* shm_shard.h - one shard of the shared-memory store: a hash table of sessions with its
 * blocks.
 *
 *   +------+-------------+-----------+-------------+-----------------------------------------+
 *   | head | buckets[n]  | users[n]  | kinds[n]    | blocks[n], 128 bytes each               |
 *   +------+-------------+-----------+-------------+-----------------------------------------+
 *
 *   block, first of a session (kind FIRST):   entry: key, user, times, links | record ...
 *   block, first of a picture (kind PICTURE): the same
 *   block, further one        (kind FURTHER): next, unused                   | record ...
 *   block, unused             (kind UNUSED):  next
 *
 * A bucket heads the chain of the sessions whose key falls into it (entry.chain), a user
 * bucket that of the sessions of users (entry.user_chain). All sessions are in a list by last
 * use, oldest first (entry.newer, .older). Links are block numbers plus one, 0 is none: no
 * pointers, so that each process may map the shard where it likes. Geometry is never read from
 * the shard: it follows from its size.
 *
 * Writers hold the shard's lock, a robust mutex. Readers hold nothing: they walk and copy with
 * every link bounded, and then look whether `sequence` has moved, which it does whenever a
 * session leaves (odd while it is being unlinked). What comes in is complete before the one
 * store that makes it reachable, so it disturbs nobody.
 *
 * A picture that belongs to a session (store.h) is an entry as any other here, and is called a
 * session below; only putting it and counting know the difference.
 *
 * Kinds, and a checksum over what never changes in a session, are the truth: from them all
 * links can be made anew (rebuild), which is what happens when a process died with the lock or
 * a link makes no sense. Contents, which people have a hand in, can never pass for an entry.
 */
#ifndef CIVIC_SHM_SHARD_H
#define CIVIC_SHM_SHARD_H

#include "store.h"

struct civic_shard_head;

/** A shard as this process sees it. Lives outside of the shared memory. */
typedef struct civic_shard {
    struct civic_shard_head *head;
    apr_uint32_t *buckets, *users; /* [bucket_count] each */
    unsigned char *kinds;          /* [block_count] */
    unsigned char *blocks;
    apr_uint32_t bucket_count, block_count;
    int damaged; /* under the lock: a link made no sense */
} civic_shard_t;

/** Fill in the view of a shard of `size` bytes at `base` (aligned to 128). */
void civic_shard_locate(civic_shard_t *shard, void *base, apr_size_t size);

/** Lay out an empty shard in zeroed memory. @return 1, 0 when the lock cannot be made */
int civic_shard_format(civic_shard_t *shard);

/** Make the lock anew; for a process that knows that nobody else uses the shard.
 * @return 1, 0 */
int civic_shard_relock(civic_shard_t *shard);

/** Walk everything. @return NULL, or what is broken */
const char *civic_shard_validate(civic_shard_t *shard);

/** Put all links in order again, from the sessions that are whole; what is not whole goes.
 * Locks. @return 1, 0 when the lock cannot be had */
int civic_shard_mend(civic_shard_t *shard);

/** The store's calls (store.h), for keys of this shard. `now` is the store's. */
civic_store_result civic_shard_put(civic_shard_t *shard, const civic_stored_t *session,
                                   apr_time_t now);
civic_store_result civic_shard_get(civic_shard_t *shard, civic_stored_t *session,
                                   const unsigned char *key, apr_time_t now, apr_pool_t *pool);
/** As get, but holding the lock throughout: to compare with (bench/store). */
civic_store_result civic_shard_get_locked(civic_shard_t *shard, civic_stored_t *session,
                                          const unsigned char *key, apr_time_t now,
                                          apr_pool_t *pool);
/** Is a session that was got before still there? Its `last_used` is read anew. */
civic_store_result civic_shard_look(civic_shard_t *shard, civic_stored_t *session,
                                    apr_time_t now, apr_pool_t *pool);
civic_store_result civic_shard_touch(civic_shard_t *shard, const unsigned char *key,
                                     apr_time_t now);
civic_store_result civic_shard_remove(civic_shard_t *shard, const unsigned char *key);

/** Adds to `count`. */
civic_store_result civic_shard_remove_user(civic_shard_t *shard, const unsigned char *user,
                                           int *count);

/** @param user NULL: everybody's, in the order of last use */
civic_store_result civic_shard_visit(civic_shard_t *shard, const unsigned char *user,
                                     civic_store_visit_fn *visit, void *baton,
                                     apr_pool_t *pool);

/** Adds to `stats`; never waits. */
void civic_shard_stats(const civic_shard_t *shard, civic_store_stats_t *stats);

/** Blocks that a record of this length takes. */
apr_uint32_t civic_shard_blocks(apr_size_t record_len);

#endif
