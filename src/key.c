/* key.c - P-256 keys: hex, PEM, JWK; ES256. See crypto.h. */
#include <apr_strings.h>
#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <string.h>

#include "crypto.h"
#include "encoding.h"
#include "json.h"

struct civic_key {
    EVP_PKEY *pkey;
};

enum { SCALAR = 32, POINT = 65 };

static const char blanks[] = " \t\r\n";

static apr_status_t key_free(void *data)
{
    EVP_PKEY_free(((civic_key_t *)data)->pkey);
    return APR_SUCCESS;
}

static civic_key_t *key_keep(EVP_PKEY *pkey, apr_pool_t *pool)
{
    civic_key_t *key = apr_palloc(pool, sizeof(*key));

    key->pkey = pkey;
    apr_pool_cleanup_register(pool, key, key_free, apr_pool_cleanup_null);
    return key;
}

/* The public point of a scalar, uncompressed; 0 when the scalar is not in [1, n-1]. */
static int point_of(unsigned char point[POINT], const unsigned char *scalar)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *d = BN_secure_new();
    EC_POINT *q = group ? EC_POINT_new(group) : NULL;
    int ok = group && d && q && BN_bin2bn(scalar, SCALAR, d) && !BN_is_zero(d)
             && BN_cmp(d, EC_GROUP_get0_order(group)) < 0
             && EC_POINT_mul(group, q, d, NULL, NULL, NULL) == 1
             && EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, point, POINT, NULL)
                    == POINT;

    EC_POINT_free(q);
    BN_clear_free(d);
    EC_GROUP_free(group);
    return ok;
}

static EVP_PKEY *from_params(OSSL_PARAM *params, int selection)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *pkey = NULL;

    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1) {
        EVP_PKEY_fromdata(ctx, &pkey, selection, params);
    }
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* On the curve, in range, and where both halves are there, a pair. */
static int is_sound(EVP_PKEY *pkey, int is_private)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    int ok = ctx && (is_private ? EVP_PKEY_check(ctx) : EVP_PKEY_public_check(ctx)) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

/* `scalar` NULL: a public key. */
static EVP_PKEY *key_build(const unsigned char *point, const unsigned char *scalar)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *d = scalar ? BN_secure_new() : NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY *pkey = NULL;
    int ok =
        build
        && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0)
        && OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, POINT);

    if (ok && scalar) {
        ok = d && BN_bin2bn(scalar, SCALAR, d)
             && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d);
    }
    if (ok && (params = OSSL_PARAM_BLD_to_param(build))) {
        pkey = from_params(params, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_clear_free(d);
    if (pkey && !is_sound(pkey, scalar != NULL)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

/* ---- hex ---- */

/* What a word of so many hex digits looks like, where another number was expected. */
static const char *resembles(apr_size_t len, apr_size_t expected)
{
    return len == 2 * CIVIC_SECRET_LEN             ? "this looks like the application's secret"
           : len == 2 * SCALAR                     ? "this looks like a private key"
           : len == 2 * POINT                      ? "this looks like a public key"
           : len < expected && len + 4 >= expected ? "leading zeros may have been lost"
                                                   : "this looks like something else";
}

/* One word of `expected` hex digits, or two more that are a leading 00. */
static const char *hex_read(civic_bytes_t *bytes, const char *text, apr_size_t expected,
                            const char *kind, apr_pool_t *pool)
{
    apr_size_t len = strcspn(text, blanks), digits = strspn(text, "0123456789abcdefABCDEF");

    if (digits != len || text[len + strspn(text + len, blanks)]) {
        return apr_psprintf(pool,
                            "neither hex digits nor PEM nor JWK: a P-256 %s key has "
                            "%" APR_SIZE_T_FMT " hex digits",
                            kind, expected);
    }
    if (len == expected + 2 && !strncmp(text, "00", 2)) {
        text += 2;
        len -= 2;
    }
    if (len != expected) {
        return apr_psprintf(pool,
                            "%" APR_SIZE_T_FMT " hex digits, but a P-256 %s key has "
                            "%" APR_SIZE_T_FMT ": %s",
                            len, kind, expected, resembles(len, expected));
    }
    return civic_hex_decode(bytes, text, len, pool) ? NULL : "not hex";
}

static const char *private_from_scalar(EVP_PKEY **pkey, const unsigned char *scalar)
{
    unsigned char point[POINT];

    *pkey = point_of(point, scalar) ? key_build(point, scalar) : NULL;
    return *pkey ? NULL : "no P-256 private key has this value";
}

static const char *public_from_point(EVP_PKEY **pkey, const civic_bytes_t *point)
{
    *pkey = point->len == POINT && point->data[0] == 4 ? key_build(point->data, NULL) : NULL;
    return *pkey ? NULL : "this is not a point of curve P-256 in the form 04...";
}

/* ---- PEM ---- */

/* An encrypted key would have to be asked for: never at startup. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    return 0;
}

static const char *pem_read(EVP_PKEY **pkey, const char *text, int is_private)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    char group[32] = "";

    *pkey = !bio         ? NULL
            : is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)
                         : PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!*pkey) {
        return is_private ? "this PEM file has no private key that can be read without a "
                            "passphrase"
                          : "this PEM file has no public key";
    }
    if (EVP_PKEY_get_group_name(*pkey, group, sizeof(group), NULL) == 1
        && !strcmp(group, "prime256v1") && is_sound(*pkey, is_private)) {
        return NULL;
    }
    EVP_PKEY_free(*pkey);
    *pkey = NULL;
    return "the key is not of curve P-256";
}

/* ---- JWK (RFC 7517, RFC 7518 section 6.2) ---- */

static int jwk_member(unsigned char out[SCALAR], const json_t *jwk, const char *name,
                      apr_pool_t *pool)
{
    const char *text = civic_json_string(jwk, name);
    civic_bytes_t bytes;

    if (!text || !civic_base64url_decode(&bytes, text, strlen(text), pool)
        || bytes.len != SCALAR) {
        return 0;
    }
    memcpy(out, bytes.data, SCALAR);
    OPENSSL_cleanse(bytes.data, bytes.len);
    return 1;
}

static const char *jwk_read(EVP_PKEY **pkey, const char *text, int is_private,
                            apr_pool_t *pool)
{
    json_t *jwk = civic_json_parse(text, strlen(text), pool);
    const char *kty = jwk ? civic_json_string(jwk, "kty") : NULL;
    const char *crv = jwk ? civic_json_string(jwk, "crv") : NULL;
    unsigned char point[POINT], scalar[SCALAR];

    if (!kty || !crv || strcmp(kty, "EC") || strcmp(crv, "P-256")) {
        return "this JWK is not of kty EC and crv P-256";
    }
    point[0] = 4;
    if (!jwk_member(point + 1, jwk, "x", pool)
        || !jwk_member(point + 1 + SCALAR, jwk, "y", pool)
        || (is_private && !jwk_member(scalar, jwk, "d", pool))) {
        return is_private ? "this JWK needs x, y and d of 32 bytes each"
                          : "this JWK needs x and y of 32 bytes each";
    }
    *pkey = key_build(point, is_private ? scalar : NULL);
    OPENSSL_cleanse(scalar, sizeof(scalar));
    return *pkey ? NULL : "this JWK's numbers are not a key of curve P-256";
}

/* ---- any form ---- */

static const char *key_read(civic_key_t **key, const char *text, int is_private,
                            apr_pool_t *pool)
{
    EVP_PKEY *pkey = NULL;
    const char *fault;
    civic_bytes_t bytes;

    text += strspn(text, blanks);
    if (!*text) {
        return "it is empty";
    }
    if (!strncmp(text, "-----BEGIN", 10)) {
        fault = pem_read(&pkey, text, is_private);
    }
    else if (*text == '{') {
        fault = jwk_read(&pkey, text, is_private, pool);
    }
    else {
        fault = hex_read(&bytes, text, is_private ? 2 * SCALAR : 2 * POINT,
                         is_private ? "private" : "public", pool);
        if (!fault) {
            fault = is_private ? private_from_scalar(&pkey, bytes.data)
                               : public_from_point(&pkey, &bytes);
            OPENSSL_cleanse(bytes.data, bytes.len);
        }
    }
    ERR_clear_error();
    if (fault) {
        return fault;
    }
    *key = key_keep(pkey, pool);
    return NULL;
}

const char *civic_key_read_private(civic_key_t **key, const char *text, apr_pool_t *pool)
{
    return key_read(key, text, 1, pool);
}

const char *civic_key_read_public(civic_key_t **key, const char *text, apr_pool_t *pool)
{
    return key_read(key, text, 0, pool);
}

const char *civic_key_public_hex(const civic_key_t *key, apr_pool_t *pool)
{
    unsigned char point[POINT];
    size_t len = 0;

    if (EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point,
                                        sizeof(point), &len)
            != 1
        || len != POINT || point[0] != 4) {
        return NULL;
    }
    return civic_hex_encode(point, len, pool);
}

/* ---- of our own making ---- */

civic_key_t *civic_key_make(apr_pool_t *pool)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");

    ERR_clear_error();
    return pkey ? key_keep(pkey, pool) : NULL;
}

char *civic_key_private_pem(const civic_key_t *key, apr_pool_t *pool)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *data, *text = NULL;
    long len;

    if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1
        && (len = BIO_get_mem_data(bio, &data)) > 0) {
        text = apr_pstrmemdup(pool, data, (apr_size_t)len);
    }
    BIO_free(bio);
    ERR_clear_error();
    return text;
}

/* ---- ES256 ---- */

enum { DER_MAX = 80 };

int civic_es256_sign(unsigned char signature[CIVIC_SIGNATURE_LEN], const void *data,
                     apr_size_t len, const civic_key_t *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char der[DER_MAX];
    const unsigned char *p = der;
    size_t der_len = sizeof(der);
    ECDSA_SIG *sig = NULL;
    int ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1
             && EVP_DigestSign(ctx, der, &der_len, data, len) == 1
             && (sig = d2i_ECDSA_SIG(NULL, &p, (long)der_len)) != NULL
             && BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, SCALAR) == SCALAR
             && BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + SCALAR, SCALAR) == SCALAR;

    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* r||s as the DER that OpenSSL wants. @return its length, 0 on failure; free with OPENSSL_free
 */
static int der_encode(unsigned char **der, const unsigned char *signature)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, SCALAR, NULL);
    BIGNUM *s = BN_bin2bn(signature + SCALAR, SCALAR, NULL);
    int len = 0;

    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* owned by sig now */
        len = i2d_ECDSA_SIG(sig, der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return len > 0 ? len : 0;
}

int civic_es256_verify(const unsigned char *signature, apr_size_t signature_len,
                       const void *data, apr_size_t len, const civic_key_t *key)
{
    unsigned char *der = NULL;
    EVP_MD_CTX *ctx;
    int der_len, ok;

    if (signature_len != CIVIC_SIGNATURE_LEN) {
        return 0;
    }
    der_len = der_encode(&der, signature);
    ctx = EVP_MD_CTX_new();
    ok = der_len && ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1
         && EVP_DigestVerify(ctx, der, (size_t)der_len, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ERR_clear_error();
    return ok;
}
