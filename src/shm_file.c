/* shm_file.c - see shm_file.h. APR's shm takes neither a check of owner and mode nor
 * a lock. */
#include "shm_file.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *fault_of(const char *what, const char *path, int error, apr_pool_t *pool)
{
    char buffer[120];

    return apr_psprintf(pool, "%s %s: %s", path, what,
                        apr_strerror(APR_FROM_OS_ERROR(error), buffer, sizeof(buffer)));
}

static apr_status_t release(void *data)
{
    civic_shm_file_t *file = data;

    munmap(file->base, file->size);
    close(file->fd);
    return APR_SUCCESS;
}

static civic_shm_file_t *map(int fd, apr_size_t size, int alone, apr_pool_t *pool)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    civic_shm_file_t *file;

    if (base == MAP_FAILED) {
        return NULL;
    }
    file = apr_palloc(pool, sizeof(*file));
    *file = (civic_shm_file_t){base, size, fd, alone};
    apr_pool_cleanup_register(pool, file, release, apr_pool_cleanup_null);
    return file;
}

static const char *distrust(const struct stat *info, apr_size_t least)
{
    if (!S_ISREG(info->st_mode)) {
        return "it is not a regular file";
    }
    if (info->st_uid != geteuid()) {
        return "it belongs to another user";
    }
    if ((info->st_mode & 07777) != 0600) {
        return "its mode is not 0600";
    }
    if (info->st_nlink != 1) {
        return "it has more than one name";
    }
    return (apr_size_t)info->st_size < least ? "it was cut short" : NULL;
}

civic_shm_file_t *civic_shm_file_open(const char *path, apr_size_t least, const char **why,
                                      apr_pool_t *pool)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), alone;
    civic_shm_file_t *file;
    struct stat info;

    if (fd < 0) {
        *why = errno == ENOENT  ? NULL
               : errno == ELOOP ? "it is a symbolic link"
                                : "it cannot be opened";
        return NULL;
    }
    *why = fstat(fd, &info) ? "it cannot be examined" : distrust(&info, least);
    if (*why) {
        close(fd);
        return NULL;
    }
    /* The lock belongs to the open file, which children share: it lasts as long as they do. */
    alone = flock(fd, LOCK_EX | LOCK_NB) == 0;
    file = alone || flock(fd, LOCK_SH | LOCK_NB) == 0
               ? map(fd, (apr_size_t)info.st_size, alone, pool)
               : NULL;
    if (!file) {
        *why = "it cannot be locked or mapped";
        close(fd);
    }
    return file;
}

civic_shm_file_t *civic_shm_file_make(const char **temporary, const char *path,
                                      apr_size_t size, const char **fault, apr_pool_t *pool)
{
    char *name = apr_pstrcat(pool, path, ".XXXXXX", NULL);
    int fd = mkostemp(name, O_CLOEXEC), error;
    civic_shm_file_t *file;

    if (fd < 0) {
        *fault = fault_of("cannot be made", name, errno, pool);
        return NULL;
    }
    error = posix_fallocate(fd, 0, (off_t)size);
    file = error || flock(fd, LOCK_EX | LOCK_NB) ? NULL : map(fd, size, 1, pool);
    if (!file) {
        *fault = fault_of("cannot be given its size", path, error ? error : errno, pool);
        unlink(name);
        close(fd);
        return NULL;
    }
    *temporary = name;
    return file;
}

const char *civic_shm_file_name(const char *temporary, const char *path, apr_pool_t *pool)
{
    int error;

    if (rename(temporary, path) == 0) {
        return NULL;
    }
    error = errno;
    unlink(temporary);
    return fault_of("cannot be replaced", path, error, pool);
}

void civic_shm_file_share(civic_shm_file_t *file)
{
    flock(file->fd, LOCK_SH | LOCK_NB);
    file->alone = 0;
}

void civic_shm_file_close(civic_shm_file_t *file, apr_pool_t *pool)
{
    apr_pool_cleanup_run(pool, file, release);
}
