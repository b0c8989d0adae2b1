/* jws.h - compact ES256 JSON Web Signatures (RFC 7515, RFC 7518 section 3.4).
 *
 * Bytes and a pool in, bytes out: no httpd, no clock, no network. Times are checked by the
 * caller, who knows which tolerance it grants (civic_jws_check_times).
 */
#ifndef CIVIC_JWS_H
#define CIVIC_JWS_H

#include <apr_pools.h>
#include <apr_time.h>
#include <jansson.h>
#include "crypto.h"
#include "reason.h"

/** A whole `processed` payload: a 1 MiB picture, three times base64. */
#define CIVIC_JWS_MAX (16 * 1024 * 1024)

/** The seconds that clocks may differ, as Civic's own SDK has it. */
#define CIVIC_CLOCK_TOLERANCE 60

/** A token taken apart. Everything lives in the pool, nothing points into the input. */
typedef struct {
    json_t *payload;              /* the JSON object; freed with the pool */
    const char *jti;              /* 1 to 256 visible ASCII characters, never NULL */
    const char *issuer;           /* never NULL */
    const char *subject;          /* never NULL */
    const json_t *audience;       /* a string or a list, never NULL */
    double issued_at, expires_at; /* seconds since the epoch, fractions allowed, finite */
} civic_jws_t;

/**
 * Verify a compact token and take its payload apart. The protected header must say ES256 and
 * nothing critical; jti, iss, sub, aud, iat and exp must be there and of their type.
 *
 * @param text `len` bytes from the network, not NUL-terminated; over CIVIC_JWS_MAX is refused
 *             before anything is parsed
 * @param jws  set on success alone
 * @return CIVIC_OK; CIVIC_TOKEN_FORMAT, CIVIC_TOKEN_ALGORITHM, CIVIC_TOKEN_SIGNATURE
 */
civic_reason civic_jws_verify(civic_jws_t *jws, const char *text, apr_size_t len,
                              const civic_key_t *key, apr_pool_t *pool);

/**
 * Signature and header alone, any payload: for what carries no registered claims.
 * @return as civic_jws_verify; `payload` is set to the decoded bytes on success alone
 */
civic_reason civic_jws_open(civic_bytes_t *payload, const char *text, apr_size_t len,
                            const civic_key_t *key, apr_pool_t *pool);

/**
 * Judge the times of a token, as real numbers: 1e300, year 2038 and fractions are all fine.
 *
 * @param now       seconds since the epoch
 * @param tolerance seconds that the clocks may differ, either way
 * @param detail    on refusal: both times and the difference, in the pool, for the log
 * @return CIVIC_OK; CIVIC_TOKEN_EXPIRED, CIVIC_TOKEN_EARLY (issued in the future),
 *         CIVIC_TOKEN_FORMAT (expires before it was issued)
 */
civic_reason civic_jws_check_times(const civic_jws_t *jws, double now, double tolerance,
                                   const char **detail, apr_pool_t *pool);

/**
 * Sign a payload. The header is {"alg":"ES256","typ":"JWT"}.
 * @return the compact token in the pool, NULL when OpenSSL fails
 */
const char *civic_jws_sign(const json_t *payload, const civic_key_t *key, apr_pool_t *pool);

/** The same with `kid` in the header: which key of a set it is (RFC 7515 section 4.1.4).
 *  @param kid letters, digits, - and _ */
const char *civic_jws_sign_as(const json_t *payload, const char *kid, const civic_key_t *key,
                              apr_pool_t *pool);

#endif
