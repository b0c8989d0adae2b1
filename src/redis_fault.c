/* redis_fault.c - see redis_fault.h. */
#include "redis_fault.h"

#include <apr_strings.h>
#include <string.h>

typedef enum { OF_COMMAND = 0, OUTAGE = 1, ANOTHER = 2 } reach_t;

static const struct {
    const char *words;
    int reach; /* of reach_t */
} causes[] = {
    [CIVIC_REDIS_FINE] = {"it works", OF_COMMAND},
    [CIVIC_REDIS_UNREACHABLE] = {"no connection", OUTAGE},
    [CIVIC_REDIS_BROKEN] = {"the connection broke", OUTAGE | ANOTHER},
    [CIVIC_REDIS_SILENT] = {"no answer in time", OUTAGE | ANOTHER},
    [CIVIC_REDIS_UNTRUSTED] = {"TLS failed", OUTAGE},
    [CIVIC_REDIS_STRANGE] = {"its answer is not Redis'", OUTAGE},
    [CIVIC_REDIS_LOADING] = {"it is loading its data (LOADING)", OUTAGE},
    [CIVIC_REDIS_REPLICA] =
        {"it is a replica (READONLY), sessions need the master: name that, "
         "or the Sentinels by redis+sentinel://",
         OUTAGE | ANOTHER},
    [CIVIC_REDIS_SENTINEL] = {"it is a Sentinel: say redis+sentinel://host/name", OUTAGE},
    [CIVIC_REDIS_MASTER_UNKNOWN] = {"the Sentinel knows no master of this name", OUTAGE},
    [CIVIC_REDIS_CLUSTER] = {"it is a cluster (MOVED), which spreads keys over several "
                             "masters: this is not supported, use one master with replicas "
                             "and Sentinels",
                             OUTAGE},
    [CIVIC_REDIS_LOGIN_MISSING] = {"it wants a password (NOAUTH): say "
                                   "CivicSessionStoreSecretFile",
                                   OUTAGE},
    [CIVIC_REDIS_LOGIN_WRONG] = {"it does not accept user or password of "
                                 "CivicSessionStoreSecretFile (WRONGPASS)",
                                 OUTAGE},
    [CIVIC_REDIS_LOGIN_NEEDLESS] = {"it has no password, but CivicSessionStoreSecretFile "
                                    "names one: is it the right server?",
                                    OUTAGE},
    [CIVIC_REDIS_FORBIDDEN] = {"its user lacks a right, see doc/deployment.md for the list",
                               OF_COMMAND},
    [CIVIC_REDIS_FULL] = {"it is full (OOM): raise its maxmemory", OF_COMMAND},
    [CIVIC_REDIS_BUSY] = {"it is busy with a script of somebody else's (BUSY)", OUTAGE},
    [CIVIC_REDIS_WRITES_REFUSED] = {"it refuses to write", OF_COMMAND},
    [CIVIC_REDIS_REFUSED] = {"it refuses a command", OF_COMMAND},
};

/* What an error begins with. Scripts before Redis 7 put the code in the middle, behind "-". */
static const struct {
    const char *code;
    civic_redis_cause cause;
} codes[] = {
    {"LOADING ", CIVIC_REDIS_LOADING},
    {"READONLY ", CIVIC_REDIS_REPLICA},
    {"MASTERDOWN ", CIVIC_REDIS_REPLICA},
    {"MOVED ", CIVIC_REDIS_CLUSTER},
    {"ASK ", CIVIC_REDIS_CLUSTER},
    {"CROSSSLOT ", CIVIC_REDIS_CLUSTER},
    {"CLUSTERDOWN ", CIVIC_REDIS_CLUSTER},
    {"NOAUTH ", CIVIC_REDIS_LOGIN_MISSING},
    {"WRONGPASS ", CIVIC_REDIS_LOGIN_WRONG},
    {"ERR invalid password", CIVIC_REDIS_LOGIN_WRONG},
    {"ERR AUTH <password> called without", CIVIC_REDIS_LOGIN_NEEDLESS},
    {"ERR Client sent AUTH, but no password is set", CIVIC_REDIS_LOGIN_NEEDLESS},
    {"NOPERM ", CIVIC_REDIS_FORBIDDEN},
    {"ERR The user executing the script can", CIVIC_REDIS_FORBIDDEN},
    {"OOM ", CIVIC_REDIS_FULL},
    {"BUSY ", CIVIC_REDIS_BUSY},
    {"MISCONF ", CIVIC_REDIS_WRITES_REFUSED},
    {"NOREPLICAS ", CIVIC_REDIS_WRITES_REFUSED},
};

static int says(const char *error, const char *code)
{
    const char *inside = strstr(error, code);

    return inside == error || (inside && inside[-1] == '-' && !strncmp(error, "ERR ", 4));
}

int civic_redis_fault_set(civic_redis_fault_t *fault, civic_redis_cause cause,
                          const char *detail)
{
    fault->cause = cause;
    apr_cpystrn(fault->detail, detail ? detail : "", sizeof(fault->detail));
    return 0;
}

void civic_redis_fault_judge(civic_redis_fault_t *fault, const char *error)
{
    apr_size_t len;

    fault->cause = CIVIC_REDIS_REFUSED;
    for (apr_size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (says(error, codes[i].code)) {
            fault->cause = codes[i].cause;
            break;
        }
    }
    /* Of a right, the command's name is quoted, which is ours; others may quote more. */
    len = strcspn(error, fault->cause == CIVIC_REDIS_FORBIDDEN ? ",\r\n" : "'`,\"\r\n");
    len = len < sizeof(fault->detail) ? len : sizeof(fault->detail) - 1;
    apr_cpystrn(fault->detail, error, len + 1);
    /* These say it all. */
    if (fault->cause != CIVIC_REDIS_FORBIDDEN && fault->cause != CIVIC_REDIS_WRITES_REFUSED
        && fault->cause != CIVIC_REDIS_REFUSED) {
        fault->detail[0] = '\0';
    }
}

const char *civic_redis_fault_words(const civic_redis_fault_t *fault, char *text, int size)
{
    apr_snprintf(text, (apr_size_t)size, "%s%s%s%s", causes[fault->cause].words,
                 fault->detail[0] ? " (" : "", fault->detail, fault->detail[0] ? ")" : "");
    return text;
}

int civic_redis_fault_is_outage(civic_redis_cause cause)
{
    return causes[cause].reach & OUTAGE;
}

int civic_redis_fault_wants_another(civic_redis_cause cause)
{
    return (causes[cause].reach & ANOTHER) != 0;
}
