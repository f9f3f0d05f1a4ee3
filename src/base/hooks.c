/* base/hooks.c: faults on purpose, for the tests (base/hooks.h). Empty in a build without --enable-test-hooks. */
#include <config.h>

#include "base/hooks.h"

#ifdef CM_TEST_HOOKS

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool cm_fault(const char *name)
{
    const char *wanted = getenv("CM_FAULT");
    return wanted != NULL && strcmp(wanted, name) == 0;
}

int64_t cm_hook_number(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    char *end = NULL;
    errno = 0;
    long long n = text != NULL ? strtoll(text, &end, 10) : 0;
    return text != NULL && errno == 0 && end != text && *end == '\0' && n > 0 ? n : otherwise;
}

enum cm_crash cm_crash_at(uint64_t seq)
{
    const char *wanted = getenv("CM_CRASH");
    if (wanted == NULL || *wanted < '0' || *wanted > '9')
        return CM_CRASH_NO;
    char *end = NULL;
    errno = 0;
    unsigned long long at = strtoull(wanted, &end, 10);
    if (errno != 0 || at != seq || *end != ':')
        return CM_CRASH_NO;
    if (strcmp(end + 1, "before") == 0)
        return CM_CRASH_BEFORE;
    if (strcmp(end + 1, "torn") == 0)
        return CM_CRASH_TORN;
    if (strcmp(end + 1, "after") == 0)
        return CM_CRASH_AFTER;
    return CM_CRASH_NO;
}

#endif

/* ISO C wants at least one declaration in a file. */
typedef int cm_hooks_file;
