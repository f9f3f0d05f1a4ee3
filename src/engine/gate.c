/* Gates: a place where a person says go, or attests something. An approval carries the digest of what was shown and is void when
 * that changes; a `go` is answered by --yes, a terminal or `approve`; an attestation never by --yes. Answers that the plan gives
 * ahead are taken over. Unknown findings are answered here too: their id is a gate id. */
#include <config.h>

#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pid.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/internal.h"

enum { APPROVAL_MS = 4 * 60 * 60 * 1000 };

static void digest_of(const struct cm_gate_spec *spec, char hex[65])
{
    cm_autofree char *all =
        cm_fmt("%s\n%s\n%s\n%s", spec->id, spec->attest ? "attest" : "go", spec->title, spec->shown ? spec->shown : "");
    unsigned char sum[32];
    cm_sha256(all, strlen(all), sum);
    cm_hex(sum, 32, hex);
}

static int64_t window_edge(const struct cm_engine *e, const char *which)
{
    int64_t at = 0;
    cm_autofree char *path = cm_fmt("window.%s", which);
    const char *text = cm_plan_text(e->s->plan, path);
    if (!text || (cm_time_in_zone(text, cm_plan_text(e->s->plan, "window.zone"), &at, NULL) < 0 && !cm_time_parse(text, &at)))
        return 0;
    return at;
}

/* Before the first effect of the downtime: is it too early or too late by the plan's window? */
static int inside_window(struct cm_step *st, const struct cm_gate_spec *spec, struct cm_err **err)
{
    if (strcmp(spec->id, "gate.downtime") != 0 || cm_frozen(st->e))
        return 0;
    int64_t now = cm_clock_wall(cm_loop_clock(st->e->s->loop)), from = window_edge(st->e, "start"), to = window_edge(st->e, "end");
    const char *zone = cm_plan_text(st->e->s->plan, "window.zone");
    cm_autofree char *begins = cm_time_for_people(from, zone), *ends = cm_time_for_people(to, zone);
    if (from && now < from) {
        cm_fail(err, CM_E_WAITING, "the window begins at %s; no downtime is begun before", begins);
        cm_hint(err, "Run the same command again then. All that can be done ahead is done.");
        return -1;
    }
    if (to && now >= to) {
        cm_fail(err, CM_E_WAITING, "the window ended at %s; no downtime is begun after its end", ends);
        cm_hint(err, "Put the next window into the plan (`window:`), then run with --accept-plan-changes.");
        return -1;
    }
    return 0;
}

static bool still_good(const struct cm_step *st, const struct cm_m_gate *g, const char *digest)
{
    if (!g || !g->open || strcmp(g->digest, digest) != 0)
        return false;
    if (cm_frozen(st->e))
        return true;
    return cm_clock_wall(cm_loop_clock(st->e->s->loop)) - g->opened_ms < APPROVAL_MS;
}

static int opened(struct cm_step *st, const struct cm_gate_spec *spec, const char *digest, const char *note, const char *how,
                  struct cm_err **err)
{
    cm_record_add(st->e->record, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "gate.open", "gate", spec->id, "digest",
                                           digest, "who", cm_who(), "note", note ? note : "", "how", how));
    return cm_engine_sync(st->e, err);
}

static int waits(struct cm_step *st, const struct cm_gate_spec *spec, const char *digest, struct cm_err **err)
{
    const struct cm_m_gate *g = cm_model_gate(CM_MODEL(st->e), spec->id);
    if (g && !g->open && strcmp(g->digest, digest) == 0)
        return 0;
    cm_autofree char *shown = cm_mask(spec->shown ? spec->shown : "");
    cm_record_add(st->e->record, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "type", "gate.wait", "gate", spec->id, "kind",
                                           spec->attest ? "attest" : "go", "step", cm_step_id(st), "title", spec->title, "shown",
                                           shown, "digest", digest));
    return cm_engine_sync(st->e, err);
}

static int nobody(struct cm_step *st, const struct cm_gate_spec *spec, bool refused, struct cm_err **err)
{
    const char *plan = cm_plan_file(st->e->s->plan);
    cm_fail(err, CM_E_WAITING, "%s: %s", spec->id, refused ? "not answered with yes" : spec->title);
    if (spec->attest)
        cm_hint(
            err,
            "Attest it with `connect-migrate-run approve %s %s --note \"what was done, when, by whom\"`, then run the same command "
            "again.",
            plan, spec->id);
    else
        cm_hint(err, "Say go with `connect-migrate-run approve %s %s`, then run the same command again (or run it with --yes).",
                plan, spec->id);
    return -1;
}

static void preview_gate(struct cm_step *st, const struct cm_gate_spec *spec)
{
    const struct cm_view *v = st->e->s->view;
    char digest[65];
    if (!v || !v->detail)
        return;
    digest_of(spec, digest);
    cm_autojson detail = json_pack("{s:s, s:b, s:s, s:s, s:s}", "gate", spec->id, "attest", (int)spec->attest, "title", spec->title,
                                   "shown", spec->shown ? spec->shown : "", "digest", digest);
    v->detail(v->ctx, cm_step_id(st), detail);
}

int cm_gate_pass(struct cm_step *st, const struct cm_gate_spec *spec, struct cm_err **err)
{
    if (st->e->mode == CM_MODE_PREVIEW) {
        preview_gate(st, spec);
        cm_will(st, "gate", "%s (%s): %s", spec->id, spec->attest ? "a person attests" : "a person says go", spec->title);
        return 0;
    }
    if (cm_reading(st))
        return 0;
    char digest[65];
    digest_of(spec, digest);
    const struct cm_m_gate *g = cm_model_gate(CM_MODEL(st->e), spec->id);
    if (still_good(st, g, digest))
        return inside_window(st, spec, err);
    const struct cm_view *v = st->e->s->view;
    const char *ahead = cm_plan_gate_note(st->e->s->plan, spec->id);
    if (v && v->gate)
        v->gate(v->ctx, spec);
    if (waits(st, spec, digest, err) < 0 || inside_window(st, spec, err) < 0)
        return -1;
    if (ahead)
        return opened(st, spec, digest, ahead, "plan", err);
    if (!spec->attest && st->e->s->yes)
        return opened(st, spec, digest, "", "yes", err);
    cm_autofree char *note = NULL;
    int said = v && v->ask ? v->ask(v->ctx, spec, &note) : -1;
    if (said > 0)
        return opened(st, spec, digest, note, "terminal", err);
    if (cm_loop_cancelled(st->e->s->loop))
        return cm_fail(err, CM_E_INTERRUPTED, "interrupted while %s was asked; nobody has answered", spec->id);
    return nobody(st, spec, said == 0, err);
}

const json_t *cm_gate_answer(const struct cm_step *st, const char *id)
{
    const struct cm_m_gate *g = st->e ? cm_model_gate(CM_MODEL(st->e), id) : NULL;
    if (!g || !g->open)
        return NULL;
    return cm_arena_json(st->arena, json_pack("{s:s, s:s, s:s, s:I}", "who", g->who ? g->who : "", "note", g->note ? g->note : "",
                                              "how", g->how ? g->how : "", "at", (json_int_t)g->opened_ms));
}

/* ---- unknown findings ---- */

static bool answered(const struct cm_engine *e, const char *id)
{
    const struct cm_model *m = CM_MODEL(e);
    return cm_model_said(m->answers, m->answer_count, id) != NULL;
}

size_t cm_open_questions(const struct cm_engine *e, size_t stage, struct cm_str *out)
{
    const struct cm_model *m = CM_MODEL(e);
    size_t count = 0;
    for (size_t n = 0; n < m->finding_count; n++) {
        const struct cm_m_finding *f = &m->findings[n];
        if (f->verdict != CM_UNKNOWN || !cm_found_by(e, f, stage) || answered(e, f->id) ||
            cm_plan_gate_note(e->s->plan, f->id) != NULL)
            continue;
        cm_str_addf(out, "%s: %s\n", f->id, f->seen);
        count++;
    }
    return count;
}

int cm_answer_unknowns(struct cm_engine *e, size_t stage, struct cm_err **err)
{
    cm_autostr open = CM_STR(CM_STR_LINE);
    const char *first = NULL;
    const struct cm_model *m = CM_MODEL(e);
    for (size_t n = 0; n < m->finding_count; n++) {
        const struct cm_m_finding *f = &m->findings[n];
        const char *ahead = cm_plan_gate_note(e->s->plan, f->id);
        if (f->verdict != CM_UNKNOWN || !cm_found_by(e, f, stage) || answered(e, f->id))
            continue;
        if (ahead) {
            cm_record_add(e->record,
                          json_pack("{s:s, s:s, s:s, s:s}", "type", "answer", "id", f->id, "who", cm_who(), "note", ahead));
            continue;
        }
        first = first ? first : f->id;
        cm_str_addf(&open, "%s%s", open.len ? ", " : "", f->id);
    }
    if (first) {
        cm_fail(err, CM_E_WAITING, "could not be decided from here, and nobody has answered: %s", cm_str_text(&open));
        cm_hint(
            err,
            "Look it up, then say what you found with `connect-migrate-run approve %s %s --note \"…\"` and run the same command again.",
            cm_plan_file(e->s->plan), first);
        cm_engine_sync(e, NULL);
        return -1;
    }
    return cm_engine_sync(e, err);
}
