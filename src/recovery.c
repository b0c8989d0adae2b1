/* recovery.c - see recovery.h. */
#include "recovery.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "crypto.h"
#include "encoding.h"

enum { GROUPS = 4, GROUP = 4, CHARACTERS = GROUPS * GROUP, HASHED = 16 };

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The character that was meant; '\0' for none. */
static char meant(char typed)
{
    char upper = (char)apr_toupper(typed);

    switch (upper) {
    case 'O':
        return '0';
    case 'I':
    case 'L':
        return '1';
    default:
        return upper && strchr(alphabet, upper) ? upper : '\0';
    }
}

/* @return 1 with the 16 characters and a NUL */
static int normalise(char code[CHARACTERS + 1], const char *typed)
{
    int len = 0;

    for (; *typed; typed++) {
        char c = meant(*typed);

        if (apr_isspace(*typed) || *typed == '-') {
            continue;
        }
        if (!c || len == CHARACTERS) {
            return 0;
        }
        code[len++] = c;
    }
    code[len] = '\0';
    return len == CHARACTERS;
}

const char *civic_recovery_hash(const char *typed, const char *application,
                                const char *account, apr_pool_t *pool)
{
    unsigned char digest[CIVIC_SHA256_LEN];
    char code[CHARACTERS + 1], *text, *at;
    apr_size_t len;

    if (!normalise(code, typed)) {
        return NULL;
    }
    /* With their NULs, so that no two of application and account make the same text. */
    len = strlen(application) + strlen(account) + 2;
    text = at = apr_palloc(pool, len + CHARACTERS);
    memcpy(at, application, strlen(application) + 1);
    at += strlen(application) + 1;
    memcpy(at, account, strlen(account) + 1);
    memcpy(text + len, code, CHARACTERS);
    return civic_sha256(digest, text, len + CHARACTERS)
               ? civic_base64url_encode(digest, HASHED, pool)
               : NULL;
}

/* @return NULL when the random source fails */
static const char *code_make(apr_pool_t *pool)
{
    unsigned char random[CHARACTERS];
    char *code = apr_palloc(pool, CHARACTERS + GROUPS), *at = code;

    if (!civic_random(random, sizeof(random))) {
        return NULL;
    }
    for (int i = 0; i < CHARACTERS; i++) {
        if (i && i % GROUP == 0) {
            *at++ = '-';
        }
        *at++ = alphabet[random[i] % (sizeof(alphabet) - 1)];
    }
    *at = '\0';
    return code;
}

int civic_recovery_make(apr_array_header_t **codes, apr_array_header_t **hashes, int count,
                        const char *application, const char *account, apr_pool_t *pool)
{
    apr_array_header_t *made = apr_array_make(pool, count, sizeof(const char *));
    apr_array_header_t *hashed = apr_array_make(pool, count, sizeof(const char *));

    for (int i = 0; i < count; i++) {
        const char *code = code_make(pool);
        const char *hash = code ? civic_recovery_hash(code, application, account, pool) : NULL;

        if (!hash) {
            return 0;
        }
        APR_ARRAY_PUSH(made, const char *) = code;
        APR_ARRAY_PUSH(hashed, const char *) = hash;
    }
    *codes = made;
    *hashes = hashed;
    return 1;
}
