/* record.c - see record.h. */
#include "record.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"

enum { VERSION = 2, FLAG_PICTURE = 1, FLAG_ACCOUNT = 2, FLAGS_ALL = 3 };

/* ---- writing ---- */

static apr_size_t text_size(const char *text)
{
    return 4 + strlen(text);
}

static unsigned char *text_put(unsigned char *out, const char *text)
{
    apr_size_t len = strlen(text);

    out = civic_number_put(out, len, 4);
    memcpy(out, text, len);
    return out + len;
}

static unsigned char flags_of(const civic_record_t *record)
{
    return (unsigned char)((record->has_picture ? FLAG_PICTURE : 0)
                           | (record->account ? FLAG_ACCOUNT : 0));
}

static apr_size_t record_size(const civic_record_t *record)
{
    apr_size_t size = 1 + 1 + CIVIC_REALM_LEN + 8 + 2 + text_size(record->application)
                      + text_size(record->scope) + text_size(record->user_id)
                      + (record->account ? text_size(record->account) + 1 : 0);

    for (int i = 0; i < record->claims.count; i++) {
        size += 1 + text_size(record->claims.items[i].label)
                + text_size(record->claims.items[i].value);
    }
    return size;
}

int civic_record_encode(civic_bytes_t *bytes, const civic_record_t *record, apr_pool_t *pool)
{
    unsigned char *out;

    bytes->len = record_size(record);
    bytes->data = NULL;
    if (bytes->len > CIVIC_RECORD_MAX) {
        return 0;
    }
    bytes->data = out = apr_palloc(pool, bytes->len + 1);
    *out++ = VERSION;
    *out++ = flags_of(record);
    memcpy(out, record->realm, CIVIC_REALM_LEN);
    out = civic_number_put(out + CIVIC_REALM_LEN, (apr_uint64_t)record->created, 8);
    out = text_put(out, record->application);
    out = text_put(out, record->scope);
    out = text_put(out, record->user_id);
    if (record->account) {
        out = text_put(out, record->account);
        *out++ = (unsigned char)record->proof;
    }
    out = civic_number_put(out, (apr_uint64_t)record->claims.count, 2);
    for (int i = 0; i < record->claims.count; i++) {
        *out++ = record->claims.items[i].flags;
        out = text_put(out, record->claims.items[i].label);
        out = text_put(out, record->claims.items[i].value);
    }
    *out = '\0';
    return 1;
}

/* ---- reading ---- */

typedef struct {
    const unsigned char *at;
    apr_size_t left;
    int broken;
} reader_t;

static const unsigned char *bytes_get(reader_t *reader, apr_size_t n)
{
    const unsigned char *at = reader->at;

    if (reader->broken || n > reader->left) {
        reader->broken = 1;
        return NULL;
    }
    reader->at += n;
    reader->left -= n;
    return at;
}

static apr_uint64_t number_get(reader_t *reader, int bytes)
{
    const unsigned char *at = bytes_get(reader, (apr_size_t)bytes);

    return at ? civic_number_get(at, bytes) : 0;
}

static const char *text_get(reader_t *reader, apr_pool_t *pool)
{
    apr_size_t len = (apr_size_t)number_get(reader, 4);
    const unsigned char *at = bytes_get(reader, len);

    if (!at || memchr(at, '\0', len)) {
        reader->broken = 1;
        return "";
    }
    return apr_pstrmemdup(pool, (const char *)at, len);
}

static void claims_get(reader_t *reader, civic_claims_t *claims, apr_pool_t *pool)
{
    apr_size_t count = (apr_size_t)number_get(reader, 2);

    if (count > CIVIC_CLAIMS_MAX) {
        reader->broken = 1;
        return;
    }
    claims->count = (int)count;
    claims->items = apr_pcalloc(pool, (count + 1) * sizeof(civic_claim_t));
    for (apr_size_t i = 0; i < count && !reader->broken; i++) {
        claims->items[i].flags = (unsigned char)number_get(reader, 1);
        claims->items[i].label = text_get(reader, pool);
        claims->items[i].value = text_get(reader, pool);
    }
}

int civic_record_decode(civic_record_t *record, const unsigned char *data, apr_size_t len,
                        apr_pool_t *pool)
{
    reader_t reader = {data, len, 0};
    civic_record_t read = {.created = 0};
    const unsigned char *realm;
    apr_uint64_t flags;

    if (len > CIVIC_RECORD_MAX || number_get(&reader, 1) != VERSION) {
        return 0;
    }
    flags = number_get(&reader, 1);
    realm = bytes_get(&reader, CIVIC_REALM_LEN);
    if (!realm || flags > FLAGS_ALL) {
        return 0;
    }
    read.has_picture = (flags & FLAG_PICTURE) != 0;
    memcpy(read.realm, realm, CIVIC_REALM_LEN);
    read.created = (apr_time_t)number_get(&reader, 8);
    read.application = text_get(&reader, pool);
    read.scope = text_get(&reader, pool);
    read.user_id = text_get(&reader, pool);
    if (flags & FLAG_ACCOUNT) {
        read.account = text_get(&reader, pool);
        read.proof = (civic_proof)number_get(&reader, 1);
        reader.broken = reader.broken || read.proof > CIVIC_PROOF_RECOVERY;
    }
    claims_get(&reader, &read.claims, pool);
    if (reader.broken || reader.left > 0) {
        return 0;
    }
    *record = read;
    return 1;
}
