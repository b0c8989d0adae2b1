/* enrollment_sqlite.c - see enrollment_sqlite.h. */
#include "enrollment_sqlite.h"

#include <apr_strings.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "owned_file.h"

/* The database says itself which file it is, whatever the parameters look like.
 * @return NULL: it does not say; "": none */
static const char *file_of(const apr_dbd_driver_t *driver, apr_dbd_t *handle, apr_pool_t *pool)
{
    apr_dbd_results_t *results = NULL;
    apr_dbd_row_t *row = NULL;
    const char *name, *file = NULL;

    if (apr_dbd_select(driver, pool, handle, &results, "PRAGMA database_list", 0)) {
        return NULL;
    }
    while (apr_dbd_get_row(driver, pool, results, &row, -1) == 0) {
        name = apr_dbd_get_entry(driver, row, 1);
        if (name && !strcmp(name, "main")) {
            file = apr_dbd_get_entry(driver, row, 2);
            file = file ? apr_pstrdup(pool, file) : "";
        }
    }
    return file;
}

/* Looked at by its name: to close a descriptor of the file would take SQLite's locks away. */
const char *civic_enrollment_sqlite_fault(const apr_dbd_driver_t *driver, apr_dbd_t *handle,
                                          apr_pool_t *pool)
{
    const char *file, *slash;
    struct stat info;

    if (strcmp(apr_dbd_name(driver), "sqlite3")) {
        return NULL;
    }
    file = file_of(driver, handle, pool);
    slash = file ? strrchr(file, '/') : NULL;
    if (!slash) {
        return file && !*file ? NULL : "the database does not say which file it is";
    }
    if (stat(file, &info)) {
        return civic_owned_fault(file, "cannot be examined", errno, pool);
    }
    return civic_owned_info_fault(
        &info, file,
        slash > file ? apr_pstrmemdup(pool, file, (apr_size_t)(slash - file)) : "/", pool);
}
