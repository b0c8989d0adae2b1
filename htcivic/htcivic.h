/* htcivic.h - the command htcivic: are an application's keys, addresses and clock as they must be?
 *
 * main reads options, scan a configuration; both give applications as text, and check judges them
 * with the module's own code. It changes nothing and prints no secret.
 */
#ifndef HTCIVIC_H
#define HTCIVIC_H

#include <apr_pools.h>
#include <apr_tables.h>

/** An application as somebody wrote it down. NULL: not said. Paths are relative to `root`. */
typedef struct {
    const char *id, *private_key, *secret;
    const char *api, *environment, *public_key, *ca_file, *proxy, *proxy_secret;
    const char *root;
} htcivic_application_t;

/** What a configuration file says. */
typedef struct {
    apr_array_header_t *applications;      /* of htcivic_application_t */
    const char *assertion_key, *other_key; /* CivicAssertionKeyFile; NULL: not said */
    const char *root;
} htcivic_conf_t;

/**
 * Read one file: its <CivicApplication> sections, of which there must be one, and
 * CivicAssertionKeyFile; Include is not followed.
 * @return NULL, or what is wrong
 */
const char *htcivic_scan(htcivic_conf_t *conf, const char *path, const char *root,
                         apr_pool_t *pool);

/** Which directive of a section is which member. @return where it is kept, NULL for others */
const char **htcivic_member(htcivic_application_t *app, const char *directive);

/** The defaults for what was not said. */
void htcivic_complete(htcivic_application_t *app);

/**
 * Judge one and print what was found.
 * @param ask_api     reach the API
 * @param ask_accepts also let it judge our signature, by a code that is none
 * @return how many faults there are
 */
int htcivic_check(const htcivic_application_t *app, int ask_api, int ask_accepts,
                  apr_pool_t *pool);

/** Judge the keys of assertions, where a file names some, and print what was found.
 * @return how many faults there are */
int htcivic_check_assertion(const htcivic_conf_t *conf, apr_pool_t *pool);

#endif
