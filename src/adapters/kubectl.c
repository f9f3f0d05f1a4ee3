/* adapters/kubectl.c: the administrator's own kubectl.
 *
 * Every call names context, kubeconfig and namespace of the plan, so that a changed current context changes nothing here.
 * What went wrong is read from kubectl's words: those of k8s.io/apimachinery ("Error from server (NotFound)") and of
 * client-go ("Unable to connect to the server"). Does not: wait (actions), forward ports (kube_forward.c). */
#include <config.h>

#include "adapters/kubectl.h"

#include <stdlib.h>
#include <string.h>

#include <cm/runner.h>

#include "adapters/argv.h"
#include "adapters/kube_internal.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

#define FIELD_MANAGER "connect-migrate" /* what a patch of ours is known by among an object's managedFields */

enum { LOOK_MS = 60000 }; /* no single look at the cluster takes longer */
static const size_t OUTPUT_MAX = (size_t)64 << 20;

void cm_kube_argv(struct cm_step *step, struct cm_argv *a, const char *ns)
{
    const struct cm_plan *plan = cm_step_plan(step);
    cm_argv_add_tool(a, cm_plan_get(plan, "tools.kubectl"), "kubectl");
    cm_argv_add2(a, "--kubeconfig", cm_plan_text(plan, "target.kubeconfig"));
    cm_argv_add2(a, "--context", cm_plan_text(plan, "target.context"));
    cm_argv_add2(a, "--namespace", ns == NULL ? cm_plan_text(plan, "target.namespace") : ns);
}

static int64_t look_limit(struct cm_step *step)
{
    int64_t deadline = cm_step_deadline(step);
    int64_t left = deadline == CM_NEVER ? LOOK_MS : deadline - cm_loop_now_ms(cm_step_loop(step));
    return left > LOOK_MS ? LOOK_MS : left > 0 ? left : 1;
}

static bool says(const char *text, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++)
        if (strstr(text, words[i]) != NULL)
            return true;
    return false;
}

enum cm_kube_trouble cm_kube_trouble(const char *errout)
{
    static const char *const absent[] = {"(NotFound)", "doesn't have a resource type", "no matches for kind", NULL};
    static const char *const forbidden[] = {"(Forbidden)", "is forbidden: User", NULL};
    static const char *const login[] = {"(Unauthorized)",      "You must be logged in", "provide credentials",
                                        "getting credentials", "Unauthorized",          NULL};
    static const char *const context[] = {"context was not found", "does not exist for context", "no configuration has been",
                                          "error: context", NULL};
    static const char *const passing[] = {"Unable to connect to the server",
                                          "was refused",
                                          "connection refused",
                                          "failed to download openapi",
                                          "proxyconnect",
                                          "i/o timeout",
                                          "no such host",
                                          "TLS handshake timeout",
                                          "connection reset",
                                          "unexpected EOF",
                                          "(ServiceUnavailable)",
                                          "(Timeout)",
                                          "(ServerTimeout)",
                                          "(TooManyRequests)",
                                          "(InternalError)",
                                          "etcdserver",
                                          "context deadline exceeded",
                                          "Client.Timeout",
                                          "network is unreachable",
                                          "http2: client connection lost",
                                          NULL};
    if (errout == NULL)
        return CM_KT_OTHER;
    return says(errout, absent)      ? CM_KT_ABSENT
           : says(errout, forbidden) ? CM_KT_FORBIDDEN
           : says(errout, login)     ? CM_KT_LOGIN
           : says(errout, context)   ? CM_KT_CONTEXT
           : says(errout, passing)   ? CM_KT_PASSING
                                     : CM_KT_OTHER;
}

int cm_kube_fail(struct cm_step *step, const struct cm_out *out, const char *what, struct cm_err **err)
{
    const struct cm_plan *plan = cm_step_plan(step);
    const char *context = cm_plan_text(plan, "target.context");
    cm_autofree char *last = cm_last_lines(out->errout == NULL ? "" : out->errout, 5);
    cm_autofree char *masked = cm_mask(last);
    switch (cm_kube_trouble(out->errout)) {
    case CM_KT_PASSING: {
        static const char *const looks[] = {"get", "pods", NULL};
        cm_autofree char *line = cm_kube_by_hand(step, looks);
        cm_fail_unreached(err, "%s: the cluster was not reached", what);
        cm_hint(err, "Look whether `%s` answers, then run the same command again.", line);
        break;
    }
    case CM_KT_FORBIDDEN:
        cm_fail(err, CM_E_FAILED, "%s: the cluster forbids it", what);
        cm_hint(err, "Ask for the right that kubectl names; `connect-migrate-run explain` lists the least rights of each "
                     "action.");
        break;
    case CM_KT_LOGIN:
        cm_fail(err, CM_E_FAILED, "%s: the cluster does not accept the login of this kubeconfig", what);
        cm_hint(err, "Log in to the cluster again, as you usually do, then run the same command again.");
        break;
    case CM_KT_CONTEXT:
        cm_fail(err, CM_E_USAGE, "%s: the kubeconfig has no context \"%s\"", what, context == NULL ? "" : context);
        cm_hint(err, "Put one of the names that `kubectl config get-contexts -o name` prints into the plan's target.context.");
        break;
    default: cm_fail(err, CM_E_FAILED, "%s: kubectl ended with status %d", what, out->status); break;
    }
    cm_evidence(err, masked);
    return -1;
}

int cm_kube_read(struct cm_step *step, const struct cm_argv *a, const char *input, struct cm_out *out, struct cm_err **err)
{
    struct cm_cmd cmd = {.argv = a->list,
                         .timeout_ms = look_limit(step),
                         .output_max_bytes = OUTPUT_MAX,
                         .input = input,
                         .input_bytes = input == NULL ? 0 : strlen(input)};
    return cm_run(step, &cmd, out, err);
}

static char *what_is_got(const char *kind, const char *name)
{
    return name == NULL ? cm_fmt("looking at %s", kind) : cm_fmt("looking at %s %s", kind, name);
}

static int get(struct cm_step *step, const char *ns, const char *kind, const char *name, const char *selector, bool managed,
               json_t **object, enum cm_seen *seen, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    cm_autofree char *what = what_is_got(kind, name);
    *object = NULL;
    *seen = CM_ABSENT;
    bool everywhere = ns != NULL && strcmp(ns, "*") == 0;
    cm_kube_argv(step, &a, everywhere ? "" : ns);
    cm_argv_add2(&a, "get", kind);
    if (everywhere)
        cm_argv_add(&a, "--all-namespaces");
    if (name != NULL)
        cm_argv_add(&a, name);
    cm_argv_add2(&a, "-l", selector);
    cm_argv_add2(&a, "-o", "json");
    if (managed)
        cm_argv_add(&a, "--show-managed-fields");
    if (cm_kube_read(step, &a, NULL, &out, err) < 0)
        return cm_wrap(err, "%s", what);
    if (out.status == 0 && out.truncated)
        return cm_fail(err, CM_E_FAILED, "%s: the answer is larger than 64 MiB", what);
    if (out.status == 0) {
        *object = cm_json_parse(out.out, out.out_bytes, what, err);
        *seen = *object == NULL ? CM_ABSENT : CM_SEEN;
        return *object == NULL ? -1 : 0;
    }
    switch (cm_kube_trouble(out.errout)) {
    case CM_KT_ABSENT: return 0;
    case CM_KT_FORBIDDEN: *seen = CM_FORBIDDEN; return 0;
    default: return cm_kube_fail(step, &out, what, err);
    }
}

int cm_kube_get_in(struct cm_step *step, const char *ns, const char *kind, const char *name, const char *selector, json_t **object,
                   enum cm_seen *seen, struct cm_err **err)
{
    return get(step, ns, kind, name, selector, false, object, seen, err);
}

int cm_kube_get_managed(struct cm_step *step, const char *kind, const char *name, const char *selector, json_t **object,
                        enum cm_seen *seen, struct cm_err **err)
{
    return get(step, NULL, kind, name, selector, true, object, seen, err);
}

int cm_kube_get_managed_in(struct cm_step *step, const char *ns, const char *kind, const char *name, json_t **object,
                           enum cm_seen *seen, struct cm_err **err)
{
    return get(step, ns, kind, name, NULL, true, object, seen, err);
}

/* The helm that we called, we ourselves (--field-manager of our patches), and what the cluster's own controllers write. */
static bool is_somebody_else(const json_t *field)
{
    const char *manager = cm_json_text(field, "manager", ""), *part = cm_json_text(field, "subresource", "");
    if (strcmp(part, "status") == 0 || strcmp(manager, "helm") == 0 || strcmp(manager, FIELD_MANAGER) == 0)
        return false;
    return strcmp(manager, "kube-controller-manager") != 0 || strcmp(part, "scale") == 0;
}

char *cm_kube_writer_of(const json_t *object)
{
    const json_t *field, *last = NULL;
    size_t i;
    json_array_foreach(cm_json_at(object, "metadata.managedFields"), i, field)
    {
        if (is_somebody_else(field) && strcmp(cm_json_text(field, "time", ""), cm_json_text(last, "time", "")) >= 0)
            last = field;
    }
    return last == NULL
               ? NULL
               : cm_fmt("%s at %s", cm_json_text(last, "manager", "somebody"), cm_json_text(last, "time", "an unknown time"));
}

char *cm_kube_other_writer(struct cm_step *step, const char *kind, const char *name)
{
    cm_autojson o = NULL;
    enum cm_seen seen;
    return cm_kube_get_managed(step, kind, name, NULL, &o, &seen, NULL) < 0 ? NULL : cm_kube_writer_of(o);
}

int cm_kube_get(struct cm_step *step, const char *kind, const char *name, const char *selector, json_t **object, enum cm_seen *seen,
                struct cm_err **err)
{
    return cm_kube_get_in(step, NULL, kind, name, selector, object, seen, err);
}

int cm_kube_version(struct cm_step *step, json_t **version, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    *version = NULL;
    cm_kube_argv(step, &a, NULL);
    cm_argv_add(&a, "version");
    cm_argv_add2(&a, "-o", "json");
    if (cm_kube_read(step, &a, NULL, &out, err) < 0)
        return cm_wrap(err, "asking kubectl for its version");
    if (out.status != 0)
        return cm_kube_fail(step, &out, "asking the cluster for its version", err);
    cm_autojson said = cm_json_parse(out.out, out.out_bytes, "kubectl version", err);
    if (said == NULL)
        return -1;
    *version = json_pack("{s:s, s:s}", "client", cm_json_text(said, "clientVersion.gitVersion", ""), "server",
                         cm_json_text(said, "serverVersion.gitVersion", ""));
    return 0;
}

static int dry_run(struct cm_step *step, const char *ns, const char *manifests, char **refused, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autoout out = {0};
    *refused = NULL;
    cm_kube_argv(step, &a, ns);
    cm_argv_add(&a, "apply");
    cm_argv_add(&a, "--dry-run=server");
    cm_argv_add2(&a, "-f", "-");
    if (cm_kube_read(step, &a, manifests, &out, err) < 0)
        return cm_wrap(err, "server-side dry run");
    if (out.status == 0)
        return 0;
    enum cm_kube_trouble t = cm_kube_trouble(out.errout);
    if (t == CM_KT_PASSING || t == CM_KT_LOGIN || t == CM_KT_CONTEXT)
        return cm_kube_fail(step, &out, "server-side dry run", err);
    bool no_right, not_tried;
    cm_autofree char *words = cm_kube_refusal(out.errout, &no_right, &not_tried);
    if (words[0] == '\0' && not_tried)
        return cm_kube_fail(step, &out, "server-side dry run", err);
    if (words[0] == '\0' && no_right) {
        cm_autofree char *said = cm_last_lines(out.errout, 5), *masked = cm_mask(said);
        cm_fail(err, CM_E_FAILED, "the cluster forbids it to this login");
        cm_hint(err,
                "Ask for the right that the lines below name, or let somebody who has it try `kubectl apply --dry-run=server`.");
        cm_evidence(err, masked);
        return -1;
    }
    if (words[0] == '\0')
        return 0;
    cm_autofree char *last = cm_last_lines(words, 20);
    *refused = cm_mask(last);
    return 0;
}

/* kubectl refuses an object of another namespace than --namespace says: content may have one of its own. */
int cm_kube_dry_run(struct cm_step *step, const char *manifests, char **refused, struct cm_err **err)
{
    cm_autojson parts = cm_kube_by_namespace(manifests, cm_plan_text(cm_step_plan(step), "target.namespace"));
    cm_autostr all = CM_STR(CM_STR_PAGE);
    const char *ns;
    json_t *text;
    *refused = NULL;
    json_object_foreach(parts, ns, text)
    {
        cm_autofree char *words = NULL;
        if (*json_string_value(text) == '\0')
            continue;
        if (dry_run(step, ns, json_string_value(text), &words, err) < 0)
            return -1;
        if (words != NULL)
            cm_str_addf(&all, "%s%s", all.len > 0 ? "\n" : "", words);
    }
    *refused = all.len > 0 ? cm_str_take(&all) : NULL;
    return 0;
}

int cm_kube_exec(struct cm_step *step, const char *pod, const char *container, const char *const *argv, struct cm_out *out,
                 struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_kube_argv(step, &a, NULL);
    cm_argv_add2(&a, "exec", pod);
    cm_argv_add2(&a, "-c", container);
    cm_argv_add(&a, "--");
    cm_argv_add_list(&a, argv);
    if (cm_kube_read(step, &a, NULL, out, err) < 0)
        return cm_wrap(err, "running %s in pod %s", argv[0], pod);
    /* a status of the command itself is told apart from one of kubectl by kubectl's own sentence */
    if (out->status == 0 || strstr(out->errout, "command terminated with exit code") != NULL ||
        cm_kube_trouble(out->errout) == CM_KT_OTHER)
        return 0;
    cm_autofree char *what = cm_fmt("running %s in pod %s", argv[0], pod);
    return cm_kube_fail(step, out, what, err);
}

static int logs(struct cm_step *step, const char *pod, struct cm_argv *a, char **text, struct cm_err **err)
{
    cm_autoout out = {0};
    *text = NULL;
    if (cm_kube_read(step, a, NULL, &out, err) < 0)
        return cm_wrap(err, "reading the log of pod %s", pod);
    enum cm_kube_trouble t = out.status == 0 ? CM_KT_OTHER : cm_kube_trouble(out.errout);
    if (t == CM_KT_PASSING || t == CM_KT_LOGIN || t == CM_KT_FORBIDDEN) {
        cm_autofree char *what = cm_fmt("reading the log of pod %s", pod);
        return cm_kube_fail(step, &out, what, err);
    }
    *text = cm_strdup(out.status == 0 ? out.out : ""); /* "waiting to start": there is no log yet */
    return 0;
}

static void logs_argv(struct cm_step *step, struct cm_argv *a, const char *ns, const char *pod, const char *container, int lines)
{
    cm_autofree char *tail = cm_fmt("--tail=%d", lines);
    cm_kube_argv(step, a, ns);
    cm_argv_add2(a, "logs", pod);
    cm_argv_add2(a, "-c", container);
    cm_argv_add(a, cm_arena_strdup(cm_step_arena(step), tail));
}

int cm_kube_logs(struct cm_step *step, const char *ns, const char *pod, const char *container, int lines, char **text,
                 struct cm_err **err)
{
    cm_autoargv a = {0};
    logs_argv(step, &a, ns, pod, container, lines);
    return logs(step, pod, &a, text, err);
}

int cm_kube_logs_in(struct cm_step *step, const char *ns, const char *pod, const char *container, int lines, bool before,
                    char **text, struct cm_err **err)
{
    cm_autoargv a = {0};
    logs_argv(step, &a, ns, pod, container, lines);
    cm_argv_add(&a, "--timestamps");
    if (before)
        cm_argv_add(&a, "--previous");
    return logs(step, pod, &a, text, err);
}

/* ---- what changes ---- */

static int change(struct cm_intent *intent, const struct cm_argv *a, const char *input, const char *what, struct cm_err **err)
{
    cm_autoout out = {0};
    struct cm_cmd cmd = {.argv = a->list,
                         .input = input,
                         .input_bytes = input == NULL ? 0 : strlen(input),
                         .timeout_ms = look_limit(cm_intent_step(intent))};
    if (cm_run_effect(intent, &cmd, &out, err) < 0)
        return cm_wrap(err, "%s", what);
    return out.status == 0 ? 0 : cm_kube_fail(cm_intent_step(intent), &out, what, err);
}

static int put(struct cm_intent *intent, const char *ns, const char *verb, const char *kind, const char *name, const char *pair,
               struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autofree char *what = cm_fmt("%s %s %s %s", verb, kind, name, pair);
    cm_kube_argv(cm_intent_step(intent), &a, ns);
    cm_argv_add(&a, verb);
    cm_argv_add2(&a, kind, name);
    cm_argv_add(&a, pair);
    if (!cm_ends(pair, "-") || strchr(pair, '=') != NULL)
        cm_argv_add(&a, "--overwrite");
    return change(intent, &a, NULL, what, err);
}

int cm_kube_label_in(struct cm_intent *intent, const char *ns, const char *kind, const char *name, const char *label,
                     struct cm_err **err)
{
    return put(intent, ns, "label", kind, name, label, err);
}

int cm_kube_annotate_in(struct cm_intent *intent, const char *ns, const char *kind, const char *name, const char *annotation,
                        struct cm_err **err)
{
    return put(intent, ns, "annotate", kind, name, annotation, err);
}

int cm_kube_delete(struct cm_intent *intent, const char *ns, const char *kind, const char *name, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autofree char *what = cm_fmt("deleting %s %s", kind, name);
    cm_kube_argv(cm_intent_step(intent), &a, ns);
    cm_argv_add(&a, "delete");
    cm_argv_add2(&a, kind, name);
    cm_argv_add(&a, "--ignore-not-found");
    return change(intent, &a, NULL, what, err);
}

int cm_kube_create(struct cm_intent *intent, const char *ns, const json_t *manifest, struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autofree char *text = json_dumps(manifest, JSON_COMPACT);
    cm_autofree char *what =
        cm_fmt("creating %s %s", cm_json_text(manifest, "kind", "?"), cm_json_text(manifest, "metadata.name", "?"));
    cm_kube_argv(cm_intent_step(intent), &a, ns);
    cm_argv_add(&a, "create");
    cm_argv_add2(&a, "-f", "-");
    return change(intent, &a, text, what, err);
}

int cm_kube_patch(struct cm_intent *intent, const char *ns, const char *kind, const char *name, const json_t *patch,
                  struct cm_err **err)
{
    cm_autoargv a = {0};
    cm_autofree char *text = json_dumps(patch, JSON_COMPACT | JSON_SORT_KEYS);
    cm_autofree char *what = cm_fmt("patching %s %s", kind, name);
    cm_kube_argv(cm_intent_step(intent), &a, ns);
    cm_argv_add(&a, "patch");
    cm_argv_add2(&a, kind, name);
    cm_argv_add(&a, "--type=merge");
    cm_argv_add(&a, "--field-manager=" FIELD_MANAGER);
    cm_argv_add2(&a, "-p", text);
    return change(intent, &a, NULL, what, err);
}

char *cm_kube_by_hand(struct cm_step *step, const char *const *argv)
{
    cm_autoargv a = {0};
    cm_kube_argv(step, &a, NULL);
    cm_argv_add_list(&a, argv);
    return cm_shell_join(a.list);
}
