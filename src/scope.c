/* scope.c - see scope.h. */
#include "scope.h"

#include <string.h>

int civic_scope_is_name(const char *scope)
{
    size_t len = strlen(scope);

    return len > 0 && len <= CIVIC_SCOPE_MAX
           && strspn(scope, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

static int rank(const char *scope)
{
    static const char *const known[] = {"ANONYMOUS_LOGIN", "BASIC_SIGNUP",
                                        "PROOF_OF_IDENTITY"};

    for (int i = 0; i < 3; i++) {
        if (!strcmp(scope, known[i])) {
            return i + 1;
        }
    }
    return 0;
}

int civic_scope_covers(const char *held, const char *wanted)
{
    if (!strcmp(held, wanted)) {
        return 1;
    }
    return rank(held) && rank(wanted) && rank(held) >= rank(wanted);
}
