/* record_fixture.h: a record made of lines of JSON, for the tests of the model and of what is said from it. */
#ifndef CM_TESTS_RECORD_FIXTURE_H
#define CM_TESTS_RECORD_FIXTURE_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "journal/model.h"

/* 2026-12-05T22:00:00Z; tests set TZ=UTC. */
#define TEN_PM 1796508000000
#define MINUTES(n) ((int64_t)(n) * 60000)

struct record { struct cm_model *m; uint64_t seq; int64_t at; json_t *events; };

static inline struct record record_new(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    return (struct record){ cm_model_new(), 0, TEN_PM, json_array() };
}

static inline void record_end(struct record *r)
{
    cm_model_free(r->m);
    json_decref(r->events);
}

/* One event as JSON with ' for ". Returns what apply said. */
static inline int try_event(struct record *r, struct cm_err **err, const char *text)
{
    char *copy = cm_strdup(text);
    for (char *p = copy; *p != '\0'; p++)
        if (*p == '\'')
            *p = '"';
    json_error_t why;
    json_t *e = json_loads(copy, 0, &why);
    if (e == NULL) {
        fprintf(stderr, "fixture: %s: %s\n", why.text, copy);
        abort();
    }
    r->seq++;
    int rc = cm_model_apply(r->m, e, r->seq, r->at, 1000 + (int64_t)r->seq, err);
    json_array_append_new(r->events, e);
    free(copy);
    return rc;
}

static inline void say(struct record *r, const char *text)
{
    cm_autoerr err = NULL;
    if (try_event(r, &err, text) != 0) {
        fprintf(stderr, "fixture: %s: %s\n", text, cm_err_message(err));
        abort();
    }
}

#define STEP(id, action, kind) "{'id':'" id "','action':'" action "','kind':'" kind "','by':'tool'}"
#define FORWARD_BOOK                                                                                                                  \
    "{'id':'vm-to-kubernetes','back':'kubernetes-to-vm','stages':["                                                                    \
    "{'id':'prerequisites','title':'Check','steps':[" STEP("storage.check", "storage.check", "check") "]},"                          \
    "{'id':'deploy','title':'Deploy','steps':[" STEP("gate.downtime", "gate.confirm", "gate") ","                                      \
    STEP("access.close", "access.close", "effect") "," STEP("service.stop", "service.stop", "hold") ","                               \
    STEP("helm.deploy", "helm.deploy", "effect") "," STEP("connect.verify", "connect.verify", "effect") "]},"                         \
    "{'id':'optimize','title':'Build','steps':[" STEP("content.build", "content.build", "effect") "]},"                               \
    "{'id':'revert','title':'Revert','steps':[" STEP("temporary.revert", "temporary.revert", "effect") "]},"                          \
    "{'id':'validate','title':'Validate','steps':[" STEP("access.open", "access.open", "effect") "]},"                                \
    "{'id':'report','title':'Report','steps':[" STEP("report.write", "report.write", "compute") "]}]}"
#define BACK_BOOK                                                                                                                     \
    "{'id':'kubernetes-to-vm','back':'','stages':[{'id':'drain','title':'Drain','steps':["                                            \
    STEP("release.scale", "release.scale", "effect") "," STEP("service.start", "service.start", "effect") ","                         \
    STEP("source.verify", "source.verify", "effect") "," STEP("access.open", "access.open", "effect") "]}]}"

static inline void begin_run(struct record *r)
{
    say(r, "{'type':'run.begin','format':1,'program':'0.1.0','run':'r-1','boot':'b','plan_file':'prod.yaml','plan_digest':'aa','plan':"
           "{'source':{'hosts':['connect1']},'temporary':{'Scheduler.MinProcessesLimit':0}}}");
}

static inline void begin_forward(struct record *r)
{
    begin_run(r);
    say(r, "{'type':'attempt.begin','attempt':1,'direction':'forward','runbook':" FORWARD_BOOK "}");
}

static inline void step_begin(struct record *r, const char *step)
{
    char text[200];
    snprintf(text, sizeof text, "{'type':'step.begin','step':'%s','try':1}", step);
    say(r, text);
}

static inline void step_end(struct record *r, const char *step, const char *state)
{
    char text[300];
    snprintf(text, sizeof text, "{'type':'step.end','step':'%s','state':'%s','took_ms':1500%s}", step, state,
             strcmp(state, "failed") == 0 ? ",'message':'it broke'" : "");
    say(r, text);
}

static inline void step_done(struct record *r, const char *step)
{
    step_begin(r, step);
    step_end(r, step, "done");
}

/* `more` begins with a comma, or is "". */
static inline void intent(struct record *r, int id, const char *step, const char *effect, const char *key, const char *more)
{
    char text[500];
    snprintf(text, sizeof text, "{'type':'intent','id':%d,'step':'%s','effect':'%s','key':'%s'%s}", id, step, effect, key, more);
    say(r, text);
}

static inline void close_intent(struct record *r, int id, const char *life, const char *result)
{
    char text[500];
    snprintf(text, sizeof text, "{'type':'close','intent':%d,'life':'%s'%s%s}", id, life, *result != '\0' ? ",'result':" : "", result);
    say(r, text);
}

static inline void end_run(struct record *r, int status)
{
    char text[200];
    snprintf(text, sizeof text, "{'type':'run.end','status':%d,'message':'as told'}", status);
    say(r, text);
}

/* A run up to connect.verify: users out at 22:03, old server stopped at 22:04, verified at 22:11; a temporary setting in force. */
static inline void until_verified(struct record *r)
{
    begin_forward(r);
    step_done(r, "storage.check");
    step_done(r, "gate.downtime");
    r->at = TEN_PM + MINUTES(3);
    step_begin(r, "access.close");
    intent(r, 1, "access.close", "access.close", "command", ",'original':{'by':'command'},'class':'keep'");
    close_intent(r, 1, "happened", "");
    step_end(r, "access.close", "done");
    r->at = TEN_PM + MINUTES(4);
    step_begin(r, "service.stop");
    intent(r, 2, "service.stop", "service.mask", "connect1", ",'original':{'unit_file':'enabled'},'class':'keep'");
    close_intent(r, 2, "happened", "");
    intent(r, 3, "service.stop", "service.stop", "connect1", ",'original':{'active':'active'},'class':'keep'");
    close_intent(r, 3, "happened", "");
    step_end(r, "service.stop", "done");
    r->at = TEN_PM + MINUTES(9);
    step_begin(r, "helm.deploy");
    intent(r, 4, "helm.deploy", "temporary.setting", "Scheduler.MinProcessesLimit",
           ",'original':{'value':'5','place':'values.yaml:12:5'},'class':'settle'");
    intent(r, 5, "helm.deploy", "helm.upgrade", "connect", ",'detail':{'base':2,'purpose':'deploy'},'original':{'revision':2},'class':'keep'");
    close_intent(r, 5, "happened", "{'revision':3}");
    close_intent(r, 4, "happened", "");
    step_end(r, "helm.deploy", "done");
    r->at = TEN_PM + MINUTES(11);
    step_done(r, "connect.verify");
}

#endif
