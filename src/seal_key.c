/* seal_key.c - see seal_key.h. */
#include "seal_key.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encoding.h"

enum { DIGITS = 2 * CIVIC_SEAL_KEY_LEN };

static const char *fault_of(const char *path, const char *what, int error, apr_pool_t *pool)
{
    char buffer[120];

    return apr_psprintf(pool, "the seal key %s %s: %s", path, what,
                        apr_strerror(APR_FROM_OS_ERROR(error), buffer, sizeof(buffer)));
}

/* 0 bytes too: a process that died before it wrote. */
static const char *key_read(civic_seal_keys_t *keys, int fd, const char *path,
                            apr_pool_t *pool)
{
    char text[DIGITS + 1];
    civic_bytes_t key;
    struct stat info;
    int ok;

    if (fstat(fd, &info) || !S_ISREG(info.st_mode) || info.st_uid != geteuid()
        || (info.st_mode & 077)) {
        return apr_psprintf(pool,
                            "the seal key %s is not a file of mode 0600 that belongs to the "
                            "user who starts httpd: remove it, a new one will be made",
                            path);
    }
    ok = read(fd, text, DIGITS) == DIGITS && civic_hex_decode(&key, text, DIGITS, pool);
    if (ok) {
        memcpy(keys->current, key.data, CIVIC_SEAL_KEY_LEN);
        OPENSSL_cleanse(key.data, key.len);
    }
    OPENSSL_cleanse(text, sizeof(text));
    return ok ? NULL
              : apr_psprintf(pool,
                             "the seal key %s has no 64 hex digits: remove it, a new one will "
                             "be made",
                             path);
}

static const char *key_make(civic_seal_keys_t *keys, const char *path, apr_pool_t *pool)
{
    const char *temporary = apr_psprintf(pool, "%s.%ld", path, (long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    char *text;
    int error, ok;

    if (fd < 0) {
        return fault_of(temporary, "cannot be made", errno, pool);
    }
    ok = civic_random(keys->current, CIVIC_SEAL_KEY_LEN);
    text = civic_hex_encode(keys->current, CIVIC_SEAL_KEY_LEN, pool);
    ok = ok && write(fd, text, DIGITS) == DIGITS && fsync(fd) == 0;
    OPENSSL_cleanse(text, DIGITS);
    ok = close(fd) == 0 && ok && rename(temporary, path) == 0;
    error = errno;
    if (!ok) {
        unlink(temporary);
    }
    return ok ? NULL : fault_of(path, "cannot be written", error, pool);
}

const char *civic_seal_key_file(civic_seal_keys_t *keys, const char *path, apr_pool_t *pool)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const char *fault;

    if (fd < 0) {
        return errno == ENOENT ? key_make(keys, path, pool)
                               : fault_of(path, "cannot be read", errno, pool);
    }
    fault = key_read(keys, fd, path, pool);
    close(fd);
    return fault;
}
