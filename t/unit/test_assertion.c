/* Assertions: what they say of whom, that they stay small, how keys are named and published,
 * and how long a token is used. */
#include "unit.h"

#include <apr_strings.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assertion.h"
#include "assertion_cache.h"
#include "encoding.h"
#include "json.h"
#include "jws.h"

#define NOW apr_time_from_sec(1795466541)

/* The key of RFC 7515 appendix A.3; its thumbprint was computed with another library (npm
 * jose). */
#define RFC_KEY                                                                               \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"                                                \
    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                        \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","                                  \
    "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define RFC_THUMBPRINT "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"

static civic_assertion_keys_t keys_of(apr_pool_t *pool)
{
    civic_assertion_keys_t keys = {0};

    assert_null(civic_assertion_keys_set(&keys, unit_private_key(RFC_KEY, pool), NULL, pool));
    return keys;
}

static civic_record_t person(civic_claim_t *items, int count)
{
    return (civic_record_t){.application = "CO-A",
                            .scope = "BASIC_SIGNUP",
                            .user_id = "c6d5795f",
                            .claims = {items, count}};
}

static civic_assertion_t sample(const civic_record_t *record)
{
    return (civic_assertion_t){.issuer = "https://www.example.org",
                               .audience = "orders",
                               .record = record,
                               .now = NOW,
                               .login = NOW - apr_time_from_sec(100)};
}

/* The payload of a token that our own reader takes; `left_out` as it was said. */
static json_t *payload_of(const civic_assertion_t *assertion, const char **left_out,
                          apr_pool_t *pool)
{
    civic_assertion_keys_t keys = keys_of(pool);
    const char *token = civic_assertion_sign(assertion, &keys, left_out, pool);
    civic_bytes_t bytes;

    assert_non_null(token);
    assert_true(strlen(token) <= CIVIC_ASSERTION_MAX);
    assert_reason(
        civic_jws_open(&bytes, token, strlen(token), unit_public_key(RFC_KEY, pool), pool),
        CIVIC_OK, "the signature");
    return civic_json_parse((const char *)bytes.data, bytes.len, pool);
}

/* ---- what it says ---- */

static void says_who_for_whom_and_how_long(void **state)
{
    static const char expected[] =
        "{\"aud\":\"orders\",\"auth_time\":1795466441,"
        "\"civic\":{\"application\":\"CO-A\",\"claims\":{\"contact.personal.email\":"
        "\"jane@example.com\",\"contact.personal.phoneNumber\":\"+1 555\"},"
        "\"scope\":\"BASIC_SIGNUP\"},\"email\":\"jane@example.com\",\"email_verified\":true,"
        "\"exp\":1795466601,\"iat\":1795466541,\"iss\":\"https://www.example.org\","
        "\"sub\":\"c6d5795f\"}";
    civic_claim_t items[] = {
        {"contact.personal.email", "jane@example.com", CIVIC_CLAIM_VERIFIED},
        {"contact.personal.phoneNumber", "+1 555", CIVIC_CLAIM_VERIFIED}};
    civic_record_t record = person(items, 2);
    civic_assertion_t assertion = sample(&record);
    const char *left_out = "?";

    assert_string_equal(civic_json_text(payload_of(&assertion, &left_out, *state), *state),
                        expected);
    assert_null(left_out);
}

static void header_names_algorithm_and_key(void **state)
{
    civic_record_t record = person(NULL, 0);
    civic_assertion_t assertion = sample(&record);
    civic_assertion_keys_t keys = keys_of(*state);
    const char *left_out;
    const char *token = civic_assertion_sign(&assertion, &keys, &left_out, *state);
    civic_bytes_t header;

    assert_true(civic_base64url_decode(&header, token, strcspn(token, "."), *state));
    assert_string_equal((char *)header.data,
                        "{\"alg\":\"ES256\",\"kid\":\"" RFC_THUMBPRINT "\",\"typ\":\"JWT\"}");
}

static void only_what_is_verified_wanted_and_clear(void **state)
{
    civic_claim_t items[] = {
        {"contact.personal.email", "old@example.com", CIVIC_CLAIM_OWNED},
        {"a.invalid", "1", CIVIC_CLAIM_OWNED},
        {"a.foreign", "1", CIVIC_CLAIM_VALID},
        {"a.control", "1\n2", CIVIC_CLAIM_VERIFIED},
        {"a.latin", "\xe9", CIVIC_CLAIM_VERIFIED},
        {"a.two", "1", CIVIC_CLAIM_VERIFIED},
        {"a.two", "2", CIVIC_CLAIM_VERIFIED},
        {"a.same", "1", CIVIC_CLAIM_VERIFIED},
        {"a.same", "1", CIVIC_CLAIM_VERIFIED},
        {"a.unwanted", "1", CIVIC_CLAIM_VERIFIED},
        {"a.quoted", "\"\\\xc3\xbc", CIVIC_CLAIM_VERIFIED},
    };
    civic_record_t record = person(items, COUNT(items));
    civic_assertion_t assertion = sample(&record);
    apr_array_header_t *labels = apr_array_make(*state, 16, sizeof(const char *));
    const char *left_out;
    json_t *payload;

    for (apr_size_t i = 0; i < COUNT(items); i++) {
        if (strcmp(items[i].label, "a.unwanted")) {
            APR_ARRAY_PUSH(labels, const char *) = items[i].label;
        }
    }
    assertion.labels = labels;
    payload = payload_of(&assertion, &left_out, *state);
    assert_string_equal(
        civic_json_text(json_object_get(json_object_get(payload, "civic"), "claims"), *state),
        "{\"a.quoted\":\"\\\"\\\\\xc3\xbc\",\"a.same\":\"1\"}");
    assert_null(json_object_get(payload, "email"));
    assert_null(json_object_get(payload, "email_verified"));
    assert_null(left_out);
    labels->nelts = 0;
    payload = payload_of(&assertion, &left_out, *state);
    assert_int_equal(
        json_object_size(json_object_get(json_object_get(payload, "civic"), "claims")), 0);
}

/* ---- that it stays small ---- */

static void what_is_too_large_is_left_out_by_name(void **state)
{
    /* Escaped, a quote takes two bytes. */
    civic_claim_t items[] = {
        {"a.huge", unit_repeat('x', 100000, *state), CIVIC_CLAIM_VERIFIED},
        {"a.escaped", unit_repeat('"', 1000, *state), CIVIC_CLAIM_VERIFIED},
        {"contact.personal.email", unit_repeat('e', 1000, *state), CIVIC_CLAIM_VERIFIED},
        {"a.small", "1", CIVIC_CLAIM_VERIFIED},
    };
    civic_record_t record = person(items, COUNT(items));
    civic_assertion_t assertion = sample(&record);
    const char *left_out;
    json_t *payload = payload_of(&assertion, &left_out, *state);
    json_t *claims = json_object_get(json_object_get(payload, "civic"), "claims");

    assert_string_equal(left_out, "a.huge a.escaped");
    assert_non_null(json_object_get(claims, "a.small"));
    assert_non_null(json_object_get(claims, "contact.personal.email"));
    assert_null(json_object_get(payload, "email")); /* not twice, then */
    assert_null(json_object_get(payload, "email_verified"));
}

/* As large as the configuration and Civic can make it: it never needs more than it
 * may take. */
static void there_is_always_room_for_who_it_is(void **state)
{
    civic_claim_t items[CIVIC_CLAIMS_MAX];
    civic_record_t record = person(items, CIVIC_CLAIMS_MAX);
    civic_assertion_t assertion = sample(&record);
    const char *left_out;

    for (int i = 0; i < CIVIC_CLAIMS_MAX; i++) {
        items[i] =
            (civic_claim_t){apr_psprintf(*state, "a%03d", i),
                            unit_repeat('v', (apr_size_t)i, *state), CIVIC_CLAIM_VERIFIED};
    }
    assertion.issuer = unit_repeat('i', 300, *state);
    assertion.audience = unit_repeat('a', CIVIC_ASSERTION_AUDIENCE_MAX, *state);
    record.user_id = unit_repeat('"', 128, *state);
    record.application = unit_repeat('c', 128, *state);
    record.scope = unit_repeat('S', 64, *state);
    assert_string_equal(
        json_string_value(json_object_get(payload_of(&assertion, &left_out, *state), "sub")),
        record.user_id);
    assert_non_null(strstr(left_out, "a255"));
}

/* ---- keys ---- */

static void a_key_is_named_by_its_thumbprint_and_published_without_its_secret(void **state)
{
    civic_assertion_keys_t keys = keys_of(*state);

    assert_string_equal(keys.kid, RFC_THUMBPRINT);
    assert_string_equal(
        keys.jwks, "{\"keys\":[{\"alg\":\"ES256\",\"crv\":\"P-256\",\"kid\":\"" RFC_THUMBPRINT
                   "\",\"kty\":\"EC\",\"use\":\"sig\","
                   "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                   "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}");
}

static void two_keys_are_published_one_signs(void **state)
{
    civic_key_t *one = civic_key_make(*state), *two = civic_key_make(*state);
    civic_assertion_keys_t keys = {0}, swapped = {0}, same = {0};

    assert_null(civic_assertion_keys_set(&keys, one, two, *state));
    assert_null(civic_assertion_keys_set(&swapped, two, one, *state));
    assert_ptr_equal(keys.key, one);
    assert_string_not_equal(keys.kid, swapped.kid);
    assert_non_null(strstr(keys.jwks, keys.kid));
    assert_non_null(strstr(keys.jwks, swapped.kid));
    assert_non_null(strstr(civic_assertion_keys_set(&same, one, one, *state), "the same key"));
    assert_null(same.key);
}

static void a_key_is_made_once_and_kept_for_its_owner_alone(void **state)
{
    char folder[] = "/tmp/civic-assertion-XXXXXX";
    const char *path, *fault;
    civic_key_t *made, *read;
    struct stat info;

    assert_non_null(mkdtemp(folder));
    path = apr_pstrcat(*state, folder, "/key", NULL);
    assert_null(civic_assertion_key_file(&made, path, *state));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_null(civic_assertion_key_file(&read, path, *state));
    assert_string_equal(civic_key_public_hex(made, *state),
                        civic_key_public_hex(read, *state));

    assert_int_equal(chmod(path, 0640), 0);
    fault = civic_assertion_key_file(&read, path, *state);
    assert_non_null(strstr(fault, "the assertion key"));
    assert_non_null(strstr(fault, "is not a file of mode 0600"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 40), 0);
    assert_non_null(strstr(civic_assertion_key_file(&read, path, *state), "is no key: "));
    unlink(path);
    assert_int_equal(close(open(apr_psprintf(*state, "%s.%ld", path, (long)getpid()),
                                O_WRONLY | O_CREAT, 0644)),
                     0);
    assert_null(civic_assertion_key_file(&made, path, *state));
    assert_int_equal(stat(path, &info), 0); /* not what lay in its way */
    assert_int_equal(info.st_mode & 0777, 0600);
    unlink(path);
    assert_non_null(strstr(
        civic_assertion_key_file(&read, apr_pstrcat(*state, folder, "/no/key", NULL), *state),
        "cannot be made"));
    rmdir(folder);
}

/* ---- how long a token is used ---- */

static const unsigned char session[CIVIC_SHA256_LEN] = "one session",
                           other[CIVIC_SHA256_LEN] = "another";

static const char *digest_of(const civic_assertion_t *assertion, const unsigned char *of,
                             apr_pool_t *pool)
{
    unsigned char digest[CIVIC_SHA256_LEN];

    assert_true(civic_assertion_digest(digest, assertion, of, pool));
    return civic_hex_encode(digest, sizeof(digest), pool);
}

static void only_the_same_assertion_has_the_same_digest(void **state)
{
    civic_record_t record = person(NULL, 0);
    civic_assertion_t a = sample(&record), b = a;
    apr_array_header_t *labels = apr_array_make(*state, 2, sizeof(const char *));
    const char *first = digest_of(&a, session, *state);

    b.now += 1;
    assert_string_equal(digest_of(&b, session, *state), first);
    assert_string_not_equal(digest_of(&a, other, *state), first);
    b.audience = "others";
    assert_string_not_equal(digest_of(&b, session, *state), first);
    b = a;
    b.issuer = "https://www.example.com";
    assert_string_not_equal(digest_of(&b, session, *state), first);
    b = a;
    b.labels = labels; /* none at all */
    assert_string_not_equal(digest_of(&b, session, *state), first);
    first = digest_of(&b, session, *state);
    APR_ARRAY_PUSH(labels, const char *) = "a.b";
    assert_string_not_equal(digest_of(&b, session, *state), first);
}

static void a_token_is_used_for_half_of_its_life(void **state)
{
    civic_assertion_cache_t *cache = civic_assertion_cache_create(*state);
    unsigned char digest[CIVIC_SHA256_LEN] = {1, 2, 3}, missing[CIVIC_SHA256_LEN] = {1, 2, 4};
    apr_time_t half = apr_time_from_sec(CIVIC_ASSERTION_LIFE) / 2;

    assert_null(civic_assertion_cache_get(cache, digest, NOW, *state));
    civic_assertion_cache_put(cache, digest, "token", NOW);
    assert_string_equal(civic_assertion_cache_get(cache, digest, NOW, *state), "token");
    assert_string_equal(civic_assertion_cache_get(cache, digest, NOW + half - 1, *state),
                        "token");
    assert_null(civic_assertion_cache_get(cache, digest, NOW + half, *state));
    assert_null(civic_assertion_cache_get(cache, digest, NOW - 1, *state));
    assert_null(civic_assertion_cache_get(cache, missing, NOW, *state));
    civic_assertion_cache_put(cache, digest, "newer", NOW + half);
    assert_string_equal(civic_assertion_cache_get(cache, digest, NOW + half, *state), "newer");
    civic_assertion_cache_put(cache, missing,
                              unit_repeat('t', CIVIC_ASSERTION_MAX + 1, *state), NOW);
    assert_null(civic_assertion_cache_get(cache, missing, NOW, *state));
}

/* Thousands of sessions: the newest are there, and none gets the token of another. */
static void it_never_grows_and_never_mixes_people_up(void **state)
{
    civic_assertion_cache_t *cache = civic_assertion_cache_create(*state);
    int many = unit_rounds(20000, 3000), found = 0;
    unsigned char digest[CIVIC_SHA256_LEN];
    const char *name, *token;

    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < many; i++) {
            name = apr_psprintf(*state, "person %d", i);
            assert_true(civic_sha256(digest, name, strlen(name)));
            if (pass == 0) {
                civic_assertion_cache_put(cache, digest, name, NOW + i);
                token = civic_assertion_cache_get(cache, digest, NOW + i, *state);
                assert_string_equal(token, name);
                continue;
            }
            token = civic_assertion_cache_get(cache, digest, NOW + many, *state);
            assert_case(!token || !strcmp(token, name), name);
            found += token != NULL;
        }
    }
    assert_in_range(found, 900, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(says_who_for_whom_and_how_long),
        UNIT(header_names_algorithm_and_key),
        UNIT(only_what_is_verified_wanted_and_clear),
        UNIT(what_is_too_large_is_left_out_by_name),
        UNIT(there_is_always_room_for_who_it_is),
        UNIT(a_key_is_named_by_its_thumbprint_and_published_without_its_secret),
        UNIT(two_keys_are_published_one_signs),
        UNIT(a_key_is_made_once_and_kept_for_its_owner_alone),
        UNIT(only_the_same_assertion_has_the_same_digest),
        UNIT(a_token_is_used_for_half_of_its_life),
        UNIT(it_never_grows_and_never_mixes_people_up),
    };

    return UNIT_RUN("assertion", tests);
}
