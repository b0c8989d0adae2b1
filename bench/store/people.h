/* people.h - sessions to measure with: as many people as wanted, each with what BASIC_SIGNUP
 * asks for, made from their number alone, so that a lookup by number touches no memory of
 * ours.
 */
#ifndef BENCH_PEOPLE_H
#define BENCH_PEOPLE_H

#include "session.h"

#define PEOPLE_APPLICATION "CO-ABCDEFG1230934545"

/** A number that looks random, from a state that moves on. */
apr_uint64_t people_random(apr_uint64_t *state);

/** The realm that everybody's session is in. */
void people_realm(unsigned char realm[CIVIC_REALM_LEN]);

/** The cookie's value of person `n`. */
void people_id(char id[CIVIC_SESSION_ID_LEN + 1], apr_uint64_t n);

/** The store's key of person `n`: the digest of the cookie's value. */
void people_key(unsigned char key[CIVIC_STORE_KEY_LEN], apr_uint64_t n);

/** Which user person `n` is, to the store. */
void people_user(unsigned char user[CIVIC_STORE_USER_LEN], apr_uint64_t n);

/** The session of person `n`, in the pool, to end in an hour from `now`. */
void people_session(civic_stored_t *session, apr_uint64_t n, apr_time_t now, apr_pool_t *pool);

#endif
