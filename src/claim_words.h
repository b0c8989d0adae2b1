/* claim_words.h - what Civic's claims are called where people read of them. */
#ifndef CIVIC_CLAIM_WORDS_H
#define CIVIC_CLAIM_WORDS_H

#include "words.h"

/** "email address" for contact.personal.email, in the language. Labels that are not of Civic's
 * documentation stand for themselves. @param label NULL is NULL */
const char *civic_claim_words(const civic_language_t *language, const char *label);

#endif
