/* words.h - what people read, in their language.
 *
 * A language is a flat JSON object of texts by key: src/languages has those that are built in,
 * a site adds its own (CivicLanguageFile). English has every key; what another language leaves
 * out is taken from the one that it is based on, and in the end from English. So each has
 * every key once it is made, and then never changes.
 *
 *   "reason.<name>"  why somebody is turned away (reason.h)
 *   "rule.<...>"     which Require rule keeps him out (authz.c)
 *   "page.<...>"     fixed words of pages: {{page.<...>}} in a template
 *   "login.<...>"    what login.js says
 *   "dialog.<...>"   the dialog of button.js (page.c)
 *   "_name", "_dir"  the language's own name; ltr or rtl
 *
 * {name} in a text is a placeholder: where it stands is the language's choice.
 */
#ifndef CIVIC_WORDS_H
#define CIVIC_WORDS_H

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_tables.h>
#include "reason.h"

struct civic_pages;

#define CIVIC_WORDS_TAG_MAX  35           /* bytes of a language tag (RFC 5646 4.4.1) */
#define CIVIC_WORDS_FILE_MAX (128 * 1024) /* bytes of a language's file */
#define CIVIC_WORDS_TEXT_MAX 800          /* bytes of a text */

typedef struct {
    const char *tag;       /* as pages and Content-Language name it: de, pt-BR */
    const char *name;      /* what those who speak it call it */
    const char *direction; /* ltr, rtl */
    const char *script;    /* for login.js: a line "key=text" for each "login.key" */
    apr_hash_t *texts;     /* each key of English, to const char * */
    const char *reasons[CIVIC_REASON_COUNT];
    const struct civic_pages *pages; /* page.h; NULL until they are made */
} civic_language_t;

/** A file of src/languages (languages.c, made by make). */
typedef struct {
    const char *tag, *text;
} civic_language_source_t;

extern const civic_language_source_t civic_language_sources[]; /* up to the tag NULL */

/** Is it formed as a language tag? Letters, then letters and digits, in parts of 1 to 8 that
 * hyphens join. */
int civic_words_is_tag(const char *tag);

/**
 * Make a language of a file's text.
 *
 * @param base    what is taken where the text leaves something out; NULL for English, whose
 *                keys and placeholders are then the ones that there are
 * @param missing set on success: how many of the base's texts stand in
 * @param fault   set on failure: what is wrong with the file, in the pool
 * @return in the pool; NULL on failure
 */
civic_language_t *civic_words_read(const char *tag, const char *text, apr_size_t len,
                                   const civic_language_t *base, int *missing,
                                   const char **fault, apr_pool_t *pool);

/** Make all languages of a list whose first is English.
 * @return of civic_language_t *, in the pool; NULL: one is no good, `fault` says why */
apr_array_header_t *civic_words_all(const civic_language_source_t *sources, const char **fault,
                                    apr_pool_t *pool);

/** Add a language to others, in place of one of the same tag. */
void civic_words_add(apr_array_header_t *languages, civic_language_t *language);

/** A text by its key. A key that English does not have gives "". */
const char *civic_words_text(const civic_language_t *language, const char *key);

/** What a person reads who is turned away. What is no reason reads as CIVIC_INTERNAL. */
const char *civic_words_reason(const civic_language_t *language, civic_reason reason);

/** A text with its placeholders filled: pairs of name and value, then NULL. Values are not
 * looked at again. @return in the pool */
const char *civic_words_fill(apr_pool_t *pool, const civic_language_t *language,
                             const char *key, ...) __attribute__((sentinel));

/**
 * A page's template in this language: {{page.<...>}}, {{lang}}, {{dir}} and {{script-words}}
 * are put in, escaped, and with nothing in them that template.h would read. What else there is
 * stays. @return in the pool
 */
const char *civic_words_page(const civic_language_t *language, const char *page,
                             apr_pool_t *pool);

/** Is this, between {{ and }}, something that civic_words_page puts in? */
int civic_words_is_placeholder(const civic_language_t *language, const char *name);

#endif
