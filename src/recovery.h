/* recovery.h - one-time codes for people whose phone is gone.
 *
 * A code is 16 characters of 32, in four groups: ABCD-EFGH-JKMN-PQRS. Letters that look like
 * digits are not among them (I, L, O), nor is U; who types them, or lower case, spaces,
 * dashes, is understood.
 *
 * A store keeps hashes. A code is random and has 80 bits, so that one SHA-256 is enough: to
 * find a code of a stolen store takes 2^79 hashes on average, which at a million million a
 * second are 19,000 years. What makes hashes of passwords slow is for secrets that people
 * choose, and a key beside the store would be stolen with it. Application and account are
 * hashed in, so that neither is a hash good for another account, nor does one search serve for
 * several.
 */
#ifndef CIVIC_RECOVERY_H
#define CIVIC_RECOVERY_H

#include <apr_pools.h>
#include <apr_tables.h>

#define CIVIC_RECOVERY_CODES 10 /* how many one gets who says nothing else */

/**
 * @param codes   of const char *: as people read them
 * @param hashes  of const char *: as stores keep them, in the same order
 * @param count   1 to CIVIC_ENROLLMENT_RECOVERY_MAX
 * @return 1, or 0 when the random source fails
 */
int civic_recovery_make(apr_array_header_t **codes, apr_array_header_t **hashes, int count,
                        const char *application, const char *account, apr_pool_t *pool);

/**
 * @param typed what somebody typed, of any length
 * @return the hash that a store would have, 22 characters; NULL when it cannot be a code
 */
const char *civic_recovery_hash(const char *typed, const char *application,
                                const char *account, apr_pool_t *pool);

#endif
