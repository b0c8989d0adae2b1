/* crypto.h - the few primitives that the protocol needs, on OpenSSL's EVP.
 *
 * Bytes and a pool in, bytes out. Secrets that a call derives are wiped by the pool's
 * cleanup. Every function that can fail says so; none logs.
 */
#ifndef CIVIC_CRYPTO_H
#define CIVIC_CRYPTO_H

#include <apr_pools.h>

#define CIVIC_SHA256_LEN    32
#define CIVIC_SECRET_LEN    16        /* an application secret, decoded: an AES-128 key */
#define CIVIC_SIGNATURE_LEN 64        /* ES256: r||s, RFC 7518 section 3.4 */
#define CIVIC_SEAL_KEY_LEN  32        /* AES-256-GCM */
#define CIVIC_SEAL_OVERHEAD (12 + 16) /* nonce before, tag after */

typedef struct civic_key civic_key_t; /* a P-256 key, private or public */

/** Bytes with their length; `data` is NUL-terminated beyond `len` when made by this layer. */
typedef struct {
    unsigned char *data;
    apr_size_t len;
} civic_bytes_t;

/* ---- keys ---- */

/**
 * Read a private P-256 key: 64 hex digits (66 with a leading 00), PEM (SEC 1 or PKCS#8,
 * not encrypted) or a JWK (RFC 7517, kty EC, crv P-256, with d).
 *
 * @param text NUL-terminated, white space around it is ignored
 * @param key  set on success; lives as long as the pool
 * @return NULL, or what is wrong with the text, fit for an operator ("62 hex digits, but a
 *         P-256 private key has 64: leading zeros may have been lost")
 */
const char *civic_key_read_private(civic_key_t **key, const char *text, apr_pool_t *pool);

/** As above for a public key: 130 hex digits `04…` (132 with a leading 00), PEM or JWK. */
const char *civic_key_read_public(civic_key_t **key, const char *text, apr_pool_t *pool);

/**
 * An application secret: 32 hex digits.
 * @param secret the 16 bytes, in the pool, wiped with it
 * @return NULL, or what is wrong
 */
const char *civic_secret_read(unsigned char **secret, const char *text, apr_pool_t *pool);

/** A new private key, as long-lived as the pool; NULL when OpenSSL fails. */
civic_key_t *civic_key_make(apr_pool_t *pool);

/** PEM (PKCS#8, not encrypted) of a private key, in the pool: the caller wipes it. NULL when
 * OpenSSL fails. */
char *civic_key_private_pem(const civic_key_t *key, apr_pool_t *pool);

/** 130 hex digits of the public half, in the pool; NULL when OpenSSL fails. */
const char *civic_key_public_hex(const civic_key_t *key, apr_pool_t *pool);

/* ---- signatures, MACs, digests ---- */

/** ES256 over `len` bytes into `signature` (r||s). @return 1, or 0 when OpenSSL fails */
int civic_es256_sign(unsigned char signature[CIVIC_SIGNATURE_LEN], const void *data,
                     apr_size_t len, const civic_key_t *key);

/** @return 1 when the signature (exactly 64 bytes, r||s) is good, 0 in every other case */
int civic_es256_verify(const unsigned char *signature, apr_size_t signature_len,
                       const void *data, apr_size_t len, const civic_key_t *key);

/** HMAC-SHA256. @return 1, or 0 when OpenSSL fails */
int civic_hmac_sha256(unsigned char mac[CIVIC_SHA256_LEN], const void *key, apr_size_t key_len,
                      const void *data, apr_size_t len);

/** @return 1, or 0 when OpenSSL fails */
int civic_sha256(unsigned char digest[CIVIC_SHA256_LEN], const void *data, apr_size_t len);

/** Lower-case hex of MD5 (the protocol's own checksum of a picture, not a security measure),
 *  33 bytes with the NUL. @return 1, or 0 where MD5 is not available */
int civic_md5_hex(char hex[33], const void *data, apr_size_t len);

/* ---- encryption ---- */

/**
 * AES-128-CBC with PKCS#7 padding (RFC 5652 section 6.3).
 * @return 1 with `clear` set (NUL-terminated, in the pool, wiped with it); 0 on any fault
 */
int civic_aes128_cbc_decrypt(civic_bytes_t *clear, const unsigned char key[16],
                             const unsigned char iv[16], const unsigned char *data,
                             apr_size_t len, apr_pool_t *pool);
int civic_aes128_cbc_encrypt(civic_bytes_t *cipher, const unsigned char key[16],
                             const unsigned char iv[16], const unsigned char *data,
                             apr_size_t len, apr_pool_t *pool);

/**
 * AES-256-GCM with a random nonce: nonce (12) || ciphertext || tag (16).
 *
 * @param purpose additional data: what is sealed for one purpose opens for no other
 * @return 1 with `sealed` set, in the pool; 0 when OpenSSL or the random source fails
 */
int civic_seal(civic_bytes_t *sealed, const unsigned char key[CIVIC_SEAL_KEY_LEN],
               const char *purpose, const void *data, apr_size_t len, apr_pool_t *pool);

/** @return 1 with `clear` set (NUL-terminated, in the pool); 0 when it was not sealed with
 * this key for this purpose */
int civic_open(civic_bytes_t *clear, const unsigned char key[CIVIC_SEAL_KEY_LEN],
               const char *purpose, const void *data, apr_size_t len, apr_pool_t *pool);

/** @return 1, or 0 when the random source fails: the caller must then refuse */
int civic_random(void *buffer, apr_size_t len);

/** Constant time in the contents. @return 1 when equal */
int civic_equal(const void *a, const void *b, apr_size_t len);

/** A random UUID (RFC 9562 version 4) in the pool; NULL when the random source fails. */
const char *civic_uuid(apr_pool_t *pool);

#endif
