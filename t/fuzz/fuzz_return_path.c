/* Return paths, and what CivicOnLogin makes of them: libcurl, which parses URLs as browsers
 * do, sees the same host behind each. */
#include "fuzz.h"

#include <curl/curl.h>
#include <string.h>

#include "on_login.h"
#include "return_path.h"

#define BASE "https://www.example.org/some/page?x"

/* The host that a relative reference leads to from BASE. */
static int stays(const char *path)
{
    CURLU *url = curl_url();
    char *host = NULL, *scheme = NULL;
    int same;

    HOLDS(url && curl_url_set(url, CURLUPART_URL, BASE, 0) == CURLUE_OK);
    same = curl_url_set(url, CURLUPART_URL, path, 0) != CURLUE_OK
           || (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK
               && curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK
               && !strcmp(host, "www.example.org") && !strcmp(scheme, "https"));
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(url);
    return same;
}

static void by_way_of(const char *path, apr_pool_t *pool)
{
    const char *first = path, *origin;
    int too_long;

    if (!civic_on_login_read(&first, &origin, path, pool)) {
        HOLDS(civic_return_path_is_local(first) && (origin || first == path));
    }
    if (civic_return_path_is_local(path)) {
        first = civic_on_login_path("/welcome", path, CIVIC_RETURN_PATH_MAX, &too_long, pool);
        HOLDS(civic_return_path_is_local(first) && stays(first));
        HOLDS(first == path || !strncmp(first, "/welcome?return=/", 17));
        HOLDS(!strpbrk(first == path ? "" : first + 17, "?&#=\\"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *path = fuzz_text(data, size);
    const char *stripped = civic_return_path_strip_uuid(path, pool);

    HOLDS(strlen(stripped) <= strlen(path));
    HOLDS(civic_return_path_strip_uuid(stripped, pool) == stripped);
    if (civic_return_path_is_local(path)) {
        HOLDS(path[0] == '/' && path[1] != '/' && path[1] != '\\');
        HOLDS(civic_return_path_is_local(stripped));
        HOLDS(stays(path) && stays(stripped));
    }
    by_way_of(path, pool);
    free(path);
    apr_pool_destroy(pool);
    return 0;
}
