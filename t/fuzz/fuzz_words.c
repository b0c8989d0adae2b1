/* Any Accept-Language chooses a language that is there, and any file of a language is refused
 * in words or makes one that never breaks a page. The input's first line is the header, the
 * rest is the file. */
#include "fuzz.h"

#include <string.h>

#include "accept_language.h"
#include "template.h"

static const civic_language_source_t sources[] = {
    {"en", "{\"page.a\":\"Again\",\"page.b\":\"{x} and {y}\",\"login.c\":\"{host}\","
           "\"reason.internal\":\"No.\"}"},
    {"de", "{\"page.a\":\"Erneut\"}"},
    {"pt-BR", "{\"page.a\":\"Novamente\"}"},
    {0}};

static void file_check(const char *text, const civic_language_t *english, apr_pool_t *pool)
{
    const char *fault = NULL, *page, *filled;
    int missing = -1;
    const civic_language_t *language =
        civic_words_read("xx", text, strlen(text), english, &missing, &fault, pool);

    HOLDS(!language == (fault != NULL));
    if (!language) {
        HOLDS(*fault && !strpbrk(fault, "\r\n\x1b"));
        return;
    }
    HOLDS(missing >= 0 && missing <= 4);
    page = civic_words_page(language, "{{dir}}|{{page.a}}|{{page.b}}|{{script-words}}", pool);
    HOLDS(!strpbrk(page, "<>\"'\r\n") && !strstr(page, "{{"));
    HOLDS(!strncmp(page, "ltr|", 4) || !strncmp(page, "rtl|", 4));
    filled = civic_words_fill(pool, language, "page.b", "x", "{y}", "y", "", NULL);
    HOLDS(!strstr(filled, "{x}"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *text = fuzz_text(data, size), *file = strchr(text, '\n');
    const char *fault;
    apr_array_header_t *languages = civic_words_all(sources, &fault, pool);
    const civic_language_t *chosen;
    int found = 0;

    HOLDS(languages != NULL);
    if (file) {
        *file++ = '\0';
    }
    chosen = civic_language_choose(languages, text);
    for (int i = 0; i < languages->nelts; i++) {
        found += APR_ARRAY_IDX(languages, i, civic_language_t *) == chosen;
    }
    HOLDS(found == 1);
    HOLDS(civic_words_is_tag(text) || !civic_language_find(languages, text)
          || strpbrk(text, "-"));
    file_check(file ? file : text, APR_ARRAY_IDX(languages, 0, civic_language_t *), pool);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
