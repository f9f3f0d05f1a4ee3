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

struct account {
    const char *name;
    bool there;
    const char *value; /* of the label; NULL: not labelled */
};

/* What was seen of them; probe's serves apply, as nothing lies between. */
struct accounts {
    struct account list[MOST];
    size_t n;
};

static int look(struct cm_step *step, const struct names *names, struct accounts *to, struct cm_err **err)
{
    struct cm_kube_one list[MOST] = {{.kind = NULL}};
    const char *ns = cm_target_content_namespace(step);
    for (size_t i = 0; i < names->n; i++)
        list[i] = (struct cm_kube_one){.kind = "serviceaccounts", .name = names->list[i]};
    if (cm_kube_get_several(step, ns, list, names->n, err) < 0)
        return -1;
    *to = (struct accounts){.n = names->n};
    const char *forbidden = NULL;
    for (size_t i = 0; i < names->n; i++) {
        const char *text = json_string_value(json_object_get(cm_json_at(list[i].object, "metadata.labels"), LABEL));
        to->list[i] = (struct account){names->list[i], list[i].seen == CM_SEEN, cm_arena_strdup(cm_step_arena(step), text)};
        if (list[i].seen == CM_FORBIDDEN && forbidden == NULL)
            forbidden = names->list[i];
    }
    cm_kube_several_fini(list, names->n);
    if (forbidden == NULL)
        return 0;
    cm_fail(err, CM_E_FAILED, "the service account %s may not be looked at", forbidden);
    cm_hint(err, "Ask for the rights to get and patch serviceaccounts in namespace %s.", ns);
    return -1;
}

static int look_at_one(struct cm_step *step, const char *name, struct account *to, struct cm_err **err)
{
    struct names one = {.list = {name}, .n = 1};
    struct accounts seen;
    if (look(step, &one, &seen, err) < 0)
        return -1;
    *to = seen.list[0];
    return 0;
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    struct names names = {.n = 0};
    struct accounts *seen = cm_arena_alloc(cm_step_arena(step), sizeof *seen);
    *answer = cm_effect_open(step, "serviceaccount.label") ? CM_NEEDED : CM_DONE;
    if (collect(step, &names, err) < 0 || look(step, &names, seen, err) < 0)
        return -1;
    for (size_t i = 0; i < seen->n; i++)
        if (seen->list[i].there && seen->list[i].value == NULL)
            *answer = CM_NEEDED;
    *cm_step_memo(step) = seen;
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

static int label(struct cm_step *step, const struct account *seen, struct cm_err **err)
{
    const char *name = seen->name;
    struct cm_intent *intent = cm_intent_find(step, "serviceaccount.label", name);
    if (!seen->there)
        cm_say(step, "service account %s is not there yet; label it with %s=true once it is", name, LABEL);
    if (seen->value != NULL && cm_intent_is_open(intent))
        return cm_intent_happened(intent, NULL, err);
    if (!seen->there || seen->value != NULL)
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

/* left: those that could not be labelled from here. */
static int label_all(struct cm_step *step, const struct accounts *seen, struct names *left, struct cm_err **err)
{
    for (size_t i = 0; i < seen->n; i++) {
        int rc = label(step, &seen->list[i], err);
        if (rc < 0)
            return -1;
        if (rc > 0)
            add(left, seen->list[i].name);
    }
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct names names = {.n = 0}, left = {.n = 0}, still = {.n = 0};
    struct accounts now, *seen = *cm_step_memo(step);
    *cm_step_memo(step) = NULL; /* what is labelled here is looked at again */
    if (seen == NULL && (collect(step, &names, err) < 0 || look(step, &names, seen = &now, err) < 0))
        return -1;
    if (label_all(step, seen, &left, err) < 0)
        return -1;
    if (left.n == 0)
        return 0;
    if (by_a_person(step, &left, err) < 0 || look(step, &left, &now, err) < 0)
        return -1;
    return label_all(step, &now, &still, err); /* seen to be labelled now: its entry is closed */
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct names names = {.n = 0};
    struct accounts now, *seen = *cm_step_memo(step);
    if (seen == NULL && (collect(step, &names, err) < 0 || look(step, &names, seen = &now, err) < 0))
        return -1;
    for (size_t i = 0; i < seen->n; i++)
        if (seen->list[i].there && seen->list[i].value == NULL)
            return cm_fail(err, CM_E_FAILED, "service account %s does not carry the label %s", seen->list[i].name, LABEL);
    return 0;
}

static int undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    struct account is;
    const char *was = cm_json_text(change->original, "label", NULL), *ns = cm_json_text(change->detail, "namespace", NULL);
    if (look_at_one(step, change->key, &is, err) < 0)
        return -1;
    if (is.there && is.value != NULL && was == NULL) {
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
    if (look_at_one(step, change->key, &is, err) < 0)
        return -1;
    if (is.there && is.value != NULL && was == NULL)
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
