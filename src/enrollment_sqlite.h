/* enrollment_sqlite.h - a database that is a file of this machine: is it nobody else's? */
#ifndef CIVIC_ENROLLMENT_SQLITE_H
#define CIVIC_ENROLLMENT_SQLITE_H

#include <apr_dbd.h>
#include <apr_pools.h>

/** The file behind a connection is held to the rules of owned_file.h. @return NULL, or why it
 * is not to be trusted; NULL for other drivers than sqlite3's, and for a database in memory */
const char *civic_enrollment_sqlite_fault(const apr_dbd_driver_t *driver, apr_dbd_t *handle,
                                          apr_pool_t *pool);

#endif
