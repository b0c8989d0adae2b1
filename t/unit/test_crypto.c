/* Digests, MACs, encryption, sealing, secrets. Keys and signatures: test_key.c. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"

/* ---- digests and MACs ---- */

static void sha256_is_that_of_fips_180(void **state)
{
    unsigned char digest[CIVIC_SHA256_LEN];

    assert_true(civic_sha256(digest, "abc", 3));
    assert_string_equal(civic_hex_encode(digest, sizeof(digest), *state),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(civic_sha256(digest, "", 0));
    assert_string_equal(civic_hex_encode(digest, sizeof(digest), *state),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void md5_is_that_of_rfc_1321(void **state)
{
    char hex[33];

    assert_true(civic_md5_hex(hex, "", 0));
    assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
    assert_true(civic_md5_hex(hex, "message digest", 14));
    assert_string_equal(hex, "f96b697d7cb7938d525a2f31aaf161d0");
}

/* RFC 4231, cases 1, 2, 3, 4 and 6. */
static void hmac_is_that_of_rfc_4231(void **state)
{
    apr_pool_t *pool = *state;
    const struct {
        const char *key, *data, *mac;
    } cases[] = {
        {unit_repeat('\x0b', 20, pool), "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {unit_repeat('\xaa', 20, pool), unit_repeat('\xdd', 50, pool),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {(char *)unit_hex("0102030405060708090a0b0c0d0e0f10111213141516171819", pool).data,
         unit_repeat('\xcd', 50, pool),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {unit_repeat('\xaa', 131, pool),
         "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        unsigned char mac[CIVIC_SHA256_LEN];

        assert_true(civic_hmac_sha256(mac, cases[i].key, strlen(cases[i].key), cases[i].data,
                                      strlen(cases[i].data)));
        assert_string_equal(civic_hex_encode(mac, sizeof(mac), pool), cases[i].mac);
    }
}

/* ---- AES-128-CBC ---- */

static void aes_case_judge(const json_t *test, apr_pool_t *pool)
{
    const char *what =
        apr_psprintf(pool, "tcId %d", (int)json_integer_value(unit_member(test, "tcId")));
    civic_bytes_t key = unit_hex(unit_text(test, "key"), pool);
    civic_bytes_t iv = unit_hex(unit_text(test, "iv"), pool);
    civic_bytes_t message = unit_hex(unit_text(test, "msg"), pool);
    civic_bytes_t cipher = unit_hex(unit_text(test, "ct"), pool);
    civic_bytes_t out = {NULL, 0};
    int opens =
        civic_aes128_cbc_decrypt(&out, key.data, iv.data, cipher.data, cipher.len, pool);

    if (strcmp(unit_text(test, "result"), "valid")) {
        assert_case(!opens && out.data == NULL, what);
        return;
    }
    assert_case(opens && out.len == message.len, what);
    assert_memory_equal(out.data, message.data, message.len);
    assert_int_equal(out.data[out.len], 0);
    assert_true(
        civic_aes128_cbc_encrypt(&out, key.data, iv.data, message.data, message.len, pool));
    assert_case(out.len == cipher.len, what);
    assert_memory_equal(out.data, cipher.data, cipher.len);
}

static void wycheproof_aes_cbc_pkcs5(void **state)
{
    const json_t *file =
        unit_read_json("t/unit/vectors/wycheproof_aes_cbc_pkcs5_test.json", *state);
    apr_size_t i, j;
    json_t *group, *test;
    int judged = 0;

    json_array_foreach(unit_member(file, "testGroups"), i, group)
    {
        assert_int_equal(json_integer_value(unit_member(group, "keySize")), 128);
        json_array_foreach(unit_member(group, "tests"), j, test)
        {
            aes_case_judge(test, *state);
            judged++;
        }
    }
    assert_int_equal(judged, json_integer_value(unit_member(file, "numberOfTests")));
    assert_int_equal(judged, 72);
}

static void ciphertext_is_whole_blocks(void **state)
{
    static const unsigned char zeros[64];
    civic_bytes_t clear = {NULL, 0};

    for (apr_size_t len = 0; len < 64; len++) {
        if (len % 16 || len == 0) {
            assert_false(civic_aes128_cbc_decrypt(&clear, zeros, zeros, zeros, len, *state));
        }
    }
    assert_null(clear.data);
}

/* ---- sealing ---- */

static const unsigned char key_one[CIVIC_SEAL_KEY_LEN] = {1},
                           key_two[CIVIC_SEAL_KEY_LEN] = {2};

static void what_was_sealed_opens(void **state)
{
    char data[200];

    memset(data, 'x', sizeof(data));
    for (apr_size_t len = 0; len <= sizeof(data); len++) {
        civic_bytes_t sealed, clear;

        assert_true(civic_seal(&sealed, key_one, "purpose", data, len, *state));
        assert_int_equal(sealed.len, len + CIVIC_SEAL_OVERHEAD);
        assert_true(civic_open(&clear, key_one, "purpose", sealed.data, sealed.len, *state));
        assert_int_equal(clear.len, len);
        assert_memory_equal(clear.data, data, len);
        assert_int_equal(clear.data[len], 0);
    }
}

static void two_seals_of_the_same_differ(void **state)
{
    civic_bytes_t one, two;

    assert_true(civic_seal(&one, key_one, "p", "same", 4, *state));
    assert_true(civic_seal(&two, key_one, "p", "same", 4, *state));
    assert_memory_not_equal(one.data, two.data, 12);
    assert_memory_not_equal(one.data + 12, two.data + 12, 4);
}

static void every_flipped_bit_is_noticed(void **state)
{
    civic_bytes_t sealed, clear = {NULL, 0};

    assert_true(civic_seal(&sealed, key_one, "p", "sixteen bytes ..", 16, *state));
    for (apr_size_t bit = 0; bit < 8 * sealed.len; bit++) {
        sealed.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_false(civic_open(&clear, key_one, "p", sealed.data, sealed.len, *state));
        sealed.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_null(clear.data);
    assert_true(civic_open(&clear, key_one, "p", sealed.data, sealed.len, *state));
}

static void every_cut_seal_is_refused(void **state)
{
    civic_bytes_t sealed, clear;

    assert_true(civic_seal(&sealed, key_one, "p", "some bytes", 10, *state));
    for (apr_size_t len = 0; len < sealed.len; len++) {
        assert_false(civic_open(&clear, key_one, "p", sealed.data, len, *state));
        assert_false(
            civic_open(&clear, key_one, "p", sealed.data + sealed.len - len, len, *state));
    }
}

static void a_seal_is_for_one_key_and_one_purpose(void **state)
{
    civic_bytes_t sealed, clear;

    assert_true(civic_seal(&sealed, key_one, "purpose", "data", 4, *state));
    assert_false(civic_open(&clear, key_two, "purpose", sealed.data, sealed.len, *state));
    assert_false(civic_open(&clear, key_one, "purpose2", sealed.data, sealed.len, *state));
    assert_false(civic_open(&clear, key_one, "purpos", sealed.data, sealed.len, *state));
    assert_false(civic_open(&clear, key_one, "", sealed.data, sealed.len, *state));
}

/* ---- secrets, randomness ---- */

static void a_secret_is_32_hex_digits(void **state)
{
    static const char *const unfit[] = {"",
                                        " ",
                                        "71335a6791e8e38e3b5b4094c333671",
                                        "71335a6791e8e38e3b5b4094c333671ff",
                                        "71335a6791e8e38e3b5b4094c333671g",
                                        "0x71335a6791e8e38e3b5b4094c33367",
                                        "71335a6791e8e38e 3b5b4094c333671f",
                                        "71335a6791e8e38e3b5b4094c333671f x",
                                        "0071335a6791e8e38e3b5b4094c333671f"};
    unsigned char *secret = NULL;

    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        assert_case(civic_secret_read(&secret, unfit[i], *state), unfit[i]);
        assert_null(secret);
    }
    assert_null(civic_secret_read(&secret, " \r\n71335A6791e8e38e3b5b4094c333671f\n", *state));
    assert_memory_equal(secret, unit_hex("71335a6791e8e38e3b5b4094c333671f", *state).data,
                        CIVIC_SECRET_LEN);
}

static void what_is_wrong_with_a_secret_says_how_long_it_is(void **state)
{
    unsigned char *secret;
    const char *fault = civic_secret_read(&secret, "71335a67", *state);

    assert_non_null(strstr(fault, "8 "));
    assert_non_null(strstr(fault, "32"));
    assert_null(strstr(fault, "71335a67"));
}

static void random_bytes_differ(void **state)
{
    unsigned char one[32] = {0}, two[32] = {0};

    assert_true(civic_random(one, sizeof(one)) && civic_random(two, sizeof(two)));
    assert_memory_not_equal(one, two, sizeof(one));
    assert_false(civic_equal(one, two, sizeof(one)));
    assert_true(civic_equal(one, one, sizeof(one)));
    memcpy(two, one, sizeof(one));
    two[31] ^= 1;
    assert_false(civic_equal(one, two, sizeof(one)));
    assert_true(civic_equal(one, two, 31));
}

static void uuids_are_of_version_4(void **state)
{
    const char *before = "";

    for (int i = 0; i < 100; i++) {
        const char *uuid = civic_uuid(*state);

        assert_int_equal(strlen(uuid), 36);
        assert_int_equal(strspn(uuid, "0123456789abcdef-"), 36);
        assert_true(uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-');
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_string_not_equal(uuid, before);
        before = uuid;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(sha256_is_that_of_fips_180),
        UNIT(md5_is_that_of_rfc_1321),
        UNIT(hmac_is_that_of_rfc_4231),
        UNIT(wycheproof_aes_cbc_pkcs5),
        UNIT(ciphertext_is_whole_blocks),
        UNIT(what_was_sealed_opens),
        UNIT(two_seals_of_the_same_differ),
        UNIT(every_flipped_bit_is_noticed),
        UNIT(every_cut_seal_is_refused),
        UNIT(a_seal_is_for_one_key_and_one_purpose),
        UNIT(a_secret_is_32_hex_digits),
        UNIT(what_is_wrong_with_a_secret_says_how_long_it_is),
        UNIT(random_bytes_differ),
        UNIT(uuids_are_of_version_4),
    };

    return UNIT_RUN("crypto", tests);
}
