/* crypto.c - digests, MACs, encryption, randomness. See crypto.h; keys and signatures: key.c.
 */
#include "crypto.h"

#include <apr_strings.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#include "encoding.h"

enum { NONCE = 12, TAG = 16, BLOCK = 16 };

static apr_status_t wipe(void *data)
{
    civic_bytes_t *bytes = data;

    OPENSSL_cleanse(bytes->data, bytes->len);
    return APR_SUCCESS;
}

static apr_status_t wipe_secret(void *data)
{
    OPENSSL_cleanse(data, CIVIC_SECRET_LEN);
    return APR_SUCCESS;
}

/* Clear text goes with its pool. */
static void keep_wiped(const civic_bytes_t *bytes, apr_pool_t *pool)
{
    apr_pool_cleanup_register(pool, apr_pmemdup(pool, bytes, sizeof(*bytes)), wipe,
                              apr_pool_cleanup_null);
}

const char *civic_secret_read(unsigned char **secret, const char *text, apr_pool_t *pool)
{
    static const char blanks[] = " \t\r\n";
    civic_bytes_t bytes;
    apr_size_t len;

    text += strspn(text, blanks);
    len = strcspn(text, blanks);
    if (text[len + strspn(text + len, blanks)]) {
        return "there is more than one word in it; an application secret is 32 hex digits";
    }
    if (len != 2 * CIVIC_SECRET_LEN) {
        return apr_psprintf(pool,
                            "%" APR_SIZE_T_FMT " characters, but an application secret "
                            "has 32 hex digits",
                            len);
    }
    if (!civic_hex_decode(&bytes, text, len, pool)) {
        return "not hex: an application secret has 32 hex digits";
    }
    apr_pool_cleanup_register(pool, bytes.data, wipe_secret, apr_pool_cleanup_null);
    *secret = bytes.data;
    return NULL;
}

int civic_hmac_sha256(unsigned char mac[CIVIC_SHA256_LEN], const void *key, apr_size_t key_len,
                      const void *data, apr_size_t len)
{
    unsigned int mac_len = 0;

    return key_len <= INT_MAX
           && HMAC(EVP_sha256(), key, (int)key_len, data, len, mac, &mac_len) != NULL
           && mac_len == CIVIC_SHA256_LEN;
}

/* ---- SHA-256, once for each request: most of its cost would be what surrounds it ---- */

/* OpenSSL looks the algorithm behind EVP_sha256() up at every use, under a lock that all
 * threads share: it is fetched once. Never freed: it is OpenSSL's own copy, counted, and httpd
 * may unload this module after OpenSSL has cleaned up. */
static EVP_MD *sha256;

static void sha256_fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* A context that nobody uses right now; NULL while somebody does. */
static EVP_MD_CTX *spare_ctx;

static EVP_MD_CTX *ctx_take(void)
{
    EVP_MD_CTX *ctx = __atomic_exchange_n(&spare_ctx, NULL, __ATOMIC_ACQUIRE);

    return ctx ? ctx : EVP_MD_CTX_new();
}

static void ctx_give_back(EVP_MD_CTX *ctx)
{
    EVP_MD_CTX_free(__atomic_exchange_n(&spare_ctx, ctx, __ATOMIC_ACQ_REL));
}

int civic_sha256(unsigned char digest[CIVIC_SHA256_LEN], const void *data, apr_size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    EVP_MD_CTX *ctx;
    int ok;

    if (pthread_once(&once, sha256_fetch) || !sha256) {
        return 0;
    }
    ctx = ctx_take();
    ok = ctx && EVP_DigestInit_ex(ctx, sha256, NULL) == 1
         && EVP_DigestUpdate(ctx, data, len) == 1
         && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    if (ok) {
        ctx_give_back(ctx);
    }
    else {
        EVP_MD_CTX_free(ctx);
    }
    return ok;
}

int civic_md5_hex(char hex[33], const void *data, apr_size_t len)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[16];

    if (EVP_Digest(data, len, digest, NULL, EVP_md5(), NULL) != 1) {
        return 0;
    }
    for (int i = 0; i < 16; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[32] = '\0';
    return 1;
}

/* ---- AES-128-CBC ---- */

typedef enum { DECRYPT, ENCRYPT } direction_t;

static int cbc(civic_bytes_t *out, direction_t direction, const unsigned char key[16],
               const unsigned char iv[16], const unsigned char *data, apr_size_t len,
               apr_pool_t *pool)
{
    EVP_CIPHER_CTX *ctx;
    civic_bytes_t done;
    int n = 0, last = 0, ok;

    if (len > INT_MAX - 2 * BLOCK) {
        return 0;
    }
    ctx = EVP_CIPHER_CTX_new();
    done.data = apr_palloc(pool, len + BLOCK + 1);
    ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_128_cbc(), NULL, key, iv, direction) == 1
         && EVP_CipherUpdate(ctx, done.data, &n, data, (int)len) == 1
         && EVP_CipherFinal_ex(ctx, done.data + n, &last) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        OPENSSL_cleanse(done.data, len + BLOCK);
        return 0;
    }
    done.len = (apr_size_t)(n + last);
    done.data[done.len] = '\0';
    *out = done;
    return 1;
}

int civic_aes128_cbc_decrypt(civic_bytes_t *clear, const unsigned char key[16],
                             const unsigned char iv[16], const unsigned char *data,
                             apr_size_t len, apr_pool_t *pool)
{
    if (len == 0 || len % BLOCK || !cbc(clear, DECRYPT, key, iv, data, len, pool)) {
        return 0;
    }
    keep_wiped(clear, pool);
    return 1;
}

int civic_aes128_cbc_encrypt(civic_bytes_t *cipher, const unsigned char key[16],
                             const unsigned char iv[16], const unsigned char *data,
                             apr_size_t len, apr_pool_t *pool)
{
    return cbc(cipher, ENCRYPT, key, iv, data, len, pool);
}

/* ---- AES-256-GCM ---- */

int civic_seal(civic_bytes_t *sealed, const unsigned char key[CIVIC_SEAL_KEY_LEN],
               const char *purpose, const void *data, apr_size_t len, apr_pool_t *pool)
{
    EVP_CIPHER_CTX *ctx;
    unsigned char *out;
    int n = 0, last = 0, ok;

    if (len > INT_MAX - CIVIC_SEAL_OVERHEAD) {
        return 0;
    }
    out = apr_palloc(pool, len + CIVIC_SEAL_OVERHEAD + 1);
    ctx = EVP_CIPHER_CTX_new();
    ok = ctx && civic_random(out, NONCE)
         && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, out) == 1
         && EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)purpose,
                              (int)strlen(purpose))
                == 1
         && EVP_EncryptUpdate(ctx, out + NONCE, &n, data, (int)len) == 1
         && EVP_EncryptFinal_ex(ctx, out + NONCE + n, &last) == 1
         && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, out + NONCE + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        return 0;
    }
    sealed->data = out;
    sealed->len = len + CIVIC_SEAL_OVERHEAD;
    out[sealed->len] = '\0';
    return 1;
}

int civic_open(civic_bytes_t *clear, const unsigned char key[CIVIC_SEAL_KEY_LEN],
               const char *purpose, const void *data, apr_size_t len, apr_pool_t *pool)
{
    const unsigned char *in = data;
    EVP_CIPHER_CTX *ctx;
    civic_bytes_t out;
    int n = 0, last = 0, ok;

    if (len < CIVIC_SEAL_OVERHEAD || len > INT_MAX) {
        return 0;
    }
    out.len = len - CIVIC_SEAL_OVERHEAD;
    out.data = apr_palloc(pool, out.len + 1);
    ctx = EVP_CIPHER_CTX_new();
    ok = ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, in) == 1
         && EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)purpose,
                              (int)strlen(purpose))
                == 1
         && EVP_DecryptUpdate(ctx, out.data, &n, in + NONCE, (int)out.len) == 1
         && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(in + NONCE + out.len))
                == 1
         && EVP_DecryptFinal_ex(ctx, out.data + n, &last) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        OPENSSL_cleanse(out.data, out.len);
        return 0;
    }
    out.data[out.len] = '\0';
    *clear = out;
    return 1;
}

/* ---- randomness, comparison ---- */

int civic_random(void *buffer, apr_size_t len)
{
    return len <= INT_MAX && RAND_bytes(buffer, (int)len) == 1;
}

int civic_equal(const void *a, const void *b, apr_size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

const char *civic_uuid(apr_pool_t *pool)
{
    unsigned char u[16];

    if (!civic_random(u, sizeof(u))) {
        return NULL;
    }
    u[6] = (unsigned char)((u[6] & 0x0f) | 0x40);
    u[8] = (unsigned char)((u[8] & 0x3f) | 0x80);
    return apr_psprintf(pool,
                        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10],
                        u[11], u[12], u[13], u[14], u[15]);
}
