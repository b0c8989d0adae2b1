/* tokens.c - what the service signs: authorization codes and user data. */
#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "json.h"
#include "jws.h"
#include "sandbox.h"

enum { BULK = 256 * 1024 };

static double now_seconds(void)
{
    return (double)(apr_time_now() / 1000) / 1000;
}

static json_t *payload_make(request_rec *r, const char *subject, double issued, double life)
{
    const char *jti = civic_uuid(r->pool);

    return jti ? json_pack("{s:s, s:f, s:f, s:s, s:s, s:s}", "jti", jti, "iat", issued, "exp",
                           issued + life, "iss", SANDBOX_ISSUER, "aud",
                           apr_pstrcat(r->pool, sandbox_url(r), "/sip/", NULL), "sub", subject)
               : NULL;
}

const civic_key_t *sandbox_other_key(apr_pool_t *pool)
{
    civic_key_t *key = NULL;

    civic_key_read_private(
        &key, "00000000000000000000000000000000000000000000000000000000000b0b5e", pool);
    return key;
}

/* A header of the caller's choice, for tests of what must be refused. */
static const char *sign_with_header(const json_t *header, const json_t *payload,
                                    const civic_key_t *key, apr_pool_t *pool)
{
    const char *head = civic_json_text(header, pool), *text = civic_json_text(payload, pool);
    const char *input =
        apr_pstrcat(pool, civic_base64url_encode(head, strlen(head), pool), ".",
                    civic_base64url_encode(text, strlen(text), pool), NULL);
    unsigned char signature[CIVIC_SIGNATURE_LEN];

    if (!civic_es256_sign(signature, input, strlen(input), key)) {
        return NULL;
    }
    return apr_pstrcat(pool, input, ".",
                       civic_base64url_encode(signature, sizeof(signature), pool), NULL);
}

const char *sandbox_code_token(request_rec *r, const sandbox_ask_t *ask,
                               const json_t *overrides, const json_t *header,
                               const civic_key_t *key)
{
    json_t *payload = payload_make(r, ask->application, now_seconds(), SANDBOX_CODE_LIFE),
           *value;
    const char *name;

    if (!civic_json_own(payload, r->pool)) {
        return NULL;
    }
    json_object_set_new(payload, "data", json_pack("{s:s}", "codeToken", ask->code));
    json_object_foreach((json_t *)overrides, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(payload, name);
        }
        else {
            json_object_set(payload, name, value);
        }
    }
    return header ? sign_with_header(header, payload, key, r->pool)
                  : civic_jws_sign(payload, key, r->pool);
}

typedef struct {
    unsigned char iv[16];
    civic_bytes_t cipher;
} sealed_t;

static int seal(sealed_t *sealed, const char *clear, const unsigned char *secret,
                apr_pool_t *pool)
{
    return civic_random(sealed->iv, sizeof(sealed->iv))
           && civic_aes128_cbc_encrypt(&sealed->cipher, secret, sealed->iv,
                                       (const unsigned char *)clear, strlen(clear), pool);
}

/* With another secret. One time in 256 what comes of decrypting it looks well padded, so the
 * fault would not be one: then once more. */
static int seal_wrongly(sealed_t *sealed, const char *clear, const unsigned char *secret,
                        apr_pool_t *pool)
{
    unsigned char other[CIVIC_SECRET_LEN];
    civic_bytes_t opened;

    memcpy(other, secret, sizeof(other));
    other[0] ^= 0xff;
    do {
        if (!seal(sealed, clear, other, pool)) {
            return 0;
        }
    } while (civic_aes128_cbc_decrypt(&opened, secret, sealed->iv, sealed->cipher.data,
                                      sealed->cipher.len, pool));
    return 1;
}

/* 32 hex digits of IV, then base64 of the ciphertext. */
static const char *sealed_text(const sealed_t *sealed, apr_pool_t *pool)
{
    return apr_pstrcat(pool, civic_hex_encode(sealed->iv, sizeof(sealed->iv), pool),
                       civic_base64_encode(sealed->cipher.data, sealed->cipher.len, pool),
                       NULL);
}

/* What is shown: the person's items, or what a test put in their place. */
static json_t *data_make(const sandbox_ask_t *ask, apr_pool_t *pool)
{
    if (ask->data[0]) {
        return json_incref(civic_json_parse(ask->data, strlen(ask->data), pool));
    }
    return sandbox_person_data(&sandbox_people[ask->person], ask->scope, pool);
}

static void add_verified(json_t *list, const char *label, const char *value)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b}", "label", label, "value",
                                          value, "isValid", 1, "isOwner", 1));
}

/* "bulky" adds an item that is too large for a small store of sessions. */
static void add_bulk(json_t *list, apr_pool_t *pool)
{
    char *value = apr_palloc(pool, BULK + 1);

    memset(value, 'x', BULK);
    value[BULK] = '\0';
    add_verified(list, "sandbox.bulk", value);
}

/* A JPEG as far as its first bytes tell, in place of the person's picture. */
static void set_image(json_t *list, int bytes, apr_pool_t *pool)
{
    char *image = apr_pcalloc(pool, (apr_size_t)bytes), md5[33] = "";
    const char *text;

    for (size_t i = json_array_size(list); i > 0; i--) {
        const char *label = civic_json_string(json_array_get(list, i - 1), "label");

        if (label
            && (!strcmp(label, CIVIC_LABEL_IMAGE) || !strcmp(label, CIVIC_LABEL_IMAGE_MD5))) {
            json_array_remove(list, i - 1);
        }
    }
    memcpy(image, "\xff\xd8\xff\xe0", 4);
    text = civic_base64_encode(image, (apr_size_t)bytes, pool);
    civic_md5_hex(md5, text, strlen(text));
    add_verified(list, CIVIC_LABEL_IMAGE, text);
    add_verified(list, CIVIC_LABEL_IMAGE_MD5, md5);
}

/* "not-valid" and "not-owner" spoil every item. */
static void spoil(json_t *list, const char *fault)
{
    const char *member = !strcmp(fault, "not-valid")   ? "isValid"
                         : !strcmp(fault, "not-owner") ? "isOwner"
                                                       : NULL;
    apr_size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (member) {
            json_object_set_new(item, member, json_false());
        }
    }
}

const char *sandbox_data_token(request_rec *r, const sandbox_ask_t *ask)
{
    const char *fault = ask->fault, *clear, *data = NULL;
    const sandbox_application_t *app = sandbox_application(r->server, ask->application);
    json_t *list = data_make(ask, r->pool);
    double issued = now_seconds() - (strcmp(fault, "expired-answer") ? 0 : 86400);
    json_t *payload = payload_make(r, ask->application, issued, SANDBOX_CODE_LIFE);
    sealed_t sealed;

    civic_json_own(list, r->pool);
    if (!app || !civic_json_own(payload, r->pool)) {
        return NULL;
    }
    if (ask->image) {
        set_image(list, ask->image, r->pool);
    }
    spoil(list, fault);
    if (!strcmp(fault, "bulky")) {
        add_bulk(list, r->pool);
    }
    clear = civic_json_text(list, r->pool);
    if (!strcmp(fault, "unencrypted")) {
        data = clear;
    }
    else if (strcmp(fault, "wrong-secret")
                 ? seal(&sealed, clear, app->secret, r->pool)
                 : seal_wrongly(&sealed, clear, app->secret, r->pool)) {
        data = sealed_text(&sealed, r->pool);
    }
    if (!data) {
        return NULL;
    }
    json_object_set_new(payload, "data", json_string(data));
    return civic_jws_sign(payload,
                          strcmp(fault, "wrong-key") ? sandbox_conf(r->server)->key
                                                     : sandbox_other_key(r->pool),
                          r->pool);
}
