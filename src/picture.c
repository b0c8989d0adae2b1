/* picture.c - see picture.h.
 *
 *   ticket: civic_seal over version(1) | issued(8) | session key(32)
 */
#include "picture.h"

#include <string.h>

#include "encoding.h"
#include "jws.h"

enum {
    VERSION = 1,
    TICKET_CLEAR = 1 + 8 + CIVIC_STORE_KEY_LEN /* with the seal 69 bytes: 92 characters */
};

static const char label[] = "civic picture";
static const char ticket_purpose[] = "civic picture ticket 1";

const char *civic_picture_type(const civic_bytes_t *picture)
{
    static const unsigned char jpeg[] = {0xff, 0xd8, 0xff};
    static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    if (picture->len > sizeof(jpeg) && !memcmp(picture->data, jpeg, sizeof(jpeg))) {
        return "image/jpeg";
    }
    if (picture->len > sizeof(png) && !memcmp(picture->data, png, sizeof(png))) {
        return "image/png";
    }
    return NULL;
}

static int was_sent(const civic_claims_t *claims)
{
    for (int i = 0; i < claims->count; i++) {
        if (!strcmp(claims->items[i].label, CIVIC_LABEL_IMAGE)) {
            return 1;
        }
    }
    return 0;
}

const char *civic_picture_read(civic_bytes_t *picture, const civic_claims_t *claims,
                               apr_pool_t *pool)
{
    const char *text = civic_claims_get(claims, CIVIC_LABEL_IMAGE);
    civic_bytes_t read;

    if (!was_sent(claims)) {
        return "";
    }
    if (!text || !civic_claims_get(claims, CIVIC_LABEL_IMAGE_MD5)) {
        return "it or its checksum is not verified, or there are several";
    }
    /* Four characters for three bytes; white space comes on top, and is rare. */
    if (strlen(text) / 4 * 3 > 2 * CIVIC_PICTURE_MAX
        || !civic_base64_decode(&read, text, strlen(text), pool)) {
        return "it is no base64, or far too long";
    }
    if (read.len > CIVIC_PICTURE_MAX) {
        return "it is over 1 MiB";
    }
    if (!civic_picture_type(&read)) {
        return "it is neither JPEG nor PNG";
    }
    *picture = read;
    return NULL;
}

/* ---- in the store ---- */

static int digest(unsigned char out[CIVIC_SHA256_LEN], const unsigned char *of, apr_size_t len)
{
    unsigned char bytes[sizeof(label) + CIVIC_STORE_KEY_LEN];

    memcpy(bytes, label, sizeof(label));
    memcpy(bytes + sizeof(label), of, len);
    return civic_sha256(out, bytes, sizeof(label) + len);
}

static int key_of(unsigned char key[CIVIC_STORE_KEY_LEN], const unsigned char *session)
{
    return digest(key, session, CIVIC_STORE_KEY_LEN);
}

static int user_of(unsigned char user[CIVIC_STORE_USER_LEN], const unsigned char *sessions)
{
    unsigned char whole[CIVIC_SHA256_LEN];

    if (!digest(whole, sessions, CIVIC_STORE_USER_LEN)) {
        return 0;
    }
    memcpy(user, whole, CIVIC_STORE_USER_LEN);
    return 1;
}

int civic_picture_put(civic_store_t *store, const civic_stored_t *session,
                      const civic_bytes_t *picture, apr_pool_t *pool)
{
    civic_stored_t stored = {.kind = CIVIC_STORED_PICTURE,
                             .record = *picture,
                             .expires = session->expires,
                             .last_used = session->last_used};

    return key_of(stored.key, session->key) && user_of(stored.user, session->user)
           && store->ops->put(store, &stored) == CIVIC_STORE_OK;
}

civic_store_result civic_picture_get(civic_bytes_t *picture, civic_store_t *store,
                                     const unsigned char key[CIVIC_STORE_KEY_LEN],
                                     apr_pool_t *pool)
{
    unsigned char own[CIVIC_STORE_KEY_LEN];
    civic_store_result result;
    civic_stored_t stored;

    if (!key_of(own, key)) {
        return CIVIC_STORE_DOWN;
    }
    result = store->ops->get(store, &stored, own, pool);
    if (result == CIVIC_STORE_OK) {
        *picture = stored.record;
    }
    return result;
}

static int is_done(civic_store_result result)
{
    return result == CIVIC_STORE_OK || result == CIVIC_STORE_MISSING;
}

int civic_picture_end(civic_store_t *store, const unsigned char key[CIVIC_STORE_KEY_LEN],
                      const unsigned char user[CIVIC_STORE_USER_LEN], apr_pool_t *pool)
{
    unsigned char own[CIVIC_STORE_KEY_LEN], owner[CIVIC_STORE_USER_LEN];

    return key_of(own, key) && user_of(owner, user)
           && is_done(store->ops->remove(store, own, owner, pool));
}

int civic_picture_end_user(civic_store_t *store,
                           const unsigned char user[CIVIC_STORE_USER_LEN], apr_pool_t *pool)
{
    unsigned char owner[CIVIC_STORE_USER_LEN];
    int count = 0;

    return user_of(owner, user)
           && is_done(store->ops->remove_user(store, owner, &count, pool));
}

/* ---- tickets ---- */

const char *civic_picture_ticket_seal(const unsigned char key[CIVIC_STORE_KEY_LEN],
                                      apr_time_t now, const civic_seal_keys_t *keys,
                                      apr_pool_t *pool)
{
    unsigned char clear[TICKET_CLEAR] = {VERSION};
    civic_bytes_t sealed;

    memcpy(civic_number_put(clear + 1, (apr_uint64_t)now, 8), key, CIVIC_STORE_KEY_LEN);
    return civic_seal(&sealed, keys->current, ticket_purpose, clear, sizeof(clear), pool)
               ? civic_base64url_encode(sealed.data, sealed.len, pool)
               : NULL;
}

int civic_picture_ticket_open(unsigned char key[CIVIC_STORE_KEY_LEN], const char *text,
                              apr_time_t now, const civic_seal_keys_t *keys, apr_pool_t *pool)
{
    civic_bytes_t sealed, clear;
    apr_interval_time_t age;

    if (strnlen(text, CIVIC_PICTURE_TICKET_LEN + 1) != CIVIC_PICTURE_TICKET_LEN
        || !civic_base64url_decode(&sealed, text, CIVIC_PICTURE_TICKET_LEN, pool)
        || !civic_unseal(&clear, keys, ticket_purpose, sealed.data, sealed.len, pool)
        || clear.len != TICKET_CLEAR || clear.data[0] != VERSION) {
        return 0;
    }
    age = now - (apr_time_t)civic_number_get(clear.data + 1, 8);
    /* Other nodes' clocks may be a little ahead. */
    if (age > CIVIC_PICTURE_TICKET_LIFE || age < -apr_time_from_sec(CIVIC_CLOCK_TOLERANCE)) {
        return 0;
    }
    memcpy(key, clear.data + 9, CIVIC_STORE_KEY_LEN);
    return 1;
}
