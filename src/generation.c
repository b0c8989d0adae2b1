/* generation.c - see generation.h. */
#include "generation.h"

#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "checksum.h"
#include "clock.h"
#include "owned_file.h"

enum {
    LOCK_SEC = 10,
    LOCK_STEP_USEC = 2000,
    LINE_ROOM = 160,
    CHUNK = 16384,
    RETRIES = 100,
    CLOSED = -1
};

/* SDBM's two files. */
enum { DIR_FILE, PAG_FILE, FILES };
static const char *const suffixes[FILES] = {APR_SDBM_DIRFEXT, APR_SDBM_PAGFEXT};

/* What PATH says. */
typedef struct {
    apr_uint64_t number, checksum;
    apr_uint64_t size[FILES];
} pointer_t;

#define POINTER_FORMAT                                                                        \
    "civic-enrollments 1 %" PRIu64 " %" PRIu64 " %" PRIu64 " %016" PRIx64 "\n"

static const char *name_of(const civic_generations_t *all, apr_uint64_t number, int file,
                           apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s.%" PRIu64 "%s", all->path, number,
                        file < FILES ? suffixes[file] : "");
}

/* ---- the lock ---- */

static int is_same_file(int fd, const char *path)
{
    struct stat open_one, named;

    return fstat(fd, &open_one) == 0 && lstat(path, &named) == 0
           && open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

/* A lock that belongs to this open file, not to the process: it holds between threads too. */
const char *civic_generations_lock(int *lock, const civic_generations_t *all, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, all->path, ".lock", NULL), *fault;
    apr_time_t until = civic_clock_steady() + apr_time_from_sec(LOCK_SEC);
    mode_t mode;
    int fd;

    fault = civic_owned_may_write(&mode, all->folder, pool);
    if (fault) {
        return fault;
    }
    for (;;) {
        fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (fd < 0) {
            return civic_owned_fault(path, "cannot be opened", errno, pool);
        }
        fault = civic_owned_file_fault(fd, path, all->folder, pool);
        if (!fault && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_same_file(fd, path)) {
            *lock = fd;
            return NULL;
        }
        close(fd);
        if (!fault && civic_clock_steady() > until) {
            fault = apr_psprintf(pool, "%s has been locked for %d seconds by another process",
                                 path, (int)LOCK_SEC);
        }
        if (fault) {
            return fault;
        }
        apr_sleep(LOCK_STEP_USEC);
    }
}

void civic_generations_unlock(int lock)
{
    close(lock);
}

/* ---- what a generation's files are ---- */

/* Adds one file to what is known. */
static const char *measure(pointer_t *pointer, const civic_generations_t *all, int file,
                           int sync, apr_pool_t *pool)
{
    const char *path = name_of(all, pointer->number, file, pool), *fault;
    char chunk[CHUNK];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return civic_owned_fault(path, "cannot be opened", errno, pool);
    }
    fault = civic_owned_file_fault(fd, path, all->folder, pool);
    while (!fault && (n = civic_owned_read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0) {
            fault = civic_owned_fault(path, "cannot be read", errno, pool);
            break;
        }
        pointer->checksum = checksum_add(pointer->checksum, chunk, (apr_size_t)n);
        pointer->size[file] += (apr_uint64_t)n;
    }
    if (!fault && sync && fsync(fd)) {
        fault = civic_owned_fault(path, "cannot be synced", errno, pool);
    }
    close(fd);
    return fault;
}

/* Sizes and checksum of a generation as it is. */
static const char *measure_all(pointer_t *pointer, const civic_generations_t *all,
                               apr_uint64_t number, int sync, apr_pool_t *pool)
{
    const char *fault = NULL;

    memset(pointer, 0, sizeof(*pointer));
    pointer->number = number;
    pointer->checksum = number + 1;
    for (int file = 0; file < FILES && !fault; file++) {
        fault = measure(pointer, all, file, sync, pool);
    }
    return fault;
}

/* ---- PATH ---- */

static const char *pointer_text(const pointer_t *pointer, apr_pool_t *pool)
{
    return apr_psprintf(pool, POINTER_FORMAT, pointer->number, pointer->size[DIR_FILE],
                        pointer->size[PAG_FILE], pointer->checksum);
}

/* Exactly what pointer_text writes. */
static int pointer_parse(pointer_t *pointer, const char *line, apr_pool_t *pool)
{
    return sscanf(line, "civic-enrollments 1 %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNx64,
                  &pointer->number, &pointer->size[DIR_FILE], &pointer->size[PAG_FILE],
                  &pointer->checksum)
               == 4
           && !strcmp(line, pointer_text(pointer, pool));
}

/* @param fd set, open, when there is no fault */
static const char *pointer_read(int *fd, pointer_t *pointer, const civic_generations_t *all,
                                apr_pool_t *pool)
{
    char line[LINE_ROOM] = "";
    const char *fault;

    *fd = open(all->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0) {
        return errno == ENOENT
                   ? apr_pstrcat(pool, all->path,
                                 " is not there: make it with htcivic create dbm:", all->path,
                                 NULL)
                   : civic_owned_fault(all->path, "cannot be opened", errno, pool);
    }
    fault = civic_owned_file_fault(*fd, all->path, all->folder, pool);
    if (!fault
        && (civic_owned_read(*fd, line, sizeof(line) - 1) < 0
            || !pointer_parse(pointer, line, pool))) {
        fault =
            apr_pstrcat(pool, all->path, " is not a store of enrollments, or damaged", NULL);
    }
    if (fault) {
        close(*fd);
        *fd = CLOSED;
    }
    return fault;
}

static const char *pointer_write(const pointer_t *pointer, const civic_generations_t *all,
                                 apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, all->path, ".new", NULL), *fault;
    const char *line = pointer_text(pointer, pool);
    int fd, error = 0;

    unlink(path);
    fd = civic_owned_file_make(path, all->folder, &fault, pool);
    if (fd < 0) {
        return fault;
    }
    if (!civic_owned_write(fd, line, strlen(line)) || fsync(fd)) {
        error = errno;
    }
    close(fd);
    if (error || rename(path, all->path)) {
        error = error ? error : errno;
        unlink(path);
        return civic_owned_fault(path, "cannot be written", error, pool);
    }
    return civic_owned_folder_sync(all->folder, pool);
}

/* ---- what is in the folder ---- */

/* @return 1 when the name is that of a file of a generation */
static int is_generation(const char *name, const civic_generations_t *all,
                         apr_uint64_t *number)
{
    apr_size_t len = strlen(all->base);
    char *end;

    if (strncmp(name, all->base, len) || name[len] != '.' || name[len + 1] < '0'
        || name[len + 1] > '9') {
        return 0;
    }
    *number = strtoull(name + len + 1, &end, 10);
    return !strcmp(end, suffixes[DIR_FILE]) || !strcmp(end, suffixes[PAG_FILE]);
}

/* Remove all generations but one. */
static void sweep(const civic_generations_t *all, apr_uint64_t keep, apr_pool_t *pool)
{
    DIR *folder = opendir(all->folder);
    struct dirent *entry;
    apr_uint64_t number;

    while (folder && (entry = readdir(folder))) {
        if (is_generation(entry->d_name, all, &number) && number != keep) {
            unlink(apr_pstrcat(pool, all->folder, "/", entry->d_name, NULL));
        }
    }
    if (folder) {
        closedir(folder);
    }
}

/* @return the name of a generation's file that holds something, NULL */
static const char *find_contents(const civic_generations_t *all, apr_pool_t *pool)
{
    DIR *folder = opendir(all->folder);
    const char *found = NULL;
    struct dirent *entry;
    struct stat info;
    apr_uint64_t number;

    while (folder && !found && (entry = readdir(folder))) {
        const char *path = apr_pstrcat(pool, all->folder, "/", entry->d_name, NULL);

        if (is_generation(entry->d_name, all, &number) && lstat(path, &info) == 0
            && info.st_size > 0) {
            found = path;
        }
    }
    if (folder) {
        closedir(folder);
    }
    return found;
}

/* ---- generations ---- */

/* With a pool, an allocator of its own: no lock is shared with anybody. */
static civic_generation_t *generation_make(apr_uint64_t number)
{
    civic_generation_t *generation;
    apr_pool_t *pool;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return NULL;
    }
    generation = apr_pcalloc(pool, sizeof(*generation));
    generation->pool = pool;
    generation->number = number;
    generation->pointer = CLOSED;
    generation->process = getpid();
    return generation;
}

void civic_generation_close(civic_generation_t *generation)
{
    if (generation->pointer != CLOSED) {
        close(generation->pointer);
    }
    apr_pool_destroy(generation->pool);
}

static const char *sdbm_open(civic_generation_t *generation, const civic_generations_t *all,
                             apr_int32_t flags, apr_pool_t *pool)
{
    const char *name = name_of(all, generation->number, FILES, pool);
    char buffer[120];
    apr_status_t rv = apr_sdbm_open(&generation->sdbm, name, flags,
                                    APR_FPROT_UREAD | APR_FPROT_UWRITE, generation->pool);

    return rv == APR_SUCCESS ? NULL
                             : apr_psprintf(pool, "%s.* cannot be opened: %s", name,
                                            apr_strerror(rv, buffer, sizeof(buffer)));
}

/* What `pointer` names, compared with what it says. `fd` is closed when there is a fault. */
static const char *open_named(civic_generation_t **made, const pointer_t *pointer, int fd,
                              const civic_generations_t *all, apr_pool_t *pool)
{
    civic_generation_t *generation = generation_make(pointer->number);
    const char *fault;
    struct stat info;
    pointer_t is;

    if (!generation || fstat(fd, &info)) {
        close(fd);
        return "out of memory";
    }
    generation->pointer = fd;
    generation->device = info.st_dev;
    generation->inode = info.st_ino;
    fault = measure_all(&is, all, pointer->number, 0, pool);
    if (!fault && memcmp(&is, pointer, sizeof(is))) {
        fault = apr_psprintf(pool, "%s.* are damaged: they are not what %s says",
                             name_of(all, pointer->number, FILES, pool), all->path);
    }
    if (!fault) {
        fault = sdbm_open(generation, all, APR_FOPEN_READ, pool);
    }
    if (fault) {
        civic_generation_close(generation);
        return fault;
    }
    *made = generation;
    return NULL;
}

/* Between reading PATH and opening its generation, others may follow: then once more. */
const char *civic_generation_open(civic_generation_t **generation,
                                  const civic_generations_t *all, apr_pool_t *pool)
{
    const char *fault;

    for (int i = 0; i < RETRIES; i++) {
        pointer_t pointer;
        int fd, probe, final;

        fault = pointer_read(&fd, &pointer, all, pool);
        if (fault) {
            return fault;
        }
        probe = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        fault = open_named(generation, &pointer, fd, all, pool);
        final = !fault || probe < 0 || is_same_file(probe, all->path);
        close(probe);
        if (final) {
            return fault;
        }
    }
    return apr_pstrcat(pool, all->path, " changes faster than it can be read", NULL);
}

int civic_generation_is_current(const civic_generation_t *generation,
                                const civic_generations_t *all)
{
    struct stat info;

    return generation->process == getpid() && lstat(all->path, &info) == 0
           && info.st_dev == generation->device && info.st_ino == generation->inode;
}

/* Both files of the next generation: copies, or empty. */
static const char *files_make(const civic_generations_t *all, apr_uint64_t number,
                              const civic_generation_t *from, apr_pool_t *pool)
{
    const char *fault = NULL;

    for (int file = 0; file < FILES && !fault; file++) {
        const char *path = name_of(all, number, file, pool);
        int to = civic_owned_file_make(path, all->folder, &fault, pool), source;

        if (to >= 0 && from) {
            source = open(name_of(all, from->number, file, pool),
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
            if (source < 0 || !civic_owned_copy(to, source)) {
                fault = civic_owned_fault(path, "cannot be copied", errno, pool);
            }
            if (source >= 0) {
                close(source);
            }
        }
        if (to >= 0) {
            close(to);
        }
    }
    return fault;
}

/* @param current NULL: an empty one */
static const char *next_make(civic_generation_t **next, const civic_generation_t *current,
                             const civic_generations_t *all, apr_pool_t *pool)
{
    apr_uint64_t before = current ? current->number : 0;
    civic_generation_t *made;
    const char *fault;

    sweep(all, before, pool);
    made = generation_make(before + 1);
    if (!made) {
        return "out of memory";
    }
    fault = files_make(all, made->number, current, pool);
    if (!fault) {
        fault = sdbm_open(made, all, APR_FOPEN_WRITE, pool);
    }
    if (fault) {
        civic_generation_discard(made, all);
        return fault;
    }
    *next = made;
    return NULL;
}

const char *civic_generation_copy(civic_generation_t **next, const civic_generation_t *current,
                                  const civic_generations_t *all, apr_pool_t *pool)
{
    return next_make(next, current, all, pool);
}

void civic_generation_discard(civic_generation_t *next, const civic_generations_t *all)
{
    for (int file = 0; file < FILES; file++) {
        unlink(name_of(all, next->number, file, next->pool));
    }
    civic_generation_close(next);
}

const char *civic_generation_publish(civic_generation_t *next, const civic_generations_t *all,
                                     apr_pool_t *pool)
{
    apr_uint64_t number = next->number;
    pointer_t pointer;
    const char *fault;

    if (next->sdbm && apr_sdbm_close(next->sdbm) != APR_SUCCESS) {
        civic_generation_discard(next, all);
        return apr_pstrcat(pool, all->path, " cannot be written", NULL);
    }
    next->sdbm = NULL;
    fault = measure_all(&pointer, all, number, 1, pool);
    if (!fault) {
        fault = civic_owned_folder_sync(all->folder, pool);
    }
    if (fault) {
        civic_generation_discard(next, all);
        return fault;
    }
    civic_generation_close(next);
    fault = pointer_write(&pointer, all, pool);
    if (!fault) {
        sweep(all, number, pool);
    }
    return fault;
}

/* ---- set up ---- */

const char *civic_generations_init(civic_generations_t *all, const char *path,
                                   apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');
    struct stat info;

    if (*path != '/' || !slash[1]) {
        return apr_pstrcat(pool, path, " is not the absolute path of a file", NULL);
    }
    all->path = apr_pstrdup(pool, path);
    all->base = apr_pstrdup(pool, slash + 1);
    all->folder = slash == path ? "/" : apr_pstrmemdup(pool, path, (apr_size_t)(slash - path));
    return civic_owned_folder_fault(&info, all->folder, pool);
}

static const char *create_locked(const civic_generations_t *all, apr_pool_t *pool)
{
    civic_generation_t *empty;
    const char *fault, *contents;
    struct stat info;

    if (lstat(all->path, &info) == 0) {
        return apr_pstrcat(pool, all->path, " is there already", NULL);
    }
    contents = find_contents(all, pool);
    if (contents) {
        return apr_pstrcat(pool, all->path, " is not there, but ", contents,
                           " is: remove or restore what belongs to it first", NULL);
    }
    fault = next_make(&empty, NULL, all, pool);
    return fault ? fault : civic_generation_publish(empty, all, pool);
}

const char *civic_generations_create(const civic_generations_t *all, apr_pool_t *pool)
{
    const char *fault;
    int lock;

    fault = civic_generations_lock(&lock, all, pool);
    if (!fault) {
        fault = create_locked(all, pool);
        civic_generations_unlock(lock);
    }
    return fault;
}
