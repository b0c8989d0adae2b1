/* policy.c - see policy.h. */
#include "policy.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

static const char *const addable[] = {
    "script-src", "style-src",  "img-src",      "font-src",    "connect-src",     "frame-src",
    "media-src",  "worker-src", "manifest-src", "form-action", "frame-ancestors", "report-uri",
    "report-to",  NULL};

static const char *const settable[] = {"default-src",
                                       "script-src-elem",
                                       "script-src-attr",
                                       "style-src-elem",
                                       "style-src-attr",
                                       "object-src",
                                       "child-src",
                                       "base-uri",
                                       "sandbox",
                                       "trusted-types",
                                       "require-trusted-types-for",
                                       "upgrade-insecure-requests",
                                       NULL};

/* Scripts from anywhere, or of the page's own text. */
static const char *const loose[] = {"'unsafe-inline'",
                                    "'unsafe-eval'",
                                    "'unsafe-hashes'",
                                    "'wasm-unsafe-eval'",
                                    "'strict-dynamic'",
                                    "*",
                                    "http:",
                                    "https:",
                                    "data:",
                                    "blob:",
                                    "filesystem:",
                                    NULL};

static int is_in(const char *word, const char *const *list)
{
    for (; *list; list++) {
        if (!strcasecmp(word, *list)) {
            return 1;
        }
    }
    return 0;
}

/* A host of any name, with or without a scheme, a port and a path. */
static int is_any_host(const char *source)
{
    const char *host = strstr(source, "://");

    host = host ? host + 3 : source;
    return host[0] == '*' && host[1] != '.';
}

static const char *directive_fault(char *text, civic_policy_use use, apr_pool_t *pool)
{
    char *last, *name = apr_strtok(text, " \t", &last), *source;
    int count = 0;

    if (!is_in(name, addable) && !(use == CIVIC_POLICY_SET && is_in(name, settable))) {
        return apr_psprintf(pool, "%.60s is not a directive that %s", name,
                            use == CIVIC_POLICY_SET ? "a policy has"
                                                    : "sources can be added to");
    }
    for (; (source = apr_strtok(NULL, " \t", &last)); count++) {
        if (use == CIVIC_POLICY_ADD && !strcasecmp(source, "'none'")) {
            return "'none' cannot be added";
        }
        if (use == CIVIC_POLICY_ADD && !strcasecmp(name, "script-src")
            && (is_in(source, loose) || is_any_host(source))) {
            return apr_psprintf(
                pool, "%s would let any script in: name the origin it comes from", source);
        }
    }
    return use == CIVIC_POLICY_ADD && count == 0 ? apr_psprintf(pool, "%s has no source", name)
                                                 : NULL;
}

const char *civic_policy_fault(const char *text, civic_policy_use use, apr_pool_t *pool)
{
    char *last, *copy = apr_pstrdup(pool, text);
    const char *fault = NULL;
    int count = 0;

    for (const char *p = text; *p; p++) {
        if (*p < ' ' || *p > '~' || *p == ',') {
            return "a policy is ASCII, without commas and control characters";
        }
    }
    for (char *one = apr_strtok(copy, ";", &last); one && !fault;
         one = apr_strtok(NULL, ";", &last)) {
        if (one[strspn(one, " \t")]) {
            fault = directive_fault(one, use, pool);
            count++;
        }
    }
    if (!fault && count == 0) {
        return "it must be of the form \"directive source ...; directive source ...\", as "
               "\"img-src https://cdn.example.org\"";
    }
    return fault;
}

/* Where a directive's sources end in the policy, and where they begin; NULL: it is
 * not there. */
static const char *find(const char *policy, const char *name, const char **sources)
{
    apr_size_t len = strlen(name);

    for (const char *p = policy; *p;) {
        const char *end = p + strcspn(p, ";");

        p += strspn(p, " \t");
        if (!strncasecmp(p, name, len) && (p[len] == ' ' || p + len == end)) {
            *sources = p + len;
            return end;
        }
        p = *end ? end + 1 : end;
    }
    return NULL;
}

static int has_source(const char *from, const char *end, const char *source)
{
    apr_size_t len = strlen(source);

    while (from < end) {
        apr_size_t n;

        from += strspn(from, " \t");
        n = strcspn(from, " \t;");
        if (n == len && !strncasecmp(from, source, len)) {
            return 1;
        }
        from += n ? n : 1;
    }
    return 0;
}

static const char *add_source(const char *policy, const char *name, const char *source,
                              apr_pool_t *pool)
{
    const char *from, *end = find(policy, name, &from);

    if (!end) {
        return apr_pstrcat(pool, policy, "; ", name, " ", source, NULL);
    }
    if (has_source(from, end, source)) {
        return policy;
    }
    return apr_pstrcat(
        pool, apr_pstrmemdup(pool, policy, from - policy),
        has_source(from, end, "'none'") ? "" : apr_pstrmemdup(pool, from, end - from), " ",
        source, end, NULL);
}

const char *civic_policy_add(const char *policy, const char *more, apr_pool_t *pool)
{
    char *last, *copy = apr_pstrdup(pool, more);

    for (char *one = apr_strtok(copy, ";", &last); one; one = apr_strtok(NULL, ";", &last)) {
        char *words, *name = apr_strtok(one, " \t", &words), *source;

        while (name && (source = apr_strtok(NULL, " \t", &words))) {
            policy = add_source(policy, name, source, pool);
        }
    }
    return policy;
}
