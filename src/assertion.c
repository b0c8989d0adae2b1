/* assertion.c - see assertion.h. */
#include "assertion.h"

#include <apr_strings.h>
#include <jansson.h>
#include <string.h>

#include "encoding.h"
#include "json.h"
#include "jws.h"
#include "key_file.h"

#define LABEL_EMAIL "contact.personal.email"

enum {
    POINT = 65,
    SCALAR = 32,
    AROUND = 256, /* characters of header, signature and dots: fewer than that */
    PAYLOAD_MAX = (CIVIC_ASSERTION_MAX - AROUND) / 4 * 3
};

/* ---- keys ---- */

/* The public half, with its thumbprint as kid; NULL when OpenSSL fails. */
static json_t *jwk_of(const civic_key_t *key, apr_pool_t *pool)
{
    const char *hex = civic_key_public_hex(key, pool), *x, *y, *canonical;
    unsigned char digest[CIVIC_SHA256_LEN];
    civic_bytes_t point;

    if (!hex || !civic_hex_decode(&point, hex, 2 * POINT, pool)) {
        return NULL;
    }
    x = civic_base64url_encode(point.data + 1, SCALAR, pool);
    y = civic_base64url_encode(point.data + 1 + SCALAR, SCALAR, pool);
    canonical = apr_pstrcat(pool, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"", x,
                            "\",\"y\":\"", y, "\"}", NULL);
    if (!civic_sha256(digest, canonical, strlen(canonical))) {
        return NULL;
    }
    return civic_json_own(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "alg", "ES256",
                                    "crv", "P-256", "kid",
                                    civic_base64url_encode(digest, sizeof(digest), pool),
                                    "kty", "EC", "use", "sig", "x", x, "y", y),
                          pool);
}

const char *civic_assertion_keys_set(civic_assertion_keys_t *keys, const civic_key_t *current,
                                     const civic_key_t *other, apr_pool_t *pool)
{
    json_t *set = civic_json_own(json_pack("{s:[]}", "keys"), pool);
    json_t *list = json_object_get(set, "keys");
    json_t *first = jwk_of(current, pool), *second = other ? jwk_of(other, pool) : NULL;

    if (!list || !first || (other && !second) || json_array_append(list, first)
        || (second && json_array_append(list, second))) {
        return "OpenSSL cannot read its public half";
    }
    if (second && json_equal(first, second)) {
        return "both files hold the same key: the second one is for another, that is "
               "published as well while keys are changed";
    }
    keys->jwks = civic_json_text(set, pool);
    keys->kid = apr_pstrdup(pool, civic_json_string(first, "kid"));
    keys->key = current;
    keys->other = other;
    return keys->jwks ? NULL : "there is no memory";
}

static char *make(apr_pool_t *pool)
{
    civic_key_t *key = civic_key_make(pool);

    return key ? civic_key_private_pem(key, pool) : NULL;
}

const char *civic_assertion_key_file(civic_key_t **key, const char *path, apr_pool_t *pool)
{
    static const civic_key_kind_t kind = {"the assertion key", make};
    char *text;
    const char *fault = civic_key_file(&text, path, &kind, pool);

    if (!fault) {
        fault = civic_key_read_private(key, text, pool);
        fault = fault ? civic_key_file_unfit(
                    path, &kind, apr_pstrcat(pool, "is no key: ", fault, NULL), pool)
                      : NULL;
    }
    return fault;
}

/* ---- what it says ---- */

static int is_wanted(const apr_array_header_t *labels, const char *label)
{
    for (int i = 0; labels && i < labels->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(labels, i, const char *), label)) {
            return 1;
        }
    }
    return labels == NULL;
}

/* Bytes of a member in the compact form. */
static apr_size_t size_of(const char *name, const json_t *value)
{
    json_t *text = json_string(name);
    apr_size_t size = json_dumpb(text, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY)
                      + json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);

    json_decref(text);
    return size + sizeof(":,") - 1;
}

/* Set a member where there is room for it. */
static int fits(json_t *object, apr_size_t *room, const char *name, const char *value)
{
    json_t *text = strlen(value) < *room ? json_string(value) : NULL;
    apr_size_t size = text ? size_of(name, text) : *room + 1;

    if (size > *room || json_object_set(object, name, text)) {
        json_decref(text);
        return 0;
    }
    json_decref(text);
    *room -= size;
    return 1;
}

/* The address once more under the name that everybody knows: beside the label, or not
 * at all. */
static void set_email(json_t *payload, apr_size_t *room, const char *value)
{
    static const apr_size_t verified = sizeof("\"email_verified\":true,") - 1;

    if (*room > verified) {
        *room -= verified;
        if (fits(payload, room, "email", value)) {
            json_object_set_new(payload, "email_verified", json_true());
        }
    }
}

static void set_claims(json_t *payload, const civic_assertion_t *assertion,
                       const char **left_out, apr_pool_t *pool)
{
    const civic_claims_t *claims = &assertion->record->claims;
    json_t *object = json_object_get(json_object_get(payload, "civic"), "claims");
    apr_size_t used = json_dumpb(payload, NULL, 0, JSON_COMPACT);
    apr_size_t room = used < PAYLOAD_MAX ? PAYLOAD_MAX - used : 0;

    for (int i = 0; i < claims->count; i++) {
        const char *label = claims->items[i].label;
        const char *value =
            civic_claims_get(claims, label); /* NULL: not verified, ambiguous */

        if (!value || !is_wanted(assertion->labels, label) || civic_value_is_unsafe(value)
            || json_object_get(object, label)) {
            continue;
        }
        if (!fits(object, &room, label, value)) {
            *left_out = *left_out ? apr_pstrcat(pool, *left_out, " ", label, NULL) : label;
        }
        else if (!strcmp(label, LABEL_EMAIL)) {
            set_email(payload, &room, value);
        }
    }
}

const char *civic_assertion_sign(const civic_assertion_t *assertion,
                                 const civic_assertion_keys_t *keys, const char **left_out,
                                 apr_pool_t *pool)
{
    const civic_record_t *record = assertion->record;
    json_int_t now = (json_int_t)apr_time_sec(assertion->now);
    json_t *payload = civic_json_own(
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:{s:s, s:s, s:{}}}", "iss",
                  assertion->issuer, "aud", assertion->audience, "sub", record->user_id, "iat",
                  now, "exp", now + CIVIC_ASSERTION_LIFE, "auth_time",
                  (json_int_t)apr_time_sec(assertion->login), "civic", "application",
                  record->application, "scope", record->scope, "claims"),
        pool);

    *left_out = NULL;
    if (!payload) {
        return NULL;
    }
    set_claims(payload, assertion, left_out, pool);
    return civic_jws_sign_as(payload, keys->kid, keys->key, pool);
}

int civic_assertion_digest(unsigned char digest[CIVIC_SHA256_LEN],
                           const civic_assertion_t *assertion, const unsigned char *session,
                           apr_pool_t *pool)
{
    const apr_array_header_t *labels = assertion->labels;
    /* No part of it holds a line feed. */
    const char *text = apr_pstrcat(pool, assertion->issuer, "\n", assertion->audience, "\n",
                                   labels ? "these" : "all", NULL);
    apr_size_t len;
    char *input;

    for (int i = 0; labels && i < labels->nelts; i++) {
        text = apr_pstrcat(pool, text, "\n", APR_ARRAY_IDX(labels, i, const char *), NULL);
    }
    len = strlen(text);
    input = apr_palloc(pool, CIVIC_SHA256_LEN + len);
    memcpy(input, session, CIVIC_SHA256_LEN);
    memcpy(input + CIVIC_SHA256_LEN, text, len);
    return civic_sha256(digest, input, CIVIC_SHA256_LEN + len);
}
