/* adapters/host_shell.h: how a command line gets to a node; for host.c and host_unit.c only. */
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
    bool control_known;
    char *control;                  /* "ControlPath=…" of our own shared connection; NULL: none, or the user has one */
};

struct cm_host_cmd {                /* a command, put together to be run here */
    struct cm_cmd cmd;
    struct cm_argv argv;
    struct cm_arena *arena;
};

bool cm_host_has_become(const struct cm_host *h);
/* The command line for the node's sh, messages in English; caller frees. */
char *cm_host_line(const struct cm_host *h, bool become, const char *const *argv);
void cm_host_cmd_begin(struct cm_host_cmd *c, struct cm_host *h, struct cm_loop *loop, const char *line);
void cm_host_cmd_fini(struct cm_host_cmd *c);
/* 0: the command itself ran there. -1: the way there, or sudo, is to blame. */
int cm_host_classify(const struct cm_host *h, bool become, const struct cm_out *out, struct cm_err **err);

#endif
