/* scope.h - scope requests: which one holds what another asks for. */
#ifndef CIVIC_SCOPE_H
#define CIVIC_SCOPE_H

#define CIVIC_SCOPE_DEFAULT "BASIC_SIGNUP"
#define CIVIC_SCOPE_MAX     64

/** 1 to CIVIC_SCOPE_MAX of A-Z, 0-9 and _: names that Civic may add later pass.
 * @return 1 or 0 */
int civic_scope_is_name(const char *scope);

/**
 * Does a session obtained with `held` open a location that asks for `wanted`?
 * ANONYMOUS_LOGIN < BASIC_SIGNUP < PROOF_OF_IDENTITY; any other name covers itself alone.
 * @return 1 or 0
 */
int civic_scope_covers(const char *held, const char *wanted);

/**
 * The least scope request whose answer holds this label.
 * @return NULL when that is not known
 */
const char *civic_scope_showing(const char *label);

/**
 * How labels begin that an answer to this scope request holds and one to a lesser does not.
 * @return NULL when nothing of that kind is known
 */
const char *civic_scope_evidence(const char *scope);

#endif
