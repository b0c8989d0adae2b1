/* shm_layout.h - what a shard consists of (see the picture in shm_shard.h), and how its memory
 * is read and written while others do. For shm_shard.c, shm_mend.c and shm_room.c alone.
 */
#ifndef CIVIC_SHM_LAYOUT_H
#define CIVIC_SHM_LAYOUT_H

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "checksum.h"
#include "shm_shard.h"

enum { BLOCK = 128, KIND_UNUSED = 0, KIND_FIRST = 1, KIND_FURTHER = 2, KIND_PICTURE = 3 };

typedef apr_uint32_t link_t;

/* First block of a session. Up to `expires` nothing changes while the session lives. */
typedef struct {
    link_t next; /* its further blocks; must stay first, as in them */
    apr_uint32_t length;
    unsigned char key[CIVIC_STORE_KEY_LEN];
    unsigned char user[CIVIC_STORE_USER_LEN];
    apr_time_t expires;
    apr_uint64_t checksum;
    apr_time_t last_used;
    link_t chain, user_chain, older, newer;
} entry_t;

enum { FIRST_ROOM = BLOCK - sizeof(entry_t), FURTHER_ROOM = BLOCK - 8 };

struct civic_shard_head {
    pthread_mutex_t lock;
    apr_uint32_t sequence; /* odd while a session is being unlinked */
    link_t unused, oldest, newest;
    apr_uint32_t unused_count;
    apr_uint32_t sessions, pictures; /* pictures are among the sessions */
    apr_time_t first_expiry;         /* no session expires before */
    apr_time_t swept;                /* when expired ones were last looked for */
    apr_uint64_t evicted, mended;
};

/* Does an entry begin here? */
static inline int kind_is_first(unsigned char kind)
{
    return kind == KIND_FIRST || kind == KIND_PICTURE;
}

static inline void *block_at(const civic_shard_t *shard, link_t link)
{
    return shard->blocks + (apr_size_t)(link - 1) * BLOCK;
}

static inline entry_t *entry_at(const civic_shard_t *shard, link_t link)
{
    return block_at(shard, link);
}

/* ---- memory that is written while it is read: word by word, never torn within a word ---- */

typedef apr_uint64_t __attribute__((may_alias)) word_t;
typedef link_t __attribute__((may_alias)) shared_link_t;

static inline link_t link_get(const void *from)
{
    return __atomic_load_n((const shared_link_t *)from, __ATOMIC_RELAXED);
}

static inline void link_set(void *to, link_t link)
{
    __atomic_store_n((shared_link_t *)to, link, __ATOMIC_RELAXED);
}

/* `shared` is aligned to a word, and has room for whole words. */
static inline void words_write(void *shared, const void *from, apr_size_t len)
{
    const char *bytes = from;
    word_t *to = shared;
    apr_uint64_t word;

    for (; len >= sizeof(word); len -= sizeof(word), bytes += sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        __atomic_store_n(to++, word, __ATOMIC_RELAXED);
    }
    if (len) {
        word = 0;
        memcpy(&word, bytes, len);
        __atomic_store_n(to, word, __ATOMIC_RELAXED);
    }
}

static inline void words_read(void *to, const void *shared, apr_size_t len)
{
    const word_t *from = shared;
    char *bytes = to;
    apr_uint64_t word;

    for (; len >= sizeof(word); len -= sizeof(word), bytes += sizeof(word)) {
        word = __atomic_load_n(from++, __ATOMIC_RELAXED);
        memcpy(bytes, &word, sizeof(word));
    }
    if (len) {
        word = __atomic_load_n(from, __ATOMIC_RELAXED);
        memcpy(bytes, &word, len);
    }
}

/* ---- checksums: against torn and damaged sessions, not against people ---- */

static inline apr_uint64_t checksum_of(const entry_t *entry, const void *record)
{
    apr_uint64_t sum = checksum_add(entry->length + 1, entry->key, sizeof(entry->key));

    sum = checksum_add(sum, entry->user, sizeof(entry->user));
    sum = checksum_add(sum, &entry->expires, sizeof(entry->expires));
    return checksum_add(sum, record, entry->length);
}

/* ---- parts that rebuilding shares with the everyday ---- */

/** Where a key's chain starts. Keys are digests: any of their bytes are a good hash; the first
 * four choose the shard. */
static inline link_t *bucket_of(const civic_shard_t *shard, const unsigned char *key)
{
    apr_uint32_t n;

    memcpy(&n, key + 4, sizeof(n));
    return &shard->buckets[(apr_uint64_t)n * shard->bucket_count >> 32];
}

static inline link_t *user_bucket_of(const civic_shard_t *shard, const unsigned char *user)
{
    apr_uint32_t n;

    memcpy(&n, user, sizeof(n));
    return &shard->users[(apr_uint64_t)n * shard->bucket_count >> 32];
}

/** Take the lock, and put the shard in order if its holder died. @return 1, 0 when it cannot
 * be had within two seconds */
int civic_shard_lock(civic_shard_t *shard);
void civic_shard_unlock(civic_shard_t *shard);

/** Under the lock. */
void civic_shard_rebuild(civic_shard_t *shard);

/** Hook a whole session into both indexes and, as the newest, into the list. Under
 * the lock. */
void civic_shard_hook(civic_shard_t *shard, link_t link);

typedef enum { CIVIC_FOUND, CIVIC_FOUND_NONE, CIVIC_FOUND_SENSELESS } civic_found;

/** Where a session is. Bounded whatever others write meanwhile: without the lock, only
 * `sequence` tells whether the result counts. */
civic_found civic_shard_find(const civic_shard_t *shard, const unsigned char *key,
                             link_t *found);

/** What a copied head and record say; the record gets its NUL. */
void civic_shard_give(civic_stored_t *session, const entry_t *entry, unsigned char *record);

/** Copy a record out; `entry` is a copy of its head. @return 0 when a link makes no sense */
int civic_shard_copy(const civic_shard_t *shard, link_t first, const entry_t *entry,
                     unsigned char *record);

#endif
