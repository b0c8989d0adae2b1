/* Records: what decodes is exactly what encodes to the same bytes. */
#include "fuzz.h"

#include <string.h>

#include "record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    civic_record_t record;
    civic_bytes_t bytes;

    if (civic_record_decode(&record, data, size, pool)) {
        HOLDS(civic_record_encode(&bytes, &record, pool));
        HOLDS(bytes.len == size && !memcmp(bytes.data, data, size));
        civic_claims_drop_picture(&record.claims, pool);
        HOLDS(civic_record_encode(&bytes, &record, pool));
    }
    apr_pool_destroy(pool);
    return 0;
}
