/* init: a commented plan on stdout from what is found here. Each found value says where from; each unknown one is a question in a comment.
 * Reads only: no file is written (redirect it), nothing outside is asked. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "cli/commands.h"
#include "values/config.h"

/* kubectl's current context, by the file that kubectl itself would read first. */
static char *current_context(char **from, char **ns)
{
    const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
    cm_autofree char *first = list && *list ? cm_strndup(list, strcspn(list, ":")) : cm_fmt("%s/.kube/config", home ? home : "");
    cm_autoyaml doc = cm_file_exists(first) ? cm_yaml_load(first, NULL) : NULL;
    cm_autojson config = doc && cm_yaml_root(doc) ? cm_yaml_json(doc, cm_yaml_root(doc)) : NULL;
    const char *context = cm_json_text(config, "current-context", NULL);
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(config, "contexts"), i, c) if (context &&
                                                                      strcmp(cm_json_text(c, "name", ""), context) == 0 &&
                                                                      cm_json_text(c, "context.namespace", NULL)) *ns =
        cm_strdup(cm_json_text(c, "context.namespace", NULL));
    *from = cm_strdup(first);
    return cm_strdup(context);
}

static void line(const char *key, const char *value, const char *from, const char *question)
{
    cm_autofree char *quoted = value ? cm_yaml_quote(value) : NULL;
    if (value)
        printf("  %s: %s    # from %s\n", key, quoted, from);
    else
        printf("  %s: CHANGE-ME    # %s\n", key, question);
}

static void print_source(void)
{
    const char *here = cm_file_exists("/etc/rstudio-connect/rstudio-connect.gcfg") ? "/etc/rstudio-connect/rstudio-connect.gcfg"
                       : cm_file_exists("rstudio-connect.gcfg")                    ? "./rstudio-connect.gcfg"
                                                                                   : NULL;
    printf("source:\n");
    if (here && *here == '/')
        printf("  hosts: [localhost]    # %s is on this machine\n", here);
    else
        printf("  hosts: [CHANGE-ME]    # which nodes does the old server have? names your ssh knows, all of them\n");
    if (here && *here == '.')
        printf("  # %s lies here: is it a copy of the server's? The server's own is read through its shell.\n", here);
}

static void print_connect(void)
{
    const char *server = getenv("CONNECT_SERVER");
    printf("connect:\n");
    if (server && *server)
        line("url", server, "CONNECT_SERVER", "");
    else
        printf("  # url: the public address; when it is not said, Server.Address of the server's configuration is taken\n");
    printf("  api_key: {env: CONNECT_API_KEY}    # %s\n",
           getenv("CONNECT_API_KEY") ? "it is set here" : "an administrator's key; not set here now");
}

static void print_target(void)
{
    cm_autofree char *from = NULL, *ns = NULL, *context = current_context(&from, &ns);
    printf("target:\n");
    line("context", context, from, "which of `kubectl config get-contexts`?");
    line("namespace", ns, from, "in which namespace shall Connect run?");
    printf("  release: rstudio-connect-prod    # the Helm release's name: is it yours?\n");
    printf("  values: [%s]    # %s\n", "values.yaml",
           cm_file_exists("values.yaml") ? "found here" : "not here yet: the base values of the chart");
}

int cm_cmd_init(const struct cm_invocation *in, struct cm_err **err)
{
    (void)in;
    (void)err;
    printf("# A plan for connect-migrate-run. Write it to a file, answer the questions, then: connect-migrate-run check FILE\n"
           "# yaml-language-server: $schema=plan.schema.json    (connect-migrate-run schema > plan.schema.json)\n"
           "runbook: vm-to-kubernetes\n");
    print_source();
    print_connect();
    print_target();
    printf(
        "# window: {start: \"2026-12-05 22:00\", end: \"2026-12-06 03:00\", zone: Europe/Berlin}    # when may users be out?\n"
        "backup: {by: hand, note: \"CHANGE-ME\"}    # who takes a restore point of database, DataDir and configuration, and how?\n"
        "access: {close: {by: hand}, open: {by: hand}}    # or by: command with your load balancer's own command\n");
    return 0;
}
