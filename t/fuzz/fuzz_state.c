/* States and login cookies: any text; and behind a good seal, any bytes. */
#include "fuzz.h"

#include <string.h>

#include "encoding.h"
#include "return_path.h"
#include "scope.h"
#include "state.h"

static const civic_seal_keys_t keys = {.current = {1}, .previous = {2}, .has_previous = 1};

static void open_both(const char *text, apr_pool_t *pool)
{
    civic_browser_t browser;
    civic_state_t state;
    const char *again;

    if (civic_state_open(&state, text, strlen(text), &keys, pool) == CIVIC_OK) {
        HOLDS(civic_scope_is_name(state.scope));
        HOLDS(civic_return_path_is_local(state.return_path));
        again = civic_state_seal(&state, &keys, pool);
        HOLDS(again
              && civic_state_open(&state, again, strlen(again), &keys, pool) == CIVIC_OK);
    }
    if (civic_browser_open(&browser, text, &keys, pool)) {
        again = civic_browser_seal(&browser, &keys, pool);
        HOLDS(again && civic_browser_open(&browser, again, &keys, pool));
    }
}

static void open_sealed(const char *purpose, const uint8_t *data, size_t size,
                        apr_pool_t *pool)
{
    civic_bytes_t sealed;

    HOLDS(civic_seal(&sealed, keys.previous, purpose, data, size, pool));
    open_both(civic_base64url_encode(sealed.data, sealed.len, pool), pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size);

    open_both(text, pool);
    open_sealed("civic state 1", data, size, pool);
    open_sealed("civic login cookie 1", data, size, pool);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
