/* Hex, base64, base64url: what is canonical is taken, nothing else. */
#include "unit.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"

typedef int (*decoder_t)(civic_bytes_t *, const char *, apr_size_t, apr_pool_t *);
typedef char *(*encoder_t)(const void *, apr_size_t, apr_pool_t *);

static void round_trip(decoder_t decode, encoder_t encode, apr_pool_t *pool)
{
    unsigned char bytes[64];
    apr_uint64_t seed = 1;

    for (apr_size_t len = 0; len <= sizeof(bytes); len++) {
        civic_bytes_t again = {NULL, 0};
        const char *text;

        for (apr_size_t i = 0; i < len; i++) {
            bytes[i] = (unsigned char)unit_random(&seed);
        }
        text = encode(bytes, len, pool);
        assert_true(decode(&again, text, strlen(text), pool));
        assert_int_equal(again.len, len);
        assert_memory_equal(again.data, bytes, len);
        assert_int_equal(again.data[len], 0);
    }
}

static void every_length_survives_the_round_trip(void **state)
{
    round_trip(civic_hex_decode, civic_hex_encode, *state);
    round_trip(civic_base64_decode, civic_base64_encode, *state);
    round_trip(civic_base64url_decode, civic_base64url_encode, *state);
}

/* RFC 4648 section 10, and bytes that tell the two alphabets apart. */
static void encoders_write_what_the_rfc_says(void **state)
{
    static const char *const rfc[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    for (apr_size_t i = 0; i < COUNT(rfc); i++) {
        assert_string_equal(civic_base64_encode(rfc[i][0], i, *state), rfc[i][1]);
    }
    assert_string_equal(civic_base64_encode("\xfb\xff", 2, *state), "+/8=");
    assert_string_equal(civic_base64url_encode("\xfb\xff", 2, *state), "-_8");
    assert_string_equal(civic_hex_encode("\x00\xaf\x19", 3, *state), "00af19");
}

/* How many of all texts of two or three characters decode, each being its value's
 * only text. */
static int count_canonical(apr_size_t len, apr_pool_t *parent)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    int total = len == 2 ? 64 * 64 : 64 * 64 * 64, accepted = 0;
    apr_pool_t *pool;

    apr_pool_create(&pool, parent);
    for (int i = 0; i < total; i++) {
        const char text[] = {alphabet[i & 63], alphabet[(i >> 6) & 63], alphabet[i >> 12], 0};
        civic_bytes_t bytes = {NULL, 0};

        if (civic_base64url_decode(&bytes, text, len, pool)) {
            accepted++;
            assert_memory_equal(civic_base64url_encode(bytes.data, bytes.len, pool), text,
                                len);
        }
        if (i % 4096 == 0) {
            apr_pool_clear(pool);
        }
    }
    apr_pool_destroy(pool);
    return accepted;
}

static void each_value_has_one_base64url_text(void **state)
{
    assert_int_equal(count_canonical(2, *state), 256);
    assert_int_equal(count_canonical(3, *state), 65536);
}

static void refuses_all(decoder_t decode, const char *const *texts, apr_pool_t *pool)
{
    for (; *texts; texts++) {
        civic_bytes_t bytes = {NULL, 7};

        assert_case(!decode(&bytes, *texts, strlen(*texts), pool), *texts);
        assert_case(bytes.data == NULL && bytes.len == 7, *texts);
    }
}

static void base64url_refuses_what_is_not_canonical(void **state)
{
    static const char *const texts[] = {
        "A",      "AAAAA",    "AB",  "AAB",  "Zh",     "AA==", "AAA=", "=",     "====",
        " AA",    "AA ",      "A A", "AA\n", "AA\r\n", "A\tA", "A+",   "/A",    "AA.A",
        "AA\x80", "\xc3\x84", "A,A", "A@",   "A[",     "A`",   "A{",   "AA%3D", NULL};

    refuses_all(civic_base64url_decode, texts, *state);
}

static void a_nul_is_no_character_of_any_alphabet(void **state)
{
    civic_bytes_t bytes;

    assert_false(civic_base64url_decode(&bytes, "AA\0A", 4, *state));
    assert_false(civic_base64_decode(&bytes, "AA\0A", 4, *state));
    assert_false(civic_hex_decode(&bytes, "00\0\0", 4, *state));
}

static void base64_refuses_all_but_blanks(void **state)
{
    static const char *const texts[] = {
        "A",      "AA",       "AAA",  "AAAA=", "A===",  "====", "AA=A",
        "=AAA",   "AA==AAAA", "AB==", "AAB=",  "A-==",  "A_==", "AA==\v",
        "AAAA\f", "AA.=",     "AA*=", "AA==A", "AAA==", NULL};

    refuses_all(civic_base64_decode, texts, *state);
}

static void base64_ignores_line_breaks(void **state)
{
    static const char *const texts[] = {
        "Zm9vYg==", "Zm9v\r\nYg==", " Z m 9 v Y g = = ", "\nZm9v\n\nYg=\t=\n"};

    for (apr_size_t i = 0; i < COUNT(texts); i++) {
        civic_bytes_t bytes = {NULL, 0};

        assert_case(civic_base64_decode(&bytes, texts[i], strlen(texts[i]), *state), texts[i]);
        assert_int_equal(bytes.len, 4);
        assert_memory_equal(bytes.data, "foob", 5);
    }
}

/* Of all pairs of bytes those of two hex digits: 22 times 22. */
static void hex_takes_hex_digits_alone(void **state)
{
    apr_pool_t *pool = *state;
    int accepted = 0;

    for (int i = 0; i < 65536; i++) {
        const char text[] = {(char)(i >> 8), (char)i};
        civic_bytes_t bytes = {NULL, 0};

        if (civic_hex_decode(&bytes, text, 2, pool)) {
            accepted++;
            assert_int_equal(bytes.len, 1);
            assert_int_equal(bytes.data[0],
                             (int)strtol(apr_pstrmemdup(pool, text, 2), NULL, 16));
        }
    }
    assert_int_equal(accepted, 22 * 22);
}

static void hex_comes_in_pairs(void **state)
{
    static const char *const texts[] = {"0", "123", "0x1", "12 ", " 12", "12\n", NULL};

    refuses_all(civic_hex_decode, texts, *state);
}

static void a_digit_has_its_value_and_nothing_else_has(void **state)
{
    static const char digits[] = "0123456789abcdef";

    for (int c = -128; c < 128; c++) {
        const char *at = c > 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

        assert_int_equal(civic_hex_value((char)c), at ? at - digits : -1);
    }
}

static void numbers_are_written_from_their_lowest_byte(void **state)
{
    unsigned char bytes[9];

    memset(bytes, 0x55, sizeof(bytes));
    assert_ptr_equal(civic_number_put(bytes, 0x0123456789abcdefu, 8), bytes + 8);
    assert_memory_equal(bytes, "\xef\xcd\xab\x89\x67\x45\x23\x01\x55", 9);
    assert_int_equal(civic_number_get(bytes, 8), 0x0123456789abcdefu);
    assert_ptr_equal(civic_number_put(bytes, 0x10203, 2), bytes + 2);
    assert_memory_equal(bytes, "\x03\x02\xab", 3);
    assert_int_equal(civic_number_get(bytes, 2), 0x0203);
    assert_int_equal(civic_number_get(bytes, 1), 0x03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(every_length_survives_the_round_trip),
        UNIT(encoders_write_what_the_rfc_says),
        UNIT(each_value_has_one_base64url_text),
        UNIT(base64url_refuses_what_is_not_canonical),
        UNIT(a_nul_is_no_character_of_any_alphabet),
        UNIT(base64_refuses_all_but_blanks),
        UNIT(base64_ignores_line_breaks),
        UNIT(hex_takes_hex_digits_alone),
        UNIT(hex_comes_in_pairs),
        UNIT(a_digit_has_its_value_and_nothing_else_has),
        UNIT(numbers_are_written_from_their_lowest_byte),
    };

    return UNIT_RUN("encoding", tests);
}
