/* session.c - see session.h. */
#include "session.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "encoding.h"

enum { ID_BYTES = 32 };

static civic_refusal_t refuse(civic_reason reason, const char *detail)
{
    return (civic_refusal_t){reason, detail};
}

int civic_session_realm(unsigned char realm[CIVIC_REALM_LEN], const char *name)
{
    unsigned char digest[CIVIC_SHA256_LEN];

    if (!civic_sha256(digest, name, strlen(name))) {
        return 0;
    }
    memcpy(realm, digest, CIVIC_REALM_LEN);
    return 1;
}

int civic_session_id_is_sane(const char *id)
{
    for (int i = 0; i < CIVIC_SESSION_ID_LEN; i++) {
        if (!apr_isascii(id[i]) || !(apr_isalnum(id[i]) || id[i] == '-' || id[i] == '_')) {
            return 0;
        }
    }
    return id[CIVIC_SESSION_ID_LEN] == '\0';
}

/* Which user, so that all his sessions can be ended: one person is another user elsewhere. */
static int user_digest(unsigned char user[CIVIC_STORE_USER_LEN], const civic_record_t *record,
                       apr_pool_t *pool)
{
    unsigned char digest[CIVIC_SHA256_LEN];
    const char *text =
        apr_pstrcat(pool, civic_hex_encode(record->realm, sizeof(record->realm), pool), " ",
                    record->application, " ", record->user_id, NULL);

    if (!civic_sha256(digest, text, strlen(text))) {
        return 0;
    }
    memcpy(user, digest, CIVIC_STORE_USER_LEN);
    return 1;
}

static int id_new(const char **id, unsigned char key[CIVIC_STORE_KEY_LEN], apr_pool_t *pool)
{
    unsigned char random[ID_BYTES];

    if (!civic_random(random, sizeof(random))) {
        return 0;
    }
    *id = civic_base64url_encode(random, sizeof(random), pool);
    return civic_sha256(key, *id, strlen(*id));
}

static civic_refusal_t judge_put(civic_store_result result, apr_size_t len, apr_pool_t *pool)
{
    switch (result) {
    case CIVIC_STORE_OK:
        return refuse(CIVIC_OK, NULL);
    case CIVIC_STORE_EXHAUSTED:
    case CIVIC_STORE_MISSING: /* pushed out again before it was read back */
        return refuse(CIVIC_STORE_UNAVAILABLE,
                      "there is no room for it: raise the size in CivicSessionStore");
    case CIVIC_STORE_TOO_LARGE:
        return refuse(CIVIC_SESSION_TOO_LARGE,
                      apr_psprintf(pool,
                                   "it needs %" APR_SIZE_T_FMT
                                   " bytes: raise the size in CivicSessionStore",
                                   len));
    default:
        return refuse(CIVIC_STORE_UNAVAILABLE, "the session could not be written");
    }
}

civic_refusal_t civic_session_create(const char **id, civic_store_t *store,
                                     const civic_record_t *record, apr_time_t expires,
                                     apr_time_t now, apr_pool_t *pool)
{
    civic_store_times_t times = {.expires = expires, .last_used = now};
    unsigned char key[CIVIC_STORE_KEY_LEN], user[CIVIC_STORE_USER_LEN];
    civic_bytes_t bytes, again;
    civic_refusal_t refusal;
    const char *fresh;

    if (!civic_record_encode(&bytes, record, pool)) {
        return refuse(CIVIC_SESSION_TOO_LARGE,
                      apr_psprintf(pool, "it needs %" APR_SIZE_T_FMT " bytes, the limit is %d",
                                   bytes.len, CIVIC_RECORD_MAX));
    }
    if (!id_new(&fresh, key, pool) || !user_digest(user, record, pool)) {
        return refuse(CIVIC_INTERNAL, "the random source or OpenSSL failed");
    }
    refusal = judge_put(store->ops->put(store, key, user, &bytes, &times), bytes.len, pool);
    if (refusal.reason == CIVIC_OK) {
        refusal =
            judge_put(store->ops->get(store, key, now, &again, &times, pool), bytes.len, pool);
    }
    if (refusal.reason == CIVIC_OK) {
        *id = fresh;
    }
    return refusal;
}

civic_reason civic_session_find(civic_session_t *session, civic_store_t *store, const char *id,
                                const unsigned char realm[CIVIC_REALM_LEN],
                                const char *application, apr_time_t now, apr_pool_t *pool)
{
    civic_session_t found;
    civic_bytes_t bytes;

    if (!civic_session_id_is_sane(id)) {
        return CIVIC_LOGIN_REQUIRED;
    }
    if (!civic_sha256(found.key, id, CIVIC_SESSION_ID_LEN)) {
        return CIVIC_STORE_UNAVAILABLE;
    }
    switch (store->ops->get(store, found.key, now, &bytes, &found.times, pool)) {
    case CIVIC_STORE_OK:
        break;
    case CIVIC_STORE_MISSING:
        return CIVIC_LOGIN_REQUIRED;
    default:
        return CIVIC_STORE_UNAVAILABLE;
    }
    if (!civic_record_decode(&found.record, bytes.data, bytes.len, pool)
        || !civic_equal(found.record.realm, realm, CIVIC_REALM_LEN)
        || strcmp(found.record.application, application)) {
        return CIVIC_LOGIN_REQUIRED;
    }
    *session = found;
    return CIVIC_OK;
}

void civic_session_use(civic_session_t *session, civic_store_t *store,
                       apr_interval_time_t idle, apr_time_t now)
{
    if (now - session->times.last_used < idle / 10) {
        return;
    }
    /* A store that is down has been noticed when the session was read. */
    if (store->ops->touch(store, session->key, now) == CIVIC_STORE_OK) {
        session->times.last_used = now;
    }
}

civic_reason civic_session_end(const civic_session_t *session, civic_store_t *store)
{
    return store->ops->remove(store, session->key) == CIVIC_STORE_DOWN
               ? CIVIC_STORE_UNAVAILABLE
               : CIVIC_OK;
}

civic_reason civic_session_end_user(const civic_session_t *session, civic_store_t *store,
                                    apr_pool_t *pool)
{
    unsigned char user[CIVIC_STORE_USER_LEN];

    if (!user_digest(user, &session->record, pool)) {
        return CIVIC_INTERNAL;
    }
    return store->ops->remove_user(store, user) == CIVIC_STORE_DOWN ? CIVIC_STORE_UNAVAILABLE
                                                                    : CIVIC_OK;
}
