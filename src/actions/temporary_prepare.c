/* temporary.prepare: the overlay of the temporary settings and their originals: in the base values, in the old server's configuration, and
 * what its API says of min_processes_limit. Spelled as the base spells them, since helm does not merge `scheduler` with `Scheduler`. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/source.h"
#include "actions/target.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "plan/plan.h"
#include "values/overlay.h"

/* The bases that helm will be given, the converted configuration behind them. */
static int bases_of(struct cm_step *step, const struct cm_yaml_doc ***list, struct cm_yaml_doc **added, struct cm_err **err)
{
    const struct cm_yaml_doc *const *docs = NULL;
    const char *const *names = NULL;
    const char *converted = cm_artifact_path(step, "values.config.yaml");
    size_t n = 0;
    if (cm_target_bases(step, &docs, &names, err) < 0)
        return -1;
    *added = converted ? cm_yaml_load(converted, err) : NULL;
    if (converted && !*added)
        return -1;
    if (*added && cm_plan_values_key(cm_step_plan(step)))
        cm_yaml_begin_at(*added, cm_plan_values_key(cm_step_plan(step)));
    while (docs[n])
        n++;
    *list = cm_arena_alloc(cm_step_arena(step), (n + 2) * sizeof **list);
    memcpy(*list, docs, n * sizeof **list);
    (*list)[n] = *added;
    return 0;
}

static void add_from_server(struct cm_step *step, json_t *originals)
{
    const struct cm_source *source = NULL;
    struct cm_connect *c = NULL;
    cm_autojson scheduler = NULL;
    const char *name;
    json_t *o;
    if (cm_plan_get(cm_step_plan(step), "source.hosts") && cm_source_read(step, &source, NULL) == 0)
        json_object_foreach(originals, name, o)
        {
            cm_autofree char *section = cm_strndup(name, strcspn(name, "."));
            const char *value = strchr(name, '.') ? cm_gcfg_get(source->gcfg, section, NULL, strchr(name, '.') + 1) : NULL;
            json_object_set_new(o, "server", value ? json_string(value) : json_null());
        }
    o = json_object_get(originals, "Scheduler.MinProcessesLimit");
    /* without an old server (Launcher values in place) the running release is asked */
    int rc = !o ? -1 : source ? cm_source_connect(step, &c, NULL) : cm_target_connect(step, &c, NULL);
    if (rc == 0 && cm_connect_get_ok(step, c, "server_settings/scheduler", &scheduler, NULL) == 0 &&
        json_object_get(scheduler, "min_processes_limit"))
        json_object_set(o, "api", json_object_get(scheduler, "min_processes_limit"));
}

static int keep(struct cm_step *step, const char *text, struct cm_err **err)
{
    FILE *f = NULL;
    if (cm_artifact_begin(step, "values.temporary.yaml", &f, err) < 0)
        return -1;
    fputs(text, f);
    return cm_artifact_keep(step, f, err);
}

/* The overlay and the originals, and what they rest on. */
static int prepare(struct cm_step *step, char **text, json_t **originals, struct cm_err **err)
{
    const struct cm_yaml_doc **bases = NULL;
    struct cm_yaml_doc *added = NULL;
    unsigned char sum[32];
    if (bases_of(step, &bases, &added, err) < 0)
        return -1;
    int rc = cm_overlay_make(cm_plan_get(cm_step_plan(step), "temporary"), bases, text, originals, err);
    cm_yaml_free(added);
    if (rc < 0)
        return -1;
    *text = cm_target_values_text(step, *text);
    add_from_server(step, *originals);
    cm_sha256(*text, strlen(*text), sum);
    cm_input(step, "overlay", sum);
    cm_sha256_json(*originals, sum);
    cm_input(step, "originals", sum);
    return 0;
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    cm_autojson originals = NULL;
    if (prepare(step, &text, &originals, err) < 0)
        return -1;
    *answer = cm_inputs_stand(step) ? CM_DONE : CM_NEEDED;
    return 0;
}

/* A base that has the temporary value already is a leftover more often than a wish: it would be "reverted" to itself. */
static void look_for_leftovers(struct cm_step *step, const json_t *originals)
{
    const char *name;
    json_t *o;
    json_object_foreach(cm_json_loose(originals), name, o)
    {
        const json_t *wanted = json_object_get(cm_plan_get(cm_step_plan(step), "temporary"), name);
        cm_autofree char *text = wanted ? json_dumps(wanted, JSON_ENCODE_ANY) : NULL;
        const char *value = cm_json_text(o, "value", NULL);
        cm_autofree char *id = cm_fmt("temporary.leftover.%s", name);
        if (text && value && strcmp(text, value) == 0)
            cm_finding(step, CM_WARNING, id, "If it is left from a trial, remove it from your values file.",
                       "%s is %s in %s already; it stays so after the migration", name, value, cm_json_text(o, "place", ""));
    }
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    cm_autojson originals = NULL;
    if (prepare(step, &text, &originals, err) < 0)
        return -1;
    look_for_leftovers(step, originals);
    if (keep(step, text, err) < 0)
        return -1;
    return cm_fact_set(step, "temporary.values", json_pack("{s:O}", "originals", originals), err);
}

static const char *const needs[] = {NULL};
static const char *const gives[] = {"temporary.values", NULL};

const struct cm_action cm_action_temporary_prepare = {
    .name = "temporary.prepare",
    .summary = "Prepare the overlay of temporary settings",
    .page = "https://docs.posit.co/connect/admin/server-management/migration/kubernetes/",
    .kind = CM_COMPUTE,
    .needs = needs,
    .gives = gives,
    .probe = probe,
    .apply = apply,
    .reads = "The plan's `temporary`, the base values, the old server's configuration and its scheduler settings by the API.",
    .does = "Writes values.temporary.yaml, in the spelling found, and records the original of each setting: value or absent.",
    .proves = "The overlay parses, and each setting stands in it once.",
    .undoes = "Nothing: it changes nothing outside of the run directory.",
    .rights = "To read the server's configuration.",
};
