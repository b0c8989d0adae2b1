/* source.h - the lines of a configuration, as httpd puts them together.
 *
 * Lines that end in a backslash go on, comments are left out, ${NAME} is what Define says or
 * the environment has, Include and IncludeOptional are followed. Sections are not judged: what
 * stands in <If...> is read as if it held. An Include that cannot be followed is said on the
 * standard error.
 */
#ifndef HTCIVIC_SOURCE_H
#define HTCIVIC_SOURCE_H

#include <apr_pools.h>

typedef struct {
    void (*take)(void *baton, const char *line); /* shown each line that is not of the above */
    void *baton;
    const char *root; /* where relative paths begin; set to ServerRoot, or httpd's own, where
                         it is NULL */
} htcivic_source_t;

/** @return NULL, or why the file itself cannot be read */
const char *htcivic_source_read(htcivic_source_t *source, const char *path, apr_pool_t *pool);

/** The next word, quoted or not, "" at the end; `*line` moves behind it. */
const char *htcivic_word(const char **line, apr_pool_t *pool);

#endif
