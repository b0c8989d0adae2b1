/* state.h - what the login page carries (the state) and what its browser keeps (the login
 * cookie).
 *
 * Both are sealed (AES-256-GCM, random nonce), so the server remembers nothing of visitors who
 * never log in. The state is bound to the login cookie, so a page works only in the browser it
 * was made for; one login cookie serves any number of tabs.
 */
#ifndef CIVIC_STATE_H
#define CIVIC_STATE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "crypto.h"
#include "reason.h"
#include "record.h"

#define CIVIC_STATE_LIFE                                                                      \
    apr_time_from_sec(30 * 60) /* a login page may stay open that long                  \
                                      */
#define CIVIC_STATE_MAX         16384 /* characters */
#define CIVIC_BROWSER_ID_LEN    16
#define CIVIC_LOGIN_COOKIE_LEN  91 /* characters, always */
#define CIVIC_STATE_SESSION_LEN 32

/** The key that seals, and while a key is rolled over the one before, which opens only. */
typedef struct {
    unsigned char current[CIVIC_SEAL_KEY_LEN];
    unsigned char previous[CIVIC_SEAL_KEY_LEN];
    int has_previous;
} civic_seal_keys_t;

/** What a page of the second factor is for. */
typedef enum {
    CIVIC_STATE_LOGIN, /* a login, by Civic or by a recovery code */
    CIVIC_STATE_LINK   /* the yes that links an account */
} civic_state_use;

/** That somebody has shown the first factor, as the page's location saw it. */
typedef struct {
    const char *account; /* folded (account.h); NULL: there is no first factor */
    civic_state_use use;
    int codes;  /* how many recovery codes the location grants: 0 (none are taken) to 255 */
    int shared; /* to link: the identity may have other accounts, too */
    unsigned char session[CIVIC_STATE_SESSION_LEN]; /* to link: the key of the session */
    unsigned char realm[CIVIC_REALM_LEN];           /* of the site whose first login it was */
} civic_state_factor_t;

typedef struct {
    const char *application;
    const char *scope;
    const char *return_path; /* return_path.h; without Civic's uuid */
    apr_time_t issued;
    unsigned char browser[CIVIC_BROWSER_ID_LEN]; /* SHA-256 of the browser's id, cut */
    civic_state_factor_t factor;
} civic_state_t;

/** What the login cookie holds. */
typedef struct {
    unsigned char id[CIVIC_BROWSER_ID_LEN]; /* random */
    apr_time_t completed;                   /* last login that succeeded here, 0 for none */
    unsigned char application[8];           /* of that login: SHA-256 of its id, cut */
} civic_browser_t;

/** civic_open with either key. @return 1 with `clear` set; 0 when neither sealed it for this
 * purpose */
int civic_unseal(civic_bytes_t *clear, const civic_seal_keys_t *keys, const char *purpose,
                 const void *data, apr_size_t len, apr_pool_t *pool);

/** Random id, nothing completed. @return 1, 0 when the random source fails */
int civic_browser_new(civic_browser_t *browser);

/** @return CIVIC_LOGIN_COOKIE_LEN characters of base64url, in the pool; NULL on failure */
const char *civic_browser_seal(const civic_browser_t *browser, const civic_seal_keys_t *keys,
                               apr_pool_t *pool);

/** Length and alphabet are checked before anything else. @return 1, or 0 when it is not ours
 */
int civic_browser_open(civic_browser_t *browser, const char *text,
                       const civic_seal_keys_t *keys, apr_pool_t *pool);

/** Bind a state to a browser: fills state->browser. @return 1, 0 when OpenSSL fails */
int civic_state_bind(civic_state_t *state, const civic_browser_t *browser);

/** @return base64url in the pool; NULL on failure */
const char *civic_state_seal(const civic_state_t *state, const civic_seal_keys_t *keys,
                             apr_pool_t *pool);

/**
 * Open a state that the network brought: only authenticity is judged here. One that proves a
 * first factor is none here: what is done with it must know what it is worth
 * (civic_state_open_any).
 * @param state set on success alone, strings in the pool
 * @return CIVIC_OK, CIVIC_STATE_INVALID
 */
civic_reason civic_state_open(civic_state_t *state, const char *text, apr_size_t len,
                              const civic_seal_keys_t *keys, apr_pool_t *pool);

/** The same for each kind of state. */
civic_reason civic_state_open_any(civic_state_t *state, const char *text, apr_size_t len,
                                  const civic_seal_keys_t *keys, apr_pool_t *pool);

/** What one site's first login has shown counts at no other. @return 1 where there is none, or
 * it is of this site */
int civic_state_is_of(const civic_state_t *state, const unsigned char realm[CIVIC_REALM_LEN]);

/**
 * Judge an opened state.
 * @param browser what the login cookie held, NULL when there was none
 * @return CIVIC_OK; CIVIC_STATE_FOREIGN; CIVIC_STATE_EXPIRED (also for one from the future
 * beyond the tolerance of jws.h: the clock was stepped)
 */
civic_reason civic_state_judge(const civic_state_t *state, const civic_browser_t *browser,
                               apr_time_t now);

#endif
