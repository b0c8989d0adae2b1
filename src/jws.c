/* jws.c - see jws.h. */
#include "jws.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "encoding.h"
#include "json.h"

enum { HEADER_MAX = 1024, JTI_MAX = 256 };

/* The three parts, still encoded; they point into the input. */
typedef struct {
    const char *header, *payload, *signature;
    apr_size_t header_len, payload_len, signature_len;
} parts_t;

static int split(parts_t *parts, const char *text, apr_size_t len)
{
    const char *end = text + len;
    const char *first = memchr(text, '.', len);
    const char *second = first ? memchr(first + 1, '.', (apr_size_t)(end - first - 1)) : NULL;

    if (!second || memchr(second + 1, '.', (apr_size_t)(end - second - 1))) {
        return 0;
    }
    parts->header = text;
    parts->header_len = (apr_size_t)(first - text);
    parts->payload = first + 1;
    parts->payload_len = (apr_size_t)(second - first - 1);
    parts->signature = second + 1;
    parts->signature_len = (apr_size_t)(end - second - 1);
    return parts->header_len > 0 && parts->header_len <= HEADER_MAX && parts->payload_len > 0;
}

/* One algorithm, fixed; what we do not understand and must (crit) is refused. */
static civic_reason header_judge(const parts_t *parts, apr_pool_t *pool)
{
    civic_bytes_t bytes;
    const char *alg, *typ;
    json_t *header;

    if (!civic_base64url_decode(&bytes, parts->header, parts->header_len, pool)) {
        return CIVIC_TOKEN_FORMAT;
    }
    header = civic_json_parse((const char *)bytes.data, bytes.len, pool);
    if (!json_is_object(header)) {
        return CIVIC_TOKEN_FORMAT;
    }
    alg = civic_json_string(header, "alg");
    if (!alg || strcmp(alg, "ES256")) {
        return CIVIC_TOKEN_ALGORITHM;
    }
    typ = civic_json_string(header, "typ");
    if ((json_object_get(header, "typ") && (!typ || strcasecmp(typ, "JWT")))
        || json_object_get(header, "crit")) {
        return CIVIC_TOKEN_FORMAT;
    }
    return CIVIC_OK;
}

civic_reason civic_jws_open(civic_bytes_t *payload, const char *text, apr_size_t len,
                            const civic_key_t *key, apr_pool_t *pool)
{
    civic_bytes_t signature, bytes;
    civic_reason reason;
    parts_t parts;

    if (len == 0 || len > CIVIC_JWS_MAX || !split(&parts, text, len)) {
        return CIVIC_TOKEN_FORMAT;
    }
    reason = header_judge(&parts, pool);
    if (reason != CIVIC_OK) {
        return reason;
    }
    if (parts.signature_len > 2 * CIVIC_SIGNATURE_LEN
        || !civic_base64url_decode(&signature, parts.signature, parts.signature_len, pool)) {
        return CIVIC_TOKEN_FORMAT;
    }
    /* What is signed is the encoded text of both parts with the dot between. */
    if (!civic_es256_verify(signature.data, signature.len, text,
                            parts.header_len + 1 + parts.payload_len, key)) {
        return CIVIC_TOKEN_SIGNATURE;
    }
    if (!civic_base64url_decode(&bytes, parts.payload, parts.payload_len, pool)) {
        return CIVIC_TOKEN_FORMAT;
    }
    *payload = bytes;
    return CIVIC_OK;
}

/* ---- claims that every token must have ---- */

static int is_visible(const char *text, apr_size_t max)
{
    apr_size_t len = strlen(text);

    for (apr_size_t i = 0; i < len; i++) {
        if (text[i] < '!' || text[i] > '~') {
            return 0;
        }
    }
    return len > 0 && len <= max;
}

static int number(double *out, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_number(value)) {
        return 0;
    }
    *out = json_number_value(value);
    return isfinite(*out);
}

/* A string, or a list of strings, neither empty. */
static int is_audience(const json_t *audience)
{
    apr_size_t i;
    json_t *item;

    if (json_is_string(audience)) {
        return json_string_length(audience) > 0;
    }
    json_array_foreach(audience, i, item)
    {
        if (!json_is_string(item)) {
            return 0;
        }
    }
    return json_array_size(audience) > 0;
}

civic_reason civic_jws_verify(civic_jws_t *jws, const char *text, apr_size_t len,
                              const civic_key_t *key, apr_pool_t *pool)
{
    civic_bytes_t bytes;
    civic_jws_t read = {0};
    civic_reason reason = civic_jws_open(&bytes, text, len, key, pool);

    if (reason != CIVIC_OK) {
        return reason;
    }
    read.payload = civic_json_parse((const char *)bytes.data, bytes.len, pool);
    if (!json_is_object(read.payload)) {
        return CIVIC_TOKEN_FORMAT;
    }
    read.jti = civic_json_string(read.payload, "jti");
    read.issuer = civic_json_string(read.payload, "iss");
    read.subject = civic_json_string(read.payload, "sub");
    read.audience = json_object_get(read.payload, "aud");
    if (!read.jti || !is_visible(read.jti, JTI_MAX) || !read.issuer || !read.subject
        || !is_audience(read.audience) || !number(&read.issued_at, read.payload, "iat")
        || !number(&read.expires_at, read.payload, "exp")) {
        return CIVIC_TOKEN_FORMAT;
    }
    *jws = read;
    return CIVIC_OK;
}

/* By libc, and not in full when it is no date: for a number of more than 80 digits APR's own
 * %f shows what lies on the stack. */
static const char *seconds(double time, apr_pool_t *pool)
{
    char text[64];

    snprintf(text, sizeof(text), fabs(time) < 1e15 ? "%.3f" : "%g", time);
    return apr_pstrdup(pool, text);
}

civic_reason civic_jws_check_times(const civic_jws_t *jws, double now, double tolerance,
                                   const char **detail, apr_pool_t *pool)
{
    if (jws->expires_at < jws->issued_at) {
        *detail = "it expires before it was issued";
        return CIVIC_TOKEN_FORMAT;
    }
    if (now > jws->expires_at + tolerance) {
        *detail = apr_psprintf(pool,
                               "exp %s is %s s before this server's clock, %s: check "
                               "NTP if it happens to everybody",
                               seconds(jws->expires_at, pool),
                               seconds(now - jws->expires_at, pool), seconds(now, pool));
        return CIVIC_TOKEN_EXPIRED;
    }
    if (now < jws->issued_at - tolerance) {
        *detail = apr_psprintf(pool, "iat %s is %s s after this server's clock, %s: check NTP",
                               seconds(jws->issued_at, pool),
                               seconds(jws->issued_at - now, pool), seconds(now, pool));
        return CIVIC_TOKEN_EARLY;
    }
    return CIVIC_OK;
}

static const char *sign(const json_t *payload, const char *header, const civic_key_t *key,
                        apr_pool_t *pool)
{
    const char *text = civic_json_text(payload, pool), *input;
    unsigned char signature[CIVIC_SIGNATURE_LEN];

    if (!text) {
        return NULL;
    }
    input = apr_pstrcat(pool, civic_base64url_encode(header, strlen(header), pool), ".",
                        civic_base64url_encode(text, strlen(text), pool), NULL);
    if (!civic_es256_sign(signature, input, strlen(input), key)) {
        return NULL;
    }
    return apr_pstrcat(pool, input, ".",
                       civic_base64url_encode(signature, sizeof(signature), pool), NULL);
}

const char *civic_jws_sign(const json_t *payload, const civic_key_t *key, apr_pool_t *pool)
{
    return sign(payload, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", key, pool);
}

const char *civic_jws_sign_as(const json_t *payload, const char *kid, const civic_key_t *key,
                              apr_pool_t *pool)
{
    return sign(
        payload,
        apr_pstrcat(pool, "{\"alg\":\"ES256\",\"kid\":\"", kid, "\",\"typ\":\"JWT\"}", NULL),
        key, pool);
}
