/* P-256 keys in all their forms, and ES256 by them. */
#include "unit.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"

/* The order of P-256, and the scalars at its edge. */
#define ORDER      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_LESS "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550"
#define ORDER_MORE "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552"
#define GENERATOR                                                                             \
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7e" \
    "b"                                                                                       \
    "4a7c0f9e162bce33576b315ececbb6406837bf51f5"

static const char *civic_text(const char *name)
{
    return unit_text(unit_member(unit_sip(), "civic"), name);
}

static const char *key_file(const char *name, apr_pool_t *pool)
{
    return (const char *)unit_read(apr_pstrcat(pool, "t/unit/keys/", name, NULL), pool).data;
}

/* ---- what is a key ---- */

static void private_is(const char *text, const char *public_hex, const char *what,
                       apr_pool_t *pool)
{
    civic_key_t *key = NULL;
    const char *fault = civic_key_read_private(&key, text, pool);

    assert_case(!fault && key, what);
    assert_string_equal(civic_key_public_hex(key, pool), public_hex);
}

static void every_form_of_a_private_key_is_the_same_key(void **state)
{
    static const char *const files[] = {"sec1.pem", "sec1-parameters.pem", "pkcs8.pem",
                                        "explicit.pem", "private.jwk"};
    const char *hex = civic_text("privateKey");
    const char *point = civic_text("publicKey");

    for (apr_size_t i = 0; i < COUNT(files); i++) {
        const char *text = key_file(files[i], *state);

        private_is(text, point, files[i], *state);
        private_is(apr_pstrcat(*state, "\r\n ", text, "\n\t", NULL), point, files[i], *state);
    }
    private_is(hex, point, "64 digits", *state);
    private_is(apr_pstrcat(*state, " \t", hex, "\r\n", NULL), point, "blanks", *state);
    private_is(apr_pstrcat(*state, "00", hex, NULL), point, "66 digits", *state);
}

static void every_form_of_a_public_key_is_the_same_key(void **state)
{
    const char *hex = civic_text("publicKey");
    const char *const texts[] = {hex,
                                 apr_pstrcat(*state, "\n", hex, "\n", NULL),
                                 apr_pstrcat(*state, "00", hex, NULL),
                                 key_file("public.pem", *state),
                                 key_file("public.jwk", *state),
                                 key_file("private.jwk", *state)};

    for (apr_size_t i = 0; i < COUNT(texts); i++) {
        civic_key_t *key = unit_public_key(texts[i], *state);

        assert_string_equal(civic_key_public_hex(key, *state), hex);
    }
}

static void upper_case_hex_is_hex(void **state)
{
    char *hex = apr_pstrdup(*state, civic_text("privateKey"));

    for (char *p = hex; *p; p++) {
        *p = *p >= 'a' ? (char)(*p - 'a' + 'A') : *p;
    }
    private_is(hex, civic_text("publicKey"), "upper case", *state);
}

static void the_least_and_the_greatest_scalar_are_keys(void **state)
{
    const char *one = apr_pstrcat(*state, unit_repeat('0', 63, *state), "1", NULL);
    civic_key_t *last = unit_private_key(ORDER_LESS, *state);

    private_is(one, GENERATOR, "scalar 1", *state);
    /* n - 1 is the generator's mirror: the same x. */
    assert_memory_equal(civic_key_public_hex(last, *state), GENERATOR, 66);
}

static void a_compressed_point_in_pem_verifies(void **state)
{
    civic_key_t *key = unit_public_key(key_file("public-compressed.pem", *state), *state);
    unsigned char signature[CIVIC_SIGNATURE_LEN];

    assert_true(civic_es256_sign(signature, "x", 1, unit_civic_key(*state)));
    assert_true(civic_es256_verify(signature, sizeof(signature), "x", 1, key));
}

/* ---- what is none ---- */

/* The whole of what an operator reads, and never the key itself. */
static void private_refused(const char *text, const char *words, apr_pool_t *pool)
{
    civic_key_t *key = NULL;
    const char *fault = civic_key_read_private(&key, text, pool);

    assert_case(fault && !key, text);
    assert_case(strstr(fault, words), fault);
    assert_case(strlen(text) < 8 || !strstr(fault, text), fault);
}

static void public_refused(const char *text, apr_pool_t *pool)
{
    civic_key_t *key = NULL;

    assert_case(civic_key_read_public(&key, text, pool), text);
    assert_null(key);
}

static void lost_digits_are_counted_and_not_guessed(void **state)
{
    const char *hex = civic_text("privateKey");

    private_refused(hex + 2, "62 hex digits", *state);
    private_refused(hex + 2, "leading zeros may have been lost", *state);
    private_refused(hex + 1, "63 hex digits", *state);
    private_refused(apr_pstrcat(*state, "0", hex, NULL), "65 hex digits", *state);
    private_refused(apr_pstrcat(*state, "01", hex, NULL), "66 hex digits", *state);
    private_refused(apr_pstrcat(*state, hex, "00", NULL), "66 hex digits", *state);
    private_refused(apr_pstrcat(*state, "0000", hex, NULL), "68 hex digits", *state);
    public_refused(civic_text("publicKey") + 2, *state);
    public_refused(apr_pstrcat(*state, civic_text("publicKey"), "00", NULL), *state);
}

static void what_is_no_text_of_a_key_is_refused(void **state)
{
    const char *hex = civic_text("privateKey");

    private_refused("", "empty", *state);
    private_refused(" \r\n\t", "empty", *state);
    private_refused("no key", "hex digits", *state);
    private_refused(apr_pstrcat(*state, "0x", hex, NULL), "hex digits", *state);
    private_refused(apr_pstrcat(*state, hex, " ", hex, NULL), "hex digits", *state);
    private_refused(apr_pstrcat(*state, "\xef\xbb\xbf", hex, NULL), "hex digits", *state);
    private_refused("{}", "kty EC", *state);
    private_refused("{", "kty EC", *state);
    private_refused("-----BEGIN PRIVATE KEY-----\n", "PEM", *state);
    private_refused("-----BEGIN", "PEM", *state);
}

static void no_key_has_the_scalar_zero_or_the_order(void **state)
{
    private_refused(unit_repeat('0', 64, *state), "no P-256 private key", *state);
    private_refused(ORDER, "no P-256 private key", *state);
    private_refused(ORDER_MORE, "no P-256 private key", *state);
    private_refused(unit_repeat('f', 64, *state), "no P-256 private key", *state);
}

static void other_kinds_of_pem_are_refused(void **state)
{
    private_refused(key_file("p384.pem", *state), "P-256", *state);
    private_refused(key_file("secp256k1.pem", *state), "P-256", *state);
    private_refused(key_file("ed25519.pem", *state), "P-256", *state);
    private_refused(key_file("rsa.pem", *state), "P-256", *state);
    private_refused(key_file("forged.pem", *state), "not of curve P-256", *state);
    private_refused(key_file("public.pem", *state), "no private key", *state);
    private_refused(key_file("sec1-encrypted.pem", *state), "passphrase", *state);
    private_refused(key_file("pkcs8-encrypted.pem", *state), "passphrase", *state);
    public_refused(key_file("p384-public.pem", *state), *state);
    public_refused(key_file("secp256k1-public.pem", *state), *state);
    public_refused(key_file("sec1.pem", *state), *state);
}

static void a_damaged_pem_is_refused(void **state)
{
    const char *pem = key_file("pkcs8.pem", *state);
    apr_size_t len = strlen(pem);

    for (apr_size_t i = 1; i + 2 < len; i++) {
        civic_key_t *key = NULL;
        char *cut = apr_pstrmemdup(*state, pem, i);

        assert_case(civic_key_read_private(&key, cut, *state), cut);
    }
}

static void points_off_the_curve_are_refused(void **state)
{
    char *off = apr_pstrdup(*state, civic_text("publicKey"));
    apr_size_t len = strlen(off);

    off[len - 1] = off[len - 1] == '0' ? '1' : '0';
    public_refused(off, *state);
    public_refused(apr_pstrcat(*state, "04", unit_repeat('0', 128, *state), NULL), *state);
    public_refused(apr_pstrcat(*state, "04", unit_repeat('f', 128, *state), NULL), *state);
    public_refused(unit_repeat('0', 130, *state), *state);
    /* the point at infinity, the compressed and the hybrid form */
    public_refused("00", *state);
    public_refused(apr_pstrmemdup(*state, apr_pstrcat(*state, "02", GENERATOR + 2, NULL), 66),
                   *state);
    public_refused(apr_pstrcat(*state, "07", GENERATOR + 2, NULL), *state);
}

/* The JWK of keys/ with one member set to another value, or left out for NULL. */
static const char *jwk_with(const char *name, json_t *value, apr_pool_t *pool)
{
    const char *text = key_file("private.jwk", pool);
    json_t *jwk = json_loads(text, 0, NULL);
    char *dump;

    if (value) {
        json_object_set_new(jwk, name, value);
    }
    else {
        json_object_del(jwk, name);
    }
    dump = json_dumps(jwk, 0);
    text = apr_pstrdup(pool, dump);
    free(dump);
    json_decref(jwk);
    return text;
}

static void a_jwk_needs_every_member(void **state)
{
    static const char *const needed[] = {"kty", "crv", "x", "y", "d"};

    for (apr_size_t i = 0; i < COUNT(needed); i++) {
        private_refused(jwk_with(needed[i], NULL, *state), "this JWK", *state);
        private_refused(jwk_with(needed[i], json_integer(1), *state), "this JWK", *state);
        private_refused(jwk_with(needed[i], json_string(""), *state), "this JWK", *state);
    }
    public_refused(jwk_with("x", NULL, *state), *state);
    unit_public_key(jwk_with("d", NULL, *state), *state);
}

static void a_jwk_of_another_kind_or_size_is_refused(void **state)
{
    const char *zeros = civic_base64url_encode(unit_repeat('\0', 33, *state), 33, *state);
    const char *short_d = civic_base64url_encode(unit_repeat('x', 31, *state), 31, *state);
    const char *other = civic_base64url_encode(unit_repeat('\1', 32, *state), 32, *state);

    private_refused(jwk_with("kty", json_string("RSA"), *state), "this JWK", *state);
    private_refused(jwk_with("kty", json_string("ec"), *state), "this JWK", *state);
    private_refused(jwk_with("crv", json_string("P-384"), *state), "this JWK", *state);
    private_refused(jwk_with("crv", json_string("secp256k1"), *state), "this JWK", *state);
    private_refused(jwk_with("d", json_string(zeros), *state), "this JWK", *state);
    private_refused(jwk_with("d", json_string(short_d), *state), "this JWK", *state);
    private_refused(jwk_with("x", json_string("not base64url="), *state), "this JWK", *state);
    /* Halves that are no pair, and a point that is on no curve of ours. */
    private_refused(jwk_with("d", json_string(other), *state), "this JWK", *state);
    private_refused(jwk_with("y", json_string(other), *state), "this JWK", *state);
    public_refused(jwk_with("y", json_string(other), *state), *state);
}

/* ---- ES256 ---- */

static void a_signature_fits_its_data_and_key_alone(void **state)
{
    civic_key_t *key = unit_civic_key(*state);
    civic_key_t *public_key = unit_public_key(civic_text("publicKey"), *state);
    civic_key_t *other = unit_public_key(GENERATOR, *state);
    unsigned char signature[CIVIC_SIGNATURE_LEN + 1] = {0}, again[CIVIC_SIGNATURE_LEN];

    assert_true(civic_es256_sign(signature, "data", 4, key));
    assert_true(civic_es256_verify(signature, CIVIC_SIGNATURE_LEN, "data", 4, public_key));
    assert_true(civic_es256_verify(signature, CIVIC_SIGNATURE_LEN, "data", 4, key));
    assert_false(civic_es256_verify(signature, CIVIC_SIGNATURE_LEN, "date", 4, public_key));
    assert_false(civic_es256_verify(signature, CIVIC_SIGNATURE_LEN, "data", 3, public_key));
    assert_false(civic_es256_verify(signature, CIVIC_SIGNATURE_LEN, "data", 4, other));
    assert_false(
        civic_es256_verify(signature, CIVIC_SIGNATURE_LEN - 1, "data", 4, public_key));
    assert_false(
        civic_es256_verify(signature, CIVIC_SIGNATURE_LEN + 1, "data", 4, public_key));
    assert_false(civic_es256_verify(signature, 0, "data", 4, public_key));
    assert_true(civic_es256_sign(again, "data", 4, key));
    assert_memory_not_equal(again, signature, CIVIC_SIGNATURE_LEN);
}

/* r or s may begin with zeros: about one signature in 128 does. */
static void short_numbers_are_padded(void **state)
{
    civic_key_t *key = unit_civic_key(*state);
    unsigned char signature[CIVIC_SIGNATURE_LEN];
    int padded = 0;

    for (int i = 0; i < 5000 && padded < 2; i++) {
        assert_true(civic_es256_sign(signature, &i, sizeof(i), key));
        if (signature[0] == 0 || signature[32] == 0) {
            padded++;
            assert_true(civic_es256_verify(signature, sizeof(signature), &i, sizeof(i), key));
        }
    }
    assert_int_equal(padded, 2);
}

static void ecdsa_case_judge(const json_t *test, const civic_key_t *key, apr_pool_t *pool)
{
    civic_bytes_t message = unit_hex(unit_text(test, "msg"), pool);
    civic_bytes_t signature = unit_hex(unit_text(test, "sig"), pool);
    int is_valid = !strcmp(unit_text(test, "result"), "valid");

    assert_case(
        civic_es256_verify(signature.data, signature.len, message.data, message.len, key)
            == is_valid,
        apr_psprintf(pool, "tcId %d: %s", (int)json_integer_value(unit_member(test, "tcId")),
                     unit_text(test, "comment")));
}

/* The group's key in two forms, which must be one. */
static civic_key_t *group_key(const json_t *group, apr_pool_t *pool)
{
    const char *hex = unit_text(unit_member(group, "publicKey"), "uncompressed");
    civic_key_t *key;

    key = unit_public_key(unit_text(group, "publicKeyPem"), pool);
    assert_string_equal(civic_key_public_hex(key, pool), hex);
    return unit_public_key(hex, pool);
}

static void wycheproof_ecdsa_p256_sha256(void **state)
{
    const json_t *file = unit_read_json(
        "t/unit/vectors/wycheproof_ecdsa_secp256r1_sha256_p1363_test.json", *state);
    apr_size_t i, j;
    json_t *group, *test;
    int judged = 0;

    json_array_foreach(unit_member(file, "testGroups"), i, group)
    {
        civic_key_t *key = group_key(group, *state);

        json_array_foreach(unit_member(group, "tests"), j, test)
        {
            ecdsa_case_judge(test, key, *state);
            judged++;
        }
    }
    assert_int_equal(judged, json_integer_value(unit_member(file, "numberOfTests")));
    assert_int_equal(judged, 262);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(every_form_of_a_private_key_is_the_same_key),
        UNIT(every_form_of_a_public_key_is_the_same_key),
        UNIT(upper_case_hex_is_hex),
        UNIT(the_least_and_the_greatest_scalar_are_keys),
        UNIT(a_compressed_point_in_pem_verifies),
        UNIT(lost_digits_are_counted_and_not_guessed),
        UNIT(what_is_no_text_of_a_key_is_refused),
        UNIT(no_key_has_the_scalar_zero_or_the_order),
        UNIT(other_kinds_of_pem_are_refused),
        UNIT(a_damaged_pem_is_refused),
        UNIT(points_off_the_curve_are_refused),
        UNIT(a_jwk_needs_every_member),
        UNIT(a_jwk_of_another_kind_or_size_is_refused),
        UNIT(a_signature_fits_its_data_and_key_alone),
        UNIT(short_numbers_are_padded),
        UNIT(wycheproof_ecdsa_p256_sha256),
    };

    return UNIT_RUN("key", tests);
}
