/* A run from its locks to its exit status: forward, back or finish. */
#include <config.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "engine/internal.h"

static void got_signal(void *ctx, int signo)
{
    struct cm_engine *e = ctx;
    if (signo == SIGHUP) {
        cm_log(CM_NORMAL, "the terminal is gone (SIGHUP): the run goes on; look at it with `connect-migrate-run status %s`",
               cm_plan_file(e->s->plan));
        return;
    }
    e->signals++;
    e->signo = signo;
    if (e->s->view && e->s->view->signalled)
        e->s->view->signalled(e->s->view->ctx, signo, e->signals);
    cm_loop_cancel(e->s->loop);
    if (e->s->escalate)
        e->s->escalate(e->signals);
}

static int make_folders(struct cm_engine *e, struct cm_err **err)
{
    cm_autofree char *logs = cm_run_path(e->s, "logs");
    e->artifacts_dir = cm_run_path(e->s, "artifacts");
    if (cm_dir_make(e->s->run_dir, 0700, err) < 0 || cm_dir_make(e->artifacts_dir, 0700, err) < 0 ||
        cm_dir_make(logs, 0700, err) < 0)
        return cm_wrap(err, "run directory");
    return 0;
}

static int known_names(const struct cm_engine *e, struct cm_err **err)
{
    const struct cm_resolved *rb = e->resolved;
    const char **names = cm_alloc((rb->step_count + rb->stage_count + 1) * sizeof *names);
    int rc = 0;
    for (size_t i = 0; i < rb->stage_count; i++)
        names[i] = rb->stages[i].id;
    bool found = !e->s->until;
    for (size_t i = 0; i < rb->stage_count && !found; i++)
        found = strcmp(names[i], e->s->until) == 0;
    if (!found) {
        const char *near = cm_nearest(e->s->until, names);
        rc = cm_fail(err, CM_E_USAGE, "--until %s: there is no such stage%s%s", e->s->until, near ? "; did you mean " : "",
                     near ? near : "");
        cm_hint(err, "`connect-migrate-run status %s` shows stages and steps.", cm_plan_file(e->s->plan));
    }
    memset(names, 0, (rb->stage_count + 1) * sizeof *names);
    for (size_t i = 0; i < rb->step_count; i++)
        names[i] = rb->steps[i].id;
    for (size_t k = 0; k < e->s->skip_count + e->s->redo_count && rc == 0; k++) {
        const char *want = k < e->s->skip_count ? e->s->skips[k].id : e->s->redo[k - e->s->skip_count];
        found = false;
        for (size_t i = 0; i < rb->step_count && !found; i++)
            found = strcmp(names[i], want) == 0;
        const char *near = found ? NULL : cm_nearest(want, names);
        if (!found) {
            rc = cm_fail(err, CM_E_USAGE, "--%s %s: there is no such step%s%s", k < e->s->skip_count ? "skip" : "redo", want,
                         near ? "; did you mean " : "", near ? near : "");
            cm_hint(err, "`connect-migrate-run status %s` shows stages and steps.", cm_plan_file(e->s->plan));
        }
    }
    free(names);
    return rc;
}

static int verdict(const struct cm_engine *e)
{
    const struct cm_model *m = CM_MODEL(e);
    if (cm_model_open_changes(m, true))
        return CM_E_UNSETTLED;
    return m->partly ? CM_E_PARTLY : CM_E_OK;
}

static void show_end(const struct cm_engine *e, int status, const struct cm_err *why)
{
    const struct cm_view *v = e->s->view;
    if (v && v->ended)
        v->ended(v->ctx, status, why, CM_MODEL(e));
}

static int end_run(struct cm_engine *e, int rc, struct cm_err *why)
{
    int status = rc < 0 ? (int)cm_err_code(why) : rc > 0 ? CM_E_OK : verdict(e);
    if (e->signals && status == CM_E_INTERRUPTED && e->signo == SIGTERM)
        status = CM_E_TERMINATED;
    if (!e->broken) {
        if (e->signals)
            cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:i}", "type", "interruption", "what", "run", "why", "a signal",
                                               "signal", e->signo));
        if (rc == 0)
            cm_record_add(e->record, json_pack("{s:s, s:i, s:s}", "type", "attempt.end", "attempt", CM_MODEL(e)->now->number,
                                               "result", "done"));
        cm_autofree char *message = cm_mask(rc < 0 ? cm_err_message(why) : rc > 0 ? "stopped where --until said" : "done");
        cm_record_add(e->record, json_pack("{s:s, s:i, s:s}", "type", "run.end", "status", status, "message", message));
        if (cm_engine_sync(e, NULL) < 0 && rc >= 0)
            status = (int)cm_err_code(e->broken);
    }
    show_end(e, status, e->broken ? e->broken : rc < 0 ? why : NULL);
    return status;
}

static int walk_and_end(struct cm_engine *e, struct cm_err **err)
{
    bool nothing = false;
    if (cm_open_run(e, &nothing, err) < 0)
        return -1;
    if (e->s->view && e->s->view->opened)
        e->s->view->opened(e->s->view->ctx, CM_MODEL(e));
    if (nothing) {
        int status = verdict(e);
        show_end(e, status, NULL);
        return status;
    }
    struct cm_err *why = NULL;
    cm_locks_watch(e);
    int rc = cm_take_over_check(e, &why);
    if (rc == 0)
        rc = cm_learn_from_earlier(e, &why);
    if (rc == 0)
        rc = cm_walk(e, &why);
    int status = end_run(e, rc, why);
    cm_err_free(why);
    return status;
}

static void engine_fini(struct cm_engine *e)
{
    cm_loop_each_turn_drop(e->s->loop, cm_engine_turn, e);
    cm_record_free(e->record);
    cm_resolved_free(e->resolved);
    cm_err_free(e->broken);
    cm_err_free(e->why_cancelled);
    json_decref(e->last_check);
    free(e->artifacts_dir);
}

int cm_engine_run(const struct cm_engine_setup *s, enum cm_direction direction, struct cm_err **err)
{
    struct cm_engine e = {.s = s, .mode = CM_MODE_RUN, .direction = direction};
    int status = -1;
    e.resolved = cm_resolve(s->plan, direction, s->plans_dir, s->actions, err);
    if (e.resolved && known_names(&e, err) == 0 && make_folders(&e, err) == 0) {
        cm_loop_signals(s->loop, got_signal, &e);
        if (cm_locks_take(&e, err) == 0) {
            cm_loop_each_turn(s->loop, cm_engine_turn, &e);
            status = walk_and_end(&e, err);
            cm_locks_give(&e);
        }
        cm_loop_signals(s->loop, NULL, NULL);
    }
    engine_fini(&e);
    return status < 0 ? (int)cm_err_code(err ? *err : NULL) : status;
}
