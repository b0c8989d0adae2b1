/* attempts.c - see attempts.h. */
#include "attempts.h"

#include <apr_general.h>
#include <apr_shm.h>
#include <stdatomic.h>
#include <string.h>

#include "crypto.h"

enum { SETS = 1024, WAYS = 8, SALT_LEN = 16, SITE_MAX = 64 };

#define TIME_BITS 44 /* milliseconds of some centuries */
#define TIME_MASK (((apr_uint64_t)1 << TIME_BITS) - 1)

typedef _Atomic apr_uint64_t word_t;

struct civic_attempts {
    unsigned char salt[SALT_LEN];
    word_t words[SETS][WAYS];
};

civic_attempts_t *civic_attempts_create(apr_pool_t *pool)
{
    civic_attempts_t *attempts;
    apr_shm_t *shm;

    if (apr_shm_create(&shm, sizeof(*attempts), NULL, pool) != APR_SUCCESS) {
        return NULL;
    }
    attempts = apr_shm_baseaddr_get(shm);
    memset((void *)attempts, 0, sizeof(*attempts));
    return apr_generate_random_bytes(attempts->salt, SALT_LEN) == APR_SUCCESS ? attempts
                                                                              : NULL;
}

/* The part of an address that one client has for himself. @return its length */
static apr_size_t client_of(unsigned char part[8], const apr_sockaddr_t *address)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    const unsigned char *bytes = address->ipaddr_ptr;

    if (address->family == APR_INET6 && !memcmp(bytes, mapped, 12)) {
        memcpy(part, bytes + 12, 4);
        return 4;
    }
    if (address->family == APR_INET6) {
        memcpy(part, bytes, 8);
        return 8;
    }
    if (address->family == APR_INET) {
        memcpy(part, bytes, 4);
        return 4;
    }
    return 0; /* all who come by a socket of this machine are one */
}

static apr_uint64_t digest(const civic_attempts_t *attempts, const apr_sockaddr_t *address,
                           const unsigned char *site, apr_size_t site_len)
{
    unsigned char text[SALT_LEN + 8 + SITE_MAX], sum[CIVIC_SHA256_LEN];
    apr_size_t len = SALT_LEN;
    apr_uint64_t value = 0;

    memcpy(text, attempts->salt, SALT_LEN);
    len += client_of(text + len, address);
    site_len = site_len < SITE_MAX ? site_len : SITE_MAX;
    memcpy(text + len, site, site_len);
    len += site_len;
    if (civic_sha256(sum, text, len)) {
        memcpy(&value, sum, sizeof(value));
    }
    return value;
}

/* The client's word, or the one of this set whose bucket is, or will first be, full. */
static word_t *find(word_t *set, apr_uint64_t tag, apr_uint64_t *seen)
{
    word_t *best = NULL;

    for (int i = 0; i < WAYS; i++) {
        apr_uint64_t word = atomic_load_explicit(&set[i], memory_order_relaxed);

        if (word >> TIME_BITS == tag && word) {
            *seen = word;
            return &set[i];
        }
        if (!best || (word & TIME_MASK) < (*seen & TIME_MASK)) {
            best = &set[i];
            *seen = word;
        }
    }
    return best;
}

/* How long a token takes to come back, in milliseconds. */
static apr_uint64_t step_of(const civic_rate_t *rate)
{
    apr_uint64_t step = (apr_uint64_t)apr_time_as_msec(rate->per) / (apr_uint64_t)rate->count;

    return step ? step : 1;
}

int civic_attempts_take(civic_attempts_t *attempts, const apr_sockaddr_t *address,
                        const unsigned char *site, apr_size_t site_len,
                        const civic_rate_t *rate, apr_time_t now)
{
    apr_uint64_t client = digest(attempts, address, site, site_len), seen, full, next;
    apr_uint64_t tag = client >> TIME_BITS, ms = (apr_uint64_t)apr_time_as_msec(now);
    apr_uint64_t step = step_of(rate);
    word_t *word, *set = attempts->words[client % SETS];

    do {
        word = find(set, tag, &seen);
        full = seen >> TIME_BITS == tag && (seen & TIME_MASK) > ms ? seen & TIME_MASK : ms;
        if (full + step > ms + step * (apr_uint64_t)rate->count) {
            return (int)((full + step - ms - step * (apr_uint64_t)rate->count + 999) / 1000);
        }
        next = tag << TIME_BITS | ((full + step) & TIME_MASK);
    } while (!atomic_compare_exchange_weak(word, &seen, next));
    return 0;
}

void civic_attempts_give_back(civic_attempts_t *attempts, const apr_sockaddr_t *address,
                              const unsigned char *site, apr_size_t site_len,
                              const civic_rate_t *rate, apr_time_t now)
{
    apr_uint64_t client = digest(attempts, address, site, site_len), seen, full;
    apr_uint64_t tag = client >> TIME_BITS, ms = (apr_uint64_t)apr_time_as_msec(now);
    apr_uint64_t step = step_of(rate);
    word_t *word, *set = attempts->words[client % SETS];

    do {
        word = find(set, tag, &seen);
        full = seen & TIME_MASK;
        if (seen >> TIME_BITS != tag || full <= ms) {
            return; /* made room for another, or full already */
        }
        full = full - ms > step ? full - step : ms;
    } while (!atomic_compare_exchange_weak(word, &seen, tag << TIME_BITS | full));
}
