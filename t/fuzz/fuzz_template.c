/* Templates: any page; and any value stays text. The input's first line is the value. */
#include "fuzz.h"

#include <string.h>

#include "template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    apr_table_t *values = apr_table_make(pool, 1);
    char *text = fuzz_text(data, size), *page = strchr(text, '\n');
    const char *out;

    if (page) {
        *page++ = '\0';
    }
    apr_table_setn(values, "x", text);
    out = civic_template_render("{{x}}", values, pool);
    HOLDS(!strpbrk(out, "<>\"'"));
    HOLDS(!strcmp(civic_template_render("{{?x}}{{x}}{{/}}", values, pool), out));
    HOLDS(!strcmp(civic_template_render("{{y}}{{?y}}{{x}}{{/}}", values, pool), ""));
    civic_template_render(page ? page : text, values, pool);
    free(text);
    apr_pool_destroy(pool);
    return 0;
}
