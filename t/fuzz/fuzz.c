/* fuzz.c - see fuzz.h. */
#include "fuzz.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <sanitizer/lsan_interface.h>
#include <string.h>

#include "encoding.h"

#define KEY    "f49d8cfac3fa12d78df8fc6ec43d7f00de116ee9df8b6566aea59c49467e9f7c"
#define SECRET "71335a6791e8e38e3b5b4094c333671f"

static apr_pool_t *root(void)
{
    static apr_pool_t *pool;

    if (!pool) {
        HOLDS(apr_initialize() == APR_SUCCESS);
        HOLDS(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    }
    return pool;
}

apr_pool_t *fuzz_pool(void)
{
    apr_pool_t *pool;

    HOLDS(apr_pool_create(&pool, root()) == APR_SUCCESS);
    return pool;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    HOLDS(text);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

const civic_sip_application_t *fuzz_application(void)
{
    static civic_sip_application_t app;
    apr_array_header_t *hosts;
    unsigned char *secret;
    civic_key_t *key;

    if (app.app_id) {
        return &app;
    }
    __lsan_disable(); /* it lives as long as the process, in memory that APR maps by itself */
    HOLDS(!civic_key_read_private(&key, KEY, root()));
    __lsan_enable();
    HOLDS(!civic_secret_read(&secret, SECRET, root()));
    hosts = apr_array_make(root(), 1, sizeof(const char *));
    APR_ARRAY_PUSH(hosts, const char *) = CIVIC_SIP_PAYLOAD_HOST;
    app = (civic_sip_application_t){.app_id = "tEsTaPp01",
                                    .api_url = CIVIC_SIP_API,
                                    .environment = CIVIC_SIP_ENVIRONMENT,
                                    .private_key = key,
                                    .civic_key = key,
                                    .secret = secret,
                                    .secret_hex = SECRET,
                                    .payload_hosts = hosts};
    return &app;
}

const char *fuzz_token(const void *header, size_t header_len, const void *payload,
                       size_t payload_len, apr_pool_t *pool)
{
    unsigned char signature[CIVIC_SIGNATURE_LEN];
    const char *input =
        apr_pstrcat(pool, civic_base64url_encode(header, header_len, pool), ".",
                    civic_base64url_encode(payload, payload_len, pool), NULL);

    HOLDS(civic_es256_sign(signature, input, strlen(input), fuzz_application()->private_key));
    return apr_pstrcat(pool, input, ".",
                       civic_base64url_encode(signature, sizeof(signature), pool), NULL);
}
