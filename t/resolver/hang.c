/* hang.c - a name server that a test lets hang: preloaded into httpd, it finds civic.test at
 * this machine, once the first word of the file CIVIC_RESOLVER is 0; the others count who
 * asked and who got an answer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LONGEST_MS = 120000, STEP_MS = 20 }; /* nothing of a test is left behind for ever */

typedef int find_t(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static struct {
    _Atomic int32_t hangs, asked, answered;
} * shared;

__attribute__((constructor)) static void map(void)
{
    const char *path = getenv("CIVIC_RESOLVER");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *memory = fd >= 0
                       ? mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                       : MAP_FAILED;

    if (fd >= 0) {
        close(fd);
    }
    shared = memory == MAP_FAILED ? NULL : memory;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    find_t *find = (find_t *)dlsym(RTLD_NEXT, "getaddrinfo");
    int result;

    if (!shared || !node || strcmp(node, "civic.test")) {
        return find(node, service, hints, found);
    }
    shared->asked++;
    for (int ms = 0; shared->hangs && ms < LONGEST_MS; ms += STEP_MS) {
        usleep(STEP_MS * 1000);
    }
    result = find("127.0.0.1", service, hints, found);
    shared->answered++;
    return result;
}
