/* assertion.h - who is logged in, signed: for applications that trust nobody's headers.
 *
 * A JWT (RFC 7519) of a minute's life, ES256, in a header of the request. Bytes and a pool in,
 * text out; the keys' set is published as RFC 7517 says, each key named by its thumbprint (RFC
 * 7638).
 *
 *   iss        the site, as https://www.example.org
 *   aud        the application behind that it is for
 *   sub        Civic's id of the person
 *   iat, exp   60 seconds
 *   auth_time  when the person logged in (OpenID Connect Core, section 2)
 *   email, email_verified   the claim contact.personal.email, where there is one
 *   civic      {"application", "scope", "claims": {label: value}}: verified claims alone
 *
 * No jti: one token serves many requests, so it must not look as if it were for one.
 */
#ifndef CIVIC_ASSERTION_H
#define CIVIC_ASSERTION_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "crypto.h"
#include "record.h"

#define CIVIC_ASSERTION_LIFE         60   /* seconds */
#define CIVIC_ASSERTION_MAX          3072 /* characters of a token */
#define CIVIC_ASSERTION_AUDIENCE_MAX 256

/** The key that signs, and what is published. All zero: there is none. */
typedef struct {
    const civic_key_t *key;
    const civic_key_t *other; /* NULL: one only */
    const char *kid;
    const char *jwks; /* a JSON Web Key Set of both public halves */
} civic_assertion_keys_t;

/**
 * @param other NULL, or a key that is published as well: the one before, or the one to come
 * @return NULL, or what is wrong
 */
const char *civic_assertion_keys_set(civic_assertion_keys_t *keys, const civic_key_t *current,
                                     const civic_key_t *other, apr_pool_t *pool);

/**
 * The key of a file, that is made when there is no such file (key_file.h).
 * @return NULL, or what is wrong
 */
const char *civic_assertion_key_file(civic_key_t **key, const char *path, apr_pool_t *pool);

typedef struct {
    const char *issuer;               /* at most 300 characters */
    const char *audience;             /* 1 to CIVIC_ASSERTION_AUDIENCE_MAX visible ASCII */
    const civic_record_t *record;     /* of whom it speaks */
    const apr_array_header_t *labels; /* of const char *: the claims to tell; NULL: all */
    apr_time_t now, login;            /* by the system's clock */
} civic_assertion_t;

/**
 * @param left_out labels of claims that are too large for it, with spaces between; NULL: none
 * @return the token, at most CIVIC_ASSERTION_MAX characters, in the pool; NULL when OpenSSL
 * fails
 */
const char *civic_assertion_sign(const civic_assertion_t *assertion,
                                 const civic_assertion_keys_t *keys, const char **left_out,
                                 apr_pool_t *pool);

/**
 * What two assertions about one session have in common when they may be one: issuer, audience,
 * labels.
 * @param session what tells the session from all others, CIVIC_SHA256_LEN bytes
 * @return 1; 0 when OpenSSL fails
 */
int civic_assertion_digest(unsigned char digest[CIVIC_SHA256_LEN],
                           const civic_assertion_t *assertion, const unsigned char *session,
                           apr_pool_t *pool);

#endif
