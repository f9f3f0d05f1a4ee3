/* actions/content_prioritize.c: which items are built first and validated: those the plan names, those with its tags, and the most
 * visited, into priority.csv.
 *
 * A person may edit the file before the downtime: an edited list is kept as it is, for as long as the file is there. Does not:
 * decide how items are built (content_build.c does). */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/content.h"
#include "actions/content_usage.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "plan/plan.h"

enum { DAY_MS = 86400000, CSV_BYTES_MAX = 64 << 20 };

struct candidate {
    char *guid, *title, *path, *why, *deployed;
    long visits;
    bool published, chosen;
};

struct choice {
    struct cm_step *step;
    struct candidate *list;
    size_t count, cap;
    json_t *at; /* {guid: index} */
    json_t *visits;
    bool usage_known;
    const json_t *tags;
    size_t *order, chosen; /* indexes of the chosen, in the list's order */
};

static void choice_fini(struct choice *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->list[i].guid);
        free(c->list[i].title);
        free(c->list[i].path);
        free(c->list[i].why);
        free(c->list[i].deployed);
    }
    free(c->list);
    free(c->order);
    json_decref(c->at);
    json_decref(c->visits);
}

/* The path people know: the vanity path, else the item's own. */
static char *path_of(const json_t *item)
{
    const char *vanity = cm_json_text(item, "vanity_url", "");
    const char *host = strstr(vanity, "://");
    const char *path = host != NULL ? strchr(host + 3, '/') : vanity;

    if (path != NULL && *path == '/')
        return cm_strdup(path);
    return cm_fmt("/content/%s/", cm_json_text(item, "guid", ""));
}

static const char *wanted_tag(const struct choice *c, const json_t *item)
{
    const json_t *tags = json_object_get(item, "tags");

    for (size_t i = 0; i < json_array_size(tags); i++)
        for (size_t k = 0; k < json_array_size(c->tags); k++)
            if (json_equal(json_array_get(tags, i), json_array_get(c->tags, k)))
                return json_string_value(json_array_get(tags, i));
    return NULL;
}

static int take(void *ctx, const json_t *item, struct cm_err **err)
{
    struct choice *c = ctx;
    const char *guid = cm_json_text(item, "guid", ""), *tag = wanted_tag(c, item);

    (void)err;
    c->list = cm_grow(c->list, &c->cap, c->count + 1, sizeof *c->list);
    struct candidate *d = &c->list[c->count];
    d->guid = cm_strdup(guid);
    d->title = cm_strdup(cm_json_text(item, "title", cm_json_text(item, "name", "")));
    d->path = path_of(item);
    d->visits = (long)json_integer_value(json_object_get(c->visits, guid));
    d->published = json_is_string(json_object_get(item, "bundle_id"));
    d->deployed = cm_strdup(cm_json_text(item, "last_deployed_time", ""));
    d->why = tag != NULL ? cm_fmt("tag %s", tag) : NULL;
    (void)json_object_set_new(c->at, guid, json_integer((json_int_t)c->count));
    c->count++;
    return 0;
}

static void choose(struct choice *c, size_t at)
{
    if (c->list[at].chosen)
        return;
    c->list[at].chosen = true;
    c->order[c->chosen++] = at;
}

static void choose_named(struct choice *c)
{
    const json_t *guids = cm_plan_get(cm_step_plan(c->step), "content.priority.guids");

    for (size_t i = 0; i < json_array_size(guids); i++) {
        const char *guid = json_string_value(json_array_get(guids, i));
        const json_t *at = guid != NULL ? json_object_get(c->at, guid) : NULL;
        if (at == NULL) {
            cm_autofree char *id = cm_fmt("content.priority-unknown.%s", guid != NULL ? guid : "");
            cm_finding(c->step, CM_WARNING, id, "Mend the GUID under content.priority.guids, or leave it out.",
                       "the server has no content %s, which the plan names", guid != NULL ? guid : "");
            continue;
        }
        struct candidate *d = &c->list[json_integer_value(at)];
        free(d->why);
        d->why = cm_strdup("named in the plan");
        choose(c, (size_t)json_integer_value(at));
    }
}

/* qsort has no context: the candidates are sorted by pointers. More visits first; then the later published; then by GUID, so
 * that two runs choose alike. */
static int busier(const void *a, const void *b)
{
    const struct candidate *x = *(struct candidate *const *)a, *y = *(struct candidate *const *)b;
    int by_time = strcmp(y->deployed, x->deployed);

    if (x->visits != y->visits)
        return x->visits < y->visits ? 1 : -1;
    return by_time != 0 ? by_time : strcmp(x->guid, y->guid);
}

static void choose_by_use(struct choice *c)
{
    int64_t top = cm_plan_int(cm_step_plan(c->step), "content.priority.top", 50);
    long long days = (long long)(cm_plan_int(cm_step_plan(c->step), "content.priority.since", 90LL * DAY_MS) / DAY_MS);
    struct candidate **sorted = cm_alloc((c->count + 1) * sizeof(struct candidate *));

    for (size_t i = 0; i < c->count; i++)
        sorted[i] = &c->list[i];
    if (c->count > 1)
        qsort(sorted, c->count, sizeof *sorted, busier);
    for (size_t i = 0; i < c->count; i++)
        if (sorted[i]->why != NULL && sorted[i]->published)
            choose(c, (size_t)(sorted[i] - c->list));
    for (size_t i = 0; i < c->count && top > 0; i++) {
        struct candidate *d = sorted[i];
        if (!d->published || (c->usage_known && d->visits == 0))
            continue;
        top--;
        if (d->why == NULL)
            d->why = c->usage_known ? cm_fmt("%ld visits in %lld days", d->visits, days) : cm_strdup("published lately");
        choose(c, (size_t)(d - c->list));
    }
    free(sorted);
}

static char *render(const struct choice *c, size_t *bytes)
{
    char *text = NULL;
    FILE *memory = open_memstream(&text, bytes);

    if (memory == NULL)
        return NULL;
    fputs("guid,path,title,visits,why\n", memory);
    for (size_t i = 0; i < c->chosen; i++) {
        const struct candidate *d = &c->list[c->order[i]];
        fprintf(memory, "%s,", d->guid);
        cm_csv_field(memory, d->path);
        fputc(',', memory);
        cm_csv_field(memory, d->title);
        fprintf(memory, ",%ld,", d->visits);
        cm_csv_field(memory, d->why);
        fputc('\n', memory);
    }
    fclose(memory);
    return text;
}

static int write_file(struct cm_step *step, const char *text, size_t bytes, struct cm_err **err)
{
    FILE *f;

    if (cm_artifact_begin(step, "priority.csv", &f, err) < 0)
        return -1;
    if (fwrite(text, 1, bytes, f) != bytes) {
        cm_artifact_drop(step, f);
        return cm_fail_errno(err, CM_E_FAILED, "priority.csv");
    }
    return cm_artifact_keep(step, f, err);
}

static bool hex_of_file(const char *path, char hex[65])
{
    unsigned char sum[32];

    *hex = '\0';
    if (path == NULL || cm_sha256_file(path, sum, NULL) < 0)
        return false;
    cm_hex(sum, 32, hex);
    return true;
}

/* On record before the file is written, with the digest of the one before: whichever of both is found after a kill is ours. */
static int set_fact(struct cm_step *step, size_t count, const char *text, size_t bytes, bool edited, struct cm_err **err)
{
    unsigned char sum[32];
    char hex[65], before[65];

    cm_sha256(text, bytes, sum);
    cm_hex(sum, 32, hex);
    (void)hex_of_file(cm_artifact_path(step, "priority.csv"), before);
    return cm_fact_set(
        step, "content.priority",
        json_pack("{s:I, s:s, s:s, s:b}", "selected", (json_int_t)count, "sha256", hex, "before", before, "edited", edited), err);
}

static int make(struct cm_step *step, struct cm_err **err)
{
    struct cm_connect *connect;
    CM_CLEANUP(choice_fini) struct choice c = {.step = step, .at = json_object()};
    int64_t since = cm_plan_int(cm_step_plan(step), "content.priority.since", 90LL * DAY_MS);
    cm_autofree char *text = NULL;
    size_t bytes = 0;

    c.tags = cm_plan_get(cm_step_plan(step), "content.priority.tags");
    if (cm_content_server(step, &connect, err) < 0 ||
        cm_usage_get(step, connect, cm_clock_wall(cm_loop_clock(cm_step_loop(step))) - since, &c.visits, &c.usage_known, err) < 0 ||
        cm_inventory_each(step, take, &c, err) < 0)
        return -1;
    if (!c.usage_known)
        cm_finding(step, CM_WARNING, "content.usage-unknown", "Name important content under content.priority.guids or tags.",
                   "the server keeps no record of visits: the list holds what was published last");
    c.order = cm_alloc((c.count + 1) * sizeof *c.order);
    choose_named(&c);
    choose_by_use(&c);
    text = render(&c, &bytes);
    if (text == NULL)
        return cm_fail_errno(err, CM_E_FAILED, "priority.csv");
    if (set_fact(step, c.chosen, text, bytes, false, err) < 0 || write_file(step, text, bytes, err) < 0)
        return -1;
    cm_say(step, "%zu items are on the priority list", c.chosen);
    return 0;
}

/* Was the file changed since this tool wrote it? Then it is the person's, and stays. */
static bool edited_by_a_person(struct cm_step *step, const char *path)
{
    const json_t *fact = cm_fact(step, "content.priority");
    char hex[65];

    if (fact == NULL || !hex_of_file(path, hex))
        return false;
    return cm_json_bool(fact, "edited", false) ||
           (strcmp(hex, cm_json_text(fact, "sha256", "")) != 0 && strcmp(hex, cm_json_text(fact, "before", "")) != 0);
}

static int keep_edited(struct cm_step *step, const char *path, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t bytes = 0;
    struct cm_items items;

    if (cm_file_read(path, CSV_BYTES_MAX, &text, &bytes, err) < 0 || cm_items_parse(text, bytes, path, &items, err) < 0)
        return cm_wrap(err, "the priority list");
    size_t count = items.count;
    cm_items_fini(&items);
    if (set_fact(step, count, text, bytes, true, err) < 0 || write_file(step, text, bytes, err) < 0)
        return -1;
    cm_say(step, "the priority list was edited by hand and is kept: %zu items (delete the file to have it made anew)", count);
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const char *path = cm_artifact_path(step, "priority.csv");

    return edited_by_a_person(step, path) ? keep_edited(step, path, err) : make(step, err);
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "request", "GET v1/instrumentation/content/hits (older servers: content/visits and shiny/usage)");
    cm_will(step, "write", "artifacts/priority.csv");
    return 0;
}

static const struct cm_param params[] = {CM_PARAM_SERVER("source"), {NULL, CM_T_ANY, NULL, NULL}};
static const char *const facts_needed[] = {"content.inventory", NULL};
static const char *const facts_given[] = {"content.priority", NULL};

const struct cm_action cm_action_content_prioritize = {
    .name = "content.prioritize",
    .summary = "Choose the priority content",
    .page = "https://docs.posit.co/connect/admin/server-management/migration/kubernetes/",
    .kind = CM_COMPUTE,
    .params = params,
    .needs = facts_needed,
    .gives = facts_given,
    .preview = preview,
    .apply = apply,
    .reads = "Visits by the instrumentation API; inventory.jsonl; content.priority of the plan.",
    .does = "Writes priority.csv: GUID, path, title, visits, why; in its order content is built and validated. A list edited by "
            "hand is kept.",
    .rights = "An administrator's API key.",
};
