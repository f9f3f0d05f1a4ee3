/* base/pid.c: who a process is over time (base/pid.h), from proc(5). */
#include <config.h>

#include "base/pid.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* The kernel's and the user's names do not change under us: read once. */
static char boot_id[64];
static char who[256];

const char *cm_boot_id(void)
{
    if (boot_id[0] == '\0') {
        cm_autofree char *text = NULL;
        if (cm_file_read("/proc/sys/kernel/random/boot_id", sizeof boot_id - 1, &text, NULL, NULL) == 0) {
            text[strcspn(text, "\n")] = '\0';
            snprintf(boot_id, sizeof boot_id, "%s", text);
        }
    }
    return boot_id;
}

/* State letter and start time of a process; -1: gone. The name in field 2 may hold blanks and brackets: count from the
 * last bracket (proc(5)). */
static int read_stat(pid_t pid, char *state, int64_t *start)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    cm_autofree char *text = NULL;
    if (pid <= 0 || cm_file_read(path, 65536, &text, NULL, NULL) != 0)
        return -1;
    const char *p = strrchr(text, ')');
    if (p == NULL || p[1] != ' ')
        return -1;
    *state = p[2];
    int field = 3;
    for (p += 2; *p != '\0' && field < 22; p++)
        if (*p == ' ')
            field++;
    if (field < 22)
        return -1;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(p, &end, 10);
    if (errno != 0 || end == p)
        return -1;
    *start = value;
    return 0;
}

int64_t cm_pid_start(pid_t pid)
{
    char state;
    int64_t start;
    return read_stat(pid, &state, &start) == 0 ? start : -1;
}

bool cm_pid_alive(pid_t pid, int64_t start, const char *recorded_boot_id)
{
    char state;
    int64_t now;
    if (recorded_boot_id == NULL || strcmp(recorded_boot_id, cm_boot_id()) != 0)
        return false;
    if (read_stat(pid, &state, &now) != 0)
        return false;
    return now == start && state != 'Z' && state != 'X' && state != 'x';
}

const char *cm_who(void)
{
    if (who[0] == '\0') {
        const char *user = getuid() == 0 ? getenv("SUDO_USER") : NULL; /* the person behind root */
        if (user == NULL || *user == '\0') {
            const struct passwd *pw = getpwuid(getuid());
            user = pw != NULL ? pw->pw_name : getenv("USER");
        }
        char host[128] = "";
        if (gethostname(host, sizeof host) != 0)
            host[0] = '\0';
        host[sizeof host - 1] = '\0';
        snprintf(who, sizeof who, "%.100s@%s", user == NULL || *user == '\0' ? "unknown" : user, host);
    }
    return who;
}
