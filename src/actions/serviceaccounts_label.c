/* actions/serviceaccounts_label.c: serviceaccounts.label: the direct Kubernetes runner runs content only under service accounts that
 * carry the label connect.posit.co/service-account (the chart's upgrade guidance for 0.20.1; off-host service accounts in Connect's
 * documents). Content uses the one of the job base, else the namespace's default. */
#include <config.h>

#include <string.h>

#include "actions/evening.h"
#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

#define LABEL "connect.posit.co/service-account"
enum { MOST = 8 };

struct names {
    const char *list[MOST];
    size_t n;
};

static void add(struct names *to, const char *name)
{
    if (name == NULL || *name == '\0' || to->n == MOST)
        return;
    for (size_t i = 0; i < to->n; i++)
        if (strcmp(to->list[i], name) == 0)
            return;
    to->list[to->n++] = name;
}

static int collect(struct cm_step *step, struct names *to, struct cm_err **err)
{
    static const char *const places[] = {"backends.kubernetes.defaultResourceJobBase.spec.template.spec.serviceAccountName",
                                         "launcher.templateValues.pod.serviceAccountName",
                                         "config.Launcher.KubernetesDefaultServiceAccount", NULL};
    const json_t *base = NULL, *name;
    size_t i;
    if (cm_target_base_json(step, &base, err) < 0)
        return -1;
    add(to, "default");
    for (i = 0; places[i] != NULL; i++)
        add(to, cm_json_text(base, places[i], NULL));
    json_array_foreach(cm_step_param(step, "names"), i, name) { add(to, json_string_value(name)); }
    return 0;
}

/* *value NULL: not labelled. *there false: no such account. */
static int look(struct cm_step *step, const char *name, bool *there, const char **value, struct cm_err **err)
{
    cm_autojson sa = NULL;
    enum cm_seen seen;
    *there = false;
    *value = NULL;
    if (cm_kube_get_in(step, cm_target_content_namespace(step), "serviceaccounts", name, NULL, &sa, &seen, err) < 0)
        return -1;
    if (seen == CM_FORBIDDEN) {
        cm_fail(err, CM_E_FAILED, "the service account %s may not be looked at", name);
        cm_hint(err, "Ask for the rights to get and patch serviceaccounts in namespace %s.", cm_target_content_namespace(step));
        return -1;
    }
    *there = seen == CM_SEEN;
    const char *text = json_string_value(json_object_get(cm_json_at(sa, "metadata.labels"), LABEL));
    if (text != NULL)
        *value = cm_arena_strdup(cm_step_arena(step), text);
    return 0;
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct names names = {.n = 0};
    *answer = cm_effect_open(step, "serviceaccount.label") ? CM_NEEDED : CM_DONE;
    if (collect(step, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n && *answer == CM_DONE; i++) {
        bool there;
        const char *value;
        if (look(step, names.list[i], &there, &value, err) < 0)
            return -1;
        if (there && value == NULL)
            *answer = CM_NEEDED;
    }
    return 0;
}

static char *by_hand(struct cm_step *step, const char *name, const char *label)
{
    const char *const argv[] = {"label", "serviceaccount", name, label, "--namespace", cm_target_content_namespace(step), NULL};
    return cm_kube_by_hand(step, argv);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    struct names names = {.n = 0};
    if (collect(step, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        cm_autofree char *line = by_hand(step, names.list[i], LABEL "=true");
        cm_will(step, "command", "%s", line);
    }
    return 0;
}

static int label(struct cm_step *step, const char *name, struct cm_err **err)
{
    struct cm_intent *intent = cm_intent_find(step, "serviceaccount.label", name);
    bool there;
    const char *value;
    if (look(step, name, &there, &value, err) < 0)
        return -1;
    if (!there)
        cm_say(step, "service account %s is not there yet; label it with %s=true once it is", name, LABEL);
    if (value != NULL && cm_intent_is_open(intent))
        return cm_intent_happened(intent, NULL, err);
    if (!there || value != NULL)
        return 0;
    cm_autojson original = json_pack("{s:n}", "label");
    cm_autojson detail = json_pack("{s:s}", "namespace", cm_target_content_namespace(step));
    struct cm_intent_spec spec = {.effect = "serviceaccount.label", .key = name, .detail = detail, .original = original};
    struct cm_err *why = NULL;
    if (cm_intend_again(step, &spec, &intent, err) < 0)
        return -1;
    if (cm_kube_label_in(intent, cm_target_content_namespace(step), "serviceaccount", name, LABEL "=true", &why) == 0)
        return cm_intent_happened(intent, NULL, err);
    if (cm_err_code(why) != CM_E_FAILED || cm_err_is_passing(why))
        return cm_err_move(err, why);
    cm_say(step, "service account %s could not be labelled from here: %s", name, cm_err_message(why));
    cm_err_free(why);
    return 1; /* the intent stays open: a person does it, and what it was is on record */
}

/* Without the right to patch: the commands, for somebody who has it. */
static int by_a_person(struct cm_step *step, const struct names *left, struct cm_err **err)
{
    cm_autostr shown = CM_STR(CM_STR_LINE);
    cm_str_add(&shown,
               "This login may not label service accounts; content runs only under labelled ones. Let somebody who may type:\n");
    for (size_t i = 0; i < left->n; i++) {
        cm_autofree char *line = by_hand(step, left->list[i], LABEL "=true");
        cm_str_addf(&shown, "  %s\n", line);
    }
    struct cm_gate_spec g = {.id = "serviceaccounts.label",
                             .attest = true,
                             .title = "the service accounts of content are labelled",
                             .shown = cm_arena_strdup(cm_step_arena(step), cm_str_text(&shown))};
    return cm_gate_pass(step, &g, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct names names = {.n = 0};
    struct names left = {.n = 0};
    if (collect(step, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        int rc = label(step, names.list[i], err);
        if (rc < 0)
            return -1;
        if (rc > 0)
            add(&left, names.list[i]);
    }
    if (left.n == 0)
        return 0;
    if (by_a_person(step, &left, err) < 0)
        return -1;
    for (size_t i = 0; i < left.n; i++) /* seen to be labelled now: its entry is closed */
        if (label(step, left.list[i], err) < 0)
            return -1;
    return 0;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct names names = {.n = 0};
    if (collect(step, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        bool there;
        const char *value;
        if (look(step, names.list[i], &there, &value, err) < 0)
            return -1;
        if (there && value == NULL)
            return cm_fail(err, CM_E_FAILED, "service account %s does not carry the label %s", names.list[i], LABEL);
    }
    return 0;
}

static int undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    bool there;
    const char *value, *was = cm_json_text(change->original, "label", NULL), *ns = cm_json_text(change->detail, "namespace", NULL);
    if (look(step, change->key, &there, &value, err) < 0)
        return -1;
    if (there && value != NULL && was == NULL) {
        struct cm_intent_spec spec = {.effect = "serviceaccount.unlabel", .key = change->key};
        struct cm_err *why = NULL;
        if (cm_intend_again(step, &spec, &intent, err) < 0)
            return -1;
        if (cm_kube_label_in(intent, ns, "serviceaccount", change->key, LABEL "-", &why) < 0) {
            if (cm_err_code(why) != CM_E_FAILED || cm_err_is_passing(why))
                return cm_err_move(err, why);
            cm_autofree char *line = by_hand(step, change->key, LABEL "-");
            cm_say(step, "service account %s keeps the label, which does no harm: %s; `%s` takes it away", change->key,
                   cm_err_message(why), line);
            cm_err_free(why);
            cm_intent_close(intent, CM_NOT_HAPPENED, NULL, NULL);
            return 1;
        }
    } else {
        intent = cm_intent_find(step, "serviceaccount.unlabel", change->key);
    }
    if (look(step, change->key, &there, &value, err) < 0)
        return -1;
    if (there && value != NULL && was == NULL)
        return cm_fail(err, CM_E_FAILED, "service account %s still carries the label", change->key);
    return intent == NULL ? 0 : cm_intent_happened(intent, NULL, err);
}

static const struct cm_param params[] = {
    {"names", CM_T_LIST, "[]", "further service accounts that content chooses by itself"},
    {NULL, CM_T_ANY, NULL, NULL},
};

const struct cm_action cm_action_serviceaccounts_label = {
    .name = "serviceaccounts.label",
    .summary = "Label the service accounts that content runs under",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE,
    .params = params,
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .reads = "the service accounts of the content's namespace",
    .does =
        "Puts connect.posit.co/service-account=true on the account `default`, on the one of the job base, and on those the values or "
        "the step name. One that carries the label with any value stays as it is.",
    .proves = "the label is read back",
    .undoes = "the label is taken away where there was none",
    .rights = "to get and patch serviceaccounts in the content's namespace",
};
