/* main.c - htcivic check: options; other commands are enroll's. See htcivic.h and htcivic.1.
 */
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "htcivic.h"

static const char usage[] =
    "usage: htcivic check --id ID --private-key FILE --secret FILE [options]\n"
    "       htcivic check -f FILE [-d FOLDER] [--offline] [--try]\n"
    "  -f, --file FILE         check each <CivicApplication> of this configuration file\n"
    "  -d, --root FOLDER       where paths in it begin (default: its ServerRoot, or httpd's)\n"
    "      --id ID             an application, and what belongs to it:\n"
    "      --private-key FILE  its private signing key\n"
    "      --secret FILE       its secret\n"
    "      --api URL           base of the API\n"
    "      --environment NAME  prod (the default) or dev\n"
    "      --public-key KEY    Civic's key: 130 hex digits, or file:FILE\n"
    "      --ca FILE           who vouches for the API's certificate\n"
    "      --proxy URL         http://host:port\n"
    "      --proxy-secret FILE user:password for it\n"
    "      --offline           ask neither the API nor a database\n"
    "      --try               let the API judge our signature, by a code that is none\n"
    "  -h, --help              this text\n"
    "  -v, --version           the version\n";

/* Options that name a member of an application, in the order of `members`. */
static const apr_getopt_option_t options[] = {
    {"file", 'f', 1, ""},    {"root", 'd', 1, ""},        {"help", 'h', 0, ""},
    {"version", 'v', 0, ""}, {"offline", 'o', 0, ""},     {"try", 't', 0, ""},
    {"id", 256, 1, ""},      {"private-key", 257, 1, ""}, {"secret", 258, 1, ""},
    {"api", 259, 1, ""},     {"environment", 260, 1, ""}, {"public-key", 261, 1, ""},
    {"ca", 262, 1, ""},      {"proxy", 263, 1, ""},       {"proxy-secret", 264, 1, ""},
    {NULL, 0, 0, NULL},
};

typedef struct {
    const char *file, *root;
    int offline, try, help, version;
    htcivic_application_t app;
    int said; /* of an application, how many options */
} command_t;

static void take(command_t *command, int option, const char *value)
{
    htcivic_application_t *app = &command->app;
    const char **members[] = {&app->id,      &app->private_key, &app->secret,
                              &app->api,     &app->environment, &app->public_key,
                              &app->ca_file, &app->proxy,       &app->proxy_secret};

    switch (option) {
    case 'f':
        command->file = value;
        break;
    case 'd':
        command->root = value;
        break;
    case 'h':
        command->help = 1;
        break;
    case 'v':
        command->version = 1;
        break;
    case 'o':
        command->offline = 1;
        break;
    case 't':
        command->try = 1;
        break;
    default:
        *members[option - 256] = value;
        command->said++;
        break;
    }
}

/* @return 0 when the command line is not understood */
static int command_read(command_t *command, int argc, const char *const *argv,
                        apr_pool_t *pool)
{
    apr_getopt_t *parser;
    apr_status_t rv;
    const char *value;
    int option;

    if (argc > 1 && strcmp(argv[1], "check") && argv[1][0] != '-') {
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "check")) {
        argc--;
        argv++;
    }
    else if (argc > 2) {
        return 0;
    }
    apr_getopt_init(&parser, pool, argc, argv);
    while ((rv = apr_getopt_long(parser, options, &option, &value)) == APR_SUCCESS) {
        take(command, option, value);
    }
    return APR_STATUS_IS_EOF(rv) && parser->ind == argc
           && (command->help || command->version
               || (command->file
                       ? !command->said
                       : command->app.id && command->app.private_key && command->app.secret));
}

static int check_all(const command_t *command, apr_pool_t *pool)
{
    htcivic_conf_t conf = {.applications =
                               apr_array_make(pool, 1, sizeof(htcivic_application_t)),
                           .stores = apr_array_make(pool, 1, sizeof(htcivic_store_t))};
    int faults = 0;

    if (command->file) {
        const char *fault = htcivic_scan(&conf, command->file, command->root, pool);

        if (fault) {
            fprintf(stderr, "htcivic: %s\n", fault);
            return HTCIVIC_USAGE;
        }
    }
    else {
        APR_ARRAY_PUSH(conf.applications, htcivic_application_t) = command->app;
    }
    for (int i = 0; i < conf.applications->nelts; i++) {
        htcivic_application_t *app =
            &APR_ARRAY_IDX(conf.applications, i, htcivic_application_t);

        htcivic_complete(app);
        faults += htcivic_check(app, !command->offline, command->try, pool);
    }
    faults += htcivic_check_assertion(&conf, pool);
    for (int i = 0; i < conf.stores->nelts; i++) {
        faults += htcivic_check_store(&APR_ARRAY_IDX(conf.stores, i, htcivic_store_t),
                                      conf.user, command->offline, pool);
    }
    if (faults) {
        printf("%d fault%s\n", faults, faults == 1 ? "" : "s");
    }
    else {
        puts("no faults");
    }
    return faults ? HTCIVIC_FAULT : HTCIVIC_FINE;
}

static int run(int argc, const char *const argv[], apr_pool_t *pool)
{
    command_t command = {0};

    if (argc > 1 && htcivic_is_enroll(argv[1])) {
        return htcivic_enroll(argc - 1, argv + 1, pool);
    }
    if (!command_read(&command, argc, argv, pool)) {
        fputs(usage, stderr);
        fputs(htcivic_enroll_usage, stderr);
        return HTCIVIC_USAGE;
    }
    if (command.help || command.version) {
        fputs(command.help ? usage : "htcivic " PACKAGE_VERSION "\n", stdout);
        fputs(command.help ? htcivic_enroll_usage : "", stdout);
        return HTCIVIC_FINE;
    }
    return check_all(&command, pool);
}

int main(int argc, const char *const argv[])
{
    apr_pool_t *pool;
    int status;

    htcivic_output_prepare();
    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS
        || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return HTCIVIC_FAULT;
    }
    status = run(argc, argv, pool);
    if (!htcivic_is_written() && status == HTCIVIC_FINE) {
        status = htcivic_fault(HTCIVIC_FAULT, "the output cannot be written");
    }
    apr_terminate();
    return status;
}
