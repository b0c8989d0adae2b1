/* owned_file.h - files that belong to the owner of their folder and to nobody else.
 *
 * The folder belongs to root or to the user of the process, and nobody else may write in it. A
 * file belongs to the folder's owner, who alone writes; it has mode 0600, or 0640 and the
 * folder's group where that may read the folder. Root looks at folders of anybody, and writes
 * in his own alone.
 */
#ifndef CIVIC_OWNED_FILE_H
#define CIVIC_OWNED_FILE_H

#include <apr_pools.h>
#include <sys/stat.h>
#include <sys/types.h>

/** "<path> <what>: <the system's words for `error`>", in the pool. */
const char *civic_owned_fault(const char *path, const char *what, int error, apr_pool_t *pool);

/** @param info set, as by stat(). @return NULL, or why the folder is not to be trusted */
const char *civic_owned_folder_fault(struct stat *info, const char *folder, apr_pool_t *pool);

/** @return NULL, or why the open file is not to be trusted */
const char *civic_owned_file_fault(int fd, const char *path, const char *folder,
                                   apr_pool_t *pool);

/** @param mode set: what files get there. @return NULL, or why this process may not write
 * there */
const char *civic_owned_may_write(mode_t *mode, const char *folder, apr_pool_t *pool);

/** A new file, where there is none, not even a link. @return a descriptor; -1 with `fault` */
int civic_owned_file_make(const char *path, const char *folder, const char **fault,
                          apr_pool_t *pool);

/** What was renamed in the folder stays so without power. @return NULL, or what is wrong */
const char *civic_owned_folder_sync(const char *folder, apr_pool_t *pool);

/** All of it. @return 1, or 0 with errno */
int civic_owned_write(int fd, const char *data, apr_size_t len);

/** Up to `len` bytes, fewer at the end only. @return how many, -1 with errno */
ssize_t civic_owned_read(int fd, char *data, apr_size_t len);

/** The rest of a file; holes stay holes. @return 1, or 0 with errno */
int civic_owned_copy(int to, int from);

#endif
