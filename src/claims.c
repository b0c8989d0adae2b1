/* claims.c - see claims.h. */
#include "claims.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "encoding.h"
#include "json.h"

int civic_label_is_name(const char *label)
{
    apr_size_t len = strlen(label);

    for (apr_size_t i = 0; i < len; i++) {
        if (label[i] < '!' || label[i] > '~') {
            return 0;
        }
    }
    return len > 0 && len <= CIVIC_LABEL_MAX;
}

/* Text as it is; a number or boolean as its JSON. NULL for anything else, or over the limit.
 */
static const char *value_of(const json_t *value, apr_pool_t *pool)
{
    if (json_is_string(value)) {
        return json_string_length(value) <= CIVIC_VALUE_MAX
                   ? apr_pstrdup(pool, json_string_value(value))
                   : NULL;
    }
    return json_is_number(value) || json_is_boolean(value) ? civic_json_text(value, pool)
                                                           : NULL;
}

static const char *item_read(civic_claim_t *claim, const json_t *item, apr_pool_t *pool)
{
    const char *label = civic_json_string(item, "label");

    if (!json_is_object(item)) {
        return "an item of the list is not an object";
    }
    if (!label || !civic_label_is_name(label)) {
        return "an item's label is missing or unfit";
    }
    claim->label = apr_pstrdup(pool, label);
    claim->value = value_of(json_object_get(item, "value"), pool);
    if (!claim->value) {
        return "an item's value is missing, of an odd type or too long";
    }
    claim->flags =
        (unsigned char)((json_is_true(json_object_get(item, "isValid")) ? CIVIC_CLAIM_VALID
                                                                        : 0)
                        | (json_is_true(json_object_get(item, "isOwner")) ? CIVIC_CLAIM_OWNED
                                                                          : 0));
    return NULL;
}

civic_reason civic_claims_parse(civic_claims_t *claims, const char *text, apr_size_t len,
                                const char **detail, apr_pool_t *pool)
{
    json_t *list = civic_json_parse(text, len, pool);
    apr_size_t count = json_array_size(list);
    civic_claims_t read;

    if (!json_is_array(list)) {
        *detail =
            list ? "the user data is not a list" : "the user data is not acceptable JSON";
        return CIVIC_ANSWER_FORMAT;
    }
    if (count > CIVIC_CLAIMS_MAX) {
        *detail = "the user data has too many items";
        return CIVIC_ANSWER_FORMAT;
    }
    read.count = (int)count;
    read.items = apr_pcalloc(pool, (count + 1) * sizeof(civic_claim_t));
    for (apr_size_t i = 0; i < count; i++) {
        *detail = item_read(&read.items[i], json_array_get(list, i), pool);
        if (*detail) {
            return CIVIC_ANSWER_FORMAT;
        }
    }
    *detail = NULL;
    *claims = read;
    return CIVIC_OK;
}

int civic_claims_have(const civic_claims_t *claims, const char *prefix)
{
    for (int i = 0; i < claims->count; i++) {
        if (!strncmp(claims->items[i].label, prefix, strlen(prefix))) {
            return 1;
        }
    }
    return 0;
}

const char *civic_claims_get(const civic_claims_t *claims, const char *label)
{
    const char *value = NULL;

    for (int i = 0; i < claims->count; i++) {
        const civic_claim_t *claim = &claims->items[i];

        if (claim->flags != CIVIC_CLAIM_VERIFIED || strcmp(claim->label, label)) {
            continue;
        }
        if (value && strcmp(value, claim->value)) {
            return NULL;
        }
        value = claim->value;
    }
    return value;
}

/* ---- the picture ---- */

static civic_claim_t *find(const civic_claims_t *claims, const char *label)
{
    for (int i = 0; i < claims->count; i++) {
        if (!strcmp(claims->items[i].label, label)) {
            return &claims->items[i];
        }
    }
    return NULL;
}

/* The checksum is over the picture's base64 text or over its bytes: services differ. */
static int picture_fits(const civic_claim_t *image, const civic_claim_t *md5, apr_pool_t *pool)
{
    civic_bytes_t bytes;
    char hex[33];

    if (!md5 || !civic_base64_decode(&bytes, image->value, strlen(image->value), pool)) {
        return 0;
    }
    if (civic_md5_hex(hex, image->value, strlen(image->value))
        && !strcasecmp(hex, md5->value)) {
        return 1;
    }
    return civic_md5_hex(hex, bytes.data, bytes.len) && !strcasecmp(hex, md5->value);
}

int civic_claims_drop_picture(civic_claims_t *claims, apr_pool_t *pool)
{
    civic_claim_t *md5 = find(claims, CIVIC_LABEL_IMAGE_MD5);
    int fits = 1, kept = 0;

    for (int i = 0; i < claims->count; i++) {
        if (!strcmp(claims->items[i].label, CIVIC_LABEL_IMAGE)) {
            fits = fits && picture_fits(&claims->items[i], md5, pool);
        }
    }
    if (!fits && md5) {
        md5->flags &= (unsigned char)~CIVIC_CLAIM_VALID;
    }
    /* All of them, should an answer hold several: nothing later expects one. */
    for (int i = 0; i < claims->count; i++) {
        if (strcmp(claims->items[i].label, CIVIC_LABEL_IMAGE)) {
            claims->items[kept++] = claims->items[i];
        }
    }
    claims->count = kept;
    return fits;
}

/* ---- names and values for applications ---- */

static char fold(char c)
{
    if (c >= 'a' && c <= 'z') {
        return (char)(c - 'a' + 'A');
    }
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

char *civic_label_fold(const char *label, apr_pool_t *pool)
{
    char *name = apr_pstrdup(pool, label);

    for (char *p = name; *p; p++) {
        *p = fold(*p);
    }
    return name;
}

int civic_claim_name_is_reserved(const char *folded)
{
    return !strcmp(folded, "USER_ID") || !strcmp(folded, "APPLICATION")
           || !strcmp(folded, "SCOPE") || !strcmp(folded, "ERROR_CODE")
           || !strcmp(folded, "ERROR_REFERENCE") || !strcmp(folded, "SESSION_ENDS")
           || !strcmp(folded, "SECOND_FACTOR") || !strcmp(folded, "DOCUMENT_IMAGE_TICKET");
}

/* Length of the UTF-8 sequence at p (RFC 3629: shortest form, no surrogates), 0 if it is none.
 */
static int utf8_length(const unsigned char *p)
{
    int n = p[0] < 0x80   ? 1
            : p[0] < 0xc2 ? 0
            : p[0] < 0xe0 ? 2
            : p[0] < 0xf0 ? 3
            : p[0] < 0xf5 ? 4
                          : 0;

    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)
        || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    return n;
}

int civic_value_is_unsafe(const char *value)
{
    const unsigned char *p = (const unsigned char *)value;

    while (*p) {
        int n = utf8_length(p);

        if (n == 0 || *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) {
            return 1;
        }
        p += n;
    }
    return 0;
}
