/* generation.h - an SDBM database that changes as a whole, whatever dies in between.
 *
 * SDBM is two files that are changed in place: a process killed within a change leaves half of
 * it. So a database is never changed here; a copy of it is, and then one rename makes the copy
 * the database.
 *
 *     PATH            one line: which generation counts, its files' sizes and checksum
 *     PATH.N.dir      generation N, never changed once PATH has named it
 *     PATH.N.pag
 *     PATH.lock       who holds its flock may make the next generation
 *     PATH.new        the next PATH, before its rename
 *
 * A writer: lock, copy N to N+1, change it, fsync it, write and fsync PATH.new, rename it to
 * PATH, fsync the folder, remove generation N, unlock. Before the rename nothing has happened,
 * behind it everything; what a dead writer left is removed by the next one. The kernel takes
 * the lock away from the dead.
 *
 * Readers take no lock. They keep a generation open, which goes on to exist for them when it
 * is removed, and look by one stat() whether PATH is another file by now. They hold the file
 * open that they compare with, so that its inode number is not used anew.
 *
 * Whom the files belong to, and who may read them: owned_file.h.
 *
 * Every function that can fail returns NULL, or a text for the log in `pool`.
 */
#ifndef CIVIC_GENERATION_H
#define CIVIC_GENERATION_H

#include <apr_file_io.h>
#include <apr_pools.h>
#include <apr_sdbm.h>
#include <sys/types.h>
#include <unistd.h>

/** A database by its name; constant once it was set up. */
typedef struct {
    const char *path, *folder, *base; /* base: the last part of the path */
} civic_generations_t;

/** An open one. Not for two threads at once, nor for a process that was forked since. */
typedef struct {
    apr_sdbm_t *sdbm;
    apr_uint64_t number;
    apr_pool_t *pool; /* its own, closed with it */
    int pointer;      /* PATH, open; -1 while it is being made */
    dev_t device;     /* of it */
    ino_t inode;
    pid_t process;
} civic_generation_t;

/** @param path absolute. The folder is looked at, nothing else. */
const char *civic_generations_init(civic_generations_t *all, const char *path,
                                   apr_pool_t *pool);

/** Make an empty database where there is none. */
const char *civic_generations_create(const civic_generations_t *all, apr_pool_t *pool);

/** Wait for the lock, 10 seconds at most. @param lock to be closed with
 * civic_generations_unlock */
const char *civic_generations_lock(int *lock, const civic_generations_t *all,
                                   apr_pool_t *pool);
void civic_generations_unlock(int lock);

/** Open what counts now, to read; its files are compared with their checksum. */
const char *civic_generation_open(civic_generation_t **generation,
                                  const civic_generations_t *all, apr_pool_t *pool);

/** @return 1 while it is what counts; never for another process than that which opened it */
int civic_generation_is_current(const civic_generation_t *generation,
                                const civic_generations_t *all);

/** Under the lock: a copy of `current` that can be changed. */
const char *civic_generation_copy(civic_generation_t **next, const civic_generation_t *current,
                                  const civic_generations_t *all, apr_pool_t *pool);

/** Under the lock: from now on `next`, which is closed in any case, counts: on disk. */
const char *civic_generation_publish(civic_generation_t *next, const civic_generations_t *all,
                                     apr_pool_t *pool);

/** Under the lock: close and forget a copy. */
void civic_generation_discard(civic_generation_t *next, const civic_generations_t *all);

void civic_generation_close(civic_generation_t *generation);

#endif
