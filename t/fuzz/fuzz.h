/* fuzz.h - what the fuzzers share. Each is one file, fuzz_<what>.c, that proves two things of
 * any bytes: no sanitizer complains, and what HOLDS holds. `t/fuzz/run` builds and
 * runs them. */
#ifndef CIVIC_FUZZ_H
#define CIVIC_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <apr_pools.h>
#include "sip.h"

/** What libFuzzer calls. @return 0 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A pool for one input: destroy it. */
apr_pool_t *fuzz_pool(void);

/** An exact NUL-terminated copy, so that a read past it is seen: free it. */
char *fuzz_text(const uint8_t *data, size_t size);

/** An application with keys for tests only; its key is also Civic's. Made once. */
const civic_sip_application_t *fuzz_application(void);

/** A compact token, signed with that key. */
const char *fuzz_token(const void *header, size_t header_len, const void *payload,
                       size_t payload_len, apr_pool_t *pool);
#define FUZZ_HEADER "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"

#define HOLDS(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);    \
            abort();                                                                          \
        }                                                                                     \
    } while (0)

#endif
