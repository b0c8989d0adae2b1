/* seal_key.c - see seal_key.h. */
#include "seal_key.h"

#include <openssl/crypto.h>
#include <string.h>

#include "encoding.h"
#include "key_file.h"

enum { DIGITS = 2 * CIVIC_SEAL_KEY_LEN };

static char *make(apr_pool_t *pool)
{
    unsigned char key[CIVIC_SEAL_KEY_LEN];
    char *hex =
        civic_random(key, sizeof(key)) ? civic_hex_encode(key, sizeof(key), pool) : NULL;

    OPENSSL_cleanse(key, sizeof(key));
    return hex;
}

const char *civic_seal_key_file(civic_seal_keys_t *keys, const char *path, apr_pool_t *pool)
{
    static const civic_key_kind_t kind = {"the seal key", make};
    char *text;
    const char *fault = civic_key_file(&text, path, &kind, pool);
    civic_bytes_t key;

    if (fault) {
        return fault;
    }
    /* Empty, too: of a process that died before it wrote. */
    if (strlen(text) < DIGITS || !civic_hex_decode(&key, text, DIGITS, pool)) {
        return civic_key_file_unfit(path, &kind, "has no 64 hex digits", pool);
    }
    memcpy(keys->current, key.data, CIVIC_SEAL_KEY_LEN);
    OPENSSL_cleanse(key.data, key.len);
    return NULL;
}
