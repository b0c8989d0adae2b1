/* claim_words.c - see claim_words.h. */
#include "claim_words.h"

#include <string.h>

const char *civic_claim_words(const civic_language_t *language, const char *label)
{
    static const struct {
        const char *label, *words;
    } known[] = {{"contact.personal.email", "claim.email"},
                 {"contact.personal.phoneNumber", "claim.phone"},
                 {"documents.genericId.type", "claim.document-type"},
                 {"documents.genericId.number", "claim.document-number"},
                 {"documents.genericId.name", "claim.name"},
                 {"documents.genericId.dateOfBirth", "claim.birth"},
                 {"documents.genericId.dateOfIssue", "claim.issue"},
                 {"documents.genericId.dateOfExpiry", "claim.expiry"},
                 {"documents.genericId.country", "claim.country"}};

    for (apr_size_t i = 0; label && i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strcmp(label, known[i].label)) {
            return civic_words_text(language, known[i].words);
        }
    }
    return label;
}
