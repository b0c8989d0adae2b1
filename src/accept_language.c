/* accept_language.c - see accept_language.h. */
#include "accept_language.h"

#include <apr_lib.h>
#include <string.h>

enum { QUALITY_ONE = 1000, QUALITY_BAD = -1 };

typedef struct {
    char tag[CIVIC_WORDS_TAG_MAX + 1];
    int quality; /* 0 to 1000 */
} range_t;

typedef struct {
    range_t ranges[CIVIC_ACCEPT_LANGUAGE_RANGES];
    int count;
} wish_t;

/* Cut a range at its last hyphen, and where a single letter is left at the end, before that.
 * @return 0 when it was of one part */
static int cut(char *range)
{
    char *hyphen = strrchr(range, '-');

    if (!hyphen) {
        return 0;
    }
    *hyphen = '\0';
    if (hyphen - range >= 2 && hyphen[-2] == '-') {
        hyphen[-2] = '\0';
    }
    return 1;
}

static const civic_language_t *language_of(const apr_array_header_t *languages,
                                           const char *tag)
{
    for (int i = 0; i < languages->nelts; i++) {
        const civic_language_t *language = APR_ARRAY_IDX(languages, i, civic_language_t *);

        if (!strcasecmp(language->tag, tag)) {
            return language;
        }
    }
    return NULL;
}

const civic_language_t *civic_language_find(const apr_array_header_t *languages,
                                            const char *range)
{
    char tag[CIVIC_WORDS_TAG_MAX + 1];
    const civic_language_t *language;

    if (strlen(range) > CIVIC_WORDS_TAG_MAX) {
        return NULL;
    }
    strcpy(tag, range);
    do {
        language = language_of(languages, tag);
    } while (!language && cut(tag));
    return language;
}

/* ---- the header ---- */

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    return p;
}

/* qvalue of RFC 9110 12.4.2: 0 or 1, and up to three decimals. @return in thousandths */
static int quality_parse(const char *p, const char *end)
{
    int value, place = QUALITY_ONE;

    if (p == end || (*p != '0' && *p != '1')) {
        return QUALITY_BAD;
    }
    value = (*p++ - '0') * QUALITY_ONE;
    if (p < end && *p++ != '.') {
        return QUALITY_BAD;
    }
    for (; p < end && apr_isdigit(*p) && place > 1; p++) {
        place /= 10;
        value += (*p - '0') * place;
    }
    return p == end && value <= QUALITY_ONE ? value : QUALITY_BAD;
}

/* An element of the list, blanks around it taken off. @return whether it is one */
static int range_parse(range_t *range, const char *p, const char *end)
{
    const char *semicolon = memchr(p, ';', end - p);
    const char *tag_end = semicolon ? semicolon : end;

    while (tag_end > p && (tag_end[-1] == ' ' || tag_end[-1] == '\t')) {
        tag_end--;
    }
    if (tag_end == p || tag_end - p > CIVIC_WORDS_TAG_MAX) {
        return 0;
    }
    memcpy(range->tag, p, tag_end - p);
    range->tag[tag_end - p] = '\0';
    range->quality = QUALITY_ONE;
    if (semicolon) {
        p = skip_blanks(semicolon + 1, end);
        if (end - p < 2 || apr_tolower(*p) != 'q' || p[1] != '=') {
            return 0;
        }
        range->quality = quality_parse(p + 2, end);
    }
    return range->quality != QUALITY_BAD && civic_words_is_tag(range->tag);
}

static void wish_parse(wish_t *wish, const char *header)
{
    const char *end = header + strnlen(header, CIVIC_ACCEPT_LANGUAGE_MAX);

    while (header < end && wish->count < CIVIC_ACCEPT_LANGUAGE_RANGES) {
        const char *comma = memchr(header, ',', end - header);
        const char *last = comma ? comma : end;

        if (!comma && *end) {
            return; /* cut in the middle */
        }
        header = skip_blanks(header, last);
        while (last > header && (last[-1] == ' ' || last[-1] == '\t')) {
            last--;
        }
        wish->count += range_parse(&wish->ranges[wish->count], header, last);
        header = comma ? comma + 1 : end;
    }
}

/* de;q=0 refuses de-AT as well. */
static int is_refused(const wish_t *wish, const char *tag)
{
    for (int i = 0; i < wish->count; i++) {
        apr_size_t len = strlen(wish->ranges[i].tag);

        if (wish->ranges[i].quality == 0 && !strncasecmp(wish->ranges[i].tag, tag, len)
            && (!tag[len] || tag[len] == '-')) {
            return 1;
        }
    }
    return 0;
}

const civic_language_t *civic_language_choose(const apr_array_header_t *languages,
                                              const char *header)
{
    const civic_language_t *chosen = APR_ARRAY_IDX(languages, 0, civic_language_t *);
    wish_t wish = {.count = 0};
    int best = 0;

    wish_parse(&wish, header ? header : "");
    for (int i = 0; i < wish.count; i++) {
        const civic_language_t *language;

        if (wish.ranges[i].quality <= best) {
            continue; /* of the same wish, the first */
        }
        language = civic_language_find(languages, wish.ranges[i].tag);
        if (language && !is_refused(&wish, language->tag)) {
            chosen = language;
            best = wish.ranges[i].quality;
        }
    }
    return chosen;
}
