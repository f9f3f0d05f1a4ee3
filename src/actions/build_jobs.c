/* actions/build_jobs.c: the rules by which a build job is recognised. Members and numbers: Posit's API reference, JobItem (status 0
 * active, 1 finished, 2 finalized). */
#include <config.h>

#include "actions/build_jobs.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

static const char *key_of(const json_t *job) { return cm_json_text(job, "key", ""); }

static bool listed(const json_t *keys, const char *key)
{
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *one = json_string_value(json_array_get(keys, i));
        if (one != NULL && strcmp(one, key) == 0)
            return true;
    }
    return false;
}

static bool is_build(const json_t *job) { return cm_ends(cm_json_text(job, "tag", ""), "_restore"); }

static bool is_active(const json_t *job)
{
    const json_t *status = json_object_get(job, "status");

    if (json_is_integer(status))
        return json_integer_value(status) == 0;
    return !json_is_string(json_object_get(job, "end_time"));
}

/* Did it start at or behind since_ms? A time without fractions was cut to its second. */
static bool is_recent(const json_t *job, int64_t since_ms)
{
    const char *text = cm_json_text(job, "start_time", NULL);
    int64_t at;

    if (text == NULL)
        text = cm_json_text(job, "queued_time", NULL);
    if (text == NULL || !cm_time_parse(text, &at))
        return false;
    return at + (strchr(text, '.') == NULL ? 999 : 0) >= since_ms;
}

static bool is_ours(const json_t *job, const struct cm_jobs_question *q)
{
    if (!is_build(job))
        return false;
    if (listed(q->ours, key_of(job)))
        return true;
    if (listed(q->known, key_of(job)))
        return false;
    return is_recent(job, q->since_ms) || (q->any_active && is_active(job));
}

static enum cm_jobs_say say_of(const json_t *job)
{
    const json_t *exit_code = json_object_get(job, "exit_code");

    if (is_active(job))
        return CM_JOBS_ACTIVE;
    if (!json_is_integer(exit_code))
        return CM_JOBS_UNCLEAR;
    return json_integer_value(exit_code) == 0 ? CM_JOBS_BUILT : CM_JOBS_FAILED;
}

/* Which of two jobs of one build decides: a failed one ends it, then one that runs, then one nobody knows of. */
static int weight(enum cm_jobs_say say)
{
    switch (say) {
    case CM_JOBS_FAILED: return 4;
    case CM_JOBS_ACTIVE: return 3;
    case CM_JOBS_UNCLEAR: return 2;
    case CM_JOBS_BUILT: return 1;
    default: return 0;
    }
}

struct cm_jobs_answer cm_build_jobs(const json_t *jobs, const struct cm_jobs_question *q)
{
    struct cm_jobs_answer a = {.say = json_is_array(jobs) ? CM_JOBS_NONE : CM_JOBS_UNREAD};

    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const json_t *job = json_array_get(jobs, i);
        if (!is_ours(job, q))
            continue;
        a.count++;
        if (weight(say_of(job)) > weight(a.say)) {
            a.say = say_of(job);
            a.job = job;
        }
    }
    return a;
}

json_t *cm_build_job_keys(const json_t *jobs, const struct cm_jobs_question *q)
{
    json_t *keys = json_array();

    for (size_t i = 0; i < json_array_size(jobs); i++) {
        const json_t *job = json_array_get(jobs, i);
        if (*key_of(job) != '\0' && (q != NULL ? is_ours(job, q) : is_build(job)))
            (void)json_array_append_new(keys, json_string(key_of(job)));
    }
    return keys;
}
