/* encoding.c - see encoding.h. OpenSSL and APR encode; decoding is strict and therefore our
 * own. */
#include "encoding.h"

#include <apr_encode.h>
#include <apr_lib.h>
#include <string.h>

int civic_hex_value(char digit)
{
    int low = digit | 0x20;

    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

int civic_hex_decode(civic_bytes_t *out, const char *text, apr_size_t len, apr_pool_t *pool)
{
    unsigned char *bytes;

    if (len % 2) {
        return 0;
    }
    bytes = apr_palloc(pool, len / 2 + 1);
    for (apr_size_t i = 0; i < len / 2; i++) {
        int high = civic_hex_value(text[2 * i]);
        int low = civic_hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return 0;
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    bytes[len / 2] = '\0';
    out->data = bytes;
    out->len = len / 2;
    return 1;
}

char *civic_hex_encode(const void *data, apr_size_t len, apr_pool_t *pool)
{
    return (char *)apr_pencode_base16_binary(pool, data, (apr_ssize_t)len, APR_ENCODE_LOWER,
                                             NULL);
}

char *civic_base64url_encode(const void *data, apr_size_t len, apr_pool_t *pool)
{
    return (char *)apr_pencode_base64_binary(pool, data, (apr_ssize_t)len,
                                             APR_ENCODE_BASE64URL, NULL);
}

char *civic_base64_encode(const void *data, apr_size_t len, apr_pool_t *pool)
{
    return (char *)apr_pencode_base64_binary(pool, data, (apr_ssize_t)len, APR_ENCODE_NONE,
                                             NULL);
}

/* The six bits of a character; `two` are the last two of the alphabet. -1 for any other. */
static int base64_value(int c, const char two[2])
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == two[0] ? 62 : c == two[1] ? 63 : -1;
}

/* Without padding or white space, canonical: bits that no byte takes must be zero. */
static int decode(civic_bytes_t *out, const char *text, apr_size_t len, const char two[2],
                  apr_pool_t *pool)
{
    apr_size_t size = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
    unsigned char *bytes, *p;
    apr_uint32_t bits = 0;
    int have = 0;

    if (len % 4 == 1) {
        return 0;
    }
    p = bytes = apr_palloc(pool, size + 1);
    for (apr_size_t i = 0; i < len; i++) {
        int value = base64_value((unsigned char)text[i], two);

        if (value < 0) {
            return 0;
        }
        bits = bits << 6 | (apr_uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *p++ = (unsigned char)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    if (bits) {
        return 0;
    }
    *p = '\0';
    out->data = bytes;
    out->len = size;
    return 1;
}

int civic_base64url_decode(civic_bytes_t *out, const char *text, apr_size_t len,
                           apr_pool_t *pool)
{
    return decode(out, text, len, "-_", pool);
}

int civic_base64_decode(civic_bytes_t *out, const char *text, apr_size_t len, apr_pool_t *pool)
{
    char *packed = apr_palloc(pool, len + 1);
    apr_size_t n = 0, padding = 0;

    for (apr_size_t i = 0; i < len; i++) {
        if (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
            continue;
        }
        if (text[i] == '=') {
            padding++;
        }
        else if (padding) {
            return 0;
        }
        packed[n++] = text[i];
    }
    if (n % 4 || padding > 2) {
        return 0;
    }
    return decode(out, packed, n - padding, "+/", pool);
}

unsigned char *civic_number_put(unsigned char *out, apr_uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        *out++ = (unsigned char)(value >> (8 * i));
    }
    return out;
}

apr_uint64_t civic_number_get(const unsigned char *in, int bytes)
{
    apr_uint64_t value = 0;

    for (int i = bytes; i > 0; i--) {
        value = value << 8 | in[i - 1];
    }
    return value;
}
