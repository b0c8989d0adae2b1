/* unit.h - what the unit tests share: a pool for each test, files of the source tree, the keys
 * and vectors of sip.json, tokens with any header.
 *
 * A test gets its pool as *state. Helpers fail the test that calls them when what they are
 * asked for is not there, so that their results need no check.
 */
#ifndef CIVIC_UNIT_H
#define CIVIC_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <apr_pools.h>
#include <jansson.h>
#include "crypto.h"
#include "reason.h"
#include "sip.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** A row of a program's list of tests. */
#define UNIT(test) cmocka_unit_test_setup_teardown(test, unit_setup, unit_teardown)

/** Run a list of tests: the whole of a program's main. */
#define UNIT_RUN(name, tests) cmocka_run_group_tests_name(name, tests, unit_start, unit_end)

int unit_start(void **state);
int unit_end(void **state);
int unit_setup(void **state);
int unit_teardown(void **state);

/** `many`, or `few` when CIVIC_TEST_QUICK is set (valgrind is slow). */
int unit_rounds(int many, int few);

/** The next number of a sequence that is the same in every run. */
apr_uint64_t unit_random(apr_uint64_t *seed);

/** A file by its path below the source tree. */
civic_bytes_t unit_read(const char *path, apr_pool_t *pool);
const json_t *unit_read_json(const char *path, apr_pool_t *pool);

/** Members that must be there. */
const json_t *unit_member(const json_t *object, const char *name);
const char *unit_text(const json_t *object, const char *name);

civic_bytes_t unit_hex(const char *hex, apr_pool_t *pool);
civic_key_t *unit_private_key(const char *text, apr_pool_t *pool);
civic_key_t *unit_public_key(const char *text, apr_pool_t *pool);

/** t/unit/vectors/sip.json, its application, and the key that its Civic signs with. */
const json_t *unit_sip(void);
civic_sip_application_t *unit_application(apr_pool_t *pool);
civic_key_t *unit_civic_key(apr_pool_t *pool);

/** A compact token with any header and payload, signed as ES256 whatever the header says. */
const char *unit_token(const char *header, const char *payload, const civic_key_t *key,
                       apr_pool_t *pool);
#define UNIT_HEADER "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"

/** n times one character, NUL-terminated. */
char *unit_repeat(char c, apr_size_t n, apr_pool_t *pool);

/** "ok" or the reason's name. */
const char *unit_reason_name(civic_reason reason);

/** Fails with both names, `what` saying which case it was. */
#define assert_reason(actual, expected, what)                                                 \
    unit_assert_reason(actual, expected, what, __FILE__, __LINE__)
void unit_assert_reason(civic_reason actual, civic_reason expected, const char *what,
                        const char *file, int line);

/** As assert_true(condition) inside a loop over cases: the message names the case. */
#define assert_case(condition, what)                                                          \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            print_error("%s: not so: %s\n", what, #condition);                                \
            fail();                                                                           \
        }                                                                                     \
    } while (0)

#endif
