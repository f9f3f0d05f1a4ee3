/* plan/table.c: every key of the plan: path, type, default, range, why it is needed, help. The reader, the check for unknown
 * keys, the JSON Schema, `explain` and the manual are made from this table; there is no second list.
 *
 * Does not read anything. A key of the whole contract (doc/connect-migrate-plan.5) that is not here does not exist. */
#include <config.h>

#include <string.h>

#include "base/mem.h"
#include "plan/schema.h"

#define SECRET_FORMS "a reference: {env: NAME}, {file: PATH} or {command: [PROGRAM, ARG]}; never the value itself"

const struct cm_plan_key cm_plan_keys[] = {
    {.path = "runbook", .type = CM_P_STRING, .def = "vm-to-kubernetes",
     .help = "The kind of migration: the id of a runbook, or the path of your own runbook file."},
    {.path = "ticket", .type = CM_P_STRING, .help = "The change ticket, shown at gates and in the report."},

    {.path = "source", .type = CM_P_MAP, .help = "The old server: the machines that run Posit Connect today."},
    {.path = "source.hosts", .type = CM_P_HOSTS, .max = 64,
     .required = "names ssh knows, one for each machine of the old server",
     .help = "The machines of the old server, by names that ssh knows; localhost is this machine."},
    {.path = "source.shell", .type = CM_P_STRING_OR_LIST, .def = "ssh", .min = 1, .max = 64,
     .help = "How a machine is reached: ssh, or a command in which {host} is replaced and to which one argument, the command "
             "line, is added."},
    {.path = "source.become", .type = CM_P_LIST_STRING, .def = "[sudo, -n]", .max = 16,
     .help = "What is put before a command that needs root there; [] when the login may do all."},
    {.path = "source.service", .type = CM_P_STRING, .def = "rstudio-connect", .help = "The systemd unit of Connect."},
    {.path = "source.config", .type = CM_P_REMOTE_PATH, .def = "/etc/rstudio-connect/rstudio-connect.gcfg",
     .help = "Connect's configuration file on the old server."},
    {.path = "source.url", .type = CM_P_URL, .derived = "the first host and HTTP.Listen of the server's configuration",
     .help = "The old server asked directly, past any load balancer."},

    {.path = "tools", .type = CM_P_MAP, .help = "The administrator's own programs."},
    {.path = "tools.helm", .type = CM_P_PROGRAM, .def = "helm", .help = "helm, 3.13 or later."},
    {.path = "tools.kubectl", .type = CM_P_PROGRAM, .def = "kubectl", .help = "kubectl."},
    {.path = "tools.ssh", .type = CM_P_PROGRAM, .def = "ssh", .help = "The ssh client that `source.shell: ssh` uses."},

    {.path = "connect", .type = CM_P_MAP, .help = "Connect as its users know it: public name and API key."},
    {.path = "connect.url", .type = CM_P_URL, .derived = "CONNECT_SERVER, else Server.Address of the server's configuration",
     .help = "The public address of Connect."},
    {.path = "connect.ca_file", .type = CM_P_PATH, .help = "Certificates to trust besides the system's, a PEM file."},
    {.path = "connect.api_key", .type = CM_P_SECRET, .def = "{env: CONNECT_API_KEY}",
     .help = "An administrator's API key, as " SECRET_FORMS "."},
    {.path = "connect.doubt", .type = CM_P_LIST_DURATION, .def = "[2s, 5s, 10s]", .min = 1, .max = 10,
     .help = "When a request that was sent and not answered is looked for again."},

    {.path = "database", .type = CM_P_MAP, .help = "How Connect's database is reached from here; its name and role are read from "
                                                   "the server's own configuration."},
    {.path = "database.via", .type = CM_P_ENUM, .def = "direct", .values = "direct|source",
     .help = "direct: from this machine. source: through the old server."},
    {.path = "database.hostaddr", .type = CM_P_STRING, .help = "The address to connect to in place of the host in Postgres.URL."},
    {.path = "database.port", .type = CM_P_INT, .min = 1, .max = 65535, .help = "The port to connect to in place of the one in "
                                                                                 "Postgres.URL."},
    {.path = "database.password", .type = CM_P_SECRET, .derived = "the server's configuration, PGPASSWORD, ~/.pgpass",
     .help = "The password of Connect's role, as " SECRET_FORMS "."},
    {.path = "database.ignore_sessions", .type = CM_P_LIST_STRING, .def = "[]", .max = 64,
     .help = "Application names of sessions that are known and harmless (monitoring); they are named, not counted."},

    {.path = "target", .type = CM_P_MAP, .help = "The new server: cluster, release and values."},
    {.path = "target.kubeconfig", .type = CM_P_PATH, .derived = "KUBECONFIG when it names one file",
     .help = "The kubeconfig file for helm and kubectl; theirs when not said."},
    {.path = "target.context", .type = CM_P_STRING, .derived = "the kubeconfig's current context",
     .required = "the kubeconfig's context of the cluster; `kubectl config get-contexts` lists them",
     .help = "The kubeconfig's context."},
    {.path = "target.namespace", .type = CM_P_NAME, .max = 63, .derived = "the namespace of the kubeconfig's context",
     .required = "the namespace that Connect is deployed into", .help = "The namespace of the release."},
    {.path = "target.release", .type = CM_P_NAME, .max = 53, .required = "the name of the Helm release; nothing else knows it",
     .help = "The name of the Helm release."},
    {.path = "target.chart", .type = CM_P_CHART, .def = "rstudio/rstudio-connect",
     .help = "The chart: repository and name, an oci:// reference, or a path beginning with ./ or /."},
    {.path = "target.chart_version", .type = CM_P_STRING, .derived = "the newest version that helm knows",
     .help = "The version of the chart, in quotes."},
    {.path = "target.values", .type = CM_P_LIST_PATH, .min = 1, .max = 32,
     .required = "your values files, in the order in which helm is given them",
     .help = "The values files, in helm's order; they are read and never changed."},
    {.path = "target.values_at", .type = CM_P_STRING,
     .help = "Where people keep the values files (a repository's address), told when files have to be put there."},
    {.path = "target.url", .type = CM_P_URL, .def = "port-forward", .values = "port-forward",
     .help = "How the new server is reached before users are: port-forward, or an address."},
    {.path = "target.resolve", .type = CM_P_STRING,
     .help = "The address (IP or name) that the public name will lead to after the migration."},
    {.path = "target.timeout", .type = CM_P_DURATION, .def = "10m", .help = "The limit of one call of helm."},

    {.path = "license", .type = CM_P_MAP, .help = "The license of the new server."},
    {.path = "license.mode", .type = CM_P_ENUM, .def = "file", .values = "file|key|server",
     .help = "What the new server is licensed by."},
    {.path = "license.activations", .type = CM_P_ENUM, .values = "confirmed",
     .help = "confirmed: a person made sure that the license allows one more activation."},

    {.path = "content", .type = CM_P_MAP, .help = "Which content is prepared and validated."},
    {.path = "content.priority", .type = CM_P_MAP, .help = "How the priority list is chosen: the most visited, and what is named."},
    {.path = "content.priority.top", .type = CM_P_INT, .def = "50", .min = 0, .max = 100000,
     .help = "How many of the most visited items are on the priority list."},
    {.path = "content.priority.since", .type = CM_P_DURATION, .def = "90d", .help = "How far back visits are counted."},
    {.path = "content.priority.guids", .type = CM_P_LIST_STRING, .def = "[]", .max = 100000,
     .help = "Items that are on the list in any case, by GUID; they come first."},
    {.path = "content.priority.tags", .type = CM_P_LIST_STRING, .def = "[]", .max = 1000,
     .help = "Items with one of these tags are on the list."},
    {.path = "content.build", .type = CM_P_MAP, .help = "How content is built on the new server."},
    {.path = "content.build.parallel", .type = CM_P_INT, .def = "3", .min = 1, .max = 64, .help = "How many items build at a time."},
    {.path = "content.build.retries", .type = CM_P_INT, .def = "2", .min = 0, .max = 20,
     .help = "How often a failed build is tried again."},
    {.path = "content.build.timeout", .type = CM_P_DURATION, .def = "30m", .help = "The limit of one build."},
    {.path = "content.build.revert_by", .type = CM_P_TIME,
     .help = "When building ends at the latest, so that the temporary settings are reverted in time."},
    {.path = "content.caches", .type = CM_P_MAP, .help = "Runtime caches."},
    {.path = "content.caches.clear", .type = CM_P_ENUM, .def = "kubernetes", .values = "all|none|kubernetes",
     .help = "Which runtime caches are deleted before content is built."},
    {.path = "content.render", .type = CM_P_LIST_STRING, .def = "[]", .max = 100000,
     .help = "GUIDs of documents that validation may render; rendering can send mail and write files."},

    {.path = "temporary", .type = CM_P_MAP,
     .def = "{Scheduler.MinProcessesLimit: 0, Applications.ScheduleConcurrency: 0, Applications.PythonEnvironmentReaping: false}",
     .help = "Settings in force while content is built; said here, it replaces all of the defaults."},
    {.path = "temporary.*", .type = CM_P_SCALAR, .help = "Section.Key of Connect's configuration, and its temporary value."},

    {.path = "allow", .type = CM_P_LIST_ENUM, .def = "[]", .values = "pods|images", .max = 2,
     .help = "What checks may make in the cluster: pods (a short-lived Job), images (pulled onto the nodes ahead)."},

    {.path = "window", .type = CM_P_MAP, .help = "The maintenance window; no downtime begins outside of it."},
    {.path = "window.start", .type = CM_P_TIME, .help = "Its begin: \"2026-12-05 22:00\" in the zone, or RFC 3339."},
    {.path = "window.end", .type = CM_P_TIME, .help = "Its end: \"2026-12-06 03:00\" in the zone, or RFC 3339."},
    {.path = "window.zone", .type = CM_P_STRING, .derived = "local, this machine's zone",
     .help = "The IANA zone of the times: Europe/Berlin; local is this machine's."},

    {.path = "backup", .type = CM_P_MAP, .help = "Short for steps.backup.take: the restore point taken while all is stopped."},
    {.path = "backup.by", .type = CM_P_ENUM, .def = "hand", .values = "hand|command", .help = "Who takes it."},
    {.path = "backup.command", .type = CM_P_COMMAND, .min = 1, .max = 256, .help = "The command that takes it; it prints a reference."},
    {.path = "backup.note", .type = CM_P_STRING, .help = "What the person at the gate is told."},
    {.path = "access", .type = CM_P_MAP, .help = "How users are kept out and let in."},
    {.path = "access.close", .type = CM_P_MAP, .help = "Short for steps.access.close: users and publishers out."},
    {.path = "access.close.by", .type = CM_P_ENUM, .def = "hand", .values = "hand|command", .help = "Who closes access."},
    {.path = "access.close.command", .type = CM_P_COMMAND, .min = 1, .max = 256, .help = "The command that closes access."},
    {.path = "access.close.note", .type = CM_P_STRING, .help = "What the person at the gate is told."},
    {.path = "access.open", .type = CM_P_MAP, .help = "Short for steps.access.open: users in, to the new server."},
    {.path = "access.open.by", .type = CM_P_ENUM, .def = "hand", .values = "hand|command", .help = "Who opens access."},
    {.path = "access.open.command", .type = CM_P_COMMAND, .min = 1, .max = 256, .help = "The command that opens access."},
    {.path = "access.open.note", .type = CM_P_STRING, .help = "What the person at the gate is told."},

    {.path = "gates", .type = CM_P_MAP, .help = "Answers given ahead, by the id of a gate or of an unknown finding."},
    {.path = "gates.*", .type = CM_P_MAP, .help = "One answer."},
    {.path = "gates.*.note", .type = CM_P_STRING, .required = "who attests what; it stands in the report",
     .help = "Who attests what, and on what grounds."},

    {.path = "notify", .type = CM_P_MAP, .help = "Who is told."},
    {.path = "notify.webhook", .type = CM_P_SECRET, .help = "The address that gets a message before the downtime and after it, as "
                                                             SECRET_FORMS "."},

    {.path = "stages", .type = CM_P_MAP, .help = "Settings of whole stages, by stage id."},
    {.path = "stages.*", .type = CM_P_MAP, .help = "One stage."},
    {.path = "stages.*.skip", .type = CM_P_STRING, .required = "the reason; it stands in the report",
     .help = "Leave the stage out, for this reason."},

    {.path = "steps", .type = CM_P_MAP, .help = "Settings of single steps, by step id."},
    {.path = "steps.*", .type = CM_P_MAP, .help = "One step."},
    {.path = "steps.*.by", .type = CM_P_ENUM, .values = "tool|hand|command", .derived = "tool; hand for backup.take, access.close and "
                                                                                         "access.open; command when one is given",
     .help = "Who makes the change: this tool, a person at a gate, or the command given."},
    {.path = "steps.*.command", .type = CM_P_COMMAND, .min = 1, .max = 256, .help = "The command, as a list of arguments; no shell."},
    {.path = "steps.*.note", .type = CM_P_STRING, .help = "What the person at the gate is told."},
    {.path = "steps.*.skip", .type = CM_P_STRING, .help = "Leave the step out, for this reason."},
    {.path = "steps.*.timeout", .type = CM_P_DURATION, .help = "The limit of one attempt."},
    {.path = "steps.*.retries", .type = CM_P_INT, .min = 0, .max = 100, .help = "How often an error that may pass is tried again."},
    {.path = "steps.*.on_failure", .type = CM_P_ENUM, .values = "stop|warn", .def = "stop",
     .help = "warn: the run goes on when the step fails; it ends with status 7."},
    {.path = "steps.*.with", .type = CM_P_FREE_MAP, .help = "Parameters of the step's action; `explain ACTION` lists them."},
    {.path = NULL},
};

const struct cm_plan_key *cm_plan_key_under(const char *pattern, const char *name)
{
    size_t below = strlen(pattern);
    const struct cm_plan_key *any = NULL;
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        const char *rest = k->path;
        if (below) {
            if (strncmp(rest, pattern, below) != 0 || rest[below] != '.')
                continue;
            rest += below + 1;
        }
        if (strcmp(rest, "*") == 0)
            any = k;
        else if (!strchr(name, '.') && strcmp(rest, name) == 0)
            return k;
    }
    return any;
}
