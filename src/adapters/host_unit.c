/* adapters/host_unit.c: systemd's view of Connect's unit on a node, and Connect's processes there, in one command line
 * (adapters/host.h).
 *
 * Processes are asked for with and without rights: without them a machine that hides others' processes (proc(5), hidepid)
 * would show none, and none would be taken for "stopped". */
#include <config.h>

#include "adapters/host.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/host_shell.h"
#include "base/mem.h"
#include "base/text.h"

static const char mark[] = "--connect-migrate--";

/* Connect's own program as the package installs it; content's processes are children of it and end with it. */
static const char *const pgrep[] = {"pgrep", "-f", "^/opt/rstudio-connect/bin/connect( |$)", NULL};

/* What each part printed stands before its mark, its status behind it: systemctl, pgrep with rights (99: there are none to be
 * had), pgrep without them, and whether process 1 can be looked at without them. */
enum { PARTS = 4 };

static char *script(const struct cm_host *h)
{
    const char *const show[] = {"systemctl",     "show", h->service,    "-p", "LoadState",   "-p", "ActiveState",      "-p",
                                "UnitFileState", "-p",   "DropInPaths", "-p", "Environment", "-p", "EnvironmentFiles", NULL};
    cm_autofree char *show_line = cm_host_line(h, false, show);
    cm_autofree char *privileged = cm_host_has_become(h) ? cm_host_line(h, true, pgrep) : cm_strdup("(exit 99)");
    cm_autofree char *plain = cm_host_line(h, false, pgrep);
    return cm_fmt("%s; echo \"%s $?\"; %s; s=$?; echo \"%s $s\"; if [ $s -ne 0 ]; then %s; echo \"%s $?\"; "
                  "[ -r /proc/1/cmdline ]; echo \"%s $?\"; fi; exit 0",
                  show_line, mark, privileged, mark, plain, mark, mark);
}

struct part {
    char *text;
    int status;
}; /* status -1: there was no such part */

static void split(char *text, struct part parts[PARTS])
{
    for (int i = 0; i < PARTS; i++)
        parts[i] = (struct part){NULL, -1};
    for (int i = 0; i < PARTS; i++) {
        char *at = strstr(text, mark);
        if (at == NULL)
            return;
        *at = '\0';
        parts[i].text = text;
        parts[i].status = (int)strtol(at + sizeof mark - 1, NULL, 10);
        text = strchr(at + 1, '\n');
        if (text == NULL)
            return;
        text++;
    }
}

static int count_lines(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

/* pgrep(1): 0 some, 1 none, 2 and 3 failures; 127 no pgrep. sudo's own refusal is a 1 too. */
static int count_processes(const struct part parts[PARTS], const char *errout)
{
    bool refused = strstr(errout, "sudo:") != NULL || strstr(errout, "doas:") != NULL;
    if (parts[1].status == 0)
        return count_lines(parts[1].text);
    if (parts[1].status == 1 && !refused)
        return 0;
    if (parts[2].status == 0)
        return count_lines(parts[2].text);
    return parts[2].status == 1 && parts[3].status == 0 ? 0 : -1;
}

static void copy_short(char *to, size_t room, const char *value)
{
    size_t n = strlen(value);
    if (n >= room)
        n = room - 1;
    memcpy(to, value, n);
    to[n] = '\0';
}

static void append_line(char **to, const char *value)
{
    cm_autofree char *old = *to;
    *to = old == NULL || *old == '\0' ? cm_strdup(value) : cm_fmt("%s\n%s", old, value);
}

/* Our drop-in is known by its name: connect-migrate.conf, or with a number before it. */
static bool has_our_drop_in(const char *paths) { return strstr(paths, "connect-migrate") != NULL; }

static void take_property(struct cm_unit *u, const char *line)
{
    if (cm_starts(line, "LoadState="))
        copy_short(u->load, sizeof u->load, strchr(line, '=') + 1);
    else if (cm_starts(line, "ActiveState="))
        copy_short(u->active, sizeof u->active, strchr(line, '=') + 1);
    else if (cm_starts(line, "UnitFileState="))
        copy_short(u->enabled, sizeof u->enabled, strchr(line, '=') + 1);
    else if (cm_starts(line, "DropInPaths="))
        u->condition = has_our_drop_in(line);
    else if (cm_starts(line, "EnvironmentFiles="))
        append_line(&u->environment_files, strchr(line, '=') + 1);
    else if (cm_starts(line, "Environment="))
        append_line(&u->environment, strchr(line, '=') + 1);
}

static void take_properties(struct cm_unit *u, char *text)
{
    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        take_property(u, line);
    }
    if (u->environment == NULL)
        u->environment = cm_strdup("");
    if (u->environment_files == NULL)
        u->environment_files = cm_strdup("");
}

int cm_host_unit(struct cm_step *step, struct cm_host *h, struct cm_unit *out, struct cm_err **err)
{
    *out = (struct cm_unit){.processes = -1};
    if (cm_host_share(h, cm_step_loop(step), err) != 0)
        return -1;
    cm_autofree char *line = script(h);
    struct cm_host_cmd c;
    cm_host_cmd_begin(&c, h, line);
    cm_autoout got = {.status = -1};
    int result = cm_run(step, &c.cmd, &got, err);
    cm_host_cmd_fini(&c);
    if (result != 0)
        return cm_wrap(err, "%s", h->name);
    if (cm_host_classify(h, false, &got, err) != 0)
        return -1;
    struct part parts[PARTS];
    split(got.out, parts);
    if (parts[0].status != 0) {
        cm_autofree char *last = cm_last_lines(got.errout, 5);
        cm_fail(err, CM_E_FAILED, "%s: systemctl does not tell about %s", h->name, h->service);
        cm_hint(err, "Try there: systemctl show %s. The unit's name stands under source.service in the plan.", h->service);
        cm_evidence(err, last);
        return -1;
    }
    take_properties(out, parts[0].text);
    out->processes = count_processes(parts, got.errout);
    return 0;
}

void cm_unit_fini(struct cm_unit *u)
{
    free(u->environment);
    free(u->environment_files);
    u->environment = u->environment_files = NULL;
}
