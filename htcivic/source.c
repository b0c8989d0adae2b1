/* source.c - see source.h. */
#include "source.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <glob.h>
#include <httpd.h>
#include <stdlib.h>
#include <string.h>

#include "htcivic.h"

/* A file that includes itself by a wildcard is read a thousand times, not for ever. */
enum { LINE_MAX_LEN = 8192, DEPTH_MOST = 20, FILES_MOST = 1000 };

typedef struct {
    htcivic_source_t *source;
    apr_table_t *defined;
    int depth, files;
    int root_is_given;
    apr_pool_t *pool;
} walk_t;

/* ---- words ---- */

const char *htcivic_word(const char **line, apr_pool_t *pool)
{
    const char *from, *to;
    char quote;

    while (apr_isspace(**line)) {
        (*line)++;
    }
    from = *line;
    quote = *from == '"' || *from == '\'' ? *from : '\0';
    if (quote) {
        to = strchr(++from, quote);
        to = to ? to : from + strlen(from);
        *line = *to ? to + 1 : to;
    }
    else {
        to = from + strcspn(from, " \t>");
        *line = to;
    }
    return apr_pstrmemdup(pool, from, (apr_size_t)(to - from));
}

/* What nobody defined stays as it is, as with httpd. */
static const char *expand(const char *text, apr_table_t *defined, apr_pool_t *pool)
{
    const char *open = strstr(text, "${"), *close = open ? strchr(open, '}') : NULL;
    const char *name, *value;

    if (!close) {
        return text;
    }
    name = apr_pstrmemdup(pool, open + 2, (apr_size_t)(close - open - 2));
    value = apr_table_get(defined, name);
    value = value ? value : getenv(name);
    value = value ? value : apr_pstrmemdup(pool, open, (apr_size_t)(close + 1 - open));
    return apr_pstrcat(pool, apr_pstrmemdup(pool, text, (apr_size_t)(open - text)), value,
                       expand(close + 1, defined, pool), NULL);
}

/* Lines that end in a backslash go on. @return NULL at the end */
static char *line_read(apr_file_t *file, char *line)
{
    apr_size_t len = 0;

    while (apr_file_gets(line + len, (int)(LINE_MAX_LEN - len), file) == APR_SUCCESS) {
        len += strlen(line + len);
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
            line[--len] = '\0';
        }
        if (len == 0 || line[len - 1] != '\\') {
            return line;
        }
        line[--len] = '\0';
    }
    return len ? line : NULL;
}

/* ---- files ---- */

static const char *file_walk(walk_t *walk, const char *path);

/* One that cannot be read does not hide the others. @param found freed here */
static const char *found_walk(walk_t *walk, glob_t *found)
{
    const char *fault = NULL;

    walk->depth++;
    for (size_t i = 0; i < found->gl_pathc; i++) {
        const char *why = file_walk(walk, apr_pstrdup(walk->pool, found->gl_pathv[i]));

        fault = fault ? fault : why;
    }
    walk->depth--;
    globfree(found);
    return fault;
}

/* All files of a folder, and of those in it. */
static const char *folder_walk(walk_t *walk, const char *path)
{
    glob_t found;

    return walk->depth < DEPTH_MOST
                   && !glob(apr_pstrcat(walk->pool, path, "/*", NULL), 0, NULL, &found)
               ? found_walk(walk, &found)
               : NULL;
}

/* @return NULL, or why it is not followed */
static const char *include_walk(walk_t *walk, const char *name, int optional)
{
    const char *path =
        *name == '/' ? name : apr_pstrcat(walk->pool, walk->source->root, "/", name, NULL);
    glob_t found;

    if (strstr(name, "${")) {
        return "this name is not known here";
    }
    if (walk->depth >= DEPTH_MOST) {
        return "too many files include each other";
    }
    if (glob(path, 0, NULL, &found)) {
        return optional ? NULL : apr_pstrcat(walk->pool, path, " is not there", NULL);
    }
    return found_walk(walk, &found);
}

static void line_take(walk_t *walk, const char *line, const char *path)
{
    const char *rest = line, *directive = htcivic_word(&rest, walk->pool),
               *value = htcivic_word(&rest, walk->pool), *fault;
    int optional = !strcasecmp(directive, "IncludeOptional");

    if (!strcasecmp(directive, "Define") && *value) {
        apr_table_set(walk->defined, value, htcivic_word(&rest, walk->pool));
    }
    else if (!strcasecmp(directive, "UnDefine")) {
        apr_table_unset(walk->defined, value);
    }
    else if (!strcasecmp(directive, "ServerRoot")) {
        walk->source->root = walk->root_is_given ? walk->source->root : value;
    }
    else if (optional || !strcasecmp(directive, "Include")) {
        fault = include_walk(walk, value, optional);
        if (fault) {
            htcivic_fault(0, "%s: %s %s is not followed: %s", path, directive, value, fault);
        }
    }
    else {
        walk->source->take(walk->source->baton, line);
    }
}

static const char *file_walk(walk_t *walk, const char *path)
{
    char *line = apr_palloc(walk->pool, LINE_MAX_LEN), reason[120];
    apr_finfo_t info;
    apr_file_t *file;
    apr_status_t rv = apr_stat(&info, path, APR_FINFO_TYPE, walk->pool);

    if (rv == APR_SUCCESS && info.filetype == APR_DIR && walk->depth) {
        return folder_walk(walk, path);
    }
    if (rv == APR_SUCCESS && info.filetype != APR_REG) {
        return apr_pstrcat(walk->pool, path, " is no file", NULL);
    }
    if (++walk->files > FILES_MOST) {
        return "there are too many files";
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BUFFERED,
                           APR_FPROT_OS_DEFAULT, walk->pool);
    }
    if (rv != APR_SUCCESS) {
        return apr_psprintf(walk->pool, "%s cannot be read: %s", path,
                            apr_strerror(rv, reason, sizeof(reason)));
    }
    while (line_read(file, line)) {
        const char *text = line + strspn(line, " \t");

        if (*text != '#' && *text) {
            line_take(walk, expand(text, walk->defined, walk->pool), path);
        }
    }
    apr_file_close(file);
    return NULL;
}

const char *htcivic_source_read(htcivic_source_t *source, const char *path, apr_pool_t *pool)
{
    walk_t walk = {.source = source,
                   .defined = apr_table_make(pool, 8),
                   .root_is_given = source->root != NULL,
                   .pool = pool};

    source->root = source->root ? source->root : HTTPD_ROOT;
    return file_walk(&walk, path);
}
