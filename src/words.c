/* words.c - see words.h. */
#include "words.h"

#include <apr_escape.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdarg.h>
#include <string.h>

#include "json.h"
#include "template.h"

#define SCRIPT_GROUP "login."
#define PAGE_GROUP   "page."
#define REASON_GROUP "reason."

int civic_words_is_tag(const char *tag)
{
    apr_size_t part = 0;
    int is_first = 1;

    for (const char *p = tag; *p; p++) {
        if (*p == '-') {
            if (part == 0) {
                return 0;
            }
            part = is_first = 0;
            continue;
        }
        if (!apr_isascii(*p) || !(is_first ? apr_isalpha(*p) : apr_isalnum(*p))
            || ++part > 8) {
            return 0;
        }
    }
    return part > 0 && strlen(tag) <= CIVIC_WORDS_TAG_MAX;
}

/* ---- placeholders ---- */

/* The next {name} of a text. @return behind it; NULL when there is none or it is malformed,
 * `*open` is then NULL or where the fault is */
static const char *placeholder_next(const char **open, apr_size_t *len, const char *text)
{
    *open = strpbrk(text, "{}");
    if (!*open || **open == '}') {
        return NULL;
    }
    *len = strspn(*open + 1, "abcdefghijklmnopqrstuvwxyz");
    return *len > 0 && (*open)[1 + *len] == '}' ? *open + *len + 2 : NULL;
}

static int has_placeholder(const char *text, const char *placeholder, apr_size_t len)
{
    const char *open, *next;
    apr_size_t found;

    while ((next = placeholder_next(&open, &found, text))) {
        if (found == len && !memcmp(open + 1, placeholder + 1, len)) {
            return 1;
        }
        text = next;
    }
    return 0;
}

/* @param english the text that says which placeholders there are; NULL: this one does */
static const char *placeholders_fault(const char *text, const char *english, apr_pool_t *pool)
{
    const char *open, *next;
    apr_size_t len;

    while ((next = placeholder_next(&open, &len, text))) {
        if (english && !has_placeholder(english, open, len)) {
            return apr_psprintf(pool, "it has no placeholder %.*s", (int)(next - open), open);
        }
        text = next;
    }
    return open ? "a { or } belongs to no placeholder" : NULL;
}

/* ---- reading ---- */

static const char *text_fault(const char *text, const char *english, apr_pool_t *pool)
{
    apr_size_t len = strlen(text);

    if (len == 0 || len > CIVIC_WORDS_TEXT_MAX) {
        return apr_psprintf(pool, "a text has 1 to %d bytes, this has %" APR_SIZE_T_FMT,
                            CIVIC_WORDS_TEXT_MAX, len);
    }
    for (const char *p = text; *p; p++) {
        if (apr_iscntrl(*p)) {
            return "it has control characters";
        }
    }
    return placeholders_fault(text, english, pool);
}

/* A member of the file. @return NULL, or what is wrong with it */
static const char *member_add(civic_language_t *language, const char *key, const char *text,
                              const civic_language_t *base)
{
    apr_pool_t *pool = apr_hash_pool_get(language->texts);
    const char *english = base ? apr_hash_get(base->texts, key, APR_HASH_KEY_STRING) : NULL;

    if (!text) {
        return "it is not a string";
    }
    if (!strcmp(key, "_name")) {
        language->name = apr_pstrdup(pool, text);
        return text_fault(text, "", pool);
    }
    if (!strcmp(key, "_dir")) {
        language->direction = apr_pstrdup(pool, text);
        return strcmp(text, "ltr") && strcmp(text, "rtl") ? "it must be ltr or rtl" : NULL;
    }
    if (base && !english) {
        return "there is no such key";
    }
    apr_hash_set(language->texts, apr_pstrdup(pool, key), APR_HASH_KEY_STRING,
                 apr_pstrdup(pool, text));
    return text_fault(text, english, pool);
}

/* jansson says where a text ends to be JSON. */
static const char *json_fault(const char *text, apr_size_t len, apr_pool_t *pool)
{
    json_error_t error = {.line = 0};
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

    if (value) {
        json_decref(value);
        return "it must be one flat JSON object";
    }
    return apr_psprintf(pool, "line %d: %s", error.line,
                        apr_pescape_echo(pool, error.text, 0));
}

static const char *members_read(civic_language_t *language, const char *text, apr_size_t len,
                                const civic_language_t *base)
{
    apr_pool_t *pool = apr_hash_pool_get(language->texts);
    json_t *file, *value;
    const char *key;

    if (len > CIVIC_WORDS_FILE_MAX) {
        return apr_psprintf(pool, "it has over %d bytes", CIVIC_WORDS_FILE_MAX);
    }
    file = civic_json_parse(text, len, pool);
    if (!json_is_object(file)) {
        return json_fault(text, len, pool);
    }
    json_object_foreach(file, key, value)
    {
        const char *fault = member_add(language, key, json_string_value(value), base);

        if (fault) {
            return apr_psprintf(pool, "\"%.60s\": %s", apr_pescape_echo(pool, key, 0), fault);
        }
    }
    return NULL;
}

/* Text of the other direction keeps its punctuation where it belongs (isolates of UAX 9). */
static const char *isolated(const civic_language_t *base, const char *text, apr_pool_t *pool)
{
    return apr_pstrcat(pool, strcmp(base->direction, "rtl") ? "\u2066" : "\u2067", text,
                       "\u2069", NULL);
}

static int texts_complete(civic_language_t *language, const civic_language_t *base)
{
    int missing = 0;
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, base->texts); i; i = apr_hash_next(i)) {
        const char *key = apr_hash_this_key(i);

        if (!apr_hash_get(language->texts, key, APR_HASH_KEY_STRING)) {
            const char *text = apr_hash_this_val(i);

            if (strcmp(language->direction, base->direction)) {
                text = isolated(base, text, apr_hash_pool_get(language->texts));
            }
            apr_hash_set(language->texts, key, APR_HASH_KEY_STRING, text);
            missing++;
        }
    }
    return missing;
}

/* What login.js says, a line each: in an attribute, JSON would be a third longer by its
 * quotes. */
static const char *script_make(const civic_language_t *language, apr_pool_t *pool)
{
    apr_array_header_t *lines = apr_array_make(pool, 40, sizeof(const char *));
    apr_size_t prefix = strlen(SCRIPT_GROUP);
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, language->texts); i; i = apr_hash_next(i)) {
        const char *key = apr_hash_this_key(i);

        if (!strncmp(key, SCRIPT_GROUP, prefix)) {
            APR_ARRAY_PUSH(lines, const char *) =
                apr_pstrcat(pool, key + prefix, "=", apr_hash_this_val(i), NULL);
        }
    }
    return apr_array_pstrcat(pool, lines, '\n');
}

civic_language_t *civic_words_read(const char *tag, const char *text, apr_size_t len,
                                   const civic_language_t *base, int *missing,
                                   const char **fault, apr_pool_t *pool)
{
    civic_language_t *language = apr_pcalloc(pool, sizeof(*language));

    language->tag = apr_pstrdup(pool, tag);
    language->name = base && !strcasecmp(base->tag, tag) ? base->name : tag;
    language->direction = "ltr";
    language->texts = apr_hash_make(pool);
    if (base) {
        language->direction = base->direction;
    }
    *fault = members_read(language, text, len, base);
    if (*fault) {
        return NULL;
    }
    *missing = base ? texts_complete(language, base) : 0;
    for (int reason = CIVIC_OK + 1; reason < CIVIC_REASON_COUNT; reason++) {
        language->reasons[reason] = civic_words_text(
            language, apr_pstrcat(pool, REASON_GROUP, civic_reason_info(reason)->name, NULL));
    }
    language->script = script_make(language, pool);
    return language;
}

void civic_words_add(apr_array_header_t *languages, civic_language_t *language)
{
    for (int i = 0; i < languages->nelts; i++) {
        civic_language_t **known = &APR_ARRAY_IDX(languages, i, civic_language_t *);

        if (!strcasecmp((*known)->tag, language->tag)) {
            *known = language;
            return;
        }
    }
    APR_ARRAY_PUSH(languages, civic_language_t *) = language;
}

apr_array_header_t *civic_words_all(const civic_language_source_t *sources, const char **fault,
                                    apr_pool_t *pool)
{
    apr_array_header_t *languages = apr_array_make(pool, 8, sizeof(civic_language_t *));
    const civic_language_source_t *source;

    for (source = sources; source->tag; source++) {
        const civic_language_t *english =
            languages->nelts > 0 ? APR_ARRAY_IDX(languages, 0, civic_language_t *) : NULL;
        civic_language_t *language;
        int missing;

        language = civic_words_read(source->tag, source->text, strlen(source->text), english,
                                    &missing, fault, pool);
        if (!language) {
            *fault = apr_psprintf(pool, "src/languages/%s.json: %s", source->tag, *fault);
            return NULL;
        }
        civic_words_add(languages, language);
    }
    return languages;
}

/* ---- using ---- */

const char *civic_words_text(const civic_language_t *language, const char *key)
{
    const char *text = apr_hash_get(language->texts, key, APR_HASH_KEY_STRING);

    return text ? text : "";
}

const char *civic_words_reason(const civic_language_t *language, civic_reason reason)
{
    return language
        ->reasons[reason > CIVIC_OK && reason < CIVIC_REASON_COUNT ? reason : CIVIC_INTERNAL];
}

static void push(apr_array_header_t *parts, const char *text, apr_size_t len)
{
    APR_ARRAY_PUSH(parts, const char *) = apr_pstrmemdup(parts->pool, text, len);
}

const char *civic_words_fill(apr_pool_t *pool, const civic_language_t *language,
                             const char *key, ...)
{
    const char *text = civic_words_text(language, key), *open, *next, *name;
    apr_array_header_t *parts = apr_array_make(pool, 8, sizeof(const char *));
    apr_table_t *values = apr_table_make(pool, 4);
    apr_size_t len;
    va_list args;

    va_start(args, key);
    while ((name = va_arg(args, const char *))) {
        const char *value = va_arg(args, const char *);

        if (value) {
            apr_table_setn(values, name, value);
        }
    }
    va_end(args);
    while ((next = placeholder_next(&open, &len, text))) {
        const char *value = apr_table_get(values, apr_pstrmemdup(pool, open + 1, len));

        push(parts, text, open - text);
        APR_ARRAY_PUSH(parts, const char *) = value ? value : "";
        text = next;
    }
    APR_ARRAY_PUSH(parts, const char *) = text;
    return apr_array_pstrcat(pool, parts, 0);
}

/* ---- templates ---- */

static const char *placeholder_value(const civic_language_t *language, const char *name)
{
    if (!strncmp(name, PAGE_GROUP, strlen(PAGE_GROUP))) {
        return apr_hash_get(language->texts, name, APR_HASH_KEY_STRING);
    }
    return !strcmp(name, "lang")           ? language->tag
           : !strcmp(name, "dir")          ? language->direction
           : !strcmp(name, "script-words") ? language->script
                                           : NULL;
}

int civic_words_is_placeholder(const civic_language_t *language, const char *name)
{
    return placeholder_value(language, name) != NULL;
}

/* As HTML in which template.h finds nothing to fill in. */
static void push_escaped(apr_array_header_t *parts, const char *value)
{
    const char *text = civic_template_escape(value, parts->pool), *brace;

    while ((brace = strstr(text, "{{"))) {
        push(parts, text, brace + 1 - text);
        APR_ARRAY_PUSH(parts, const char *) = "&#123;";
        text = brace + 2;
    }
    APR_ARRAY_PUSH(parts, const char *) = text;
}

const char *civic_words_page(const civic_language_t *language, const char *page,
                             apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, 64, sizeof(const char *));
    const char *open, *close;

    while ((open = strstr(page, "{{")) && (close = strstr(open, "}}"))) {
        const char *value =
            placeholder_value(language, apr_pstrmemdup(pool, open + 2, close - open - 2));

        if (value) {
            push(parts, page, open - page);
            push_escaped(parts, value);
        }
        else {
            push(parts, page, close + 2 - page);
        }
        page = close + 2;
    }
    APR_ARRAY_PUSH(parts, const char *) = page;
    return apr_array_pstrcat(pool, parts, 0);
}
