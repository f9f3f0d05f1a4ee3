/* init: a commented plan on standard output from what is found here (cli/around.h). Each found value says where from; what was not
 * found is a question in a comment, with the key as it would be written, so that only what is really unknown is missing. Writes no
 * file: redirect it. */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "cli/around.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "values/quote.h"

enum { COLUMNS = 100 };

/* The plan's keys in its order. Without a question: printed only when something was seen. */
static const struct {
    const char *path, *example, *question;
    bool of_a_server; /* not of a migration inside of the cluster */
} rows[] = {
    {"runbook", NULL, NULL, false},
    {"source.hosts", "[connect1, connect2]",
     "Which machines does the old server have? All of them, by names that ssh knows; localhost is this one.", true},
    {"source.config", NULL, NULL, true},
    {"connect.url", "https://connect.example.com",
     "Which address do users type? Not said: Server.Address of the server's configuration.", false},
    {"connect.api_key", NULL, NULL, false},
    {"database.hostaddr", "10.20.0.15", NULL, false},
    {"database", NULL, NULL, false},
    {"target.kubeconfig", NULL, NULL, false},
    {"target.context", "prod", "Which of `kubectl config get-contexts` is the cluster?", false},
    {"target.namespace", "posit-connect", "In which namespace shall Connect run?", false},
    {"target.release", "rstudio-connect-prod", "What is the Helm release called, or what shall it be called? It stays so.", false},
    {"target.chart", NULL, NULL, false},
    {"target.chart_version", NULL, NULL, false},
    {"target.values", "[values.yaml]", "Which values files is helm given, in which order? Paths are relative to the plan.", false},
    {"target.values_at", NULL, NULL, false},
    {"license.mode", "file", "What will the new server be licensed by: file, key or server? Not said: file.", true},
    {"allow", "[pods, images]",
     "May short-lived Jobs try in the cluster what only a pod can tell (images, storage, network), and pull images ahead? Not said: no, and "
     "`check` asks you what they would have seen.",
     true},
    {"window", "{start: \"2026-12-05 22:00\", end: \"2026-12-06 03:00\", zone: Europe/Berlin}", "When may users be out?", false},
    {"backup", "{by: hand, note: \"snapshots of the database and the storage\"}",
     "Who takes a restore point while all is stopped, and how? Not said: by hand. Or `by: command`.", true},
    {"access", "{close: {by: hand}, open: {by: hand}}",
     "How are users kept out and let in again: by hand, or `by: command` at the load balancer? Not said: by hand.", true},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* A comment in lines of at most COLUMNS; what does not fit goes on below, indented. Control characters become '?'. */
static void comment(struct cm_str *out, size_t indent, const char *mark, const char *text)
{
    cm_autofree char *marked = cm_fmt("%s%s", mark, text);
    cm_autostr clean = CM_STR(CM_STR_LINE);
    cm_yaml_add_comment(&clean, marked, 0);
    size_t at = 0, n;
    for (const char *p = cm_str_text(&clean) + strlen("# "); *p && *p != '\n'; p += n + strspn(p + n, " ")) {
        n = strcspn(p, " \n");
        if (at == 0 || at + 1 + n > COLUMNS) {
            cm_str_addf(out, "%s%*s# %s", at ? "\n" : "", (int)indent, "", at ? "  " : "");
            at = indent + 2;
        } else {
            cm_str_add(out, " ");
        }
        cm_str_add_bytes(out, p, n);
        at += n + 1;
    }
    cm_str_add(out, "\n");
}

/* What is asked and what is to be known of a key, above it. */
static void add_texts(struct cm_str *out, size_t i, const json_t *row, size_t indent)
{
    const json_t *remark;
    size_t k;
    if (!cm_json_text(row, "value", NULL) && rows[i].question)
        comment(out, indent, "? ", rows[i].question);
    json_array_foreach(json_object_get(row, "remarks"), k, remark) comment(out, indent, "note: ", json_string_value(remark));
}

/* The key itself: with its value and where that is from, or as a comment. */
static void add_key(struct cm_str *out, size_t i, const json_t *row, bool section_there)
{
    const char *dot = strchr(rows[i].path, '.'), *key = dot ? dot + 1 : rows[i].path, *from = cm_json_text(row, "from", "");
    const char *value = cm_json_text(row, "value", NULL);
    int indent = dot ? 2 : 0;
    if (!value) {
        if (rows[i].example)
            cm_str_addf(out, section_there ? "%*s# %s: %s\n" : "# %*s%s: %s\n", indent, "", key, rows[i].example);
        return;
    }
    cm_autofree char *line = cm_fmt("%*s%s: %s", indent, "", key, value);
    bool behind = strlen(line) + strlen(from) + 6 <= COLUMNS;
    if (!behind)
        comment(out, (size_t)indent, "from ", from);
    cm_str_addf(out, "%s%s", line, behind ? "    " : "\n");
    if (behind)
        comment(out, 0, "", from);
}

static size_t top_length(size_t i) { return strcspn(rows[i].path, "."); }

static bool same_top(size_t i, size_t k)
{
    return top_length(i) == top_length(k) && strncmp(rows[i].path, rows[k].path, top_length(i)) == 0;
}

/* In a section of which nothing was found the texts come first, so that the rest can be made a plan by taking the '#' away. */
static void add_rows(struct cm_str *out, const json_t *seen, size_t begin, size_t end, bool there)
{
    bool section = strchr(rows[begin].path, '.') != NULL;
    for (size_t i = begin; !there && i < end; i++)
        add_texts(out, i, json_object_get(seen, rows[i].path), 0);
    if (section)
        cm_str_addf(out, "%s%.*s:\n", there ? "" : "# ", (int)top_length(begin), rows[begin].path);
    for (size_t i = begin; i < end; i++) {
        if (there)
            add_texts(out, i, json_object_get(seen, rows[i].path), section ? 2 : 0);
        add_key(out, i, json_object_get(seen, rows[i].path), there);
    }
}

/* The rows from `begin` on that share their first word; what comes behind them is returned. */
static size_t add_section(struct cm_str *out, const json_t *seen, size_t begin, bool server)
{
    size_t end = begin;
    bool there = false, any = false;
    for (; end < ROWS && same_top(begin, end); end++) {
        const json_t *row = json_object_get(seen, rows[end].path);
        there = there || cm_json_text(row, "value", NULL);
        any = any || row || rows[end].question;
    }
    if (any && (server || !rows[begin].of_a_server)) {
        cm_str_add(out, "\n");
        add_rows(out, seen, begin, end, there);
    }
    return end;
}

static void print_plan(const json_t *seen)
{
    cm_autostr out = CM_STR(CM_STR_PAGE);
    bool server = strcmp(cm_json_text(json_object_get(seen, "runbook"), "value", ""), "vm-to-kubernetes") == 0;
    cm_str_add(&out, "# yaml-language-server: $schema=plan.schema.json\n"
                     "# A plan for connect-migrate-run, from what was found here. Write it to a file, say prod.yaml, and\n"
                     "# answer what begins with a question mark; `connect-migrate-run check prod.yaml` names what is still\n"
                     "# missing. `connect-migrate-run schema > plan.schema.json` makes the schema of the first line, by\n"
                     "# which an editor checks and completes the plan.\n");
    for (size_t i = 0; i < ROWS;)
        i = add_section(&out, seen, i, server);
    fputs(cm_str_text(&out), stdout);
}

/* For scripts: values as JSON, and the questions that are open. */
static void print_json(const json_t *seen)
{
    cm_autojson all = json_object();
    for (size_t i = 0; i < ROWS; i++) {
        const json_t *row = json_object_get(seen, rows[i].path);
        const char *value = cm_json_text(row, "value", NULL);
        if (!row && !rows[i].question)
            continue;
        json_t *one = row ? json_deep_copy(row) : json_object();
        cm_autoyaml doc = value ? cm_yaml_parse(value, strlen(value), "value", NULL) : NULL;
        if (doc)
            json_object_set_new(one, "value", cm_yaml_json(doc, cm_yaml_root(doc)));
        else if (rows[i].question)
            json_object_set_new(one, "question", json_string(rows[i].question));
        json_object_set_new(all, rows[i].path, one);
    }
    cm_autofree char *text = json_dumps(all, JSON_INDENT(2));
    printf("%s\n", text);
}

static const char **given_hosts(const struct cm_invocation *in)
{
    const char **hosts = cm_alloc((in->given_count + 1) * sizeof *hosts);
    for (size_t i = 0, n = 0; i < in->given_count; i++)
        if (in->given[i].id == CM_O_HOST)
            hosts[n++] = in->given[i].value;
    return hosts;
}

int cm_cmd_init(const struct cm_invocation *in, struct cm_err **err)
{
    (void)err;
    cm_autofree const char **hosts = given_hosts(in);
    cm_autojson seen = json_object();
    struct cm_around a = {
        .loop = cm_loop_new(&cm_clock_system), .hosts = hosts, .config = cm_given_value(in, CM_O_CONFIG), .seen = seen};
    cm_around_environment(&a);
    cm_around_server(&a);
    cm_around_cluster(&a);
    cm_around_values(&a);
    cm_around_say(&a, "runbook", "vm-to-kubernetes", "a server moves to Kubernetes");
    cm_loop_free(a.loop);
    if (cm_given_times(in, CM_O_JSON))
        print_json(seen);
    else
        print_plan(seen);
    return 0;
}
