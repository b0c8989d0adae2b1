/* checksum.h - notices torn and damaged bytes; nothing against people. */
#ifndef CIVIC_CHECKSUM_H
#define CIVIC_CHECKSUM_H

#include <apr.h>
#include <string.h>

static inline apr_uint64_t checksum_word(apr_uint64_t sum, apr_uint64_t word)
{
    sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 32;
}

static inline apr_uint64_t checksum_add(apr_uint64_t sum, const void *data, apr_size_t len)
{
    const char *bytes = data;
    apr_uint64_t word;

    for (; len >= sizeof(word); len -= sizeof(word), bytes += sizeof(word)) {
        memcpy(&word, bytes, sizeof(word));
        sum = checksum_word(sum, word);
    }
    if (len) {
        word = 0;
        memcpy(&word, bytes, len);
        sum = checksum_word(sum, word);
    }
    return sum;
}

#endif
