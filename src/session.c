/* session.c - see session.h. */
#include "session.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "picture.h"

enum { ID_BYTES = 32, REFERENCE_BYTES = 6 };

int civic_session_realm(unsigned char realm[CIVIC_REALM_LEN], const char *name)
{
    unsigned char digest[CIVIC_SHA256_LEN];

    if (!civic_sha256(digest, name, strlen(name))) {
        return 0;
    }
    memcpy(realm, digest, CIVIC_REALM_LEN);
    return 1;
}

static int is_base64url(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || c == '-' || c == '_';
}

int civic_session_id_is_sane(const char *id)
{
    for (int i = 0; i < CIVIC_SESSION_ID_LEN; i++) {
        if (!is_base64url(id[i])) {
            return 0;
        }
    }
    return id[CIVIC_SESSION_ID_LEN] == '\0';
}

apr_time_t civic_session_now(civic_store_t *store)
{
    return store->ops->now(store);
}

apr_time_t civic_session_wall(civic_store_t *store, apr_time_t time)
{
    apr_interval_time_t shift = apr_time_now() - civic_session_now(store);

    /* In whole seconds: what is shown of one time is always the same. */
    return time
           + apr_time_from_sec((shift + (shift < 0 ? -1 : 1) * APR_USEC_PER_SEC / 2)
                               / APR_USEC_PER_SEC);
}

civic_session_ends_t civic_session_ends(const civic_session_t *session,
                                        apr_interval_time_t idle, apr_interval_time_t life)
{
    civic_session_ends_t ends = {session->last_used + idle, session->record.created + life};

    if (ends.absolute > session->expires) {
        ends.absolute = session->expires;
    }
    return ends;
}

int civic_session_user(unsigned char user[CIVIC_STORE_USER_LEN],
                       const unsigned char realm[CIVIC_REALM_LEN], const char *application,
                       const char *user_id, apr_pool_t *pool)
{
    unsigned char digest[CIVIC_SHA256_LEN];
    const char *text = apr_pstrcat(pool, civic_hex_encode(realm, CIVIC_REALM_LEN, pool), " ",
                                   application, " ", user_id, NULL);

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
        return civic_refusal(CIVIC_OK, NULL);
    case CIVIC_STORE_EXHAUSTED:
        return civic_refusal(CIVIC_STORE_UNAVAILABLE, "raise the size of the session store");
    case CIVIC_STORE_MISSING: /* before it was read back */
        return civic_refusal(
            CIVIC_STORE_UNAVAILABLE,
            "it was gone at once: this person's sessions were all ended meanwhile, or "
            "the store is too small, or its clock is wrong");
    case CIVIC_STORE_TOO_LARGE:
        return civic_refusal(CIVIC_SESSION_TOO_LARGE,
                             apr_psprintf(pool,
                                          "it needs %" APR_SIZE_T_FMT
                                          " bytes: raise the size of the session store",
                                          len));
    default:
        return civic_refusal(CIVIC_STORE_UNAVAILABLE, "the session could not be written");
    }
}

/* Write it, and read it back. */
static civic_refusal_t put(civic_store_t *store, civic_stored_t *session,
                           const civic_record_t *record, apr_pool_t *pool)
{
    civic_refusal_t refusal;
    civic_stored_t again;

    if (!civic_record_encode(&session->record, record, pool)) {
        return civic_refusal(
            CIVIC_SESSION_TOO_LARGE,
            apr_psprintf(pool, "it needs %" APR_SIZE_T_FMT " bytes, the limit is %d",
                         session->record.len, CIVIC_RECORD_MAX));
    }
    refusal = judge_put(store->ops->put(store, session), session->record.len, pool);
    return refusal.reason == CIVIC_OK ? judge_put(
               store->ops->get(store, &again, session->key, pool), session->record.len, pool)
                                      : refusal;
}

civic_refusal_t civic_session_create(const char **id, civic_store_t *store,
                                     civic_record_t *record, const civic_bytes_t *picture,
                                     apr_interval_time_t life, apr_pool_t *pool)
{
    civic_stored_t session = {.kind = CIVIC_STORED_SESSION};
    civic_refusal_t refusal;
    const char *fresh;

    record->created = session.last_used = civic_session_now(store);
    session.expires = record->created + life;
    if (!id_new(&fresh, session.key, pool)
        || !civic_session_user(session.user, record->realm, record->application,
                               record->user_id, pool)) {
        return civic_refusal(CIVIC_INTERNAL, "the random source or OpenSSL failed");
    }
    /* Before the session, which says whether there is one; so no session ever lacks
     * its own. */
    record->has_picture = picture && civic_picture_put(store, &session, picture, pool);
    refusal = put(store, &session, record, pool);
    if (refusal.reason == CIVIC_OK) {
        *id = fresh;
    }
    else if (record->has_picture) {
        civic_picture_end(store, session.key, session.user, pool);
    }
    return refusal;
}

/* @return 1, 0 when the record is of another version or damaged */
static int session_fill(civic_session_t *session, const civic_stored_t *stored,
                        apr_pool_t *pool)
{
    memcpy(session->key, stored->key, sizeof(session->key));
    memcpy(session->user, stored->user, sizeof(session->user));
    session->expires = stored->expires;
    session->last_used = stored->last_used;
    return civic_record_decode(&session->record, stored->record.data, stored->record.len,
                               pool);
}

civic_reason civic_session_find(civic_session_t *session, civic_store_t *store, const char *id,
                                const unsigned char realm[CIVIC_REALM_LEN],
                                const char *application, apr_pool_t *pool)
{
    unsigned char key[CIVIC_STORE_KEY_LEN];

    if (!civic_session_id_is_sane(id)) {
        return CIVIC_LOGIN_REQUIRED;
    }
    if (!civic_sha256(key, id, CIVIC_SESSION_ID_LEN)) {
        return CIVIC_STORE_UNAVAILABLE;
    }
    return civic_session_read(session, store, key, realm, application, pool);
}

civic_reason civic_session_read(civic_session_t *session, civic_store_t *store,
                                const unsigned char key[CIVIC_STORE_KEY_LEN],
                                const unsigned char realm[CIVIC_REALM_LEN],
                                const char *application, apr_pool_t *pool)
{
    civic_stored_t stored;
    civic_session_t found;

    switch (store->ops->get(store, &stored, key, pool)) {
    case CIVIC_STORE_OK:
        break;
    case CIVIC_STORE_MISSING:
        return CIVIC_LOGIN_REQUIRED;
    default:
        return CIVIC_STORE_UNAVAILABLE;
    }
    if (!session_fill(&found, &stored, pool)
        || !civic_equal(found.record.realm, realm, CIVIC_REALM_LEN)
        || (application && strcmp(found.record.application, application))) {
        return CIVIC_LOGIN_REQUIRED;
    }
    *session = found;
    return CIVIC_OK;
}

int civic_session_copy(civic_session_t *copy, const civic_session_t *session,
                       apr_pool_t *scratch, apr_pool_t *pool)
{
    civic_bytes_t record;

    *copy = *session;
    return civic_record_encode(&record, &session->record, scratch)
           && record.len <= CIVIC_SESSION_KEPT_MAX
           && civic_record_decode(&copy->record, record.data, record.len, pool);
}

civic_reason civic_session_look(civic_session_t *session, civic_store_t *store,
                                apr_pool_t *pool)
{
    civic_stored_t stored = {.expires = session->expires};

    memcpy(stored.key, session->key, sizeof(stored.key));
    switch (store->ops->look ? store->ops->look(store, &stored, pool)
                             : store->ops->get(store, &stored, session->key, pool)) {
    case CIVIC_STORE_OK:
        session->last_used = stored.last_used;
        return CIVIC_OK;
    case CIVIC_STORE_MISSING:
        return CIVIC_LOGIN_REQUIRED;
    default:
        return CIVIC_STORE_UNAVAILABLE;
    }
}

void civic_session_use(civic_session_t *session, civic_store_t *store,
                       apr_interval_time_t idle, apr_pool_t *pool)
{
    apr_time_t now = civic_session_now(store);

    if (now - session->last_used < idle / 10) {
        return;
    }
    /* A store that is down has been noticed when the session was read. */
    if (store->ops->touch(store, session->key, pool) == CIVIC_STORE_OK) {
        session->last_used = now;
    }
}

static civic_reason reason_of(civic_store_result result)
{
    return result == CIVIC_STORE_OK || result == CIVIC_STORE_MISSING ? CIVIC_OK
                                                                     : CIVIC_STORE_UNAVAILABLE;
}

civic_reason civic_session_end(const civic_session_t *session, civic_store_t *store,
                               apr_pool_t *pool)
{
    /* The picture first: where that fails, the session is there to try again with. */
    if (session->record.has_picture
        && !civic_picture_end(store, session->key, session->user, pool)) {
        return CIVIC_STORE_UNAVAILABLE;
    }
    return reason_of(store->ops->remove(store, session->key, session->user, pool));
}

civic_reason civic_session_drop(const char *id, const civic_record_t *record,
                                civic_store_t *store, apr_pool_t *pool)
{
    civic_session_t session = {.record = *record};

    if (!civic_sha256(session.key, id, CIVIC_SESSION_ID_LEN)
        || !civic_session_user(session.user, record->realm, record->application,
                               record->user_id, pool)) {
        return CIVIC_STORE_UNAVAILABLE;
    }
    return civic_session_end(&session, store, pool);
}

civic_reason civic_session_end_user(const unsigned char user[CIVIC_STORE_USER_LEN],
                                    civic_store_t *store, int *count, apr_pool_t *pool)
{
    *count = 0;
    if (!civic_picture_end_user(store, user, pool)) {
        return CIVIC_STORE_UNAVAILABLE;
    }
    return reason_of(store->ops->remove_user(store, user, count, pool));
}

/* ---- a user's sessions ---- */

int civic_session_can_list(const civic_store_t *store)
{
    return store->ops->visit_user != NULL;
}

const char *civic_session_reference(const civic_session_t *session, apr_pool_t *pool)
{
    unsigned char digest[CIVIC_SHA256_LEN];

    if (!civic_sha256(digest, session->key, sizeof(session->key))) {
        return NULL;
    }
    return civic_hex_encode(digest, REFERENCE_BYTES, pool);
}

typedef struct {
    apr_array_header_t *list;
    apr_pool_t *pool;
} listing_t;

static void list_add(void *baton, const civic_stored_t *stored)
{
    listing_t *listing = baton;
    civic_session_t session;

    if (session_fill(&session, stored, listing->pool)) {
        APR_ARRAY_PUSH(listing->list, civic_session_t) = session;
    }
}

/* Of one microsecond, the order of keys: all nodes must agree on who is oldest. */
static int by_login(const void *a, const void *b)
{
    const civic_session_t *left = a, *right = b;

    if (left->record.created != right->record.created) {
        return left->record.created < right->record.created ? -1 : 1;
    }
    return memcmp(left->key, right->key, sizeof(left->key));
}

civic_reason civic_session_list(apr_array_header_t **list,
                                const unsigned char user[CIVIC_STORE_USER_LEN],
                                civic_store_t *store, apr_pool_t *pool)
{
    listing_t listing = {apr_array_make(pool, 4, sizeof(civic_session_t)), pool};
    civic_reason reason = CIVIC_STORE_UNAVAILABLE;

    if (store->ops->visit_user) {
        reason = reason_of(store->ops->visit_user(store, user, list_add, &listing, pool));
    }
    if (reason == CIVIC_OK) {
        qsort(listing.list->elts, (size_t)listing.list->nelts, sizeof(civic_session_t),
              by_login);
        *list = listing.list;
    }
    return reason;
}

civic_reason civic_session_limit(const unsigned char user[CIVIC_STORE_USER_LEN],
                                 civic_store_t *store, int most, int *ended, apr_pool_t *pool)
{
    apr_array_header_t *list;
    civic_reason reason = civic_session_list(&list, user, store, pool);

    *ended = 0;
    for (int i = 0; reason == CIVIC_OK && i < list->nelts - most; i++) {
        reason = civic_session_end(&APR_ARRAY_IDX(list, i, civic_session_t), store, pool);
        *ended += reason == CIVIC_OK;
    }
    return reason;
}
