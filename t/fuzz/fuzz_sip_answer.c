/* Answers of the SIP API: any body; and behind signature and encryption, any clear text. */
#include "fuzz.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "url.h"

#define NOW 1795466541

static void outer(const char *body, size_t len, apr_pool_t *pool)
{
    const civic_sip_application_t *app = fuzz_application();
    civic_sip_answer_t answer;
    const char *host;

    HOLDS(civic_sip_judge_status(400, body, len, pool).detail);
    if (civic_sip_read_answer(&answer, app, body, len, pool).reason != CIVIC_OK) {
        return;
    }
    HOLDS(answer.user_id && !strpbrk(answer.user_id, " \t\r\n\"\\"));
    HOLDS(!answer.token == !!answer.payload_url);
    if (answer.payload_url) {
        HOLDS(!civic_url_check(answer.payload_url, &host, pool));
        HOLDS(civic_host_is_allowed(host, app->payload_hosts));
    }
}

/* Token two whose `data` is this text. */
static void inner(const char *data, apr_pool_t *pool)
{
    json_t *payload = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s%}", "jti", "j", "iss",
                                "civic-sip-hosted-service", "sub", "tEsTaPp01", "aud", "a",
                                "iat", NOW, "exp", NOW + 180, "data", data, strlen(data));
    const char *token =
        payload ? civic_jws_sign(payload, fuzz_application()->private_key, pool) : NULL;
    civic_claims_t claims = {NULL, 0};

    json_decref(payload);
    if (token) {
        civic_refusal_t refusal = civic_sip_open_payload(&claims, fuzz_application(), token,
                                                         strlen(token), NOW, pool);

        HOLDS((refusal.reason == CIVIC_OK) == (claims.items != NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char iv[16];
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);
    civic_bytes_t cipher;

    outer((const char *)data, size, pool);
    inner(text, pool);
    HOLDS(civic_aes128_cbc_encrypt(&cipher, fuzz_application()->secret, iv, data, size, pool));
    inner(apr_pstrcat(pool, civic_hex_encode(iv, sizeof(iv), pool),
                      civic_base64_encode(cipher.data, cipher.len, pool), NULL),
          pool);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
