/* The picture of a document: what is one, kept beside its session, gone with it, and no burden
 * to whoever does not ask for it. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "memory_store.h"
#include "picture.h"
#include "session.h"

#define NOW  apr_time_from_sec(1795466541)
#define LIFE apr_time_from_sec(3600)

static const char png[] = "\x89PNG\r\n\x1a\n and so on";
static const char jpeg[] = "\xff\xd8\xff\xe0 and so on";
static const civic_seal_keys_t keys = {.current = "a seal key of thirty-two bytes!"};

/* ---- what is one ---- */

static civic_bytes_t bytes_of(const char *data, apr_size_t len)
{
    return (civic_bytes_t){(unsigned char *)data, len};
}

static void first_bytes_tell_the_type(void **state)
{
    static const struct {
        const char *data;
        apr_size_t len;
        const char *type;
    } cases[] = {{png, sizeof(png), "image/png"},
                 {png, 9, "image/png"},
                 {png, 8, NULL},
                 {png, 0, NULL},
                 {png + 1, 20, NULL},
                 {jpeg, sizeof(jpeg), "image/jpeg"},
                 {jpeg, 4, "image/jpeg"},
                 {jpeg, 3, NULL},
                 {"\xff\xd8 nearly a picture", 20, NULL},
                 {"GIF89a and so on and on", 20, NULL},
                 {"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", 41, NULL},
                 {"<!DOCTYPE html><script>", 23, NULL},
                 {"RIFF\0\0\0\0WEBPVP8 ", 16, NULL}};

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        civic_bytes_t bytes = bytes_of(cases[i].data, cases[i].len);
        const char *type = civic_picture_type(&bytes);

        assert_case((!type && !cases[i].type)
                        || (type && cases[i].type && !strcmp(type, cases[i].type)),
                    cases[i].data);
    }
}

/* An answer's items: the picture as base64, its checksum (which is judged elsewhere), one
 * more. */
static const char *read_of(civic_bytes_t *picture, const char *image, int image_flags,
                           int sum_flags, apr_pool_t *pool)
{
    civic_claim_t items[] = {
        {CIVIC_LABEL_IMAGE, image, (unsigned char)image_flags},
        {CIVIC_LABEL_IMAGE_MD5, "5456fc54c74a297ce994998c2873b370", (unsigned char)sum_flags},
        {"documents.genericId.name", "Jane", CIVIC_CLAIM_VERIFIED}};
    civic_claims_t claims = {items, COUNT(items)};

    return civic_picture_read(picture, &claims, pool);
}

static void only_a_verified_picture_is_read(void **state)
{
    const char *good = civic_base64_encode(png, sizeof(png), *state);
    const char *lines = apr_psprintf(*state, "%.8s\r\n%s\n", good, good + 8);
    civic_bytes_t picture = {NULL, 42};
    civic_claim_t none = {CIVIC_LABEL_IMAGE_MD5, "", CIVIC_CLAIM_VERIFIED};
    civic_claims_t without = {&none, 1};

    assert_string_equal(civic_picture_read(&picture, &without, *state), "");
    assert_non_null(read_of(&picture, good, CIVIC_CLAIM_VALID, 3, *state));
    assert_non_null(read_of(&picture, good, CIVIC_CLAIM_OWNED, 3, *state));
    assert_non_null(read_of(&picture, good, 3, CIVIC_CLAIM_OWNED, *state));
    assert_non_null(read_of(&picture, "", 3, 3, *state));
    assert_non_null(
        read_of(&picture, "iVBORw0KGgo=", 3, 3, *state)); /* a signature, no more */
    assert_non_null(read_of(&picture, "iVBORw0KGg@@", 3, 3, *state));
    assert_non_null(
        read_of(&picture, civic_base64_encode("<svg/> is text", 14, *state), 3, 3, *state));
    assert_null(picture.data); /* never half set */
    assert_int_equal(picture.len, 42);
    assert_null(read_of(&picture, good, 3, 3, *state));
    assert_int_equal(picture.len, sizeof(png));
    assert_memory_equal(picture.data, png, sizeof(png));
    assert_null(read_of(&picture, lines, 3, 3, *state));
    assert_int_equal(picture.len, sizeof(png));
}

/* A picture of so many bytes. */
static civic_bytes_t picture_of(apr_size_t len, apr_pool_t *pool)
{
    char *data = unit_repeat('p', len, pool);

    memcpy(data, jpeg, sizeof(jpeg) - 1);
    return bytes_of(data, len);
}

static void a_megabyte_is_the_limit(void **state)
{
    civic_bytes_t fits = picture_of(CIVIC_PICTURE_MAX, *state), read;
    civic_bytes_t over = picture_of(CIVIC_PICTURE_MAX + 1, *state);
    civic_bytes_t huge = picture_of(3 * CIVIC_PICTURE_MAX, *state);

    assert_null(
        read_of(&read, civic_base64_encode(fits.data, fits.len, *state), 3, 3, *state));
    assert_int_equal(read.len, fits.len);
    assert_string_equal(
        read_of(&read, civic_base64_encode(over.data, over.len, *state), 3, 3, *state),
        "it is over 1 MiB");
    assert_non_null(
        read_of(&read, civic_base64_encode(huge.data, huge.len, *state), 3, 3, *state));
}

/* ---- beside its session ---- */

static civic_record_t record_of(const char *user)
{
    static civic_claim_t claim = {"contact.personal.email", "jon@example.com",
                                  CIVIC_CLAIM_VERIFIED};
    civic_record_t record = {.application = "app",
                             .scope = "PROOF_OF_IDENTITY",
                             .user_id = user,
                             .claims = {&claim, 1}};

    assert_true(civic_session_realm(record.realm, "r"));
    return record;
}

/* Log in with a picture, or without where it is empty, and find the session. */
static civic_session_t session_with(memory_store_t *memory, const char *user,
                                    const civic_bytes_t *picture, apr_pool_t *pool)
{
    civic_record_t record = record_of(user);
    civic_session_t session;
    const char *id;

    assert_reason(
        civic_session_create(&id, &memory->store, &record, picture, LIFE, pool).reason,
        CIVIC_OK, user);
    assert_reason(civic_session_find(&session, &memory->store, id, record.realm, "app", pool),
                  CIVIC_OK, user);
    assert_int_equal(session.record.has_picture, record.has_picture);
    return session;
}

static civic_store_result get(civic_bytes_t *picture, memory_store_t *memory,
                              const civic_session_t *session, apr_pool_t *pool)
{
    return civic_picture_get(picture, &memory->store, session->key, pool);
}

static void it_is_kept_beside_its_session(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_bytes_t picture = picture_of(5000, *state), found;
    civic_session_t with = session_with(memory, "jane", &picture, *state);
    civic_session_t without = session_with(memory, "jane", NULL, *state);

    assert_true(with.record.has_picture);
    assert_false(without.record.has_picture);
    assert_int_equal(get(&found, memory, &with, *state), CIVIC_STORE_OK);
    assert_int_equal(found.len, picture.len);
    assert_memory_equal(found.data, picture.data, picture.len);
    assert_int_equal(get(&found, memory, &without, *state), CIVIC_STORE_MISSING);
    memory->now += LIFE;
    assert_int_equal(get(&found, memory, &with, *state), CIVIC_STORE_MISSING);
}

static void a_request_does_not_read_it(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_bytes_t picture = picture_of(CIVIC_PICTURE_MAX, *state), found;
    civic_record_t record = record_of("jane");
    civic_session_t session;
    const char *id;

    assert_reason(
        civic_session_create(&id, &memory->store, &record, &picture, LIFE, *state).reason,
        CIVIC_OK, "create");
    memory->bytes_read = 0;
    assert_reason(
        civic_session_find(&session, &memory->store, id, record.realm, "app", *state),
        CIVIC_OK, "find");
    assert_reason(civic_session_look(&session, &memory->store, *state), CIVIC_OK, "look");
    assert_in_range(memory->bytes_read, 1, 1000);
    assert_int_equal(get(&found, memory, &session, *state), CIVIC_STORE_OK);
    assert_in_range(memory->bytes_read, CIVIC_PICTURE_MAX, CIVIC_PICTURE_MAX + 1000);
}

static void it_ends_with_its_session(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_bytes_t picture = picture_of(100, *state), found;
    civic_session_t first = session_with(memory, "jane", &picture, *state);
    civic_session_t second = session_with(memory, "jane", &picture, *state);

    memory->is_down = 1;
    assert_reason(civic_session_end(&first, &memory->store, *state), CIVIC_STORE_UNAVAILABLE,
                  "down");
    memory->is_down = 0;
    assert_reason(civic_session_end(&first, &memory->store, *state), CIVIC_OK, "end");
    assert_int_equal(get(&found, memory, &first, *state), CIVIC_STORE_MISSING);
    assert_int_equal(get(&found, memory, &second, *state), CIVIC_STORE_OK);
}

static void it_ends_with_all_of_a_users_sessions(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_bytes_t picture = picture_of(100, *state), found;
    civic_session_t jane = session_with(memory, "jane", &picture, *state);
    civic_session_t jon = session_with(memory, "jon", &picture, *state);
    int count;

    assert_reason(civic_session_end_user(jane.user, &memory->store, &count, *state), CIVIC_OK,
                  "end");
    assert_int_equal(count, 1); /* the picture is no session */
    assert_int_equal(get(&found, memory, &jane, *state), CIVIC_STORE_MISSING);
    assert_int_equal(get(&found, memory, &jon, *state), CIVIC_STORE_OK);
}

static void it_is_none_of_the_users_sessions(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_bytes_t picture = picture_of(100, *state), found;
    civic_session_t first = session_with(memory, "jane", &picture, *state), last;
    apr_array_header_t *list;
    int ended;

    memory->now += 1;
    last = session_with(memory, "jane", &picture, *state);
    assert_reason(civic_session_list(&list, first.user, &memory->store, *state), CIVIC_OK,
                  "list");
    assert_int_equal(list->nelts, 2);
    assert_reason(civic_session_limit(first.user, &memory->store, 1, &ended, *state), CIVIC_OK,
                  "limit");
    assert_int_equal(ended, 1);
    assert_int_equal(get(&found, memory, &first, *state), CIVIC_STORE_MISSING);
    assert_int_equal(get(&found, memory, &last, *state), CIVIC_STORE_OK);
}

static void a_login_goes_on_without_it(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_bytes_t picture = picture_of(100, *state);
    static const civic_store_result failures[] = {CIVIC_STORE_EXHAUSTED, CIVIC_STORE_TOO_LARGE,
                                                  CIVIC_STORE_DOWN};

    for (apr_size_t i = 0; i < COUNT(failures); i++) {
        memory->picture_result = failures[i];
        assert_false(session_with(memory, "jane", &picture, *state).record.has_picture);
    }
}

static void no_picture_is_left_of_a_login_that_failed(void **state)
{
    memory_store_t *memory = memory_store_new(NOW, *state);
    civic_bytes_t picture = picture_of(100, *state);
    civic_record_t record = record_of("jane");
    const char *id = NULL;

    memory->get_result = CIVIC_STORE_MISSING;
    assert_reason(
        civic_session_create(&id, &memory->store, &record, &picture, LIFE, *state).reason,
        CIVIC_STORE_UNAVAILABLE, "read back");
    assert_null(id);
    assert_int_equal(memory->count, 2);
    assert_int_equal(memory->sessions[0].kind, CIVIC_STORED_PICTURE);
    assert_int_equal(memory->sessions[0].expires, 0); /* ended */
}

/* ---- tickets ---- */

static void a_ticket_opens_for_a_minute(void **state)
{
    unsigned char key[CIVIC_STORE_KEY_LEN] = "the key of a session, 32 bytes.";
    unsigned char found[CIVIC_STORE_KEY_LEN] = {0};
    const char *ticket = civic_picture_ticket_seal(key, NOW, &keys, *state);

    assert_int_equal(strlen(ticket), CIVIC_PICTURE_TICKET_LEN);
    assert_true(civic_picture_ticket_open(found, ticket, NOW, &keys, *state));
    assert_memory_equal(found, key, sizeof(key));
    assert_true(civic_picture_ticket_open(found, ticket, NOW + CIVIC_PICTURE_TICKET_LIFE,
                                          &keys, *state));
    assert_false(civic_picture_ticket_open(found, ticket, NOW + CIVIC_PICTURE_TICKET_LIFE + 1,
                                           &keys, *state));
    assert_true(
        civic_picture_ticket_open(found, ticket, NOW - apr_time_from_sec(60), &keys, *state));
    assert_false(
        civic_picture_ticket_open(found, ticket, NOW - apr_time_from_sec(61), &keys, *state));
}

static void no_other_text_is_a_ticket(void **state)
{
    unsigned char key[CIVIC_STORE_KEY_LEN] = {1}, found[CIVIC_STORE_KEY_LEN] = {0};
    static const unsigned char nothing[CIVIC_STORE_KEY_LEN];
    civic_seal_keys_t other = {.current = "another key of thirty-two bytes"};
    char *ticket = apr_pstrdup(*state, civic_picture_ticket_seal(key, NOW, &keys, *state));
    civic_browser_t browser;

    assert_false(civic_picture_ticket_open(found, ticket, NOW, &other, *state));
    other.has_previous = 1;
    memcpy(other.previous, keys.current, sizeof(other.previous));
    for (int i = 0; i < CIVIC_PICTURE_TICKET_LEN; i++) {
        char right = ticket[i];

        ticket[i] = right == 'A' ? 'B' : 'A';
        assert_false(civic_picture_ticket_open(found, ticket, NOW, &keys, *state));
        ticket[i] = right;
    }
    assert_false(civic_picture_ticket_open(found, "", NOW, &keys, *state));
    assert_false(civic_picture_ticket_open(found, ticket + 1, NOW, &keys, *state));
    assert_false(civic_picture_ticket_open(found, apr_pstrcat(*state, ticket, "A", NULL), NOW,
                                           &keys, *state));
    assert_true(civic_browser_new(&browser)); /* what is sealed for another purpose */
    assert_false(civic_picture_ticket_open(found, civic_browser_seal(&browser, &keys, *state),
                                           NOW, &keys, *state));
    assert_memory_equal(found, nothing, sizeof(found));
    assert_true(civic_picture_ticket_open(found, ticket, NOW, &other, *state));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        UNIT(first_bytes_tell_the_type),
        UNIT(only_a_verified_picture_is_read),
        UNIT(a_megabyte_is_the_limit),
        UNIT(it_is_kept_beside_its_session),
        UNIT(a_request_does_not_read_it),
        UNIT(it_ends_with_its_session),
        UNIT(it_ends_with_all_of_a_users_sessions),
        UNIT(it_is_none_of_the_users_sessions),
        UNIT(a_login_goes_on_without_it),
        UNIT(no_picture_is_left_of_a_login_that_failed),
        UNIT(a_ticket_opens_for_a_minute),
        UNIT(no_other_text_is_a_ticket),
    };

    return UNIT_RUN("picture", tests);
}
