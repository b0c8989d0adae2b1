/* accept_language.h - which of a site's languages a person reads (RFC 9110 12.5.4).
 *
 * By lookup (RFC 4647 3.4): a range that nothing fits is cut at its last hyphen, de-AT to de.
 */
#ifndef CIVIC_ACCEPT_LANGUAGE_H
#define CIVIC_ACCEPT_LANGUAGE_H

#include "words.h"

#define CIVIC_ACCEPT_LANGUAGE_MAX    1000 /* bytes that are looked at */
#define CIVIC_ACCEPT_LANGUAGE_RANGES 32   /* and ranges */

/**
 * @param languages of civic_language_t *, the first being the one for everybody else
 * @param range     a language tag, in any case
 * @return the language for it; NULL when there is none
 */
const civic_language_t *civic_language_find(const apr_array_header_t *languages,
                                            const char *range);

/**
 * The language that this header prefers; what it refuses (q=0) is not chosen.
 * Elements that are malformed count as not there, and so does what is behind the limits above.
 * @param header a browser's Accept-Language; NULL: none
 * @return never NULL: where nothing fits, the first
 */
const civic_language_t *civic_language_choose(const apr_array_header_t *languages,
                                              const char *header);

#endif
