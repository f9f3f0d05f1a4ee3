/* What Ctrl-C does: see stopping.h. Read from the record: the step at work and, where it has started a program, which. */
#include <config.h>

#include "cli/stopping.h"

#include <signal.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

static const struct cm_m_step *running(const struct cm_model *m)
{
    for (size_t i = 0; m != NULL && m->now != NULL && i < m->now->step_count; i++)
        if (m->now->steps[i].state == CM_S_RUNNING)
            return &m->now->steps[i];
    return NULL;
}

static bool open_effect(const struct cm_m_intent *i) { return i->life == CM_NEW || i->life == CM_NOTED || i->life == CM_IN_DOUBT; }

/* The program that an effect under way was given to; NULL: none runs. */
static const char *program(const struct cm_model *m, const struct cm_m_step *s)
{
    for (size_t i = m->intent_count; i-- > 0;) {
        const struct cm_m_intent *n = &m->intents[i];
        if (!open_effect(n) || strcmp(n->step, s->id) != 0 || cm_json_at(n->note, "child") == NULL)
            continue;
        return cm_starts(n->effect, "helm.") || strcmp(s->action, "helm.deploy") == 0 ? "helm"
               : strcmp(n->key, "command") == 0                                       ? "the plan's command"
               : cm_starts(n->effect, "service.") || cm_starts(n->effect, "marker.")  ? "the command on the old server"
                                                                                      : "the command that was begun";
    }
    return NULL;
}

static size_t builds_under_way(const struct cm_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->intent_count; i++)
        n += strcmp(m->intents[i].effect, "content.build") == 0 && open_effect(&m->intents[i]);
    return n;
}

static const char *key_words(int signo) { return signo == SIGTERM ? "SIGTERM" : "Ctrl-C"; }

static void what_happens(struct cm_str *s, const struct cm_model *m, const struct cm_m_step *step, const char *child)
{
    size_t builds = m != NULL ? builds_under_way(m) : 0;
    if (child != NULL)
        cm_str_addf(s, "%s is left to end by itself, then the run stops (step %s)", child, step->id);
    else if (builds > 0)
        cm_str_addf(s, "no new build is begun; the %zu under way go on in Connect and are picked up again", builds);
    else if (step != NULL)
        cm_str_addf(s, "the present request of step %s is finished, then the run stops", step->id);
    else
        cm_str_add(s, "the run stops at once");
}

char *cm_stopping_text(const struct cm_model *m, int signo, int nth, const char *command)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    const struct cm_m_step *step = running(m);
    const char *child = step != NULL ? program(m, step) : NULL;
    cm_str_addf(&s, "%s: ", key_words(signo));
    if (nth == 1)
        what_happens(&s, m, step, child);
    else if (child == NULL)
        cm_str_add(&s, "already stopping; it takes only as long as the answer that is waited for");
    else if (nth == 2)
        cm_str_addf(&s, "%s is asked to end now (SIGTERM)", child);
    else
        cm_str_addf(&s, "%s is ended at once (SIGKILL)", child);
    cm_str_add(&s, ".");
    if (child != NULL && nth < 3)
        cm_str_addf(&s, " Again: %s is %s.", child, nth == 1 ? "asked to end (SIGTERM)" : "ended at once (SIGKILL)");
    cm_str_addf(&s, " Nothing is lost: all is on record. To go on, type:\n  %s", command);
    return cm_str_take(&s);
}
