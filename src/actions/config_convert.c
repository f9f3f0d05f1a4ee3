/* config.convert: the old server's configuration becomes values.config.yaml, with an account of every setting; values files that were written
 * for the Launcher become copies for the direct runner. The rules stand in values/; here they are given what they read, and their findings
 * are handed on. Secrets that the values would need are looked for in the cluster: their names and keys only. */
#include <config.h>

#include <string.h>
#include <strings.h>

#include <cm/action.h>

#include "actions/source.h"
#include "actions/target.h"
#include "actions/values_fit.h"
#include "actions/values_given.h"
#include "adapters/kubectl.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"
#include "values/config.h"

static bool has_proxy(char *const *environment)
{
    for (; environment && *environment; environment++)
        if (strncasecmp(*environment, "http_proxy=", 11) == 0 || strncasecmp(*environment, "https_proxy=", 12) == 0)
            return true;
    return false;
}

/* The address by which pods reach the API server: a proxy must never be asked for it. NULL: not to be seen. Arena text. */
static const char *api_address(struct cm_step *step)
{
    enum cm_seen seen = CM_FORBIDDEN;
    cm_autojson service = NULL;
    if (cm_kube_get_in(step, "default", "service", "kubernetes", NULL, &service, &seen, NULL) < 0 || seen != CM_SEEN)
        return NULL;
    const char *ip = cm_json_text(service, "spec.clusterIP", NULL);
    return ip ? cm_arena_strdup(cm_step_arena(step), ip) : NULL;
}

/* ---- Launcher values ---- */

/* What stands in the way of a conversion that nobody looks at again before it is deployed. */
static int no_blocker(struct cm_step *step, const json_t *findings, struct cm_err **err)
{
    size_t i;
    json_t *f;
    if (!cm_is_frozen(step))
        return 0; /* the gate is ahead, and the findings stand in its way */
    json_array_foreach(cm_json_loose(findings), i, f) if (strcmp(cm_json_text(f, "verdict", ""), "blocker") == 0)
    {
        cm_fail(err, CM_E_FAILED, "%s", cm_json_text(f, "seen", ""));
        cm_hint(err, "%s Nothing was deployed.", cm_json_text(f, "remedy", ""));
        return -1;
    }
    return 0;
}

/* The copies are on record before anything is read of the base: it is what helm is given. *set NULL: one of the files cannot be converted,
 * which is a blocker, and the others' part of the work is done nevertheless, so that all is told at once. */
static int convert_values(struct cm_step *step, const struct cm_values_set **set, struct cm_err **err)
{
    const struct cm_yaml_doc *const *docs;
    struct cm_err *why = NULL;
    json_t *files = NULL;
    if (cm_values_given(step, set, &why) < 0) {
        cm_autoerr refused = why;
        if (cm_is_frozen(step)) {
            cm_fail(err, CM_E_FAILED, "%s", cm_err_message(refused));
            cm_hint(err, "%s",
                    cm_err_hint(refused) != NULL ? cm_err_hint(refused) : "Mend the file, then run the same command again.");
            return -1;
        }
        if (cm_cancelled(step) || cm_target_bases(step, &docs, NULL, err) < 0)
            return -1; /* it cannot even be read */
        cm_values_given_refused(step, refused);
        return cm_fact(step, "values.files") == NULL ? 0 : cm_fact_set(step, "values.files", json_object(), err);
    }
    cm_values_copies_tell(step, *set);
    if (no_blocker(step, (*set)->all.findings, err) < 0)
        return -1;
    if (!(*set)->all.changed && cm_fact(step, "values.files") == NULL)
        return 0;
    return cm_values_copies(step, *set, true, &files, err) < 0 ? -1 : cm_fact_set(step, "values.files", files, err);
}

/* The files that are converted; what is made of the others shows in the result. What was said of them rests on their order, too. */
static void note_values(struct cm_step *step, const struct cm_values_set *set)
{
    unsigned char sum[32];
    if (set != NULL && json_array_size(set->all.findings) > 0) {
        cm_sha256_json(set->all.findings, sum);
        cm_input(step, "launcher", sum);
    }
    for (size_t i = 0; set != NULL && i < set->all.count; i++) {
        const struct cm_launcher_file *f = &set->all.files[i];
        cm_sha256(f->text, f->bytes, sum);
        if (f->result.changed)
            cm_input(step, f->name, sum);
    }
}

/* ---- the configuration ---- */

static int convert(struct cm_step *step, struct cm_config_result *r, struct cm_err **err)
{
    const struct cm_source *source = NULL;
    const struct cm_yaml_doc *const *bases = NULL;
    const char *const *names = NULL;
    if (cm_source_read(step, &source, err) < 0 || cm_target_bases(step, &bases, &names, err) < 0)
        return -1;
    union {
        char **plain;
        const char *const *read;
    } environment = {source->unit_environment};
    struct cm_config_wish w = {.gcfg = source->gcfg,
                               .base = bases,
                               .base_names = names,
                               .release = cm_plan_text(cm_step_plan(step), "target.release"),
                               .unit_environment = environment.read,
                               .service_network = has_proxy(source->unit_environment) ? api_address(step) : NULL};
    if (cm_config_convert(&w, r, err) < 0)
        return -1;
    r->values = cm_target_values_text(step, r->values);
    return 0;
}

/* ---- the Secret that the values would name ---- */

static const char *state_of(struct cm_step *step, const json_t *one, json_t **object, enum cm_seen *seen)
{
    if (!*object && cm_kube_get(step, "secret", cm_json_text(one, "name", ""), NULL, object, seen, NULL) < 0)
        return "unknown";
    if (*seen != CM_SEEN)
        return *seen == CM_ABSENT ? "absent" : "unknown";
    return json_object_get(json_object_get(*object, "data"), cm_json_text(one, "key", "")) ? "there" : "absent";
}

/* {"key": "there" | "absent" | "unknown"}: what the cluster has of them. */
static json_t *look_for_secrets(struct cm_step *step, const struct cm_config_result *r)
{
    json_t *states = json_object(), *one;
    cm_autojson object = NULL;
    enum cm_seen seen = CM_FORBIDDEN;
    size_t i;
    json_array_foreach(cm_json_loose(cm_config_secrets(r)), i, one)
        json_object_set_new(states, cm_json_text(one, "key", ""), json_string(state_of(step, one, &object, &seen)));
    return states;
}

static void tell_secrets(struct cm_step *step, const struct cm_config_result *r, const json_t *states)
{
    size_t i;
    json_t *one;
    json_array_foreach(cm_json_loose(cm_config_secrets(r)), i, one)
    {
        const char *key = cm_json_text(one, "key", ""), *name = cm_json_text(one, "name", ""),
                   *setting = cm_json_text(one, "setting", "");
        const char *state = json_string_value(json_object_get(states, key));
        cm_autofree char *id = cm_fmt("config.secret-key.%s", key);
        cm_autofree char *remedy =
            cm_fmt("Fill in artifacts/secrets.template.yaml and `kubectl apply -f` it, or give %s in pod.env of your values "
                   "from a Secret of yours.",
                   cm_json_text(one, "variable", ""));
        enum cm_verdict v = strcmp(state, "there") == 0 ? CM_OK : strcmp(state, "absent") == 0 ? CM_BLOCKER : CM_UNKNOWN;
        cm_finding(step, v, id, v == CM_OK ? NULL : remedy, "%s comes from the Secret %s, key %s, which %s", setting, name, key,
                   v == CM_OK        ? "is there"
                   : v == CM_BLOCKER ? "the cluster does not have: the pod could not start"
                                     : "could not be looked at");
    }
}

/* ---- the step ---- */

static int note_inputs(struct cm_step *step, const struct cm_config_result *r, const json_t *states, struct cm_err **err)
{
    unsigned char sum[32];
    const struct cm_source *source = NULL;
    if (cm_source_read(step, &source, err) < 0)
        return -1;
    cm_input(step, "configuration", source->sha256);
    cm_sha256(r->values, strlen(r->values), sum);
    cm_input(step, "values.config.yaml", sum);
    cm_sha256_json(r->findings, sum);
    cm_input(step, "findings", sum);
    cm_sha256_json(states, sum);
    cm_input(step, "secrets", sum);
    return 0;
}

static int keep(struct cm_step *step, const char *name, const char *text, struct cm_err **err)
{
    FILE *f = NULL;
    if (!text)
        return 0;
    if (cm_artifact_begin(step, name, &f, err) < 0)
        return -1;
    fputs(text, f);
    return cm_artifact_keep(step, f, err);
}

/* Where a file cannot be converted, apply tells it. */
static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct cm_config_result r = {0};
    const struct cm_values_set *set;
    *answer = CM_NEEDED;
    if (cm_values_given(step, &set, NULL) < 0)
        return 0;
    note_values(step, set);
    int rc = convert(step, &r, err);
    cm_autojson states = rc == 0 ? look_for_secrets(step, &r) : NULL;
    if (rc == 0)
        rc = note_inputs(step, &r, states, err);
    if (rc == 0)
        *answer = cm_inputs_stand(step) ? CM_DONE : CM_NEEDED;
    cm_config_result_fini(&r);
    return rc;
}

static bool is_about_secret(const char *id) { return strncmp(id, "config.secret.", 14) == 0; }

static int write_all(struct cm_step *step, const struct cm_config_result *r, const struct cm_values_set *set, struct cm_err **err)
{
    size_t i;
    json_t *f;
    json_t *converted = json_array();
    for (size_t k = 0; set != NULL && k < set->all.count; k++)
        if (set->all.files[k].result.changed)
            json_array_append_new(converted, json_string(set->all.files[k].name));
    cm_autojson kept = converted;
    for (size_t k = 0; set != NULL && k < set->all.count; k++)
        json_array_extend(r->account, set->all.files[k].result.account);
    cm_autofree char *account = json_dumps(r->account, JSON_INDENT(1));
    json_array_foreach(r->findings, i,
                       f) if (!is_about_secret(cm_json_text(f, "id", ""))) /* told with what the cluster has of them */
        cm_finding(step, cm_verdict_of(cm_json_text(f, "verdict", "")), cm_json_text(f, "id", "config.finding"),
                   cm_json_text(f, "remedy", ""), "%s", cm_json_text(f, "seen", ""));
    if (keep(step, "values.config.yaml", r->values, err) < 0 || keep(step, "config.account.json", account, err) < 0 ||
        keep(step, "secrets.template.yaml", r->secrets, err) < 0)
        return -1;
    json_t *base = cm_values_fit_base(step, r->values, err);
    if (!base)
        return -1;
    return cm_fact_set(step, "config.values",
                       json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "step", cm_step_id(step), "file",
                                 "values.config.yaml", "base", base, "kept", (json_int_t)r->kept, "dropped", (json_int_t)r->dropped,
                                 "changed", (json_int_t)r->changed, "secret", (json_int_t)r->secret, "asked", (json_int_t)r->asked,
                                 "blocked", (json_int_t)r->blocked, "converted", kept),
                       err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_config_result r = {0};
    const struct cm_values_set *set = NULL;
    if (convert_values(step, &set, err) < 0)
        return -1;
    note_values(step, set);
    int rc = convert(step, &r, err);
    cm_autojson states = rc == 0 ? look_for_secrets(step, &r) : NULL;
    if (rc == 0)
        rc = note_inputs(step, &r, states, err);
    if (rc == 0)
        tell_secrets(step, &r, states);
    if (rc == 0)
        rc = write_all(step, &r, set, err);
    cm_config_result_fini(&r);
    return rc;
}

static const char *const gives[] = {"config.values", "values.files", NULL};

const struct cm_action cm_action_config_convert = {
    .name = "config.convert",
    .summary = "Move the configuration into Helm values",
    .page = "https://docs.posit.co/connect/admin/appendix/configuration/",
    .kind = CM_COMPUTE,
    .gives = gives,
    .probe = probe,
    .apply = apply,
    .reads =
        "The server's configuration files, the unit's environment, the plan's values files; the names and keys of the Secret that the result "
        "would need.",
    .does =
        "Writes values.config.yaml (only what is added to the base), config.account.json (every setting and what became of it) and, where "
        "there are secrets, a Secret manifest's template without values. A values file that holds Launcher values is written, converted for "
        "the direct runner, as a copy (0600) that helm is given in its place.",
    .proves =
        "Every setting of the source ends in exactly one row of the account. A copy is parsed again and compared with the old tree plus the "
        "edits; of several files, what helm merges is compared with the conversion of all of them together.",
    .undoes = "Nothing: it changes nothing outside of the run directory, and none of your own files.",
    .rights = "To read the configuration on the server (source.become); to get Secrets in the release's namespace.",
};
