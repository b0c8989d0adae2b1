/* check_store.c - a store of enrollments: whose it is, who reads it, does it open? See
 * htcivic.h. */
#include <apr_strings.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "htcivic.h"

/* A database may hang. */
enum { TIMEOUT_SEC = 30 };

static const char *user_name(uid_t uid, apr_pool_t *pool)
{
    struct passwd *user = getpwuid(uid);

    return user ? apr_pstrdup(pool, user->pw_name) : apr_psprintf(pool, "%u", (unsigned)uid);
}

static const char *group_name(gid_t gid, apr_pool_t *pool)
{
    struct group *group = getgrgid(gid);

    return group ? apr_pstrdup(pool, group->gr_name) : apr_psprintf(pool, "%u", (unsigned)gid);
}

/* What is fit to be a store is judged where it is opened; here, whether it is httpd's. @return
 * how many faults */
static int owner_print(const char *path, const char *httpd_user, apr_pool_t *pool)
{
    struct passwd *user = httpd_user ? getpwnam(httpd_user) : NULL;
    struct stat info;
    int shared;

    if (stat(path, &info)) {
        return 0;
    }
    shared = (info.st_mode & S_IRGRP) != 0;
    htcivic_say("", "%s alone changes it, and %s%s reads it", user_name(info.st_uid, pool),
                shared ? "group " : "nobody else",
                shared ? group_name(info.st_gid, pool) : "");
    if (!user || user->pw_uid == info.st_uid) {
        return 0;
    }
    if (info.st_uid == 0 && shared && user->pw_gid == info.st_gid) {
        htcivic_say("",
                    "httpd (user %s) reads it: people cannot link themselves or use recovery "
                    "codes",
                    httpd_user);
        return 0;
    }
    htcivic_say("FAULT", "httpd runs as %s, who cannot use it: give folder and files to him",
                httpd_user);
    return 1;
}

static int count(void *baton, const civic_enrollment_t *enrollment)
{
    ++*(int *)baton;
    return 1;
}

/* As its owner, whom the process becomes for good. @return how many faults */
static int examine(const htcivic_store_t *named, const char *httpd_user, apr_pool_t *pool)
{
    const char *path = htcivic_store_file(named, pool), *error;
    civic_enrollments_t *store;
    int accounts = 0, faults;

    error = htcivic_store_open(&store, named, pool);
    faults = path ? owner_print(path, httpd_user, pool) : 0;
    if (!error && civic_enrollment_verify(store, &error, pool) == CIVIC_ENROLLMENT_OK
        && civic_enrollment_list(store, count, &accounts, &error, pool)
               == CIVIC_ENROLLMENT_OK) {
        htcivic_say("ok", "it opens, and is whole: %d account%s", accounts,
                    accounts == 1 ? "" : "s");
        return faults;
    }
    htcivic_say("FAULT", "%s", error);
    return faults + 1;
}

int htcivic_check_store(const htcivic_store_t *named, const char *httpd_user, int offline,
                        apr_pool_t *pool)
{
    const char *driver = strcmp(named->store, "dbd") ? NULL : named->driver;
    int status;
    pid_t child;

    printf("enrollments %s%s%s\n", named->store, driver ? " " : "", driver ? driver : "");
    if (!strcmp(named->store, "dbd") && (!driver || !named->params)) {
        htcivic_say("FAULT", "DBDriver and DBDParams are not said");
        return 1;
    }
    if (offline && !htcivic_store_file(named, pool)) {
        htcivic_say("", "not asked");
        return 0;
    }
    fflush(stdout);
    child = fork();
    if (child == 0) {
        alarm(TIMEOUT_SEC);
        status = examine(named, httpd_user, pool);
        _exit(htcivic_is_written() ? status : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        htcivic_say("FAULT", "it does not answer within %d seconds", TIMEOUT_SEC);
        return 1;
    }
    return WEXITSTATUS(status);
}
