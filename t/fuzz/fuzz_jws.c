/* Tokens: any text; and behind a good signature, any header and any payload. */
#include "fuzz.h"

#include <math.h>
#include <string.h>

static void judge(const char *text, size_t len, apr_pool_t *pool)
{
    const char *detail = NULL;
    civic_jws_t jws = {0};
    civic_reason reason =
        civic_jws_verify(&jws, text, len, fuzz_application()->civic_key, pool);

    HOLDS((reason == CIVIC_OK) == (jws.payload != NULL));
    if (reason == CIVIC_OK) {
        HOLDS(jws.jti && jws.issuer && jws.subject && jws.audience);
        HOLDS(isfinite(jws.issued_at) && isfinite(jws.expires_at));
        reason = civic_jws_check_times(&jws, 1795466541, CIVIC_CLOCK_TOLERANCE, &detail, pool);
        HOLDS((reason == CIVIC_OK) == (detail == NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char payload[] = "{\"jti\":\"j\",\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\","
                                  "\"iat\":1,\"exp\":2}";
    apr_pool_t *pool = fuzz_pool();
    const char *token;

    judge((const char *)data, size, pool);
    token = fuzz_token(FUZZ_HEADER, strlen(FUZZ_HEADER), data, size, pool);
    judge(token, strlen(token), pool);
    token = fuzz_token(data, size, payload, strlen(payload), pool);
    judge(token, strlen(token), pool);
    apr_pool_destroy(pool);
    return 0;
}
