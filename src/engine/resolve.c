/* A runbook, the plan's say on its steps and the action table made into the list that is walked: see resolve.h. */
#include <config.h>

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "base/yaml.h"
#include "engine/resolve.h"
#include "plan/runbook.h"

const char *cm_by_word(enum cm_by by)
{
    static const char *const words[] = {"tool", "hand", "command"};
    return words[by];
}

static void say(struct cm_problems *p, const char *place, const char *fmt, ...) CM_PRINTF(3, 4);
static void say(struct cm_problems *p, const char *place, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_autostr text = CM_STR(CM_STR_LINE);
    cm_str_vaddf(&text, fmt, ap);
    va_end(ap);
    cm_problem(p, NULL, NULL, "%s%s%s", place, *place ? ": " : "", cm_str_text(&text));
}

/* ---- parameters ---- */

static const json_int_t LONGEST_S = INT64_C(10) * 366 * 86400; /* as base/time.h takes it */

static bool typed(json_t **value, enum cm_type type)
{
    int64_t ms;
    switch (type) {
    case CM_T_STRING: return json_is_string(*value);
    case CM_T_BOOL: return json_is_boolean(*value);
    case CM_T_INT: return json_is_integer(*value);
    case CM_T_LIST: return json_is_array(*value);
    case CM_T_MAP: return json_is_object(*value);
    case CM_T_DURATION:
        if (json_is_integer(*value) && json_integer_value(*value) >= 0 && json_integer_value(*value) <= LONGEST_S)
            ms = json_integer_value(*value) * 1000;
        else if (!json_is_string(*value) || !cm_duration_parse(json_string_value(*value), &ms))
            return false;
        json_decref(*value);
        *value = json_integer(ms);
        return true;
    case CM_T_ANY: break;
    }
    return true;
}

static void unknown_params(struct cm_problems *p, const char *place, const struct cm_action *a, const json_t *with)
{
    const char *names[64] = {0}, *key;
    json_t *value;
    size_t n = 0;
    for (const struct cm_param *q = a->params; q && q->name && n < 63; q++)
        names[n++] = q->name;
    json_object_foreach(cm_json_loose(with), key, value)
    {
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || strcmp(names[i], key) == 0;
        const char *near = known ? NULL : cm_nearest(key, names);
        if (!known)
            say(p, place, "%s has no parameter \"%s\"%s%s%s", a->name, key, near ? "; did you mean \"" : "", near ? near : "",
                near ? "\"?" : "");
    }
}

static json_t *params_of(struct cm_problems *p, const char *place, const struct cm_action *a, const json_t *with,
                         const json_t *more)
{
    json_t *out = json_object();
    unknown_params(p, place, a, with);
    unknown_params(p, place, a, more);
    for (const struct cm_param *q = a->params; q && q->name; q++) {
        json_t *v = json_object_get(more, q->name);
        v = v ? v : json_object_get(with, q->name);
        json_t *value = v ? json_deep_copy(v) : q->def ? json_loads(q->def, JSON_DECODE_ANY, NULL) : NULL;
        if (!value && !q->def)
            say(p, place, "%s needs the parameter \"%s\" under `with`: %s", a->name, q->name, q->help);
        if (value && !json_is_null(value) && !typed(&value, q->type))
            say(p, place, "%s of %s must be %s", q->name, a->name, cm_type_words(q->type));
        if (value)
            json_object_set_new(out, q->name, value);
    }
    return out;
}

/* ---- actions ---- */

static const struct cm_action *find_action(const struct cm_action *const *actions, const char *name)
{
    for (; *actions; actions++)
        if (strcmp((*actions)->name, name) == 0)
            return *actions;
    return NULL;
}

static const char *near_action(const struct cm_action *const *actions, const char *name)
{
    const char *names[256] = {0};
    for (size_t n = 0; actions[n] && n < 255; n++)
        names[n] = actions[n]->name;
    return cm_nearest(name, names);
}

static enum cm_by by_of(const char *text)
{
    return text && strcmp(text, "hand") == 0 ? CM_BY_HAND : text && strcmp(text, "command") == 0 ? CM_BY_COMMAND : CM_BY_TOOL;
}

/* What helm deploys by a person's hand is taken back by one, too. A command is another one for each step. */
static const char *by_default(const struct cm_plan *plan, const struct cm_action *a)
{
    const char *by = a->by_as ? cm_json_text(cm_plan_step(plan, a->by_as), "by", NULL) : NULL;
    return by && strcmp(by, "tool") != 0 ? "hand" : NULL;
}

static void resolve_step(struct cm_resolved *out, const struct cm_plan *plan, const struct cm_rb_step *s, size_t stage,
                         const char *stage_skip, const struct cm_action *a, struct cm_problems *p)
{
    const json_t *own = cm_plan_step(plan, s->id);
    const char *place = json_object_get(own, "with") ? cm_plan_step_place(plan, s->id) : s->place;
    struct cm_rstep *r = &out->steps[out->step_count++];
    r->id = cm_strdup(s->id);
    r->action = a;
    r->stage = stage;
    r->params = params_of(p, place, a, s->with, json_object_get(own, "with"));
    r->timeout_ms = cm_json_int(own, "timeout", s->timeout_ms);
    r->retries = (int)cm_json_int(own, "retries", s->retries < 0 ? 0 : s->retries);
    r->by = by_of(cm_json_text(own, "by", s->by ? s->by : by_default(plan, a)));
    r->command = json_object_get(own, "command");
    r->note = cm_json_text(own, "note", NULL);
    r->skip = stage_skip ? stage_skip : cm_json_text(own, "skip", NULL);
    r->warn_only = strcmp(cm_json_text(own, "on_failure", "stop"), "warn") == 0;
    if (r->by == CM_BY_COMMAND && !json_array_size(r->command))
        say(p, cm_plan_step_place(plan, s->id), "%s: by: command needs `command`, a list of words", s->id);
    if (r->by != CM_BY_TOOL && a->kind != CM_EFFECT && a->kind != CM_HOLD)
        say(p, cm_plan_step_place(plan, s->id), "%s is a %s and cannot be done by %s", s->id, cm_kind_word(a->kind),
            cm_by_word(r->by));
    if (strcmp(s->id, "gate.downtime") == 0)
        out->gate = out->step_count - 1;
}

/* ---- order ---- */

static const char *giver(const struct cm_resolved *r, const char *fact, size_t before, bool *later)
{
    *later = false;
    for (size_t i = 0; i < r->step_count; i++)
        for (const char *const *g = r->steps[i].action->gives; g && *g; g++)
            if (strcmp(*g, fact) == 0) {
                *later = i >= before;
                if (!*later)
                    return r->steps[i].id;
                return r->steps[i].id;
            }
    return NULL;
}

static bool given_before(const struct cm_resolved *r, const char *fact, size_t before)
{
    for (size_t i = 0; i < before; i++)
        for (const char *const *g = r->steps[i].action->gives; g && *g; g++)
            if (strcmp(*g, fact) == 0)
                return true;
    return false;
}

static void check_order(const struct cm_resolved *r, const struct cm_runbook *rb, struct cm_problems *p)
{
    size_t at = 0;
    for (size_t s = 0; s < rb->count; s++)
        for (size_t i = 0; i < rb->stages[s].count && at < r->step_count; i++, at++)
            for (const char *const *n = r->steps[at].action->needs; n && *n; n++) {
                bool later;
                if (given_before(r, *n, at))
                    continue;
                const char *who = giver(r, *n, at, &later);
                if (who)
                    say(p, rb->stages[s].steps[i].place, "%s needs \"%s\", which %s gives only later: put %s before it",
                        r->steps[at].id, *n, who, who);
                else
                    say(p, rb->stages[s].steps[i].place, "%s needs \"%s\", which no step of this runbook gives", r->steps[at].id,
                        *n);
            }
}

/* ---- names in the plan ---- */

struct names {
    const char *list[512];
    size_t n;
};

static void add_name(struct names *n, const char *name)
{
    if (n->n < 511)
        n->list[n->n++] = name;
    n->list[n->n] = NULL;
}

static bool has_name(const struct names *n, const char *name)
{
    for (size_t i = 0; i < n->n; i++)
        if (strcmp(n->list[i], name) == 0)
            return true;
    return false;
}

static void collect(struct names *steps, struct names *stages, const struct cm_runbook *rb)
{
    for (size_t s = 0; rb && s < rb->count; s++) {
        add_name(stages, rb->stages[s].id);
        for (size_t i = 0; i < rb->stages[s].count; i++)
            add_name(steps, rb->stages[s].steps[i].id);
    }
}

static void check_plan_names(const struct cm_plan *plan, const struct names *steps, const struct names *stages,
                             struct cm_problems *p)
{
    const char *key;
    json_t *value;
    json_object_foreach(cm_json_loose(cm_plan_get(plan, "steps")), key, value)
    {
        const char *near = cm_nearest(key, steps->list);
        if (!has_name(steps, key))
            say(p, cm_plan_step_place(plan, key), "the runbook has no step \"%s\"%s%s%s", key, near ? "; did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
    }
    json_object_foreach(cm_json_loose(cm_plan_get(plan, "stages")), key, value)
    {
        const char *near = cm_nearest(key, stages->list);
        if (!has_name(stages, key))
            say(p, cm_plan_file(plan), "the runbook has no stage \"%s\"%s%s%s", key, near ? "; did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
    }
}

/* ---- the whole ---- */

static json_t *normal_form(const struct cm_resolved *r)
{
    json_t *stages = json_array();
    for (size_t s = 0; s < r->stage_count; s++) {
        json_t *steps = json_array();
        for (size_t i = 0; i < r->step_count; i++) {
            const struct cm_rstep *t = &r->steps[i];
            if (t->stage != s)
                continue;
            json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:O, s:I, s:i}", "id", t->id, "action", t->action->name, "kind",
                                  cm_kind_word(t->action->kind), "by", cm_by_word(t->by), "with", t->params, "timeout_ms",
                                  (json_int_t)t->timeout_ms, "retries", t->retries);
            if (t->skip)
                json_object_set_new(o, "skip", json_string(t->skip));
            json_array_append_new(steps, o);
        }
        json_array_append_new(stages,
                              json_pack("{s:s, s:s, s:o}", "id", r->stages[s].id, "title", r->stages[s].title, "steps", steps));
    }
    return json_pack("{s:s, s:s, s:o}", "id", r->id, "back", r->back ? r->back : "", "stages", stages);
}

static struct cm_resolved *make(const struct cm_plan *plan, const struct cm_runbook *rb, const struct cm_action *const *actions,
                                struct cm_problems *p)
{
    struct cm_resolved *r = cm_alloc(sizeof *r);
    size_t steps = 0;
    for (size_t s = 0; s < rb->count; s++)
        steps += rb->stages[s].count;
    r->id = cm_strdup(rb->id);
    r->back = cm_strdup(rb->back);
    r->gate = SIZE_MAX;
    r->stages = cm_alloc((rb->count + 1) * sizeof *r->stages);
    r->steps = cm_alloc((steps + 1) * sizeof *r->steps);
    for (size_t s = 0; s < rb->count; s++) {
        const struct cm_rb_stage *stage = &rb->stages[s];
        const char *skip = cm_plan_stage_skip(plan, stage->id);
        r->stages[r->stage_count++] = (struct cm_rstage){cm_strdup(stage->id), cm_strdup(stage->title ? stage->title : stage->id)};
        for (size_t i = 0; i < stage->count; i++) {
            const struct cm_action *a = find_action(actions, stage->steps[i].uses);
            const char *near = a ? NULL : near_action(actions, stage->steps[i].uses);
            if (a)
                resolve_step(r, plan, &stage->steps[i], s, skip, a, p);
            else
                say(p, stage->steps[i].place, "there is no action \"%s\"%s%s%s", stage->steps[i].uses,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
    }
    return r;
}

struct cm_resolved *cm_resolve(const struct cm_plan *plan, enum cm_direction direction, const char *plans_dir,
                               const struct cm_action *const *actions, struct cm_err **err)
{
    struct cm_problems p = CM_PROBLEMS;
    struct names steps = {.n = 0}, stages = {.n = 0};
    struct cm_resolved *r = NULL;
    struct cm_runbook *forward = cm_runbook_load(cm_plan_text(plan, "runbook"), cm_plan_dir(plan), plans_dir, err);
    struct cm_runbook *back = forward && forward->back ? cm_runbook_load(forward->back, cm_plan_dir(plan), plans_dir, err) : NULL;
    struct cm_runbook *finish = forward ? cm_runbook_load("finish", cm_plan_dir(plan), plans_dir, err) : NULL;
    const struct cm_runbook *rb = direction == CM_FORWARD ? forward : direction == CM_BACKWARD ? back : finish;
    if (rb && finish && (back || !forward->back)) {
        collect(&steps, &stages, forward);
        collect(&steps, &stages, back);
        collect(&steps, &stages, finish);
        r = make(plan, rb, actions, &p);
        if (p.count == 0 && direction == CM_FORWARD)
            check_order(r, rb, &p);
        check_plan_names(plan, &steps, &stages, &p);
        if (cm_problems_end(&p, err) < 0) {
            cm_resolved_free(r);
            r = NULL;
        } else {
            r->normal = normal_form(r);
        }
    } else if (forward && direction == CM_BACKWARD && !forward->back) {
        cm_fail(err, CM_E_USAGE, "runbook %s names no way back (`back:`)", forward->id);
        cm_hint(err, "Give the runbook one, `back: kubernetes-to-vm` for instance, and type the same command again.");
    }
    cm_runbook_free(forward);
    cm_runbook_free(back);
    cm_runbook_free(finish);
    return r;
}

void cm_resolved_free(struct cm_resolved *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->step_count; i++) {
        free(r->steps[i].id);
        json_decref(r->steps[i].params);
    }
    for (size_t i = 0; i < r->stage_count; i++) {
        free(r->stages[i].id);
        free(r->stages[i].title);
    }
    free(r->steps);
    free(r->stages);
    free(r->id);
    free(r->back);
    json_decref(r->normal);
    free(r);
}
