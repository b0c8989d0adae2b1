/* owned_file.c - see owned_file.h. */
#include "owned_file.h"

#include <apr_errno.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 16384 };

const char *civic_owned_fault(const char *path, const char *what, int error, apr_pool_t *pool)
{
    char buffer[120];

    return apr_psprintf(pool, "%s %s: %s", path, what,
                        apr_strerror(APR_FROM_OS_ERROR(error), buffer, sizeof(buffer)));
}

const char *civic_owned_folder_fault(struct stat *info, const char *folder, apr_pool_t *pool)
{
    if (stat(folder, info)) {
        return civic_owned_fault(folder, "cannot be examined", errno, pool);
    }
    if (!S_ISDIR(info->st_mode)) {
        return apr_pstrcat(pool, folder, " is not a folder", NULL);
    }
    if (info->st_mode & (S_IWGRP | S_IWOTH)) {
        return apr_pstrcat(pool, folder, " can be written by others than its owner", NULL);
    }
    if (info->st_uid != geteuid() && info->st_uid != 0 && geteuid() != 0) {
        return apr_psprintf(pool, "%s belongs to user %u, this is user %u", folder,
                            (unsigned)info->st_uid, (unsigned)geteuid());
    }
    return NULL;
}

const char *civic_owned_info_fault(const struct stat *info, const char *path,
                                   const char *folder, apr_pool_t *pool)
{
    struct stat owner;
    const char *fault = civic_owned_folder_fault(&owner, folder, pool);

    if (fault) {
        return fault;
    }
    if (!S_ISREG(info->st_mode) || info->st_nlink > 1) {
        return apr_pstrcat(pool, path, " is not a file with one name", NULL);
    }
    if (info->st_uid != owner.st_uid) {
        return apr_psprintf(pool, "%s belongs to user %u, its folder to user %u", path,
                            (unsigned)info->st_uid, (unsigned)owner.st_uid);
    }
    if (info->st_mode & 037) {
        return apr_pstrcat(pool, path, " can be written or read by others: chmod 600 it",
                           NULL);
    }
    return NULL;
}

const char *civic_owned_file_fault(int fd, const char *path, const char *folder,
                                   apr_pool_t *pool)
{
    struct stat info;

    return fstat(fd, &info) ? civic_owned_fault(path, "cannot be examined", errno, pool)
                            : civic_owned_info_fault(&info, path, folder, pool);
}

const char *civic_owned_may_write(mode_t *mode, const char *folder, apr_pool_t *pool)
{
    struct stat owner;
    const char *fault = civic_owned_folder_fault(&owner, folder, pool);

    if (!fault && owner.st_uid != geteuid()) {
        fault =
            apr_psprintf(pool, "%s belongs to user %u, only he may write there: not user %u",
                         folder, (unsigned)owner.st_uid, (unsigned)geteuid());
    }
    if (!fault) {
        *mode = (owner.st_mode & 050) == 050 ? 0640 : 0600;
    }
    return fault;
}

int civic_owned_file_make(const char *path, const char *folder, const char **fault,
                          apr_pool_t *pool)
{
    struct stat owner;
    mode_t mode = 0600;
    int fd;

    *fault = civic_owned_may_write(&mode, folder, pool);
    if (*fault) {
        return -1;
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        *fault = civic_owned_fault(path, "cannot be made", errno, pool);
        return -1;
    }
    /* Where the group may read, it is the folder's. */
    if (mode != 0600
        && (stat(folder, &owner) || fchown(fd, (uid_t)-1, owner.st_gid) || fchmod(fd, mode))) {
        *fault = civic_owned_fault(path, "cannot be given to the folder's group", errno, pool);
        close(fd);
        unlink(path);
        return -1;
    }
    return fd;
}

const char *civic_owned_folder_sync(const char *folder, apr_pool_t *pool)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;

    if (fd < 0 || fsync(fd)) {
        error = errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    return error ? civic_owned_fault(folder, "cannot be synced", error, pool) : NULL;
}

/* ---- bytes ---- */

int civic_owned_write(int fd, const char *data, apr_size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR) {
            return 0;
        }
        if (n > 0) {
            data += n;
            len -= (apr_size_t)n;
        }
    }
    return 1;
}

ssize_t civic_owned_read(int fd, char *data, apr_size_t len)
{
    apr_size_t done = 0;

    while (done < len) {
        ssize_t n = read(fd, data + done, len - done);

        if (n < 0 && errno != EINTR) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        done += n > 0 ? (apr_size_t)n : 0;
    }
    return (ssize_t)done;
}

static int is_zero(const char *data, apr_size_t len)
{
    return len == 0 || (data[0] == '\0' && !memcmp(data, data + 1, len - 1));
}

int civic_owned_copy(int to, int from)
{
    char chunk[CHUNK];
    off_t size = 0;
    ssize_t n;

    while ((n = civic_owned_read(from, chunk, sizeof(chunk))) > 0) {
        if (is_zero(chunk, (apr_size_t)n) ? lseek(to, n, SEEK_CUR) < 0
                                          : !civic_owned_write(to, chunk, (apr_size_t)n)) {
            return 0;
        }
        size += n;
    }
    return n == 0 && ftruncate(to, size) == 0;
}
