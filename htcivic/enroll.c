/* enroll.c - htcivic's commands about enrollments. See htcivic.h and htcivic.1. */
#include <apr_file_io.h>
#include <apr_getopt.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "htcivic.h"
#include "recovery.h"

const char htcivic_enroll_usage[] =
    "\n"
    "       htcivic create STORE\n"
    "       htcivic add [--shared] [--recovery [--count N]] STORE APPLICATION ACCOUNT USERID\n"
    "       htcivic remove STORE APPLICATION ACCOUNT\n"
    "       htcivic recovery [--count N] STORE APPLICATION ACCOUNT\n"
    "       htcivic list STORE [APPLICATION]\n"
    "       htcivic verify STORE [APPLICATION ACCOUNT USERID]\n"
    "       htcivic export STORE\n"
    "       htcivic import [--shared] STORE [FILE]\n"
    "  STORE                   dbm:PATH, dbd:DRIVER:PARAMS, dbd:DRIVER:@FILE, or instead of "
    "it\n"
    "  -f, --file FILE         that of this configuration file\n"
    "  -d, --root FOLDER       where paths in it begin (default: its ServerRoot, or httpd's)\n"
    "  -s, --shared            one identity may have several accounts\n"
    "  -r, --recovery          print new recovery codes\n"
    "  -n, --count N           so many of them (1 to 16, default 10)\n";

static const apr_getopt_option_t options[] = {
    {"file", 'f', 1, ""},   {"root", 'd', 1, ""},     {"help", 'h', 0, ""},
    {"shared", 's', 0, ""}, {"recovery", 'r', 0, ""}, {"count", 'n', 1, ""},
    {NULL, 0, 0, NULL},
};

/* What a command works with. */
typedef struct {
    civic_enrollments_t *store;
    const htcivic_store_t *named;
    const char *arguments[3]; /* behind the store, NULL: not there */
    const char *text;         /* what is imported */
    apr_size_t len;
    int shared, recovery, codes; /* how many codes; 0: not said */
    apr_pool_t *pool;
} work_t;

typedef struct {
    const char *name, *options; /* its own */
    int counts[2];              /* how many arguments may be behind the store */
    int (*run)(work_t *work);
} command_t;

/* ---- what is said ---- */

/* @param where what the words begin with: "" or a line of a file */
static int result_status(civic_enrollment_result result, const civic_enrollment_t *enrollment,
                         const char *where, const char *error)
{
    switch (result) {
    case CIVIC_ENROLLMENT_OK:
        return HTCIVIC_FINE;
    case CIVIC_ENROLLMENT_NONE:
        return htcivic_fault(HTCIVIC_NOT_SO, "%s%s is not linked in %s", where,
                             enrollment->account, enrollment->application);
    case CIVIC_ENROLLMENT_ACCOUNT_TAKEN:
        return htcivic_fault(HTCIVIC_NOT_SO, "%s%s is linked to another identity", where,
                             enrollment->account);
    case CIVIC_ENROLLMENT_IDENTITY_TAKEN:
        return htcivic_fault(
            HTCIVIC_NOT_SO,
            "%s%s is the identity of another account (--shared would allow it)", where,
            enrollment->user_id);
    default:
        return htcivic_fault(HTCIVIC_FAULT, "%s%s", where,
                             error ? error : "the store cannot be used");
    }
}

/* ---- arguments ---- */

static int name_status(const char *what, const char *name, apr_size_t max)
{
    if (strlen(name) > max) {
        return htcivic_fault(HTCIVIC_TOO_LONG, "the %s has more than %d bytes", what,
                             (int)max);
    }
    for (const char *at = name; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return htcivic_fault(HTCIVIC_UNFIT, "the %s has control characters", what);
        }
    }
    return *name ? HTCIVIC_FINE : htcivic_fault(HTCIVIC_UNFIT, "the %s is empty", what);
}

/* Application, account and, where it is there, user id. */
static int names_status(civic_enrollment_t *enrollment, const work_t *work)
{
    int status =
        name_status("application", work->arguments[0], CIVIC_ENROLLMENT_APPLICATION_MAX);

    if (!status && *work->arguments[0] == '#') {
        status = htcivic_fault(HTCIVIC_UNFIT, "the application begins with #");
    }
    if (!status) {
        status = name_status("account", work->arguments[1], CIVIC_ENROLLMENT_ACCOUNT_MAX);
    }
    if (!status && work->arguments[2]) {
        status = name_status("user id", work->arguments[2], CIVIC_ENROLLMENT_USER_MAX);
    }
    if (status) {
        return status;
    }
    *enrollment = (civic_enrollment_t){work->arguments[0],
                                       civic_account_fold(work->arguments[1], work->pool),
                                       work->arguments[2], apr_time_now(), NULL};
    return enrollment->account
               ? HTCIVIC_FINE
               : htcivic_fault(HTCIVIC_UNFIT, "the account is empty, or no UTF-8");
}

/* ---- commands ---- */

static int run_create(work_t *work)
{
    const char *error = htcivic_store_create(work->named, work->pool);

    return error ? htcivic_fault(HTCIVIC_FAULT, "%s", error) : HTCIVIC_FINE;
}

/* Shown before they count: whoever never saw them keeps the old ones. */
static int recovery_renew(work_t *work, const civic_enrollment_t *of)
{
    apr_array_header_t *codes, *hashes;
    civic_enrollment_result result;
    civic_enrollment_t found;
    const char *error = NULL;

    result = civic_enrollment_find(work->store, &found, of->application, of->account, &error,
                                   work->pool);
    if (result != CIVIC_ENROLLMENT_OK) {
        return result_status(result, of, "", error);
    }
    if (!civic_recovery_make(&codes, &hashes, work->codes, of->application, of->account,
                             work->pool)) {
        return htcivic_fault(HTCIVIC_FAULT, "there are no random numbers");
    }
    for (int i = 0; i < codes->nelts; i++) {
        puts(APR_ARRAY_IDX(codes, i, const char *));
    }
    if (!htcivic_is_written()) {
        return htcivic_fault(HTCIVIC_FAULT,
                             "recovery codes cannot be printed, so %s has no new "
                             "ones",
                             of->account);
    }
    result = civic_enrollment_set_recovery(work->store, of->application, of->account, hashes,
                                           &error, work->pool);
    return result_status(result, of, "these codes do not count: ", error);
}

static int run_add(work_t *work)
{
    civic_enrollment_t enrollment;
    civic_enrollment_result result;
    const char *error = NULL;
    int status = names_status(&enrollment, work);

    if (status) {
        return status;
    }
    result = civic_enrollment_add(work->store, &enrollment, work->shared, &error, work->pool);
    status = result_status(result, &enrollment, "", error);
    return status || !work->recovery ? status : recovery_renew(work, &enrollment);
}

static int run_remove(work_t *work)
{
    civic_enrollment_t enrollment;
    civic_enrollment_result result;
    const char *error = NULL;
    int status = names_status(&enrollment, work);

    if (status) {
        return status;
    }
    result = civic_enrollment_remove(work->store, enrollment.application, enrollment.account,
                                     &error, work->pool);
    return result_status(result, &enrollment, "", error);
}

static int run_recovery(work_t *work)
{
    civic_enrollment_t enrollment;
    int status = names_status(&enrollment, work);

    return status ? status : recovery_renew(work, &enrollment);
}

static int collect(void *baton, const civic_enrollment_t *enrollment)
{
    APR_ARRAY_PUSH((apr_array_header_t *)baton, civic_enrollment_t) = *enrollment;
    return 1;
}

static int by_account(const void *a, const void *b)
{
    const civic_enrollment_t *one = a, *other = b;
    int order = strcmp(one->application, other->application);

    return order ? order : strcmp(one->account, other->account);
}

/* All of them, sorted. */
static int read_all(apr_array_header_t **list, work_t *work)
{
    const char *error = NULL;

    *list = apr_array_make(work->pool, 64, sizeof(civic_enrollment_t));
    if (civic_enrollment_list(work->store, collect, *list, &error, work->pool)
        != CIVIC_ENROLLMENT_OK) {
        return htcivic_fault(HTCIVIC_FAULT, "%s", error);
    }
    qsort((*list)->elts, (size_t)(*list)->nelts, sizeof(civic_enrollment_t), by_account);
    return HTCIVIC_FINE;
}

static int run_list(work_t *work)
{
    apr_array_header_t *list;
    int status = read_all(&list, work);

    if (status) {
        return status;
    }
    for (int i = 0; i < list->nelts; i++) {
        const civic_enrollment_t *one = &APR_ARRAY_IDX(list, i, civic_enrollment_t);

        if (!work->arguments[0] || !strcmp(one->application, work->arguments[0])) {
            printf("%s\t%s\t%s\t%s\t%d\n", one->application, one->account, one->user_id,
                   htcivic_time(one->linked, work->pool), one->recovery->nelts);
        }
    }
    return HTCIVIC_FINE;
}

static int run_export(work_t *work)
{
    apr_array_header_t *list;
    int status = read_all(&list, work);

    if (status) {
        return status;
    }
    puts(htcivic_export_begin);
    for (int i = 0; i < list->nelts; i++) {
        puts(htcivic_line_write(&APR_ARRAY_IDX(list, i, civic_enrollment_t), work->pool));
    }
    puts(htcivic_export_end);
    return HTCIVIC_FINE;
}

static int run_verify(work_t *work)
{
    civic_enrollment_t enrollment, found;
    civic_enrollment_result result;
    const char *error = NULL;
    int status;

    if (!work->arguments[0]) {
        return civic_enrollment_verify(work->store, &error, work->pool) == CIVIC_ENROLLMENT_OK
                   ? HTCIVIC_FINE
                   : htcivic_fault(HTCIVIC_FAULT, "%s", error);
    }
    status = names_status(&enrollment, work);
    if (status) {
        return status;
    }
    result = civic_enrollment_find(work->store, &found, enrollment.application,
                                   enrollment.account, &error, work->pool);
    if (result == CIVIC_ENROLLMENT_OK && strcmp(found.user_id, enrollment.user_id)) {
        result = CIVIC_ENROLLMENT_ACCOUNT_TAKEN;
    }
    return result_status(result, &enrollment, "", error);
}

/* ---- import ---- */

/* The whole of a file; NULL: standard input. */
static const char *file_read(const char **text, apr_size_t *len, const char *path,
                             apr_pool_t *pool)
{
    apr_size_t room = 65536, have = 0, got;
    char *buffer = malloc(room), *larger, reason[120];
    apr_file_t *file;
    apr_status_t rv =
        path ? apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool)
             : apr_file_open_stdin(&file, pool);

    while (rv == APR_SUCCESS && buffer) {
        rv = apr_file_read_full(file, buffer + have, room - have, &got);
        have += got;
        if (have == room) {
            room *= 2;
            larger = realloc(buffer, room);
            if (!larger) {
                free(buffer);
            }
            buffer = larger;
        }
    }
    if (buffer && APR_STATUS_IS_EOF(rv)) {
        *text = apr_pmemdup(pool, buffer, have);
        *len = have;
        free(buffer);
        return NULL;
    }
    free(buffer);
    return apr_psprintf(pool, "%s cannot be read: %s", path ? path : "the standard input",
                        apr_strerror(buffer ? rv : APR_ENOMEM, reason, sizeof(reason)));
}

static int run_import(work_t *work)
{
    apr_array_header_t *list = apr_array_make(work->pool, 64, sizeof(civic_enrollment_t));
    apr_array_header_t *lines = apr_array_make(work->pool, 64, sizeof(int));
    civic_enrollment_result result;
    const char *error;
    int at;

    error = htcivic_lines_read(list, lines, &at, work->text, work->len, work->pool);
    if (error) {
        return htcivic_fault(HTCIVIC_NO_IMPORT, "line %d: %s; nothing was imported", at,
                             error);
    }
    error = NULL;
    result = civic_enrollment_import(work->store, list, work->shared, &at, &error, work->pool);
    if (result == CIVIC_ENROLLMENT_OK) {
        printf("%d account%s imported\n", list->nelts, list->nelts == 1 ? "" : "s");
        return HTCIVIC_FINE;
    }
    if (at < 0) {
        return result_status(result, NULL, "nothing was imported: ", error);
    }
    return result_status(result, &APR_ARRAY_IDX(list, at, civic_enrollment_t),
                         apr_psprintf(work->pool, "nothing was imported: line %d: ",
                                      APR_ARRAY_IDX(lines, at, int)),
                         error);
}

/* ---- the command line ---- */

static const command_t commands[] = {
    {"create", "", {0, 0}, run_create}, {"add", "srn", {3, 3}, run_add},
    {"remove", "", {2, 2}, run_remove}, {"recovery", "n", {2, 2}, run_recovery},
    {"list", "", {0, 1}, run_list},     {"verify", "", {0, 3}, run_verify},
    {"export", "", {0, 0}, run_export}, {"import", "s", {0, 1}, run_import},
};

static const command_t *command_of(const char *name)
{
    for (apr_size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!strcmp(commands[i].name, name)) {
            return &commands[i];
        }
    }
    return NULL;
}

int htcivic_is_enroll(const char *command)
{
    return command_of(command) != NULL;
}

typedef struct {
    const char *file, *root;
    int help;
} given_t;

/* One or two digits and nothing else. @return 0 when it is no such number */
static int count_read(const char *text)
{
    int count = 0;

    for (const char *at = text; *at; at++) {
        if (!apr_isdigit(*at) || at - text > 1) {
            return 0;
        }
        count = 10 * count + (*at - '0');
    }
    return count <= CIVIC_ENROLLMENT_RECOVERY_MAX ? count : 0;
}

/* @return 0 when an option is not the command's, or its value is wrong */
static int take(work_t *work, given_t *given, const command_t *command, int option,
                const char *value)
{
    switch (option) {
    case 'f':
        given->file = value;
        return 1;
    case 'd':
        given->root = value;
        return 1;
    case 'h':
        given->help = 1;
        return 1;
    case 's':
        work->shared = CIVIC_ENROLLMENT_SHARED;
        break;
    case 'r':
        work->recovery = 1;
        break;
    default:
        work->codes = count_read(value);
        if (!work->codes) {
            return 0;
        }
        break;
    }
    return strchr(command->options, option) != NULL;
}

/* @param store set: what the first argument says, NULL with -f. @return 0 when it is not
 * understood */
static int command_read(work_t *work, given_t *given, const char **store,
                        const command_t *command, int argc, const char *const *argv)
{
    apr_getopt_t *parser;
    apr_status_t rv;
    const char *value;
    int option, count;

    apr_getopt_init(&parser, work->pool, argc, argv);
    parser->interleave = 1;
    while ((rv = apr_getopt_long(parser, options, &option, &value)) == APR_SUCCESS) {
        if (!take(work, given, command, option, value)) {
            return 0;
        }
    }
    if (!APR_STATUS_IS_EOF(rv)
        || (work->codes && !work->recovery && strchr(command->options, 'r'))) {
        return 0;
    }
    work->codes = work->codes ? work->codes : CIVIC_RECOVERY_CODES;
    *store = given->file || parser->ind == argc ? NULL : parser->argv[parser->ind++];
    count = argc - parser->ind;
    if ((!given->file && !*store) || (given->root && !given->file)
        || (count != command->counts[0] && count != command->counts[1])) {
        return given->help;
    }
    for (int i = 0; i < count; i++) {
        work->arguments[i] = parser->argv[parser->ind + i];
    }
    return 1;
}

int htcivic_enroll(int argc, const char *const *argv, apr_pool_t *pool)
{
    const command_t *command = command_of(argv[0]);
    work_t work = {.pool = pool};
    htcivic_store_t named = {0};
    given_t given = {0};
    const char *store, *error;

    if (!command_read(&work, &given, &store, command, argc, argv)) {
        fprintf(stderr, "usage:%s", htcivic_enroll_usage);
        return HTCIVIC_USAGE;
    }
    if (given.help) {
        printf("usage:%s", htcivic_enroll_usage);
        return HTCIVIC_FINE;
    }
    error = given.file ? htcivic_scan_store(&named, given.file, given.root, pool)
                       : htcivic_store_parse(&named, store, pool);
    if (error) {
        return htcivic_fault(HTCIVIC_USAGE, "%s", error);
    }
    /* As whoever called, before the store's owner takes over. */
    error = command->run == run_import
                ? file_read(&work.text, &work.len, work.arguments[0], pool)
                : NULL;
    if (error) {
        return htcivic_fault(HTCIVIC_FAULT, "%s", error);
    }
    work.named = &named;
    if (command->run != run_create) {
        error = htcivic_store_open(&work.store, &named, pool);
        if (error) {
            return htcivic_fault(HTCIVIC_FAULT, "%s", error);
        }
    }
    return command->run(&work);
}
