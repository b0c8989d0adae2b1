/* URLs: what is taken has a host, and an origin that is taken again and has the same host. */
#include "fuzz.h"

#include <string.h>

#include "url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *url = fuzz_text(data, size);
    const char *host = NULL, *again = NULL, *origin;

    civic_host_is_loopback(url);
    civic_host_is_allowed(url, fuzz_application()->payload_hosts);
    if (!civic_url_check(url, &host, pool)) {
        HOLDS(host && *host);
        HOLDS(!strncasecmp(url, "https://", 8) || civic_host_is_loopback(host));
        origin = civic_url_origin(url, pool);
        HOLDS(origin && !civic_url_check(origin, &again, pool));
        HOLDS(!strcmp(host, again));
    }
    else {
        HOLDS(!host);
    }
    free(url);
    apr_pool_destroy(pool);
    return 0;
}
