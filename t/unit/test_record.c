/* A session as bytes: whole or nothing. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "record.h"

static civic_record_t sample(apr_pool_t *pool)
{
    civic_record_t record = {.application = "tEsTaPp01",
                             .scope = "BASIC_SIGNUP",
                             .user_id = "04f8996da763b7a9",
                             .created = 1795466536402000};

    for (int i = 0; i < CIVIC_REALM_LEN; i++) {
        record.realm[i] = (unsigned char)(255 - i);
    }
    record.claims.count = 3;
    record.claims.items = apr_pcalloc(pool, 3 * sizeof(civic_claim_t));
    record.claims.items[0] =
        (civic_claim_t){"contact.personal.email", "jon@example.com", CIVIC_CLAIM_VERIFIED};
    record.claims.items[1] = (civic_claim_t){"name", "Zo\xc3\xab", CIVIC_CLAIM_VALID};
    record.claims.items[2] = (civic_claim_t){"empty", "", 0};
    return record;
}

static void records_are_equal(const civic_record_t *a, const civic_record_t *b)
{
    assert_memory_equal(a->realm, b->realm, CIVIC_REALM_LEN);
    assert_string_equal(a->application, b->application);
    assert_string_equal(a->scope, b->scope);
    assert_string_equal(a->user_id, b->user_id);
    assert_int_equal(a->created, b->created);
    assert_int_equal(a->has_picture, b->has_picture);
    assert_int_equal(a->claims.count, b->claims.count);
    for (int i = 0; i < a->claims.count; i++) {
        assert_string_equal(a->claims.items[i].label, b->claims.items[i].label);
        assert_string_equal(a->claims.items[i].value, b->claims.items[i].value);
        assert_int_equal(a->claims.items[i].flags, b->claims.items[i].flags);
    }
}

static void a_record_survives_the_round_trip(void **state)
{
    civic_record_t record = sample(*state), again;
    civic_bytes_t bytes;

    assert_true(civic_record_encode(&bytes, &record, *state));
    assert_true(civic_record_decode(&again, bytes.data, bytes.len, *state));
    records_are_equal(&record, &again);
    record.claims.count = 0;
    record.has_picture = 1;
    record.created = -1;
    assert_true(civic_record_encode(&bytes, &record, *state));
    assert_true(civic_record_decode(&again, bytes.data, bytes.len, *state));
    records_are_equal(&record, &again);
}

/* The layout is what stores of other nodes and of the next start read. */
static void the_layout_is_what_the_header_draws(void **state)
{
    civic_claim_t claim = {"l", "v", CIVIC_CLAIM_VERIFIED};
    civic_record_t record = {.application = "A",
                             .scope = "S",
                             .user_id = "U",
                             .created = 0x0102030405060708,
                             .claims = {&claim, 1}};
    static const unsigned char expected[] = "\2\0"
                                            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                            "\x08\7\6\5\4\3\2\1"
                                            "\1\0\0\0A\1\0\0\0S\1\0\0\0U"
                                            "\1\0"
                                            "\3\1\0\0\0l\1\0\0\0v";
    civic_bytes_t bytes;

    assert_true(civic_record_encode(&bytes, &record, *state));
    assert_int_equal(bytes.len, sizeof(expected) - 1);
    assert_memory_equal(bytes.data, expected, bytes.len);
}

/* A copy of exactly `len` bytes, so that a read past them is seen by the sanitizer. */
static int decode_copy(const unsigned char *data, apr_size_t len, apr_pool_t *pool)
{
    unsigned char *copy = test_malloc(len ? len : 1);
    civic_record_t record = {.application = "untouched"};
    int whole;

    memcpy(copy, data, len);
    whole = civic_record_decode(&record, copy, len, pool);
    test_free(copy);
    assert_true(whole || !strcmp(record.application, "untouched"));
    return whole;
}

static void every_cut_is_refused(void **state)
{
    civic_record_t record = sample(*state);
    civic_bytes_t bytes;

    assert_true(civic_record_encode(&bytes, &record, *state));
    for (apr_size_t len = 0; len < bytes.len; len++) {
        assert_false(decode_copy(bytes.data, len, *state));
    }
    assert_true(decode_copy(bytes.data, bytes.len, *state));
}

static void nothing_may_follow(void **state)
{
    civic_record_t record = sample(*state);
    civic_bytes_t bytes;

    /* the byte behind it is the NUL that every civic_bytes_t has */
    assert_true(civic_record_encode(&bytes, &record, *state));
    assert_false(decode_copy(bytes.data, bytes.len + 1, *state));
}

/* Another value decodes to another record or to none, and no read leaves the bytes. */
static void no_changed_byte_is_overlooked(void **state)
{
    civic_record_t record = sample(*state);
    civic_bytes_t bytes;

    assert_true(civic_record_encode(&bytes, &record, *state));
    for (apr_size_t i = 0; i < bytes.len; i++) {
        for (int flip = 1; flip < 256; flip += unit_rounds(1, 50)) {
            civic_bytes_t again;
            civic_record_t other;
            apr_pool_t *pool;

            apr_pool_create(&pool, *state);
            bytes.data[i] ^= (unsigned char)flip;
            if (decode_copy(bytes.data, bytes.len, pool)) {
                assert_true(civic_record_decode(&other, bytes.data, bytes.len, pool));
                assert_true(civic_record_encode(&again, &other, pool));
                assert_int_equal(again.len, bytes.len);
                assert_memory_equal(again.data, bytes.data, bytes.len);
            }
            bytes.data[i] ^= (unsigned char)flip;
            apr_pool_destroy(pool);
        }
    }
}

/* A second factor, which a login by itself is not. */
static void an_account_survives_the_round_trip(void **state)
{
    civic_record_t record = sample(*state), again;
    civic_bytes_t bytes;

    assert_true(civic_record_encode(&bytes, &record, *state));
    assert_int_equal(bytes.data[1], 0);
    assert_true(civic_record_decode(&again, bytes.data, bytes.len, *state));
    assert_null(again.account);
    record.account = "alice";
    record.proof = CIVIC_PROOF_RECOVERY;
    assert_true(civic_record_encode(&bytes, &record, *state));
    assert_int_equal(bytes.data[1], 2);
    assert_true(civic_record_decode(&again, bytes.data, bytes.len, *state));
    records_are_equal(&record, &again);
    assert_string_equal(again.account, "alice");
    assert_int_equal(again.proof, CIVIC_PROOF_RECOVERY);
    for (apr_size_t cut = 0; cut < bytes.len; cut++) {
        assert_false(decode_copy(bytes.data, cut, *state));
    }
    for (int version = 0; version < 256; version++) {
        bytes.data[0] = (unsigned char)version;
        assert_int_equal(decode_copy(bytes.data, bytes.len, *state), version == 2);
    }
}

static void a_proof_is_one_of_two(void **state)
{
    civic_record_t record = sample(*state);
    const unsigned char *at = NULL;
    civic_bytes_t bytes;

    record.account = "accountname";
    assert_true(civic_record_encode(&bytes, &record, *state));
    for (apr_size_t i = 0; !at && i < bytes.len - 11; i++) {
        at = memcmp(bytes.data + i, "accountname", 11) ? NULL : bytes.data + i;
    }
    assert_non_null(at);
    for (int proof = 0; proof < 256; proof++) {
        bytes.data[at + 11 - bytes.data] = (unsigned char)proof;
        assert_int_equal(decode_copy(bytes.data, bytes.len, *state), proof <= 1);
    }
}

static void another_version_is_no_record(void **state)
{
    civic_record_t record = sample(*state);
    civic_bytes_t bytes;

    assert_true(civic_record_encode(&bytes, &record, *state));
    for (int version = 0; version < 256; version++) {
        bytes.data[0] = (unsigned char)version;
        assert_int_equal(decode_copy(bytes.data, bytes.len, *state), version == 2);
    }
}

static void texts_end_where_they_say(void **state)
{
    civic_record_t record = sample(*state);
    civic_bytes_t bytes;

    assert_true(civic_record_encode(&bytes, &record, *state));
    bytes.data[2 + CIVIC_REALM_LEN + 8 + 4 + 3] = '\0';
    assert_false(decode_copy(bytes.data, bytes.len, *state));
}

/* A record whose one value has the length that makes the whole `size` bytes. */
static civic_record_t record_of(apr_size_t size, civic_claim_t *claim, apr_pool_t *pool)
{
    civic_record_t record = {
        .application = "", .scope = "", .user_id = "", .claims = {claim, 1}};
    apr_size_t fixed = 2 + CIVIC_REALM_LEN + 8 + 3 * 4 + 2 + 1 + 2 * 4;

    *claim = (civic_claim_t){"", unit_repeat('v', size - fixed, pool), 0};
    return record;
}

static void a_megabyte_is_the_limit(void **state)
{
    civic_claim_t claim;
    civic_record_t fits = record_of(CIVIC_RECORD_MAX, &claim, *state), again, more;
    civic_bytes_t bytes;

    assert_true(civic_record_encode(&bytes, &fits, *state));
    assert_int_equal(bytes.len, CIVIC_RECORD_MAX);
    assert_true(civic_record_decode(&again, bytes.data, bytes.len, *state));
    more = record_of(CIVIC_RECORD_MAX + 1, &claim, *state);
    assert_false(civic_record_encode(&bytes, &more, *state));
    assert_int_equal(bytes.len, CIVIC_RECORD_MAX + 1);
    assert_null(bytes.data);
}

static void as_many_claims_as_an_answer_may_have(void **state)
{
    civic_record_t record = sample(*state), again;
    civic_claim_t *items = apr_pcalloc(*state, CIVIC_CLAIMS_MAX * sizeof(civic_claim_t));
    civic_bytes_t bytes;
    apr_size_t count_at;

    record.claims.count = 0;
    assert_true(civic_record_encode(&bytes, &record, *state));
    count_at = bytes.len - 2;
    for (int i = 0; i < CIVIC_CLAIMS_MAX; i++) {
        items[i] = (civic_claim_t){"l", "v", 3};
    }
    record.claims.items = items;
    record.claims.count = CIVIC_CLAIMS_MAX;
    assert_true(civic_record_encode(&bytes, &record, *state));
    assert_true(civic_record_decode(&again, bytes.data, bytes.len, *state));
    records_are_equal(&record, &again);
    bytes.data[count_at] = 1; /* 257 */
    assert_false(decode_copy(bytes.data, bytes.len, *state));
}

static void noise_is_no_record(void **state)
{
    apr_uint64_t seed = 2;
    unsigned char noise[256];

    for (int i = 0; i < unit_rounds(20000, 500); i++) {
        apr_pool_t *pool;

        for (apr_size_t j = 0; j < sizeof(noise); j++) {
            noise[j] = (unsigned char)unit_random(&seed);
        }
        noise[0] = 2;
        noise[1] &= 1;
        apr_pool_create(&pool, *state);
        assert_false(decode_copy(noise, sizeof(noise), pool));
        apr_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_record_survives_the_round_trip),
        UNIT(the_layout_is_what_the_header_draws),
        UNIT(every_cut_is_refused),
        UNIT(nothing_may_follow),
        UNIT(no_changed_byte_is_overlooked),
        UNIT(another_version_is_no_record),
        UNIT(an_account_survives_the_round_trip),
        UNIT(a_proof_is_one_of_two),
        UNIT(texts_end_where_they_say),
        UNIT(a_megabyte_is_the_limit),
        UNIT(as_many_claims_as_an_answer_may_have),
        UNIT(noise_is_no_record),
    };

    return UNIT_RUN("record", tests);
}
