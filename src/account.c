/* account.c - see account.h. */
#include "account.h"

#include <string.h>

#include "claims.h"
#include "crypto.h"
#include "enrollment.h"

const char *civic_account_fold(const char *name, apr_pool_t *pool)
{
    apr_size_t len = name ? strlen(name) : 0;
    char *folded, *out;

    if (len > 4 * CIVIC_ENROLLMENT_ACCOUNT_MAX) {
        return NULL;
    }
    folded = out = apr_palloc(pool, len + 1);
    for (apr_size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c == ' ' || c == '\t') {
            if (out > folded && out[-1] != ' ') {
                *out++ = ' ';
            }
            continue;
        }
        *out++ = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    while (out > folded && out[-1] == ' ') {
        out--;
    }
    *out = '\0';
    return out > folded && out - folded <= CIVIC_ENROLLMENT_ACCOUNT_MAX
                   && !civic_value_is_unsafe(folded)
               ? folded
               : NULL;
}

int civic_account_is_plain(const char *account)
{
    for (; *account; account++) {
        if ((unsigned char)*account > 0x7f) {
            return 0;
        }
    }
    return 1;
}

int civic_account_equal(const char *a, const char *b)
{
    apr_size_t len = strlen(a);

    return len == strlen(b) && civic_equal(a, b, len);
}
