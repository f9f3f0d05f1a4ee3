/* actions/job_pods.c: see the header. The Job controller's event FailedCreate ("Error creating: pods "x" is forbidden: …"). */
#include <config.h>

#include "actions/job_pods.h"

#include <string.h>

#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

bool cm_job_passes(const char *words)
{
    return strstr(words, "exceeded quota") || strstr(words, "failed calling webhook") || strstr(words, "context deadline exceeded");
}

static const char *refusal(const json_t *events, const char *job)
{
    const json_t *one;
    const char *newest = NULL;
    size_t i;
    json_array_foreach(json_object_get(events, "items"), i, one)
    {
        if (strcmp(cm_json_text(one, "involvedObject.kind", ""), "Job") == 0 &&
            strcmp(cm_json_text(one, "involvedObject.name", ""), job) == 0 &&
            strcmp(cm_json_text(one, "reason", ""), "FailedCreate") == 0)
            newest = cm_json_text(one, "message", newest);
    }
    return newest;
}

char *cm_job_without_pod(struct cm_step *step, const char *ns, const char *job, bool *refused)
{
    cm_autojson events = NULL;
    enum cm_seen seen = CM_ABSENT;
    *refused = false;
    if (cm_kube_get_in(step, ns, "events", NULL, NULL, &events, &seen, NULL) < 0 || seen != CM_SEEN)
        return cm_strdup(seen == CM_FORBIDDEN ? "no pod was made for it, and the events, which say why, may not be read"
                                              : "no pod was made for it");
    const char *words = refusal(events, job);
    if (words == NULL)
        return cm_strdup("no pod was made for it");
    *refused = strstr(words, "is forbidden") && !cm_job_passes(words);
    return cm_mask(words);
}
