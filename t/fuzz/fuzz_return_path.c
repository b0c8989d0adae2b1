/* Return paths: libcurl, which parses URLs as browsers do, sees the same host behind each. */
#include "fuzz.h"

#include <curl/curl.h>
#include <string.h>

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
    free(path);
    apr_pool_destroy(pool);
    return 0;
}
