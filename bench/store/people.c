/* people.c - see people.h. */
#include "people.h"

#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

apr_uint64_t people_random(apr_uint64_t *state)
{
    apr_uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void people_realm(unsigned char realm[CIVIC_REALM_LEN])
{
    if (!civic_session_realm(realm, "www.example.org")) {
        abort();
    }
}

void people_id(char id[CIVIC_SESSION_ID_LEN + 1], apr_uint64_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    apr_uint64_t state = n, bits = 0;

    for (int i = 0; i < CIVIC_SESSION_ID_LEN; i++) {
        if (i % 10 == 0) {
            bits = people_random(&state);
        }
        id[i] = letters[bits & 63];
        bits >>= 6;
    }
    id[CIVIC_SESSION_ID_LEN] = '\0';
}

void people_key(unsigned char key[CIVIC_STORE_KEY_LEN], apr_uint64_t n)
{
    char id[CIVIC_SESSION_ID_LEN + 1];

    people_id(id, n);
    if (!civic_sha256(key, id, CIVIC_SESSION_ID_LEN)) {
        abort();
    }
}

static const char *user_id(apr_uint64_t n, apr_pool_t *pool)
{
    apr_uint64_t state = ~n, words[4];

    for (int i = 0; i < 4; i++) {
        words[i] = people_random(&state);
    }
    return apr_psprintf(pool, "%016lx%016lx%016lx%016lx", (unsigned long)words[0],
                        (unsigned long)words[1], (unsigned long)words[2],
                        (unsigned long)words[3]);
}

void people_user(unsigned char user[CIVIC_STORE_USER_LEN], apr_uint64_t n)
{
    apr_uint64_t state = ~n, words[2] = {people_random(&state), people_random(&state)};

    memcpy(user, words, CIVIC_STORE_USER_LEN);
}

void people_session(civic_stored_t *session, apr_uint64_t n, apr_time_t now, apr_pool_t *pool)
{
    civic_claim_t claims[] = {
        {"contact.personal.email", apr_psprintf(pool, "person%07lu@example.com", (long)n),
         CIVIC_CLAIM_VERIFIED},
        {"contact.personal.phoneNumber", apr_psprintf(pool, "+1 555%07lu", (long)n),
         CIVIC_CLAIM_VERIFIED},
    };
    civic_record_t record = {.application = PEOPLE_APPLICATION,
                             .scope = "BASIC_SIGNUP",
                             .user_id = user_id(n, pool),
                             .created = now,
                             .claims = {claims, 2}};

    people_realm(record.realm);
    session->kind = CIVIC_STORED_SESSION;
    people_key(session->key, n);
    people_user(session->user, n);
    session->expires = now + apr_time_from_sec(3600);
    session->last_used = now;
    if (!civic_record_encode(&session->record, &record, pool)) {
        abort();
    }
}
