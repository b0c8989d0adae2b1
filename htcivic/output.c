/* output.c - what is said, and whether it got there. See htcivic.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "htcivic.h"

/* Opened the wrong way round, so that to use it fails as it did when it was closed. */
void htcivic_output_prepare(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
    signal(SIGPIPE, SIG_IGN);
}

int htcivic_fault(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("htcivic: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

void htcivic_say(const char *label, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("  %-6s ", label);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

int htcivic_is_written(void)
{
    return !fflush(stdout) && !ferror(stdout);
}
