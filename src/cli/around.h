/* cli/around.h: what `init` sees of the place where it is typed: the old server's configuration (here, or by ssh), the environment,
 * the kubeconfig, helm's releases, the values files of this folder.
 *
 * Reads only; each program that is asked has a limit. What could not be seen is a remark, never a failure. No secret is kept: of
 * variables that hold one the name, of addresses the host. Does not: print (cmd_init.c), ask the cluster itself. */
#ifndef CM_CLI_AROUND_H
#define CM_CLI_AROUND_H

#include <stddef.h>

#include <jansson.h>

#include <cm/err.h>
#include <cm/loop.h>

struct cm_around {
    struct cm_loop *loop;
    const char *const *hosts;        /* --host; NULL-ended, maybe empty */
    const char *config;              /* --config; NULL: the usual place */
    /* {"source.hosts": {"value": YAML text, "from": "…", "remarks": ["…"]}}: `value` and `from` only where it was found. */
    json_t *seen;
};

void cm_around_server(struct cm_around *a);           /* around_server.c: source.*, connect.url, database.* by the gcfg */
void cm_around_environment(struct cm_around *a);      /* around.c: CONNECT_*, PG* */
void cm_around_cluster(struct cm_around *a);          /* around_cluster.c: target.* but its values */
void cm_around_values(struct cm_around *a);           /* around_values.c: target.values, license.mode, the Launcher's runbook */

/* For these four. Keep a value, as YAML text, unless the plan's table would not take it: that is a remark then, which names the
 * origin and not the value. The first value of a key stays. */
void cm_around_say(struct cm_around *a, const char *path, const char *yaml, const char *from, ...) CM_PRINTF(4, 5);
void cm_around_remark(struct cm_around *a, const char *path, const char *fmt, ...) CM_PRINTF(3, 4);
const char *cm_around_value(const struct cm_around *a, const char *path);      /* NULL: not found */
char *cm_around_scalar(const char *text);             /* as YAML; caller frees; NULL: it is no UTF-8 text */
char *cm_around_list(const char *const *texts);       /* NULL-ended; likewise */

#endif
