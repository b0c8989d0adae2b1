/* Texts of keys and secrets: what is taken can be used, what is not says why. */
#include "fuzz.h"

#include <string.h>

static void private_works(const civic_key_t *key)
{
    unsigned char signature[CIVIC_SIGNATURE_LEN];

    HOLDS(civic_es256_sign(signature, "data", 4, key));
    HOLDS(civic_es256_verify(signature, sizeof(signature), "data", 4, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char zeros[CIVIC_SIGNATURE_LEN];
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    unsigned char *secret = NULL;
    civic_key_t *key = NULL;
    const char *fault = civic_key_read_private(&key, text, pool);

    HOLDS(!fault == !!key);
    if (key) {
        private_works(key);
    }
    key = NULL;
    fault = civic_key_read_public(&key, text, pool);
    HOLDS(!fault == !!key);
    if (key) {
        HOLDS(!civic_es256_verify(zeros, sizeof(zeros), "data", 4, key));
    }
    fault = civic_secret_read(&secret, text, pool);
    HOLDS(!fault == !!secret);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
