/* state.c - see state.h.
 *
 *   state:        version(1) | issued(8) | browser(16) | length(2) application |
 *                 length(1) scope | path
 *   of a second factor: 3(1) | issued(8) | browser(16) | use(1) | codes(1) | shared(1) |
 *                 session(32) | realm(16) | length(1) account | length(2) application |
 *                 length(1) scope | path
 *   login cookie: version(1) | id(16) | completed(8) | application(8) | zeros
 *
 * Integers are little endian. Both are what civic_seal seals, each for its own purpose.
 */
#include "state.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "jws.h"
#include "return_path.h"
#include "scope.h"

enum {
    VERSION = 1,
    VERSION_FACTOR = 3,
    STATE_FIXED = 1 + 8 + CIVIC_BROWSER_ID_LEN,
    FACTOR_FIXED = 3 + CIVIC_STATE_SESSION_LEN + CIVIC_REALM_LEN + 1,
    COOKIE_BYTES = 68,                                /* 91 characters of base64url */
    COOKIE_CLEAR = COOKIE_BYTES - CIVIC_SEAL_OVERHEAD /* 40 */
};

static const char state_purpose[] = "civic state 1";
static const char cookie_purpose[] = "civic login cookie 1";

static int is_base64url(const char *text, apr_size_t len)
{
    for (apr_size_t i = 0; i < len; i++) {
        if (!apr_isascii(text[i])
            || !(apr_isalnum(text[i]) || text[i] == '-' || text[i] == '_')) {
            return 0;
        }
    }
    return 1;
}

int civic_unseal(civic_bytes_t *clear, const civic_seal_keys_t *keys, const char *purpose,
                 const void *data, apr_size_t len, apr_pool_t *pool)
{
    return civic_open(clear, keys->current, purpose, data, len, pool)
           || (keys->has_previous
               && civic_open(clear, keys->previous, purpose, data, len, pool));
}

/* Text that came from the network -> what was sealed. */
static int unseal(civic_bytes_t *clear, const char *text, apr_size_t len, const char *purpose,
                  const civic_seal_keys_t *keys, apr_pool_t *pool)
{
    civic_bytes_t sealed;

    return civic_base64url_decode(&sealed, text, len, pool)
           && civic_unseal(clear, keys, purpose, sealed.data, sealed.len, pool);
}

/* ---- the login cookie ---- */

int civic_browser_new(civic_browser_t *browser)
{
    memset(browser, 0, sizeof(*browser));
    return civic_random(browser->id, sizeof(browser->id));
}

const char *civic_browser_seal(const civic_browser_t *browser, const civic_seal_keys_t *keys,
                               apr_pool_t *pool)
{
    unsigned char clear[COOKIE_CLEAR] = {VERSION};
    civic_bytes_t sealed;

    memcpy(clear + 1, browser->id, CIVIC_BROWSER_ID_LEN);
    civic_number_put(clear + 17, (apr_uint64_t)browser->completed, 8);
    memcpy(clear + 25, browser->application, sizeof(browser->application));
    if (!civic_seal(&sealed, keys->current, cookie_purpose, clear, sizeof(clear), pool)) {
        return NULL;
    }
    return civic_base64url_encode(sealed.data, sealed.len, pool);
}

int civic_browser_open(civic_browser_t *browser, const char *text,
                       const civic_seal_keys_t *keys, apr_pool_t *pool)
{
    civic_bytes_t clear;

    if (strnlen(text, CIVIC_LOGIN_COOKIE_LEN + 1) != CIVIC_LOGIN_COOKIE_LEN
        || !is_base64url(text, CIVIC_LOGIN_COOKIE_LEN)
        || !unseal(&clear, text, CIVIC_LOGIN_COOKIE_LEN, cookie_purpose, keys, pool)
        || clear.len != COOKIE_CLEAR || clear.data[0] != VERSION) {
        return 0;
    }
    memcpy(browser->id, clear.data + 1, CIVIC_BROWSER_ID_LEN);
    browser->completed = (apr_time_t)civic_number_get(clear.data + 17, 8);
    memcpy(browser->application, clear.data + 25, sizeof(browser->application));
    return 1;
}

/* ---- the state ---- */

static int browser_digest(unsigned char digest[CIVIC_BROWSER_ID_LEN],
                          const civic_browser_t *browser)
{
    unsigned char whole[CIVIC_SHA256_LEN];

    if (!civic_sha256(whole, browser->id, sizeof(browser->id))) {
        return 0;
    }
    memcpy(digest, whole, CIVIC_BROWSER_ID_LEN);
    return 1;
}

int civic_state_bind(civic_state_t *state, const civic_browser_t *browser)
{
    return browser_digest(state->browser, browser);
}

static unsigned char *factor_put(unsigned char *out, const civic_state_factor_t *factor)
{
    apr_size_t account = strlen(factor->account);

    *out++ = (unsigned char)factor->use;
    *out++ = (unsigned char)factor->codes;
    *out++ = (unsigned char)factor->shared;
    memcpy(out, factor->session, CIVIC_STATE_SESSION_LEN);
    out += CIVIC_STATE_SESSION_LEN;
    memcpy(out, factor->realm, CIVIC_REALM_LEN);
    out += CIVIC_REALM_LEN;
    *out++ = (unsigned char)account;
    memcpy(out, factor->account, account);
    return out + account;
}

const char *civic_state_seal(const civic_state_t *state, const civic_seal_keys_t *keys,
                             apr_pool_t *pool)
{
    apr_size_t application = strlen(state->application), scope = strlen(state->scope);
    apr_size_t path = strlen(state->return_path);
    apr_size_t account = state->factor.account ? strlen(state->factor.account) : 0;
    apr_size_t len = STATE_FIXED + (state->factor.account ? FACTOR_FIXED + account : 0) + 2
                     + application + 1 + scope + path;
    unsigned char *clear, *out;
    civic_bytes_t sealed;

    if (application > 65535 || scope > CIVIC_SCOPE_MAX || account > 255
        || (len + CIVIC_SEAL_OVERHEAD + 2) / 3 * 4 > CIVIC_STATE_MAX) {
        return NULL;
    }
    clear = out = apr_palloc(pool, len);
    *out++ = state->factor.account ? VERSION_FACTOR : VERSION;
    civic_number_put(out, (apr_uint64_t)state->issued, 8);
    memcpy(out + 8, state->browser, CIVIC_BROWSER_ID_LEN);
    out += 8 + CIVIC_BROWSER_ID_LEN;
    if (state->factor.account) {
        out = factor_put(out, &state->factor);
    }
    out = civic_number_put(out, application, 2);
    memcpy(out, state->application, application);
    out += application;
    *out++ = (unsigned char)scope;
    memcpy(out, state->scope, scope);
    memcpy(out + scope, state->return_path, path);
    if (!civic_seal(&sealed, keys->current, state_purpose, clear, len, pool)) {
        return NULL;
    }
    return civic_base64url_encode(sealed.data, sealed.len, pool);
}

/* @return what follows, NULL when it is none */
static const unsigned char *factor_get(civic_state_factor_t *factor, const unsigned char *in,
                                       const unsigned char *end, apr_pool_t *pool)
{
    if (end - in < FACTOR_FIXED || in[0] > CIVIC_STATE_LINK
        || end - in < FACTOR_FIXED + in[FACTOR_FIXED - 1]) {
        return NULL;
    }
    factor->use = (civic_state_use)in[0];
    factor->codes = in[1];
    factor->shared = in[2];
    memcpy(factor->session, in + 3, CIVIC_STATE_SESSION_LEN);
    memcpy(factor->realm, in + 3 + CIVIC_STATE_SESSION_LEN, CIVIC_REALM_LEN);
    factor->account =
        apr_pstrmemdup(pool, (const char *)in + FACTOR_FIXED, in[FACTOR_FIXED - 1]);
    return in + FACTOR_FIXED + in[FACTOR_FIXED - 1];
}

/* Sealed here, so only an older version of this module could have written it otherwise. */
static int state_decode(civic_state_t *state, const civic_bytes_t *clear, apr_pool_t *pool)
{
    const unsigned char *in = clear->data, *end = clear->data + clear->len;
    apr_size_t n;

    int version = clear->len < STATE_FIXED + 3 ? 0 : *in++;

    if (version != VERSION && version != VERSION_FACTOR) {
        return 0;
    }
    state->issued = (apr_time_t)civic_number_get(in, 8);
    memcpy(state->browser, in + 8, CIVIC_BROWSER_ID_LEN);
    in += 8 + CIVIC_BROWSER_ID_LEN;
    if (version == VERSION_FACTOR) {
        in = factor_get(&state->factor, in, end, pool);
        if (!in || end - in < 3) {
            return 0;
        }
    }
    n = (apr_size_t)civic_number_get(in, 2);
    in += 2;
    if ((apr_size_t)(end - in) < n + 1) {
        return 0;
    }
    state->application = apr_pstrmemdup(pool, (const char *)in, n);
    in += n;
    n = *in++;
    if ((apr_size_t)(end - in) < n) {
        return 0;
    }
    state->scope = apr_pstrmemdup(pool, (const char *)in, n);
    in += n;
    state->return_path = apr_pstrmemdup(pool, (const char *)in, (apr_size_t)(end - in));
    return civic_scope_is_name(state->scope) && civic_return_path_is_local(state->return_path);
}

civic_reason civic_state_open_any(civic_state_t *state, const char *text, apr_size_t len,
                                  const civic_seal_keys_t *keys, apr_pool_t *pool)
{
    civic_state_t read = {0};
    civic_bytes_t clear;

    if (len == 0 || len > CIVIC_STATE_MAX || !is_base64url(text, len)
        || !unseal(&clear, text, len, state_purpose, keys, pool)
        || !state_decode(&read, &clear, pool)) {
        return CIVIC_STATE_INVALID;
    }
    *state = read;
    return CIVIC_OK;
}

civic_reason civic_state_open(civic_state_t *state, const char *text, apr_size_t len,
                              const civic_seal_keys_t *keys, apr_pool_t *pool)
{
    civic_state_t read;

    if (civic_state_open_any(&read, text, len, keys, pool) != CIVIC_OK
        || read.factor.account) {
        return CIVIC_STATE_INVALID;
    }
    *state = read;
    return CIVIC_OK;
}

int civic_state_is_of(const civic_state_t *state, const unsigned char realm[CIVIC_REALM_LEN])
{
    return !state->factor.account || civic_equal(state->factor.realm, realm, CIVIC_REALM_LEN);
}

civic_reason civic_state_judge(const civic_state_t *state, const civic_browser_t *browser,
                               apr_time_t now)
{
    unsigned char digest[CIVIC_BROWSER_ID_LEN];
    int too_old = now - state->issued > CIVIC_STATE_LIFE
                  || state->issued - now > apr_time_from_sec(CIVIC_CLOCK_TOLERANCE);

    /* The login cookie goes when its page is too old: that is what is wrong then. */
    if (!browser) {
        return too_old ? CIVIC_STATE_EXPIRED : CIVIC_STATE_FOREIGN;
    }
    if (!browser_digest(digest, browser)
        || !civic_equal(digest, state->browser, sizeof(digest))) {
        return CIVIC_STATE_FOREIGN;
    }
    return too_old ? CIVIC_STATE_EXPIRED : CIVIC_OK;
}
