/* conf.h - what httpd.conf says, as structs.
 *
 * Directives are judged when they are read (conf_*.c); what needs the whole picture is judged
 * by startup.c. After that nothing here changes: requests only read.
 */
#ifndef CIVIC_CONF_H
#define CIVIC_CONF_H

#include <httpd.h>
#include <http_config.h>
#include <ap_expr.h>
#include "assertion.h"
#include "attempts.h"
#include "record.h"
#include "redis_address.h"
#include "sip.h"
#include "words.h"

#pragma GCC visibility push(default) /* the one symbol that is exported */
extern module AP_MODULE_DECLARE_DATA auth_civic_module;
#pragma GCC visibility pop

#define CIVIC_UNSET     (-1)
#define CIVIC_AUTH_TYPE "Civic"

struct civic_enrollments;
struct civic_runtime;
struct civic_socache;

/** One <CivicApplication>. */
typedef struct {
    civic_sip_application_t sip;   /* keys and addresses */
    const char *library_script;    /* URLs of the browser library */
    const char *library_style;     /* NULL: none */
    const char *library_integrity; /* NULL: not pinned */
    const char *page_policy;       /* Content-Security-Policy of the login page */
    int keep_picture;              /* CivicDocumentImage; CIVIC_UNSET: not said */
    const char *cookie_suffix;     /* "-" and 8 hex digits of SHA-256 of the id */
    unsigned char digest[8];       /* the same digest, cut, for the login cookie */
    const char *factor_suffix;     /* both again, of second factors (request.h) */
    unsigned char factor_digest[8];
    const char *file; /* where the section is */
    int line;
    int upstream; /* of the runtime's upstreams; set in post_config */
} civic_application_t;

typedef enum {
    CIVIC_UNAUTHENTICATED_AUTO, /* a page for people, 401 for programs */
    CIVIC_UNAUTHENTICATED_PAGE,
    CIVIC_UNAUTHENTICATED_401,
    CIVIC_UNAUTHENTICATED_PASS /* go on without identity */
} civic_unauthenticated;

/** CivicIdentity: how a location is told who somebody is. */
typedef enum {
    CIVIC_IDENTITY_NONE = 0,
    CIVIC_IDENTITY_ENV = 1,
    CIVIC_IDENTITY_HEADERS = 2,
    CIVIC_IDENTITY_BOTH = 3
} civic_identity_channels;

typedef struct {
    const char *label;
    const char *name; /* in variables: upper case, digits, _ */
} civic_claim_name_t;

/** CivicClaims. */
typedef struct {
    int all;                   /* each claim, under its own name */
    int lasts;                 /* longer than a request, which .htaccess is read for */
    apr_array_header_t *names; /* else these alone: of civic_claim_name_t */
} civic_claim_choice_t;

typedef enum { CIVIC_STORE_SHM, CIVIC_STORE_REDIS, CIVIC_STORE_SOCACHE } civic_store_kind;

/** CivicSessionStore. */
typedef struct {
    int said; /* 0: not said, all of it is 0 */
    civic_store_kind kind;
    const char *path; /* of shm; NULL: in httpd's runtime folder */
    apr_size_t size;  /* of shm, bytes */
    const civic_redis_address_t *redis;
    struct civic_socache *socache; /* store_socache.h */
} civic_store_choice_t;

/** CivicLanguageFile. */
typedef struct {
    const char *tag, *path;
    const char *text;
    apr_size_t len;
    int missing; /* texts that English stands in for */
} civic_language_file_t;

typedef enum { CIVIC_ENROLL_CLOSED, CIVIC_ENROLL_SELF } civic_enroll;

/** CivicSecondFactor and what goes with it; CIVIC_UNSET: not said. */
typedef struct {
    int on;
    int enroll; /* civic_enroll */
    int shared; /* a Civic identity may have several accounts */
    int codes;  /* how many recovery codes an account gets */
    apr_interval_time_t max_age;
} civic_factor_conf_t;

/** CivicEnrollmentStore and CivicEnrollmentQuery. */
typedef struct {
    int said;             /* 0: there is none */
    const char *path;     /* of dbm: NULL: mod_dbd's database */
    apr_table_t *queries; /* name to SQL; NULL: none said */
} civic_enrollment_choice_t;

/** Server or virtual host. NULL and CIVIC_UNSET: not said, see the accessors below. */
typedef struct {
    apr_array_header_t *applications; /* of civic_application_t *; never NULL */
    const char *endpoint;
    const char *cookie_name, *cookie_domain, *cookie_path, *cookie_same_site;
    const char *header_prefix, *user_header; /* as they are sent */
    const char *folded_prefix, *folded_user; /* the same, folded (identity_headers.h) */
    apr_interval_time_t exchange_timeout;
    civic_rate_t callback_limit; /* count 0: none */
    int sessions_per_user;       /* 0: any number */
    civic_enrollment_choice_t enrollment;
    struct civic_enrollments *enrollments; /* opened in post_config; NULL: none */
    int exchange_limit;                    /* main server only, as all below */
    apr_interval_time_t websocket_check;
    civic_store_choice_t store;
    const civic_redis_secret_t *store_secret; /* NULL: none */
    const char *store_ca_file;                /* NULL: the system's */
    const char *seal_keys; /* "current" or "current previous", hex; NULL: a file of our own */
    const civic_assertion_keys_t *assertion_keys; /* NULL: a file of our own */
    apr_array_header_t *language_files;           /* of civic_language_file_t; NULL: none */
    apr_array_header_t *languages;                /* words.h; set when all is read */
    unsigned char realm[CIVIC_REALM_LEN]; /* session.h; set in post_config, as is runtime */
    struct civic_runtime *runtime;        /* the same for all hosts */
} civic_server_conf_t;

/** CivicSessionActivity: does a request here count as a use of the session? */
typedef struct {
    int on;
    const ap_expr_info_t *expr; /* NULL: `on` decides */
} civic_activity_t;

/** CivicStyle. All NULL: Off. */
typedef struct {
    const char *sheet, *logo;
    const char *sources; /* what the policy needs for them */
} civic_style_t;

/** CivicPagePolicy. */
typedef struct {
    const char *own;  /* in place of the built-in policy; NULL: that one */
    const char *more; /* sources to add; NULL: none */
} civic_page_policy_t;

typedef struct {
    civic_application_t *section; /* while the directives of a <CivicApplication> are read */
    const char *use;              /* id of an application */
    const char *scope;
    const char *remote_user;            /* NULL: not said; "userId" or a label */
    int identity;                       /* civic_identity_channels */
    const civic_claim_choice_t *claims; /* NULL: not said */
    int hide_intro;
    int unauthenticated;        /* civic_unauthenticated */
    civic_activity_t *activity; /* NULL: not said */
    apr_interval_time_t idle, life;
    int assertion;              /* CivicAssertion */
    const char *audience;       /* of it; NULL: the site */
    const char *login_page;     /* a page for template.h; NULL: not said; "": the built-in */
    const civic_style_t *style; /* NULL: not said */
    civic_page_policy_t policy;
    int preserve_post;    /* bytes; 0: Off */
    int preflight;        /* are preflights let through? */
    const char *language; /* "auto" or a tag; NULL: not said */
    int status_actions;   /* may operators end sessions by civic-status here? */
    int picture_ticket;   /* CivicDocumentImageTicket */
    const char *on_login; /* a path; "": Off; NULL: not said */
    civic_factor_conf_t factor;
} civic_dir_conf_t;

#define CIVIC_DEFAULT_ENDPOINT         "/civic"
#define CIVIC_DEFAULT_COOKIE           "__Host-civic"
#define CIVIC_DEFAULT_HEADER_PREFIX    "Civic-"
#define CIVIC_DEFAULT_WEBSOCKET_CHECK  apr_time_from_sec(5)
#define CIVIC_DEFAULT_PRESERVE_POST    (64 * 1024) /* bytes */
#define CIVIC_DEFAULT_IDLE             apr_time_from_sec(30 * 60)
#define CIVIC_DEFAULT_LIFE             apr_time_from_sec(12 * 60 * 60)
#define CIVIC_DEFAULT_EXCHANGE_TIMEOUT apr_time_from_sec(10)

/** Of one client's address: a whole office behind one, and then some. */
#define CIVIC_DEFAULT_CALLBACK_COUNT 300
#define CIVIC_DEFAULT_CALLBACK_PER   apr_time_from_sec(60)

civic_server_conf_t *civic_server_conf(const server_rec *s);
civic_dir_conf_t *civic_dir_conf(const request_rec *r);

/* Values with their defaults. */
const char *civic_conf_endpoint(const civic_server_conf_t *conf);
const char *civic_conf_cookie_name(const civic_server_conf_t *conf);
const char *civic_conf_cookie_path(const civic_server_conf_t *conf);
const char *civic_conf_header_prefix(const civic_server_conf_t *conf);
apr_interval_time_t civic_conf_websocket_check(const civic_server_conf_t *conf);
int civic_conf_identity(const civic_dir_conf_t *conf);
const char *civic_conf_scope(const civic_dir_conf_t *conf);
civic_rate_t civic_conf_callback_limit(const civic_server_conf_t *conf);
apr_interval_time_t civic_conf_idle(const civic_dir_conf_t *conf);
apr_interval_time_t civic_conf_life(const civic_dir_conf_t *conf);

/** The application with this id; NULL when the server has none. */
const civic_application_t *civic_conf_application(const civic_server_conf_t *conf,
                                                  const char *id);

/** Which application guards here: CivicUse, else the only one. NULL when that is not clear. */
const civic_application_t *civic_conf_application_of(const civic_server_conf_t *conf,
                                                     const civic_dir_conf_t *dir);

/** The longest CivicSessionLife of the configuration: how long the store keeps a session. */
apr_interval_time_t civic_conf_longest_life(void);

/**
 * The shortest CivicSessionIdle of the configuration, this location's included: how fine the
 * idle clock must be, since a use at one location counts at each.
 */
apr_interval_time_t civic_conf_shortest_idle(const civic_dir_conf_t *conf);

/** Does CivicAssertion say On anywhere? (conf_assertion.c) */
int civic_conf_assertion_is_used(void);
void civic_conf_assertion_reset(void);

/** Forget all three: a configuration is about to be read anew. */
void civic_conf_reset(void);

/* For the module record. */
void *civic_server_conf_create(apr_pool_t *pool, server_rec *s);
void *civic_server_conf_merge(apr_pool_t *pool, void *base, void *add);
void *civic_dir_conf_create(apr_pool_t *pool, char *dir);
void *civic_dir_conf_merge(apr_pool_t *pool, void *base, void *add);

/** cmd_data of what may stand in a <CivicApplication>, and nowhere else. */
#define CIVIC_IN_APPLICATION ((void *)civic_directives)

/** The directives, in the order of doc/directives.md. */
extern const command_rec civic_directives[];

/* ---- setters, one per directive (conf_server.c, conf_store.c, conf_application.c,
 * conf_directory.c, conf_factor.c, conf_page.c, conf_identity.c, conf_assertion.c) ---- */

/** What a setter says of a value that is no good: "CivicX value: fault". Long values are cut.
 */
const char *civic_conf_fault(cmd_parms *cmd, const char *value, const char *fault);

/** A claim's label without a dot is probably a mistake: a line of the log says so while httpd
 * starts. */
void civic_conf_label_hint(cmd_parms *cmd, const char *label);

/** For directives of the whole server: NULL, or what is wrong with the place. */
const char *civic_conf_global_fault(cmd_parms *cmd, const char *arg);

const char *civic_set_application(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_private_key_file(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_secret_file(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_environment(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_api_url(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_public_key(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_ca_certificate_file(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_proxy(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_proxy_secret_file(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_browser_library(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *civic_set_payload_hosts(cmd_parms *cmd, void *dir, int argc, char *const argv[]);

const char *civic_set_use(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_scope(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_unauthenticated(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_remote_user(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_session_idle(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_session_life(cmd_parms *cmd, void *dir, const char *arg);

const char *civic_set_session_activity(cmd_parms *cmd, void *dir, const char *arg);

const char *civic_set_login_page(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_style(cmd_parms *cmd, void *dir, const char *sheet, const char *logo);
const char *civic_set_page_policy(cmd_parms *cmd, void *dir, const char *how,
                                  const char *policy);
const char *civic_set_preserve_post(cmd_parms *cmd, void *dir, const char *arg);
civic_page_policy_t civic_page_policy_merge(apr_pool_t *pool, const civic_page_policy_t *base,
                                            const civic_page_policy_t *add);

const char *civic_set_identity(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_claims(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *civic_set_header_prefix(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_user_header(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_assertion(cmd_parms *cmd, void *dir, int on);
const char *civic_set_assertion_audience(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_assertion_key_file(cmd_parms *cmd, void *dir, const char *current,
                                         const char *other);
const char *civic_set_websocket_check(cmd_parms *cmd, void *dir, const char *arg);

const char *civic_set_factor_flag(cmd_parms *cmd, void *dir, int on);
const char *civic_set_enroll(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_recovery(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_factor_max_age(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_enrollment_store(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_enrollment_query(cmd_parms *cmd, void *dir, const char *name,
                                       const char *sql);

const char *civic_set_sessions_per_user(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_session_store(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_store_secret_file(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_store_ca_file(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_seal_key_file(cmd_parms *cmd, void *dir, const char *current,
                                    const char *previous);
const char *civic_set_cookie(cmd_parms *cmd, void *dir, int argc, char *const argv[]);
const char *civic_set_endpoint(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_exchange_timeout(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_callback_limit(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_exchange_limit(cmd_parms *cmd, void *dir, const char *arg);

const char *civic_set_language(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_language_file(cmd_parms *cmd, void *dir, const char *tag,
                                    const char *path);

/** Read the languages that are built in: before directives are. @return 1; 0 after the reason
 * was logged */
int civic_conf_languages_start(apr_pool_t *pconf);

/** The built-in English: which texts there are. */
const civic_language_t *civic_conf_english(void);

/** Make the languages of each host, once all directives are read. */
void civic_conf_languages_make(server_rec *main_server, apr_pool_t *pconf);

/** Say in the log which files leave something to English. */
void civic_conf_languages_tell(server_rec *main_server);

/** CivicLanguage: has this host the language? @return NULL, or what is wrong */
const char *civic_conf_language_fault(const server_rec *s, const char *tag, apr_pool_t *pool);

/* conf_picture.c, conf_on_login.c */
const char *civic_set_on_login(cmd_parms *cmd, void *dir, const char *arg);
const char *civic_set_document_image(cmd_parms *cmd, void *dir, int on);

/** Parse an interval of 1 second to 10 years, as httpd's other directives take it. @return
 * NULL, or what is wrong */
const char *civic_conf_interval(apr_interval_time_t *out, const char *arg);

/**
 * Read a file that holds a key or a secret, at most 64 KiB. Warns once when others may read
 * it.
 * @param text set on success, NUL-terminated, wiped with the pool
 * @return NULL, or what is wrong
 */
const char *civic_conf_read_secret(const char **text, cmd_parms *cmd, const char *path);

#endif
