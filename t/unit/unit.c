/* unit.c - see unit.h. */
#include "unit.h"

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "encoding.h"
#include "json.h"

static apr_pool_t *root;

int unit_start(void **state)
{
    return apr_initialize() != APR_SUCCESS || apr_pool_create(&root, NULL) != APR_SUCCESS;
}

int unit_end(void **state)
{
    apr_terminate();
    return 0;
}

int unit_setup(void **state)
{
    return apr_pool_create((apr_pool_t **)state, root) != APR_SUCCESS;
}

int unit_teardown(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

int unit_rounds(int many, int few)
{
    return getenv("CIVIC_TEST_QUICK") ? few : many;
}

/* splitmix64 */
apr_uint64_t unit_random(apr_uint64_t *seed)
{
    apr_uint64_t z = (*seed += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- files ---- */

civic_bytes_t unit_read(const char *path, apr_pool_t *pool)
{
    const char *full = apr_pstrcat(pool, CIVIC_SOURCE "/", path, NULL);
    civic_bytes_t bytes = {NULL, 0};
    apr_finfo_t info;
    apr_file_t *file;

    if (apr_file_open(&file, full, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool) != APR_SUCCESS
        || apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        fail_msg("%s cannot be opened", full);
        return bytes;
    }
    bytes.len = (apr_size_t)info.size;
    bytes.data = apr_palloc(pool, bytes.len + 1);
    if (apr_file_read_full(file, bytes.data, bytes.len, NULL) != APR_SUCCESS) {
        fail_msg("%s cannot be read", full);
    }
    bytes.data[bytes.len] = '\0';
    apr_file_close(file);
    return bytes;
}

const json_t *unit_read_json(const char *path, apr_pool_t *pool)
{
    civic_bytes_t bytes = unit_read(path, pool);
    json_t *value = civic_json_parse((const char *)bytes.data, bytes.len, pool);

    assert_case(value, path);
    return value;
}

const json_t *unit_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    assert_case(value, name);
    return value;
}

const char *unit_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(unit_member(object, name));

    assert_case(text, name);
    return text;
}

/* ---- keys and tokens ---- */

civic_bytes_t unit_hex(const char *hex, apr_pool_t *pool)
{
    civic_bytes_t bytes = {NULL, 0};

    assert_case(civic_hex_decode(&bytes, hex, strlen(hex), pool), hex);
    return bytes;
}

civic_key_t *unit_private_key(const char *text, apr_pool_t *pool)
{
    civic_key_t *key = NULL;

    assert_null(civic_key_read_private(&key, text, pool));
    return key;
}

civic_key_t *unit_public_key(const char *text, apr_pool_t *pool)
{
    civic_key_t *key = NULL;

    assert_null(civic_key_read_public(&key, text, pool));
    return key;
}

/* Half a megabyte that nobody changes: parsed once. */
const json_t *unit_sip(void)
{
    static const json_t *sip;

    if (!sip) {
        sip = unit_read_json("t/unit/vectors/sip.json", root);
    }
    return sip;
}

civic_sip_application_t *unit_application(apr_pool_t *pool)
{
    const json_t *sip = unit_sip(), *app = unit_member(sip, "app");
    civic_sip_application_t *made = apr_pcalloc(pool, sizeof(*made));
    apr_array_header_t *hosts = apr_array_make(pool, 2, sizeof(const char *));
    unsigned char *secret = NULL;

    APR_ARRAY_PUSH(hosts, const char *) = CIVIC_SIP_PAYLOAD_HOST;
    made->app_id = unit_text(app, "appId");
    made->api_url = CIVIC_SIP_API;
    made->environment = CIVIC_SIP_ENVIRONMENT;
    made->private_key = unit_private_key(unit_text(app, "privateKey"), pool);
    made->secret_hex = unit_text(app, "secret");
    assert_null(civic_secret_read(&secret, made->secret_hex, pool));
    made->secret = secret;
    made->civic_key = unit_public_key(unit_text(unit_member(sip, "civic"), "publicKey"), pool);
    made->payload_hosts = hosts;
    return made;
}

civic_key_t *unit_civic_key(apr_pool_t *pool)
{
    return unit_private_key(unit_text(unit_member(unit_sip(), "civic"), "privateKey"), pool);
}

const char *unit_token(const char *header, const char *payload, const civic_key_t *key,
                       apr_pool_t *pool)
{
    unsigned char signature[CIVIC_SIGNATURE_LEN];
    const char *input =
        apr_pstrcat(pool, civic_base64url_encode(header, strlen(header), pool), ".",
                    civic_base64url_encode(payload, strlen(payload), pool), NULL);

    assert_true(civic_es256_sign(signature, input, strlen(input), key));
    return apr_pstrcat(pool, input, ".",
                       civic_base64url_encode(signature, sizeof(signature), pool), NULL);
}

char *unit_repeat(char c, apr_size_t n, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, n + 1);

    memset(text, c, n);
    text[n] = '\0';
    return text;
}

/* ---- messages ---- */

const char *unit_reason_name(civic_reason reason)
{
    return reason == CIVIC_OK ? "ok" : civic_reason_info(reason)->name;
}

void unit_assert_reason(civic_reason actual, civic_reason expected, const char *what,
                        const char *file, int line)
{
    if (actual != expected) {
        print_error("%s: %s instead of %s\n", what, unit_reason_name(actual),
                    unit_reason_name(expected));
        _fail(file, line);
    }
}
