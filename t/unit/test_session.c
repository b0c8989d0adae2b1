/* A login that lasts: created, found, used, ended; in its realm and application alone. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "memory_store.h"
#include "session.h"

#define NOW  apr_time_from_sec(1795466541)
#define LIFE apr_time_from_sec(3600)

static civic_record_t record_of(const char *realm, const char *application, const char *user)
{
    static civic_claim_t claim = {"contact.personal.email", "jon@example.com",
                                  CIVIC_CLAIM_VERIFIED};
    civic_record_t record = {.application = application,
                             .scope = "BASIC_SIGNUP",
                             .user_id = user,
                             .claims = {&claim, 1}};

    assert_true(civic_session_realm(record.realm, realm));
    return record;
}

static const char *create(memory_store_t *memory, const char *realm, const char *application,
                          const char *user, apr_pool_t *pool)
{
    civic_record_t record = record_of(realm, application, user);
    const char *id = NULL;

    assert_reason(civic_session_create(&id, &memory->store, &record, NULL, LIFE, pool).reason,
                  CIVIC_OK, "create");
    assert_non_null(id);
    return id;
}

static civic_reason find_in(civic_session_t *session, memory_store_t *memory, const char *id,
                            const char *realm, const char *application, apr_pool_t *pool)
{
    unsigned char digest[CIVIC_REALM_LEN];

    assert_true(civic_session_realm(digest, realm));
    return civic_session_find(session, &memory->store, id, digest, application, pool);
}

static civic_reason find(memory_store_t *memory, const char *id, const char *realm,
                         const char *application, apr_pool_t *pool)
{
    civic_session_t session;

    return find_in(&session, memory, id, realm, application, pool);
}

static civic_session_t found(memory_store_t *memory, const char *id, apr_pool_t *pool)
{
    civic_session_t session;

    assert_reason(find_in(&session, memory, id, "r", "app", pool), CIVIC_OK, "find");
    return session;
}

/* ---- created and found ---- */

static void what_was_created_is_found(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *id = create(memory, "r", "app", "user", *state);
    civic_session_t session = found(memory, id, *state);

    assert_string_equal(session.record.user_id, "user");
    assert_string_equal(session.record.scope, "BASIC_SIGNUP");
    assert_string_equal(civic_claims_get(&session.record.claims, "contact.personal.email"),
                        "jon@example.com");
    assert_int_equal(session.record.created, NOW);
    assert_int_equal(session.expires, NOW + LIFE);
    assert_int_equal(session.last_used, NOW);
}

static void ids_are_random_and_of_one_form(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *before = "";

    for (int i = 0; i < 50; i++) {
        const char *id = create(memory, "r", "app", "user", *state);

        assert_int_equal(strlen(id), CIVIC_SESSION_ID_LEN);
        assert_true(civic_session_id_is_sane(id));
        assert_string_not_equal(id, before);
        before = id;
    }
}

/* Who reads the store learns no cookie. */
static void the_stores_key_is_a_digest_of_the_id(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *id = create(memory, "r", "app", "user", *state);
    unsigned char digest[CIVIC_SHA256_LEN];
    civic_session_t session = found(memory, id, *state);
    civic_bytes_t random;

    assert_true(civic_sha256(digest, id, strlen(id)));
    assert_memory_equal(session.key, digest, sizeof(digest));
    assert_true(civic_base64url_decode(&random, id, strlen(id), *state));
    assert_int_equal(random.len, 32);
    assert_memory_not_equal(session.key, random.data, 32);
}

static void another_realm_or_application_finds_nothing(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *id = create(memory, "www.example.org", "app", "user", *state);

    assert_reason(find(memory, id, "www.example.com", "app", *state), CIVIC_LOGIN_REQUIRED,
                  "realm");
    assert_reason(find(memory, id, "", "app", *state), CIVIC_LOGIN_REQUIRED, "no realm");
    assert_reason(find(memory, id, "www.example.org", "App", *state), CIVIC_LOGIN_REQUIRED,
                  "case");
    assert_reason(find(memory, id, "www.example.org", "app2", *state), CIVIC_LOGIN_REQUIRED,
                  "application");
    assert_reason(find(memory, id, "www.example.org", "", *state), CIVIC_LOGIN_REQUIRED,
                  "none");
    assert_reason(find(memory, id, "www.example.org", "app", *state), CIVIC_OK, "right");
}

static void another_id_finds_nothing(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    char *id = apr_pstrdup(*state, create(memory, "r", "app", "user", *state));

    for (int i = 0; i < CIVIC_SESSION_ID_LEN; i++) {
        char right = id[i];

        id[i] = right == 'A' ? 'B' : 'A';
        assert_reason(find(memory, id, "r", "app", *state), CIVIC_LOGIN_REQUIRED, id);
        id[i] = right;
    }
    assert_reason(find(memory, id, "r", "app", *state), CIVIC_OK, id);
}

static void a_session_is_gone_when_it_expires(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *id = create(memory, "r", "app", "user", *state);
    civic_session_t session = {.expires = 42};

    memory->now = NOW + LIFE - 1;
    assert_reason(find(memory, id, "r", "app", *state), CIVIC_OK, "end");
    memory->now = NOW + LIFE;
    assert_reason(find_in(&session, memory, id, "r", "app", *state), CIVIC_LOGIN_REQUIRED,
                  "after");
    assert_int_equal(session.expires, 42); /* never half set */
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
    memory_store_t nothing = {.store = {.ops = NULL}};

    assert_reason(find(&nothing, "../../etc/passwd", "r", "app", *state), CIVIC_LOGIN_REQUIRED,
                  "unfit");
}

/* ---- used ---- */

static void use_at(civic_session_t *session, memory_store_t *memory, apr_time_t now,
                   apr_pool_t *pool)
{
    memory->now = now;
    civic_session_use(session, &memory->store, 1000, pool);
}

static void a_use_is_noted_every_tenth_of_the_idle_time(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *id = create(memory, "r", "app", "user", *state);
    civic_session_t session = found(memory, id, *state);

    use_at(&session, memory, NOW + 99, *state);
    assert_int_equal(found(memory, id, *state).last_used, NOW);
    use_at(&session, memory, NOW + 100, *state);
    assert_int_equal(found(memory, id, *state).last_used, NOW + 100);
    assert_int_equal(session.last_used, NOW + 100);
    use_at(&session, memory, NOW + 199, *state);
    assert_int_equal(found(memory, id, *state).last_used, NOW + 100);
}

static void a_look_is_no_use(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *id = create(memory, "r", "app", "user", *state);
    civic_session_t session = found(memory, id, *state), other = session;

    use_at(&other, memory, NOW + 500, *state);
    memory->now = NOW + 900;
    assert_reason(civic_session_look(&session, &memory->store, *state), CIVIC_OK, "look");
    assert_int_equal(session.last_used, NOW + 500);
    assert_int_equal(found(memory, id, *state).last_used, NOW + 500);
    assert_reason(civic_session_end(&other, &memory->store, *state), CIVIC_OK, "end");
    assert_reason(civic_session_look(&session, &memory->store, *state), CIVIC_LOGIN_REQUIRED,
                  "ended");
    assert_int_equal(session.last_used, NOW + 500); /* never half set */
}

/* ---- ended ---- */

static void an_ended_session_is_gone(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *id = create(memory, "r", "app", "user", *state);
    const char *other = create(memory, "r", "app", "user", *state);
    civic_session_t session = found(memory, id, *state);

    assert_reason(civic_session_end(&session, &memory->store, *state), CIVIC_OK, "end");
    assert_reason(find(memory, id, "r", "app", *state), CIVIC_LOGIN_REQUIRED, "ended");
    assert_reason(civic_session_end(&session, &memory->store, *state), CIVIC_OK, "end again");
    assert_reason(find(memory, other, "r", "app", *state), CIVIC_OK, "another session");
}

static void all_of_a_users_sessions_end_here_and_nowhere_else(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
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
    int count;

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        ids[i] = create(memory, cases[i].realm, cases[i].application, cases[i].user, *state);
    }
    session = found(memory, ids[0], *state);
    assert_reason(civic_session_end_user(session.user, &memory->store, &count, *state),
                  CIVIC_OK, "end user");
    assert_int_equal(count, 2);
    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        assert_reason(find(memory, ids[i], cases[i].realm, cases[i].application, *state),
                      cases[i].ends ? CIVIC_LOGIN_REQUIRED : CIVIC_OK, cases[i].user);
    }
}

static void the_newest_logins_stay(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *ids[5], *other = create(memory, "r", "app", "other", *state);
    apr_array_header_t *list;
    civic_session_t session;
    int ended;

    for (int i = 0; i < 5; i++) {
        ids[i] = create(memory, "r", "app", "user", *state);
        memory->now++;
    }
    session = found(memory, ids[0], *state);
    assert_reason(civic_session_list(&list, session.user, &memory->store, *state), CIVIC_OK,
                  "list");
    assert_int_equal(list->nelts, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(APR_ARRAY_IDX(list, i, civic_session_t).record.created, NOW + i);
    }
    assert_reason(civic_session_limit(session.user, &memory->store, 5, &ended, *state),
                  CIVIC_OK, "five");
    assert_int_equal(ended, 0);
    assert_reason(civic_session_limit(session.user, &memory->store, 2, &ended, *state),
                  CIVIC_OK, "two");
    assert_int_equal(ended, 3);
    for (int i = 0; i < 5; i++) {
        assert_reason(find(memory, ids[i], "r", "app", *state),
                      i < 3 ? CIVIC_LOGIN_REQUIRED : CIVIC_OK, ids[i]);
    }
    assert_reason(find(memory, other, "r", "app", *state), CIVIC_OK, "somebody else");
}

/* ---- stores that fail ---- */

static void a_login_is_a_success_only_when_it_reads_back(void **state)
{
    static const struct {
        civic_store_result put, get;
        civic_reason reason;
    } cases[] = {
        {CIVIC_STORE_OK, CIVIC_STORE_OK, CIVIC_OK},
        {CIVIC_STORE_OK, CIVIC_STORE_MISSING, CIVIC_STORE_UNAVAILABLE},
        {CIVIC_STORE_OK, CIVIC_STORE_DOWN, CIVIC_STORE_UNAVAILABLE},
        {CIVIC_STORE_EXHAUSTED, CIVIC_STORE_OK, CIVIC_STORE_UNAVAILABLE},
        {CIVIC_STORE_TOO_LARGE, CIVIC_STORE_OK, CIVIC_SESSION_TOO_LARGE},
        {CIVIC_STORE_DOWN, CIVIC_STORE_OK, CIVIC_STORE_UNAVAILABLE},
    };
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_record_t record = record_of("r", "app", "user");

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        const char *id = NULL;

        memory->put_result = cases[i].put;
        memory->get_result = cases[i].get;
        assert_reason(
            civic_session_create(&id, &memory->store, &record, NULL, LIFE, *state).reason,
            cases[i].reason, "create");
        assert_int_equal(id != NULL, cases[i].reason == CIVIC_OK);
    }
}

static void a_record_that_is_too_large_says_how_large_it_is(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_record_t record = record_of("r", "app", "user");
    civic_claim_t claim = {"label", unit_repeat('v', CIVIC_RECORD_MAX, *state), 0};
    const char *id = NULL;
    civic_refusal_t refusal;

    record.claims.items = &claim;
    refusal = civic_session_create(&id, &memory->store, &record, NULL, LIFE, *state);
    assert_reason(refusal.reason, CIVIC_SESSION_TOO_LARGE, "over the limit of all stores");
    assert_non_null(strstr(refusal.detail, "1048576"));
    assert_null(id);
}

/* Nobody is logged out because a store does not answer. */
static void a_store_that_is_down_is_not_a_missing_session(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    const char *id = create(memory, "r", "app", "user", *state);
    civic_session_t session = found(memory, id, *state);
    apr_array_header_t *list;
    int count;

    memory->is_down = 1;
    assert_reason(find(memory, id, "r", "app", *state), CIVIC_STORE_UNAVAILABLE, "down");
    assert_reason(civic_session_end(&session, &memory->store, *state), CIVIC_STORE_UNAVAILABLE,
                  "end");
    assert_reason(civic_session_end_user(session.user, &memory->store, &count, *state),
                  CIVIC_STORE_UNAVAILABLE, "end user");
    assert_reason(civic_session_list(&list, session.user, &memory->store, *state),
                  CIVIC_STORE_UNAVAILABLE, "list");
    use_at(&session, memory, NOW + 1000, *state);
    assert_int_equal(session.last_used, NOW);
    memory->is_down = 0;
    memory->sessions[0].record = (civic_bytes_t){(unsigned char *)"no record", 9};
    assert_reason(find(memory, id, "r", "app", *state), CIVIC_LOGIN_REQUIRED, "no record");
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
        UNIT(a_look_is_no_use),
        UNIT(an_ended_session_is_gone),
        UNIT(all_of_a_users_sessions_end_here_and_nowhere_else),
        UNIT(the_newest_logins_stay),
        UNIT(a_login_is_a_success_only_when_it_reads_back),
        UNIT(a_record_that_is_too_large_says_how_large_it_is),
        UNIT(a_store_that_is_down_is_not_a_missing_session),
    };

    return UNIT_RUN("session", tests);
}
