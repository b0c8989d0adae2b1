/* seal_key.h - the seal key that is made when CivicSealKeyFile names none: a file of mode 0600
 * beside the session store, so that it lasts as long as the sessions do.
 */
#ifndef CIVIC_SEAL_KEY_H
#define CIVIC_SEAL_KEY_H

#include "state.h"

/**
 * Read the key of a file; make both when there is no such file.
 *
 * @return NULL with keys->current set, or what is wrong, fit for an operator
 */
const char *civic_seal_key_file(civic_seal_keys_t *keys, const char *path, apr_pool_t *pool);

#endif
