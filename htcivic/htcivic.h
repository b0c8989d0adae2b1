/* htcivic.h - the command htcivic: are an application's keys, addresses and clock as they must
 * be? And who is linked to whom?
 *
 * main reads the options of check, scan a configuration (source its lines); both give
 * applications as text, and check judges them with the module's own code. It changes nothing
 * and prints no secret. The other commands are enroll's: enroll_store opens the store that
 * they are about, enroll_text reads and writes lines. output says what went wrong, and whether
 * what was printed got anywhere.
 */
#ifndef HTCIVIC_H
#define HTCIVIC_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "enrollment.h"

/** An application as somebody wrote it down. NULL: not said. Paths are relative to `root`. */
typedef struct {
    const char *id, *private_key, *secret;
    const char *api, *environment, *public_key, *ca_file, *proxy, *proxy_secret;
    const char *root;
} htcivic_application_t;

/** Which store a configuration names. NULL: not said. */
typedef struct {
    const char *store; /* as CivicEnrollmentStore has it */
    const char *driver, *params;
    const char *queries[CIVIC_QUERIES];
    const char *root; /* where relative paths begin, NULL for the current folder */
} htcivic_store_t;

/** What a configuration file says. */
typedef struct {
    apr_array_header_t *applications;      /* of htcivic_application_t */
    apr_array_header_t *stores;            /* of htcivic_store_t, each once */
    const char *assertion_key, *other_key; /* CivicAssertionKeyFile; NULL: not said */
    const char *root;
    const char *user; /* httpd's */
} htcivic_conf_t;

/**
 * Read a file and those that it includes: <CivicApplication> sections, of which there must be
 * one, and CivicAssertionKeyFile.
 * @param root where relative paths begin; NULL: what source.h says
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

/**
 * Judge a store of enrollments and print what was found. A process of its own becomes the
 * owner and opens it.
 * @param httpd_user as whom httpd uses it, NULL: not known
 * @param offline    ask no database of another machine
 * @return how many faults there are
 */
int htcivic_check_store(const htcivic_store_t *named, const char *httpd_user, int offline,
                        apr_pool_t *pool);

/* ---- what is said ---- */

/** Before anything is opened. A pipe that nobody reads is an error, no death, and where a
 * standard stream is closed no file gets its number: a store would be printed into. */
void htcivic_output_prepare(void);

/** On the standard error, as a line that begins with `htcivic: `. @return `status` */
int htcivic_fault(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** A line of check's, on the standard output. */
void htcivic_say(const char *label, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** @return 0 when some of the output so far could not be written */
int htcivic_is_written(void);

/* ---- enrollments ---- */

/** Exit statuses, as htpasswd and htdbm have them; check has the first three. Output that
 * nobody could write is no success: HTCIVIC_FAULT. */
enum {
    HTCIVIC_FINE = 0,
    HTCIVIC_FAULT = 1,     /* a file or a store cannot be used */
    HTCIVIC_USAGE = 2,     /* the command line is not understood */
    HTCIVIC_NOT_SO = 3,    /* not linked, or linked otherwise */
    HTCIVIC_TOO_LONG = 5,  /* a name has too many bytes */
    HTCIVIC_UNFIT = 6,     /* a name has characters that it must not have */
    HTCIVIC_NO_IMPORT = 7, /* a file is not what export writes */
};

extern const char htcivic_enroll_usage[];

/** @return 1 when this is a command of enroll's */
int htcivic_is_enroll(const char *command);

/** @param argv from the command on. @return exit status */
int htcivic_enroll(int argc, const char *const *argv, apr_pool_t *pool);

/** As htcivic_scan for the store of enrollments. @return NULL, or what is wrong */
const char *htcivic_scan_store(htcivic_store_t *store, const char *path, const char *root,
                               apr_pool_t *pool);

/** dbm:PATH, dbd:DRIVER:PARAMS or dbd:DRIVER:@FILE. @return NULL, or what is wrong */
const char *htcivic_store_parse(htcivic_store_t *store, const char *text, apr_pool_t *pool);

/** @return where its file or files are, NULL: it is no file of this machine's that is known */
const char *htcivic_store_file(const htcivic_store_t *named, apr_pool_t *pool);

/**
 * Open it, or make it. As root, become the owner of the folder that it is in first, so that
 * its files are the owner's and no link that he made leads anywhere he may not go.
 * @return NULL, or what is wrong
 */
const char *htcivic_store_open(civic_enrollments_t **store, const htcivic_store_t *named,
                               apr_pool_t *pool);
const char *htcivic_store_create(const htcivic_store_t *named, apr_pool_t *pool);

/** One enrollment as a line, without its end. */
const char *htcivic_line_write(const civic_enrollment_t *enrollment, apr_pool_t *pool);

/** What export writes before its lines and behind them. */
extern const char htcivic_export_begin[], htcivic_export_end[];

/**
 * Lines as export writes them; empty ones and those that begin with # are passed by. An export
 * that was cut off is refused, and so is a text without export or enrollment: whatever should
 * have written it did not.
 * @param list   of civic_enrollment_t
 * @param lines  of int: in which line each of them is
 * @param line   set with a fault: where it is
 * @return NULL, or what is wrong
 */
const char *htcivic_lines_read(apr_array_header_t *list, apr_array_header_t *lines, int *line,
                               const char *text, apr_size_t len, apr_pool_t *pool);

/** RFC 3339, UTC: 2026-11-24T22:59:00Z */
const char *htcivic_time(apr_time_t time, apr_pool_t *pool);

#endif
