/* A login that lasts: created, found, used, ended; in its realm and application alone. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "session.h"

#define NOW     apr_time_from_sec(1795466541)
#define EXPIRES (NOW + apr_time_from_sec(3600))

static civic_store_t *store_new(apr_pool_t *pool)
{
    void *segment = apr_pcalloc(pool, CIVIC_STORE_SHM_MIN);

    assert_true(civic_store_shm_format(segment, CIVIC_STORE_SHM_MIN));
    return civic_store_shm_open(segment, CIVIC_STORE_SHM_MIN, pool);
}

static civic_record_t record_of(const char *realm, const char *application, const char *user)
{
    static civic_claim_t claim = {"contact.personal.email", "jon@example.com",
                                  CIVIC_CLAIM_VERIFIED};
    civic_record_t record = {.application = application,
                             .scope = "BASIC_SIGNUP",
                             .user_id = user,
                             .created = NOW,
                             .claims = {&claim, 1}};

    assert_true(civic_session_realm(record.realm, realm));
    return record;
}

static const char *create(civic_store_t *store, const char *realm, const char *application,
                          const char *user, apr_pool_t *pool)
{
    civic_record_t record = record_of(realm, application, user);
    const char *id = NULL;

    assert_reason(civic_session_create(&id, store, &record, EXPIRES, NOW, pool).reason,
                  CIVIC_OK, "create");
    assert_non_null(id);
    return id;
}

static civic_reason find_at(civic_session_t *session, civic_store_t *store, const char *id,
                            const char *realm, const char *application, apr_time_t now,
                            apr_pool_t *pool)
{
    unsigned char digest[CIVIC_REALM_LEN];

    assert_true(civic_session_realm(digest, realm));
    return civic_session_find(session, store, id, digest, application, now, pool);
}

static civic_reason find(civic_store_t *store, const char *id, const char *realm,
                         const char *application, apr_pool_t *pool)
{
    civic_session_t session;

    return find_at(&session, store, id, realm, application, NOW, pool);
}

/* ---- created and found ---- */

static void what_was_created_is_found(void **state)
{
    civic_store_t *store = store_new(*state);
    const char *id = create(store, "www.example.org", "app", "user", *state);
    civic_session_t session;

    assert_reason(find_at(&session, store, id, "www.example.org", "app", NOW + 1, *state),
                  CIVIC_OK, "find");
    assert_string_equal(session.record.user_id, "user");
    assert_string_equal(session.record.scope, "BASIC_SIGNUP");
    assert_string_equal(civic_claims_get(&session.record.claims, "contact.personal.email"),
                        "jon@example.com");
    assert_int_equal(session.record.created, NOW);
    assert_int_equal(session.times.expires, EXPIRES);
    assert_int_equal(session.times.last_used, NOW);
}

static void ids_are_random_and_of_one_form(void **state)
{
    civic_store_t *store = store_new(*state);
    const char *before = "";

    for (int i = 0; i < 50; i++) {
        const char *id = create(store, "r", "app", "user", *state);

        assert_int_equal(strlen(id), CIVIC_SESSION_ID_LEN);
        assert_true(civic_session_id_is_sane(id));
        assert_string_not_equal(id, before);
        before = id;
    }
}

/* Who reads the store learns no cookie. */
static void the_stores_key_is_a_digest_of_the_id(void **state)
{
    civic_store_t *store = store_new(*state);
    const char *id = create(store, "r", "app", "user", *state);
    unsigned char digest[CIVIC_SHA256_LEN];
    civic_session_t session;
    civic_bytes_t random;

    assert_reason(find_at(&session, store, id, "r", "app", NOW, *state), CIVIC_OK, "find");
    assert_true(civic_sha256(digest, id, strlen(id)));
    assert_memory_equal(session.key, digest, sizeof(digest));
    assert_true(civic_base64url_decode(&random, id, strlen(id), *state));
    assert_int_equal(random.len, 32);
    assert_memory_not_equal(session.key, random.data, 32);
}

static void another_realm_or_application_finds_nothing(void **state)
{
    civic_store_t *store = store_new(*state);
    const char *id = create(store, "www.example.org", "app", "user", *state);

    assert_reason(find(store, id, "www.example.com", "app", *state), CIVIC_LOGIN_REQUIRED,
                  "realm");
    assert_reason(find(store, id, "", "app", *state), CIVIC_LOGIN_REQUIRED, "no realm");
    assert_reason(find(store, id, "www.example.org", "App", *state), CIVIC_LOGIN_REQUIRED,
                  "case");
    assert_reason(find(store, id, "www.example.org", "app2", *state), CIVIC_LOGIN_REQUIRED,
                  "application");
    assert_reason(find(store, id, "www.example.org", "", *state), CIVIC_LOGIN_REQUIRED,
                  "none");
    assert_reason(find(store, id, "www.example.org", "app", *state), CIVIC_OK, "right");
}

static void another_id_finds_nothing(void **state)
{
    civic_store_t *store = store_new(*state);
    char *id = apr_pstrdup(*state, create(store, "r", "app", "user", *state));

    for (int i = 0; i < CIVIC_SESSION_ID_LEN; i++) {
        char right = id[i];

        id[i] = right == 'A' ? 'B' : 'A';
        assert_reason(find(store, id, "r", "app", *state), CIVIC_LOGIN_REQUIRED, id);
        id[i] = right;
    }
    assert_reason(find(store, id, "r", "app", *state), CIVIC_OK, id);
}

static void a_session_is_gone_when_it_expires(void **state)
{
    civic_store_t *store = store_new(*state);
    const char *id = create(store, "r", "app", "user", *state);
    civic_session_t session = {.times = {.expires = 42}};

    assert_reason(find_at(&session, store, id, "r", "app", EXPIRES - 1, *state), CIVIC_OK,
                  "end");
    session.times.expires = 42;
    assert_reason(find_at(&session, store, id, "r", "app", EXPIRES, *state),
                  CIVIC_LOGIN_REQUIRED, "after");
    assert_int_equal(session.times.expires, 42);
}

static void only_43_characters_of_base64url_are_an_id(void **state)
{
    char *id = unit_repeat('a', CIVIC_SESSION_ID_LEN, *state);

    assert_true(civic_session_id_is_sane(id));
    assert_false(civic_session_id_is_sane(""));
    assert_false(civic_session_id_is_sane(id + 1));
    assert_false(civic_session_id_is_sane(apr_pstrcat(*state, id, "a", NULL)));
    for (int c = 1; c < 256; c++) {
        int fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                   || c == '-' || c == '_';

        id[c % CIVIC_SESSION_ID_LEN] = (char)c;
        assert_int_equal(civic_session_id_is_sane(id), fine);
        id[c % CIVIC_SESSION_ID_LEN] = 'a';
    }
}

static void an_unfit_id_never_reaches_the_store(void **state)
{
    civic_store_t no_store = {0};
    civic_session_t session;

    assert_reason(find_at(&session, &no_store, "../../etc/passwd", "r", "app", NOW, *state),
                  CIVIC_LOGIN_REQUIRED, "unfit");
}

/* ---- used ---- */

static apr_time_t last_used(civic_store_t *store, const char *id, apr_pool_t *pool)
{
    civic_session_t session;

    assert_reason(find_at(&session, store, id, "r", "app", NOW, pool), CIVIC_OK, "find");
    return session.times.last_used;
}

static void a_use_is_noted_every_tenth_of_the_idle_time(void **state)
{
    civic_store_t *store = store_new(*state);
    const char *id = create(store, "r", "app", "user", *state);
    civic_session_t session;

    assert_reason(find_at(&session, store, id, "r", "app", NOW, *state), CIVIC_OK, "find");
    civic_session_use(&session, store, 1000, NOW + 99);
    assert_int_equal(last_used(store, id, *state), NOW);
    civic_session_use(&session, store, 1000, NOW + 100);
    assert_int_equal(last_used(store, id, *state), NOW + 100);
    assert_int_equal(session.times.last_used, NOW + 100);
    civic_session_use(&session, store, 1000, NOW + 199);
    assert_int_equal(last_used(store, id, *state), NOW + 100);
}

/* ---- ended ---- */

static void an_ended_session_is_gone(void **state)
{
    civic_store_t *store = store_new(*state);
    const char *id = create(store, "r", "app", "user", *state);
    const char *other = create(store, "r", "app", "user", *state);
    civic_session_t session;

    assert_reason(find_at(&session, store, id, "r", "app", NOW, *state), CIVIC_OK, "find");
    assert_reason(civic_session_end(&session, store), CIVIC_OK, "end");
    assert_reason(find(store, id, "r", "app", *state), CIVIC_LOGIN_REQUIRED, "ended");
    assert_reason(civic_session_end(&session, store), CIVIC_OK, "end again");
    assert_reason(find(store, other, "r", "app", *state), CIVIC_OK, "another session");
}

static void all_of_a_users_sessions_end_here_and_nowhere_else(void **state)
{
    civic_store_t *store = store_new(*state);
    const struct {
        const char *realm, *application, *user;
        int ends;
    } cases[] = {
        {"r", "app", "user", 1},  {"r", "app", "user", 1},  {"r", "app", "user2", 0},
        {"r", "app2", "user", 0}, {"r2", "app", "user", 0}, {"r", "app user", "", 0},
        {"r", "app", "User", 0},  {"r", "", "app user", 0},
    };
    const char *ids[COUNT(cases)];
    civic_session_t session;

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        ids[i] = create(store, cases[i].realm, cases[i].application, cases[i].user, *state);
    }
    assert_reason(find_at(&session, store, ids[0], "r", "app", NOW, *state), CIVIC_OK, "find");
    assert_reason(civic_session_end_user(&session, store, *state), CIVIC_OK, "end user");
    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        assert_reason(find(store, ids[i], cases[i].realm, cases[i].application, *state),
                      cases[i].ends ? CIVIC_LOGIN_REQUIRED : CIVIC_OK, cases[i].user);
    }
}

/* ---- stores that fail ---- */

static civic_store_result put_result, get_result;

static civic_store_result fake_put(civic_store_t *store, const unsigned char *key,
                                   const unsigned char *user, const civic_bytes_t *record,
                                   const civic_store_times_t *times)
{
    return put_result;
}

static civic_store_result fake_get(civic_store_t *store, const unsigned char *key,
                                   apr_time_t now, civic_bytes_t *record,
                                   civic_store_times_t *times, apr_pool_t *pool)
{
    *record = (civic_bytes_t){(unsigned char *)"no record", 9};
    return get_result;
}

static civic_store_result fake_touch(civic_store_t *store, const unsigned char *key,
                                     apr_time_t now)
{
    return CIVIC_STORE_DOWN;
}

static civic_store_result fake_remove(civic_store_t *store, const unsigned char *key)
{
    return CIVIC_STORE_DOWN;
}

static const civic_store_ops_t fake_ops = {.name = "fake",
                                           .put = fake_put,
                                           .get = fake_get,
                                           .touch = fake_touch,
                                           .remove = fake_remove,
                                           .remove_user = fake_remove};

static void a_login_is_a_success_only_when_it_reads_back(void **state)
{
    static const struct {
        civic_store_result put, get;
        civic_reason reason;
    } cases[] = {
        {CIVIC_STORE_OK, CIVIC_STORE_OK, CIVIC_OK},
        {CIVIC_STORE_OK, CIVIC_STORE_MISSING, CIVIC_STORE_FULL},
        {CIVIC_STORE_OK, CIVIC_STORE_DOWN, CIVIC_STORE_UNAVAILABLE},
        {CIVIC_STORE_EXHAUSTED, CIVIC_STORE_OK, CIVIC_STORE_FULL},
        {CIVIC_STORE_TOO_LARGE, CIVIC_STORE_OK, CIVIC_SESSION_TOO_LARGE},
        {CIVIC_STORE_DOWN, CIVIC_STORE_OK, CIVIC_STORE_UNAVAILABLE},
    };
    civic_store_t store = {.ops = &fake_ops};
    civic_record_t record = record_of("r", "app", "user");

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        const char *id = NULL;

        put_result = cases[i].put;
        get_result = cases[i].get;
        assert_reason(civic_session_create(&id, &store, &record, EXPIRES, NOW, *state).reason,
                      cases[i].reason, "create");
        assert_int_equal(id != NULL, cases[i].reason == CIVIC_OK);
    }
}

static void a_record_that_is_too_large_says_how_large_it_is(void **state)
{
    civic_record_t record = record_of("r", "app", "user");
    civic_claim_t claim = {"label", unit_repeat('v', CIVIC_RECORD_MAX, *state), 0};
    const char *id = NULL;
    civic_refusal_t refusal;

    record.claims.items = &claim;
    refusal = civic_session_create(&id, store_new(*state), &record, EXPIRES, NOW, *state);
    assert_reason(refusal.reason, CIVIC_SESSION_TOO_LARGE, "over the limit of all stores");
    assert_non_null(strstr(refusal.detail, "1048576"));
    claim.value = unit_repeat('v', CIVIC_STORE_SHM_MIN / 2, *state);
    refusal = civic_session_create(&id, store_new(*state), &record, EXPIRES, NOW, *state);
    assert_reason(refusal.reason, CIVIC_SESSION_TOO_LARGE, "over the limit of this store");
    assert_null(id);
}

/* Nobody is logged out because a store does not answer. */
static void a_store_that_is_down_is_not_a_missing_session(void **state)
{
    civic_store_t store = {.ops = &fake_ops};
    const char *id = unit_repeat('a', CIVIC_SESSION_ID_LEN, *state);
    civic_session_t session = {.record = record_of("r", "app", "user"),
                               .times = {.last_used = NOW}};

    get_result = CIVIC_STORE_DOWN;
    assert_reason(find(&store, id, "r", "app", *state), CIVIC_STORE_UNAVAILABLE, "down");
    get_result = CIVIC_STORE_MISSING;
    assert_reason(find(&store, id, "r", "app", *state), CIVIC_LOGIN_REQUIRED, "missing");
    get_result = CIVIC_STORE_OK;
    assert_reason(find(&store, id, "r", "app", *state), CIVIC_LOGIN_REQUIRED, "no record");
    assert_reason(civic_session_end(&session, &store), CIVIC_STORE_UNAVAILABLE, "end");
    assert_reason(civic_session_end_user(&session, &store, *state), CIVIC_STORE_UNAVAILABLE,
                  "end user");
    civic_session_use(&session, &store, 10, NOW + 10);
    assert_int_equal(session.times.last_used, NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(what_was_created_is_found),
        UNIT(ids_are_random_and_of_one_form),
        UNIT(the_stores_key_is_a_digest_of_the_id),
        UNIT(another_realm_or_application_finds_nothing),
        UNIT(another_id_finds_nothing),
        UNIT(a_session_is_gone_when_it_expires),
        UNIT(only_43_characters_of_base64url_are_an_id),
        UNIT(an_unfit_id_never_reaches_the_store),
        UNIT(a_use_is_noted_every_tenth_of_the_idle_time),
        UNIT(an_ended_session_is_gone),
        UNIT(all_of_a_users_sessions_end_here_and_nowhere_else),
        UNIT(a_login_is_a_success_only_when_it_reads_back),
        UNIT(a_record_that_is_too_large_says_how_large_it_is),
        UNIT(a_store_that_is_down_is_not_a_missing_session),
    };

    return UNIT_RUN("session", tests);
}
