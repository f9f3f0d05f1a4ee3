/* adapters/host.h: a node of the old server: commands and files there, through `source.shell` (ssh, local, or any command).
 *
 * With a list in source.shell {host} is replaced and ONE argument is added: the command line, quoted for POSIX sh; stdin,
 * stdout and status as ssh's, 255 = not reached. "localhost" with the default shell runs here. `become` (source.become, e.g.
 * sudo -n) is put before the command. Failures are told apart: not reached (passing), host key changed, key refused, sudo
 * wants a password, command not found, command failed. */
#ifndef CM_ADAPTERS_HOST_H
#define CM_ADAPTERS_HOST_H

#include <stdbool.h>

#include <cm/action.h>
#include <cm/runner.h>

struct cm_host;

struct cm_host *cm_host_new(const struct cm_plan *plan, const char *name);      /* for outside.c; touches nothing */
void cm_host_free(struct cm_host *h);
const char *cm_host_name(const struct cm_host *h);
/* Run argv there, reading. 0 with any status but 255-not-reached; `become`: as the privileged user. */
int cm_host_run(struct cm_step *step, struct cm_host *h, bool become, const char *const *argv, struct cm_out *out,
                struct cm_err **err);
/* Run argv there as an effect (privileged), with the runner's rules for effects. A status other than 0 is an error. */
int cm_host_run_effect(struct cm_intent *intent, struct cm_host *h, const char *const *argv, struct cm_out *out,
                       struct cm_err **err);
/* As cm_host_run_effect, with bytes on the command's standard input. */
int cm_host_run_effect_input(struct cm_intent *intent, struct cm_host *h, const char *const *argv, const char *input,
                             size_t input_bytes, struct cm_out *out, struct cm_err **err);
/* Read a file (privileged), at most max_bytes. *absent: there is none (0 is returned, *data NULL). Caller frees *data. */
int cm_host_read_file(struct cm_step *step, struct cm_host *h, const char *path, size_t max_bytes, char **data, size_t *bytes,
                      bool *absent, struct cm_err **err);
/* A command line as a person would type it on that host, for gates, hints and previews; caller frees. */
char *cm_host_by_hand(const struct cm_host *h, const char *const *argv);

/* systemd's view of the unit (source.service) on this node, by `systemctl show`. */
struct cm_unit {
    char active[32];         /* "active" "inactive" "failed" … */
    char enabled[32];        /* UnitFileState: "enabled" "disabled" "masked" …; "" when unknown */
    char load[32];           /* LoadState: "loaded" "masked" "not-found" */
    bool condition;          /* stopped by our drop-in with ConditionPathExists=! */
    int processes;           /* Connect's processes seen there (pgrep), -1: cannot tell */
    char *environment;       /* Environment= text as systemctl shows it; owned; may hold secrets */
    char *environment_files; /* EnvironmentFiles=; owned */
};
int cm_host_unit(struct cm_step *step, struct cm_host *h, struct cm_unit *out, struct cm_err **err);
void cm_unit_fini(struct cm_unit *u);

#endif
