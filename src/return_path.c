/* return_path.c - see return_path.h. */
#include "return_path.h"

#include <apr_strings.h>
#include <string.h>

int civic_return_path_is_local(const char *path)
{
    apr_size_t len;

    if (!path || path[0] != '/' || path[1] == '/') {
        return 0;
    }
    for (len = 0; path[len]; len++) {
        if (len >= CIVIC_RETURN_PATH_MAX || path[len] <= ' ' || path[len] > '~'
            || path[len] == '\\') {
            return 0;
        }
    }
    return 1;
}

static int is_uuid(const char *pair, apr_size_t len)
{
    return (len == 4 && !memcmp(pair, "uuid", 4)) || (len > 4 && !memcmp(pair, "uuid=", 5));
}

const char *civic_return_path_strip_uuid(const char *path, apr_pool_t *pool)
{
    const char *query = strchr(path, '?'), *pair;
    int found = 0, kept = 0;
    char *copy, *out;

    if (!query) {
        return path;
    }
    copy = apr_pstrdup(pool, path);
    out = copy + (query - path); /* where the ? is */
    for (pair = query + 1;; pair++) {
        apr_size_t len = strcspn(pair, "&");

        if (is_uuid(pair, len)) {
            found = 1;
        }
        else {
            *out++ = kept++ ? '&' : '?';
            memcpy(out, pair, len);
            out += len;
        }
        pair += len;
        if (!*pair) {
            break;
        }
    }
    *out = '\0';
    return found ? copy : path;
}
