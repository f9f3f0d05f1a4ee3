/* adapters/host_shell.h: how a command line gets to a node, over which connection, and whose fault a failure is; for host*.c and
 * tunnel.c only. */
#ifndef CM_ADAPTERS_HOST_SHELL_H
#define CM_ADAPTERS_HOST_SHELL_H

#include <stdbool.h>

#include <cm/runner.h>

#include "adapters/argv.h"
#include "adapters/host.h"
#include "base/mem.h"

enum cm_host_way { CM_HOST_HERE, CM_HOST_SSH, CM_HOST_LIST };

struct cm_host {
    char *name;
    enum cm_host_way way;
    const json_t *shell;            /* the list; borrowed from the plan */
    const json_t *become;           /* words; borrowed from the plan */
    const char *ssh, *service;      /* borrowed from the plan */
    bool asked;                     /* ssh -G was: what follows is known */
    bool keeps_alive;               /* the user's configuration sends keep-alives itself */
    bool proxied;                   /* it is reached through a jump host or a command */
    char *control;                  /* "ControlPath=…" of our own shared connection; NULL: none, or the user has one */
    char *lock;                     /* file that is locked while the first of us opens it; NULL: none */
    int64_t shared_ms;              /* when it was last known to stand (boot clock); 0: never */
};

struct cm_host_cmd {                /* a command, put together to be run here */
    struct cm_cmd cmd;
    struct cm_argv argv;
    struct cm_arena *arena;
};

bool cm_host_has_become(const struct cm_host *h);
/* The command line for the node's sh, messages in English; caller frees. */
char *cm_host_line(const struct cm_host *h, bool become, const char *const *argv);
void cm_host_cmd_begin(struct cm_host_cmd *c, const struct cm_host *h, const char *line);
void cm_host_cmd_fini(struct cm_host_cmd *c);
/* "ssh -o BatchMode=yes …", for a command that names its node next; nobody is ever asked for anything. */
void cm_host_ssh_begin(struct cm_argv *argv, struct cm_cmd *cmd, const struct cm_host *h);

/* Before a command: let the shared connection stand (ssh only), or know that there is none. -1: not reached or not let in, as
 * cm_host_classify says it; the command need not be tried. */
int cm_host_share(struct cm_host *h, struct cm_loop *loop, struct cm_err **err);
void cm_host_share_options(struct cm_argv *argv, const struct cm_host *h);

/* 0: the command itself ran there. -1: the way there, or sudo, is to blame. */
int cm_host_classify(const struct cm_host *h, bool become, const struct cm_out *out, struct cm_err **err);

#endif
