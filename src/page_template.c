/* page_template.c - see page_template.h. It walks through the markup as a browser does
 * (HTML, 13.2.5, as far as it takes to know what a place is), and judges each placeholder by
 * its place. */
#include "page_template.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

typedef enum {
    TEXT,         /* between tags */
    ESCAPED_TEXT, /* in <title>, <textarea> */
    RAW_TEXT,     /* in <script>, <style> and the like */
    TAG,          /* within a tag, outside of values */
    VALUE,        /* within the quotes of an attribute */
    BARE_VALUE,   /* a value without quotes */
    COMMENT
} place_t;

enum { NAME_SIZE = 32 };

typedef struct {
    apr_pool_t *pool;
    const civic_language_t *english;
    const char *start, *at;
    int line;
    place_t place;
    char element[NAME_SIZE], attribute[NAME_SIZE];
    int closing; /* the tag is one that ends an element */
    int has_src; /* it has this attribute */
    char quote;
    int condition;           /* line of {{?...}}, 0: outside of one */
    place_t condition_place; /* where it began */
    int heads, logins;
    const char *fault;
} walk_t;

static const char names[] = "site title words reason reference cause scope endpoint lang dir";

static const char *const addresses[] = {
    "href",       "src",     "action",   "formaction",  "data",   "poster",
    "background", "cite",    "ping",     "srcset",      "srcdoc", "style",
    "xlink:href", "content", "manifest", "imagesrcset", NULL};

static int is_in(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (!strcasecmp(word, *list)) {
            return 1;
        }
    }
    return 0;
}

/* Is this one of the names, or a text? */
static int is_name(const walk_t *walk, const char *word)
{
    apr_size_t len = strcspn(word, " ");

    if (!strncmp(word, "page.", 5)) {
        return civic_words_is_placeholder(walk->english, word);
    }
    for (const char *p = names; p; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (len && !word[len] && !strncmp(p, word, len) && (p[len] == ' ' || !p[len])) {
            return 1;
        }
    }
    return 0;
}

/* ---- placeholders ---- */

static const char *place_fault(const walk_t *walk, const char *tag)
{
    switch (walk->place) {
    case TEXT:
    case ESCAPED_TEXT:
        return walk->at > walk->start && walk->at[-1] == '<'
                   ? "a placeholder cannot stand behind <"
                   : NULL;
    case VALUE:
        if (!strncasecmp(walk->attribute, "on", 2)
            || (is_in(walk->attribute, addresses) && strcmp(tag, "endpoint"))) {
            return apr_psprintf(walk->pool, "{{%s}} cannot stand in the attribute %s", tag,
                                walk->attribute);
        }
        return NULL;
    case BARE_VALUE:
        return apr_psprintf(walk->pool, "{{%s}} must stand within quotes", tag);
    case RAW_TEXT:
        return apr_psprintf(walk->pool, "{{%s}} cannot stand within <%s>", tag, walk->element);
    default:
        return apr_psprintf(walk->pool, "{{%s}} cannot stand within %s", tag,
                            walk->place == COMMENT ? "a comment"
                                                   : "a tag: only between quotes");
    }
}

static const char *part_fault(walk_t *walk, const char *tag)
{
    int *count = !strcmp(tag, "head") ? &walk->heads : &walk->logins;

    if (walk->place != TEXT || walk->condition) {
        return apr_psprintf(walk->pool, "{{%s}} must stand between tags, outside of {{?...}}",
                            tag);
    }
    return ++*count > 1 ? apr_psprintf(walk->pool, "{{%s}} is there twice", tag) : NULL;
}

static const char *condition_fault(walk_t *walk, const char *tag)
{
    if (*tag == '/') {
        if (!walk->condition || walk->condition_place != walk->place) {
            return "{{/}} has no {{?...}} that begins at such a place";
        }
        walk->condition = 0;
        return NULL;
    }
    if (walk->condition) {
        return "{{?...}} cannot stand within another";
    }
    walk->condition = walk->line;
    walk->condition_place = walk->place;
    return NULL;
}

static const char *placeholder_fault(walk_t *walk, const char *tag)
{
    const char *name = *tag == '?' ? tag + 1 : tag, *fault;

    if (!strcmp(tag, "head") || !strcmp(tag, "login")) {
        return part_fault(walk, tag);
    }
    if (strcmp(tag, "/") && !is_name(walk, name)) {
        return apr_psprintf(walk->pool,
                            "{{%.40s}} is no placeholder; there are head, login and %s", tag,
                            names);
    }
    if ((fault = place_fault(walk, name))) {
        return fault;
    }
    return *tag == '?' || *tag == '/' ? condition_fault(walk, tag) : NULL;
}

static void placeholder(walk_t *walk)
{
    const char *end = strstr(walk->at, "}}");
    const char *line_end = walk->at + strcspn(walk->at, "\n");

    if (!end || end > line_end) {
        walk->fault = "{{ has no }} in its line";
        return;
    }
    walk->fault =
        placeholder_fault(walk, apr_pstrmemdup(walk->pool, walk->at + 2, end - walk->at - 2));
    walk->at = end + 2;
}

/* ---- markup ---- */

static void step(walk_t *walk)
{
    walk->line += *walk->at == '\n';
    walk->at++;
}

/* A name in lower case, cut where it is too long. */
static void read_name(walk_t *walk, char *name, const char *ends)
{
    apr_size_t len = strcspn(walk->at, ends), n = len < NAME_SIZE - 1 ? len : NAME_SIZE - 1;
    const char *brace = strstr(walk->at, "{{");

    if (brace && brace < walk->at + len) {
        len = n = (apr_size_t)(brace - walk->at);
        n = n < NAME_SIZE - 1 ? n : NAME_SIZE - 1;
    }
    for (apr_size_t i = 0; i < n; i++) {
        name[i] = (char)apr_tolower(walk->at[i]);
    }
    name[n] = '\0';
    walk->at += len;
}

static void tag_open(walk_t *walk)
{
    walk->at++;
    walk->closing = *walk->at == '/';
    walk->at += walk->closing;
    read_name(walk, walk->element, " \t\r\n\f/>");
    walk->has_src = 0;
    walk->attribute[0] = '\0';
    walk->place = TAG;
}

static void tag_close(walk_t *walk)
{
    static const char *const escaped[] = {"title", "textarea", NULL};
    static const char *const raw[] = {"script",   "style", "iframe",    "noembed",
                                      "noframes", "xmp",   "plaintext", NULL};

    walk->at++;
    walk->place = walk->closing                   ? TEXT
                  : is_in(walk->element, escaped) ? ESCAPED_TEXT
                  : is_in(walk->element, raw)     ? RAW_TEXT
                                                  : TEXT;
    if (walk->place == RAW_TEXT && !strcmp(walk->element, "script") && !walk->has_src) {
        walk->fault = "a script within the page does not run: name a file by <script src>";
    }
}

static void attribute(walk_t *walk)
{
    read_name(walk, walk->attribute, " \t\r\n\f/>=");
    if (!strcmp(walk->attribute, "src")) {
        walk->has_src = 1;
    }
    if (!strncmp(walk->attribute, "on", 2)) {
        walk->fault = apr_psprintf(walk->pool,
                                   "the attribute %s does not run: use a file by <script src>",
                                   walk->attribute);
    }
}

/* Browsers take a = that no name is in front of for the first letter of a name. */
static void value_open(walk_t *walk)
{
    if (!walk->attribute[0]) {
        walk->fault = "= has no attribute in front of it";
    }
    step(walk);
    while (*walk->at && strchr(" \t\r\n\f", *walk->at)) {
        step(walk);
    }
    walk->quote = *walk->at == '"' || *walk->at == '\'' ? *walk->at : '\0';
    walk->place = walk->quote ? VALUE : BARE_VALUE;
    walk->at += walk->quote != '\0';
}

static void in_tag(walk_t *walk)
{
    if (*walk->at == '>') {
        tag_close(walk);
    }
    else if (*walk->at == '=') {
        value_open(walk);
    }
    else if (strchr(" \t\r\n\f/", *walk->at)) {
        walk->attribute[0] = *walk->at == '/' ? '\0' : walk->attribute[0];
        step(walk);
    }
    else {
        attribute(walk);
    }
}

/* `<` and a letter or a slash begin a tag, `<!--` a comment, `<!` and `<?` what ends at the
 * next >. */
static void in_text(walk_t *walk)
{
    const char *at = walk->at;

    if (*at == '<' && (apr_isalpha(at[1]) || (at[1] == '/' && apr_isalpha(at[2])))) {
        tag_open(walk);
    }
    else if (!strncmp(at, "<!--", 4)) {
        walk->place = COMMENT;
        walk->at += 4;
    }
    else if (*at == '<' && (at[1] == '!' || at[1] == '?' || at[1] == '/')) {
        walk->closing = 1;
        walk->place = TAG;
        walk->at += 2;
    }
    else {
        step(walk);
    }
}

/* Until the end tag of the element. */
static void in_element(walk_t *walk)
{
    apr_size_t len = strlen(walk->element);

    if (!strncmp(walk->at, "</", 2) && !strncasecmp(walk->at + 2, walk->element, len)
        && strchr(" \t\r\n\f/>", walk->at[2 + len])) {
        tag_open(walk);
    }
    else {
        step(walk);
    }
}

static void in_value(walk_t *walk)
{
    if (walk->place == BARE_VALUE && strchr(" \t\r\n\f>", *walk->at)) {
        walk->place = TAG;
        walk->attribute[0] = '\0';
    }
    else if (walk->place == VALUE && *walk->at == walk->quote) {
        walk->place = TAG;
        walk->attribute[0] = '\0';
        walk->at++;
    }
    else {
        step(walk);
    }
}

static void in_comment(walk_t *walk)
{
    if (!strncmp(walk->at, "-->", 3)) {
        walk->place = TEXT;
        walk->at += 3;
    }
    else {
        step(walk);
    }
}

static void walk_on(walk_t *walk)
{
    static void (*const by_place[])(walk_t *) = {in_text,  in_element, in_element, in_tag,
                                                 in_value, in_value,   in_comment};

    if (!strncmp(walk->at, "{{", 2)) {
        placeholder(walk);
    }
    else {
        by_place[walk->place](walk);
    }
}

/* What only the end can tell. */
static const char *whole_fault(walk_t *walk)
{
    walk->line = walk->condition;
    if (walk->condition) {
        return "{{?...}} has no {{/}}";
    }
    if (walk->place != TEXT) {
        return "it ends within a tag, a comment or an element such as <title> or <script>";
    }
    if (!walk->heads) {
        return "{{head}} is missing: it must stand in the <head>";
    }
    return walk->logins ? NULL : "{{login}} is missing: it must stand in the <body>";
}

/* ---- putting together ---- */

static const char *between(const char *text, const char *from, const char *to,
                           apr_pool_t *pool)
{
    const char *start = strstr(text, from), *end;

    start = start ? strchr(start, '>') : NULL;
    end = start ? strstr(start, to) : NULL;
    return end ? apr_pstrmemdup(pool, start + 1, end - start - 1) : "";
}

static const char *put(const char *text, const char *placeholder, const char *part,
                       apr_pool_t *pool)
{
    const char *at = strstr(text, placeholder);

    return apr_pstrcat(pool, apr_pstrmemdup(pool, text, at - text), part,
                       at + strlen(placeholder), NULL);
}

civic_template_fault_t civic_page_template(const char **page, const char *template,
                                           const char *built_in,
                                           const civic_language_t *english, apr_pool_t *pool)
{
    walk_t walk = {
        .pool = pool, .english = english, .start = template, .at = template, .line = 1};
    civic_template_fault_t fault = {NULL, 0};
    int line;

    do {
        line = walk.line;
        if (*walk.at) {
            walk_on(&walk);
        }
    } while (*walk.at && !walk.fault);
    fault.line = line;
    fault.text = walk.fault;
    if (!fault.text) {
        fault.text = whole_fault(&walk);
        fault.line = walk.line;
    }
    if (!fault.text) {
        *page =
            put(put(template, "{{head}}", between(built_in, "</title", "</head>", pool), pool),
                "{{login}}", between(built_in, "<body", "</body>", pool), pool);
    }
    return fault;
}
