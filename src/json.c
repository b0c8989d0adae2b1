/* json.c - see json.h. */
#include "json.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static apr_status_t release(void *value)
{
    json_decref(value);
    return APR_SUCCESS;
}

json_t *civic_json_own(json_t *value, apr_pool_t *pool)
{
    if (value) {
        apr_pool_cleanup_register(pool, value, release, apr_pool_cleanup_null);
    }
    return value;
}

/* jansson's own limit is 2048 and its parser recursive: count before it starts. */
static int is_shallow(const char *text, apr_size_t len)
{
    int depth = 0, in_string = 0;

    for (apr_size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\') {
                i++;
            }
            else if (text[i] == '"') {
                in_string = 0;
            }
        }
        else if (text[i] == '"') {
            in_string = 1;
        }
        else if (text[i] == '{' || text[i] == '[') {
            if (++depth > CIVIC_JSON_DEPTH) {
                return 0;
            }
        }
        else if (text[i] == '}' || text[i] == ']') {
            depth--;
        }
    }
    return 1;
}

json_t *civic_json_parse(const char *text, apr_size_t len, apr_pool_t *pool)
{
    if (!is_shallow(text, len)) {
        return NULL;
    }
    return civic_json_own(
        json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL), pool);
}

const char *civic_json_text(const json_t *value, apr_pool_t *pool)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    const char *copy = text ? apr_pstrdup(pool, text) : NULL;

    free(text);
    return copy;
}

const char *civic_json_string(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text && *text ? text : NULL;
}
