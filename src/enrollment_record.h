/* enrollment_record.h - an enrollment as the pairs of a DBM file.
 *
 *     'a' SHA-256(application NUL account) -> version (1), linked (8), lengths of application,
 *         account and user id (1 each), number of recovery codes (1), the three texts;
 *         each code: length (1), text
 *     'i' SHA-256(application NUL user id) -> how many accounts the identity has (4)
 *
 * Numbers are big-endian. With the bounds of enrollment.h a pair stays below the 1,008 bytes
 * that every SDBM takes. Keys are digests, so that nobody who chooses names chooses where they
 * are put.
 */
#ifndef CIVIC_ENROLLMENT_RECORD_H
#define CIVIC_ENROLLMENT_RECORD_H

#include "crypto.h"
#include "enrollment.h"

#define CIVIC_ENROLLMENT_KEY_LEN   (1 + CIVIC_SHA256_LEN)
#define CIVIC_ENROLLMENT_COUNT_LEN 4

/** @param kind 'a' with an account, 'i' with a user id. @return 1, or 0 when OpenSSL fails */
int civic_enrollment_key(unsigned char key[CIVIC_ENROLLMENT_KEY_LEN], char kind,
                         const char *application, const char *name, apr_pool_t *pool);

/** @param enrollment one without fault (civic_enrollment_fault). @return its bytes, in the
 * pool */
civic_bytes_t civic_enrollment_encode(const civic_enrollment_t *enrollment, apr_pool_t *pool);

/** @return 1 with everything in the pool; 0 when the bytes are not that */
int civic_enrollment_decode(civic_enrollment_t *enrollment, const void *data, apr_size_t len,
                            apr_pool_t *pool);

void civic_enrollment_count_encode(unsigned char bytes[CIVIC_ENROLLMENT_COUNT_LEN],
                                   apr_uint32_t count);

/** @return 1 with a count of at least one; 0 when the bytes are not that */
int civic_enrollment_count_decode(apr_uint32_t *count, const void *data, apr_size_t len);

#endif
