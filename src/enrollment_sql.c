/* enrollment_sql.c - what enrollment_dbd.c asks, and of which tables. See enrollment.h and
 * doc/enrollment.md. */
#include <string.h>

#include "enrollment.h"

const char *const civic_enrollment_query_names[CIVIC_QUERIES] = {
    "find",   "identity",        "add",          "add-recovery", "lock",
    "remove", "remove-recovery", "use-recovery", "list"};

const char *const civic_enrollment_query_defaults[CIVIC_QUERIES] = {
    "SELECT e.user_id, e.linked, r.hash, e.account FROM civic_enrollments e"
    " LEFT JOIN civic_recovery r ON r.application = e.application AND r.account = e.account"
    " WHERE e.application = %s AND e.account = %s",
    "SELECT account, user_id FROM civic_enrollments WHERE application = %s AND user_id = %s",
    "INSERT INTO civic_enrollments (application, account, user_id, linked)"
    " VALUES (%s, %s, %s, %lld)",
    "INSERT INTO civic_recovery (application, account, hash) VALUES (%s, %s, %s)",
    "UPDATE civic_enrollments SET linked = linked WHERE application = %s AND account = %s",
    "DELETE FROM civic_enrollments WHERE application = %s AND account = %s",
    "DELETE FROM civic_recovery WHERE application = %s AND account = %s",
    "DELETE FROM civic_recovery WHERE application = %s AND account = %s AND hash = %s",
    "SELECT e.application, e.account, e.user_id, e.linked, r.hash FROM civic_enrollments e"
    " LEFT JOIN civic_recovery r ON r.application = e.application AND r.account = e.account"
    " ORDER BY e.application, e.account"};

static const char *const schema[] = {
    "CREATE TABLE civic_enrollments (\n"
    "    application VARCHAR(128) NOT NULL,\n"
    "    account     VARCHAR(255) NOT NULL,\n"
    "    user_id     VARCHAR(128) NOT NULL,\n"
    "    linked      BIGINT       NOT NULL,\n"
    "    PRIMARY KEY (application, account)\n"
    ")",
    "CREATE UNIQUE INDEX civic_enrollments_identity\n"
    "    ON civic_enrollments (application, user_id)",
    "CREATE TABLE civic_recovery (\n"
    "    application VARCHAR(128) NOT NULL,\n"
    "    account     VARCHAR(255) NOT NULL,\n"
    "    hash        VARCHAR(22)  NOT NULL,\n"
    "    PRIMARY KEY (application, account, hash),\n"
    "    FOREIGN KEY (application, account)\n"
    "        REFERENCES civic_enrollments (application, account)\n"
    ")",
    NULL};

/* Its text compares without regard to case and blanks at the end, and its other engines know
 * no transactions. */
static const char *const schema_mysql[] = {
    "CREATE TABLE civic_enrollments (\n"
    "    application VARBINARY(128) NOT NULL,\n"
    "    account     VARBINARY(255) NOT NULL,\n"
    "    user_id     VARBINARY(128) NOT NULL,\n"
    "    linked      BIGINT         NOT NULL,\n"
    "    PRIMARY KEY (application, account)\n"
    ") ENGINE=InnoDB",
    "CREATE UNIQUE INDEX civic_enrollments_identity\n"
    "    ON civic_enrollments (application, user_id)",
    "CREATE TABLE civic_recovery (\n"
    "    application VARBINARY(128) NOT NULL,\n"
    "    account     VARBINARY(255) NOT NULL,\n"
    "    hash        VARBINARY(22)  NOT NULL,\n"
    "    PRIMARY KEY (application, account, hash),\n"
    "    FOREIGN KEY (application, account)\n"
    "        REFERENCES civic_enrollments (application, account)\n"
    ") ENGINE=InnoDB",
    NULL};

const char *const *civic_enrollment_schema(const char *driver)
{
    return strcmp(driver, "mysql") ? schema : schema_mysql;
}
