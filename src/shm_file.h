/* shm_file.h - a mapped file that several processes share: opened only when it can be trusted,
 * replaced as a whole, never cut short under those who use it.
 */
#ifndef CIVIC_SHM_FILE_H
#define CIVIC_SHM_FILE_H

#include <apr_pools.h>

typedef struct {
    void *base; /* the mapping, shared with children */
    apr_size_t size;
    int fd;
    int alone; /* no other process had it open: locks inside may be made anew */
} civic_shm_file_t;

/**
 * Map a file that is there: regular, mode 0600, owned by this process' user, one name, at
 * least `least` bytes.
 *
 * @param why NULL when there is no such file, else why it is not to be trusted
 * @return in the pool, unmapped and closed with it; NULL with `why` set
 */
civic_shm_file_t *civic_shm_file_open(const char *path, apr_size_t least, const char **why,
                                      apr_pool_t *pool);

/**
 * Map a new file of zeros, under a name of its own until civic_shm_file_name gives it its
 * place. Its room on the disk or in memory is taken now, so that no write can fail later.
 *
 * @param fault set on failure: what is wrong, fit for an operator
 * @return in the pool, as above; NULL on failure
 */
civic_shm_file_t *civic_shm_file_make(const char **temporary, const char *path,
                                      apr_size_t size, const char **fault, apr_pool_t *pool);

/** Put a made file in its place, whatever is there now. @return NULL, or what is wrong */
const char *civic_shm_file_name(const char *temporary, const char *path, apr_pool_t *pool);

/** From now on others may open it beside us. */
void civic_shm_file_share(civic_shm_file_t *file);

/** Unmap and close before the pool goes. */
void civic_shm_file_close(civic_shm_file_t *file, apr_pool_t *pool);

#endif
