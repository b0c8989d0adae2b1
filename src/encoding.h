/* encoding.h - hex, base64 and base64url, strict where apr_encode_* is lenient; numbers as
 * bytes.
 *
 * Decoders take bytes that need not be NUL-terminated and refuse whatever is not canonical.
 */
#ifndef CIVIC_ENCODING_H
#define CIVIC_ENCODING_H

#include <apr_pools.h>
#include "crypto.h"

/** Base64url without padding (RFC 7515 section 2): the canonical form only, so exactly one
 * text per value. @return 1 with `out` in the pool, 0 when the text is not that */
int civic_base64url_decode(civic_bytes_t *out, const char *text, apr_size_t len,
                           apr_pool_t *pool);

/** Standard padded base64; white space and line breaks are ignored, all else that is not
 * base64 is refused. @return 1 with `out` in the pool, 0 when the text is not that */
int civic_base64_decode(civic_bytes_t *out, const char *text, apr_size_t len,
                        apr_pool_t *pool);

/** NUL-terminated base64url without padding, in the pool. */
char *civic_base64url_encode(const void *data, apr_size_t len, apr_pool_t *pool);

/** NUL-terminated standard padded base64, in the pool. */
char *civic_base64_encode(const void *data, apr_size_t len, apr_pool_t *pool);

/** An even number of hex digits of either case. @return 1 with `out` in the pool, 0 otherwise
 */
int civic_hex_decode(civic_bytes_t *out, const char *text, apr_size_t len, apr_pool_t *pool);

/** NUL-terminated lower-case hex, in the pool. */
char *civic_hex_encode(const void *data, apr_size_t len, apr_pool_t *pool);

/** @return what a hex digit of either case is worth, -1 for any other character */
int civic_hex_value(char digit);

/** The low `bytes` bytes of a value, the lowest first, as our records have them. @return where
 * the next one goes */
unsigned char *civic_number_put(unsigned char *out, apr_uint64_t value, int bytes);

/** @return what civic_number_put wrote; `in` must have so many bytes */
apr_uint64_t civic_number_get(const unsigned char *in, int bytes);

#endif
