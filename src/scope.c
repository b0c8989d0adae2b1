/* scope.c - see scope.h. */
#include "scope.h"

#include <string.h>

int civic_scope_is_name(const char *scope)
{
    size_t len = strlen(scope);

    return len > 0 && len <= CIVIC_SCOPE_MAX
           && strspn(scope, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

/* From the least to the greatest. */
static const struct {
    const char *name;
    const char *evidence; /* how labels begin that only this one and greater ones show */
} known[] = {
    {"ANONYMOUS_LOGIN", NULL},
    {"BASIC_SIGNUP", "contact."},
    {"PROOF_OF_IDENTITY", "documents."},
};

static int rank(const char *scope)
{
    for (int i = 0; i < 3; i++) {
        if (!strcmp(scope, known[i].name)) {
            return i + 1;
        }
    }
    return 0;
}

const char *civic_scope_evidence(const char *scope)
{
    return rank(scope) ? known[rank(scope) - 1].evidence : NULL;
}

const char *civic_scope_showing(const char *label)
{
    for (int i = 0; i < 3; i++) {
        if (known[i].evidence
            && !strncmp(label, known[i].evidence, strlen(known[i].evidence))) {
            return known[i].name;
        }
    }
    return NULL;
}

int civic_scope_covers(const char *held, const char *wanted)
{
    if (!strcmp(held, wanted)) {
        return 1;
    }
    return rank(held) && rank(wanted) && rank(held) >= rank(wanted);
}
