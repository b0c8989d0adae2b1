/* key_file.c - see key_file.h. */
#include "key_file.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 4096 };

static const char *fault_of(const char *path, const civic_key_kind_t *kind, const char *what,
                            int error, apr_pool_t *pool)
{
    char buffer[120];

    return apr_psprintf(pool, "%s %s %s: %s", kind->name, path, what,
                        apr_strerror(APR_FROM_OS_ERROR(error), buffer, sizeof(buffer)));
}

const char *civic_key_file_unfit(const char *path, const civic_key_kind_t *kind,
                                 const char *what, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s %s %s: remove it, a new one will be made", kind->name, path,
                        what);
}

static apr_status_t wipe(void *text)
{
    OPENSSL_cleanse(text, strlen(text));
    return APR_SUCCESS;
}

static const char *text_read(char **text, int fd, const char *path,
                             const civic_key_kind_t *kind, apr_pool_t *pool)
{
    char buffer[TEXT_MAX + 1];
    struct stat info;
    ssize_t len;

    if (fstat(fd, &info) || !S_ISREG(info.st_mode) || info.st_uid != geteuid()
        || (info.st_mode & 077)) {
        return civic_key_file_unfit(path, kind,
                                    "is not a file of mode 0600 that belongs to the user who "
                                    "starts httpd",
                                    pool);
    }
    len = read(fd, buffer, TEXT_MAX);
    if (len < 0) {
        return fault_of(path, kind, "cannot be read", errno, pool);
    }
    *text = apr_pstrmemdup(pool, buffer, (apr_size_t)len);
    apr_pool_cleanup_register(pool, *text, wipe, apr_pool_cleanup_null);
    OPENSSL_cleanse(buffer, sizeof(buffer));
    return NULL;
}

static const char *text_make(char **text, const char *path, const civic_key_kind_t *kind,
                             apr_pool_t *pool)
{
    const char *temporary = apr_psprintf(pool, "%s.%ld", path, (long)getpid());
    char *made;
    int fd, error, ok;

    unlink(temporary); /* of a start that was cut off; nobody else's is ever written to */
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return fault_of(temporary, kind, "cannot be made", errno, pool);
    }
    made = kind->make(pool);
    ok = made && write(fd, made, strlen(made)) == (ssize_t)strlen(made) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok && rename(temporary, path) == 0;
    error = errno;
    if (made) {
        apr_pool_cleanup_register(pool, made, wipe, apr_pool_cleanup_null);
    }
    if (!ok) {
        unlink(temporary);
        return fault_of(path, kind, "cannot be written", error, pool);
    }
    *text = made;
    return NULL;
}

const char *civic_key_file(char **text, const char *path, const civic_key_kind_t *kind,
                           apr_pool_t *pool)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const char *fault;

    if (fd < 0) {
        return errno == ENOENT ? text_make(text, path, kind, pool)
                               : fault_of(path, kind, "cannot be read", errno, pool);
    }
    fault = text_read(text, fd, path, kind, pool);
    close(fd);
    return fault;
}
