/* enrollment_record.c - see enrollment_record.h. */
#include "enrollment_record.h"

#include <apr_strings.h>
#include <string.h>

enum { VERSION = 1, HEAD = 1 + 8 + 4 };

int civic_enrollment_key(unsigned char key[CIVIC_ENROLLMENT_KEY_LEN], char kind,
                         const char *application, const char *name, apr_pool_t *pool)
{
    apr_size_t before = strlen(application) + 1, len = before + strlen(name);
    char *both = apr_palloc(pool, len + 1);

    memcpy(both, application, before);
    strcpy(both + before, name);
    key[0] = (unsigned char)kind;
    return civic_sha256(key + 1, both, len);
}

static void number_put(unsigned char *to, apr_uint64_t number, int bytes)
{
    for (int i = bytes; i-- > 0; number >>= 8) {
        to[i] = (unsigned char)number;
    }
}

static apr_uint64_t number_get(const unsigned char *from, int bytes)
{
    apr_uint64_t number = 0;

    for (int i = 0; i < bytes; i++) {
        number = number << 8 | from[i];
    }
    return number;
}

static unsigned char *text_put(unsigned char *to, const char *text)
{
    apr_size_t len = strlen(text);

    memcpy(to, text, len);
    return to + len;
}

civic_bytes_t civic_enrollment_encode(const civic_enrollment_t *enrollment, apr_pool_t *pool)
{
    const apr_array_header_t *recovery = enrollment->recovery;
    int codes = recovery ? recovery->nelts : 0;
    apr_size_t room = HEAD + CIVIC_ENROLLMENT_APPLICATION_MAX + CIVIC_ENROLLMENT_ACCOUNT_MAX
                      + CIVIC_ENROLLMENT_USER_MAX
                      + CIVIC_ENROLLMENT_RECOVERY_MAX * (1 + CIVIC_ENROLLMENT_HASH_MAX);
    unsigned char *data = apr_palloc(pool, room), *at = data + HEAD;

    data[0] = VERSION;
    number_put(data + 1, (apr_uint64_t)apr_time_sec(enrollment->linked), 8);
    data[9] = (unsigned char)strlen(enrollment->application);
    data[10] = (unsigned char)strlen(enrollment->account);
    data[11] = (unsigned char)strlen(enrollment->user_id);
    data[12] = (unsigned char)codes;
    at = text_put(at, enrollment->application);
    at = text_put(at, enrollment->account);
    at = text_put(at, enrollment->user_id);
    for (int i = 0; i < codes; i++) {
        const char *hash = APR_ARRAY_IDX(recovery, i, const char *);

        *at++ = (unsigned char)strlen(hash);
        at = text_put(at, hash);
    }
    return (civic_bytes_t){data, (apr_size_t)(at - data)};
}

/* What is left of the bytes. */
typedef struct {
    const unsigned char *at, *end;
    apr_pool_t *pool;
} rest_t;

/* @return NULL when there are not so many, or a NUL is among them */
static const char *text_get(rest_t *rest, apr_size_t len)
{
    const unsigned char *at = rest->at;

    if ((apr_size_t)(rest->end - at) < len || memchr(at, '\0', len)) {
        return NULL;
    }
    rest->at += len;
    return apr_pstrmemdup(rest->pool, (const char *)at, len);
}

static int recovery_get(apr_array_header_t *recovery, rest_t *rest, int codes)
{
    for (int i = 0; i < codes; i++) {
        const char *hash = rest->at < rest->end ? text_get(rest, *rest->at++) : NULL;

        if (!hash) {
            return 0;
        }
        APR_ARRAY_PUSH(recovery, const char *) = hash;
    }
    return rest->at == rest->end;
}

int civic_enrollment_decode(civic_enrollment_t *enrollment, const void *data, apr_size_t len,
                            apr_pool_t *pool)
{
    const unsigned char *head = data;
    civic_enrollment_t read = {0};
    rest_t rest;

    if (len < HEAD || head[0] != VERSION
        || number_get(head + 1, 8) > (apr_uint64_t)apr_time_sec(APR_INT64_MAX)) {
        return 0;
    }
    rest = (rest_t){head + HEAD, head + len, pool};
    read.linked = apr_time_from_sec((apr_time_t)number_get(head + 1, 8));
    read.application = text_get(&rest, head[9]);
    read.account = read.application ? text_get(&rest, head[10]) : NULL;
    read.user_id = read.account ? text_get(&rest, head[11]) : NULL;
    read.recovery = apr_array_make(pool, head[12], sizeof(const char *));
    if (!read.user_id || !recovery_get(read.recovery, &rest, head[12])
        || civic_enrollment_fault(&read)) {
        return 0;
    }
    *enrollment = read;
    return 1;
}

void civic_enrollment_count_encode(unsigned char bytes[CIVIC_ENROLLMENT_COUNT_LEN],
                                   apr_uint32_t count)
{
    number_put(bytes, count, CIVIC_ENROLLMENT_COUNT_LEN);
}

int civic_enrollment_count_decode(apr_uint32_t *count, const void *data, apr_size_t len)
{
    if (len != CIVIC_ENROLLMENT_COUNT_LEN) {
        return 0;
    }
    *count = (apr_uint32_t)number_get(data, CIVIC_ENROLLMENT_COUNT_LEN);
    return *count > 0;
}
