/* JSON, and user data in it: what is taken can be written and read again. */
#include "fuzz.h"

#include <string.h>

#include "claims.h"
#include "json.h"
#include "record.h"

static void json_survives(const json_t *value, apr_pool_t *pool)
{
    const char *text = civic_json_text(value, pool);
    json_t *again = text ? civic_json_parse(text, strlen(text), pool) : NULL;

    HOLDS(again && json_equal(value, again));
}

static void claims_survive(civic_claims_t *claims, apr_pool_t *pool)
{
    civic_record_t record = {
        .application = "a", .scope = "S", .user_id = "u", .claims = *claims};
    civic_bytes_t bytes;
    civic_record_t again;

    if (civic_record_encode(&bytes, &record, pool)) {
        HOLDS(civic_record_decode(&again, bytes.data, bytes.len, pool));
        HOLDS(again.claims.count == claims->count);
    }
    for (int i = 0; i < claims->count; i++) {
        const civic_claim_t *claim = &claims->items[i];
        const char *value = civic_claims_get(claims, claim->label);

        HOLDS(!value || claim->flags != CIVIC_CLAIM_VERIFIED || !strcmp(value, claim->value));
        HOLDS(strspn(civic_label_fold(claim->label, pool),
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
              == strlen(claim->label));
        civic_value_is_unsafe(claim->value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    json_t *value = civic_json_parse((const char *)data, size, pool);
    char *text = fuzz_text(data, size);
    const char *detail;
    civic_claims_t claims;

    if (value) {
        json_survives(value, pool);
    }
    if (civic_claims_parse(&claims, (const char *)data, size, &detail, pool) == CIVIC_OK) {
        claims_survive(&claims, pool);
        civic_claims_drop_picture(&claims, pool);
        HOLDS(!civic_claims_get(&claims, CIVIC_LABEL_IMAGE));
        claims_survive(&claims, pool);
    }
    civic_value_is_unsafe(text);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
