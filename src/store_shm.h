/* store_shm.h - sessions in shared memory of this machine: a mapped file, so that they survive
 * restarts of httpd and the death of any of its processes at any instant.
 */
#ifndef CIVIC_STORE_SHM_H
#define CIVIC_STORE_SHM_H

#include "store.h"

#define CIVIC_STORE_SHM_MIN     (256 * 1024) /* bytes */
#define CIVIC_STORE_SHM_DEFAULT (32 * 1024 * 1024)

/**
 * Open the store in a file, or make it. In the parent, before the fork.
 *
 * A file that is there is used when it is whole: a regular file of mode 0600, owned by this
 * process' user, of this layout and machine word, sealed by one of the keys. Sessions of a
 * file of another size are moved over. Anything else is replaced by an empty file, and the log
 * says why; what other processes still use is never cut short or written over.
 *
 * @param path  of the file; its folder must exist
 * @param size  bytes, at least CIVIC_STORE_SHM_MIN
 * @param fault set on failure, fit for an operator
 * @return in env->pool, closed with it; NULL on failure
 */
civic_store_t *civic_store_shm_open(const civic_store_env_t *env, const char *path,
                                    apr_size_t size, const char **fault);

/** How many sessions with records of this length fit. */
apr_uint64_t civic_store_shm_room(civic_store_t *store, apr_size_t record_len);

/** The shard that a key belongs to (for bench/store). */
struct civic_shard *civic_store_shm_shard(civic_store_t *store, const unsigned char *key);

/** Walk the whole structure. @return NULL, or what is broken (for tests) */
const char *civic_store_shm_validate(civic_store_t *store);

#endif
