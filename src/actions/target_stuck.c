/* actions/target_stuck.c: what a pod says that waiting does not mend. Does not: say why (target_diagnosis.c). */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "actions/target.h"
#include "base/json.h"
#include "base/time.h"

static bool hopeless(const char *reason)
{
    static const char *const reasons[] = {"ImagePullBackOff",
                                          "ErrImagePull",
                                          "InvalidImageName",
                                          "CrashLoopBackOff",
                                          "CreateContainerConfigError",
                                          "CreateContainerError",
                                          "RunContainerError",
                                          "ErrImageNeverPull",
                                          "RegistryUnavailable",
                                          "SignatureValidationFailed",
                                          NULL};
    for (size_t i = 0; reasons[i] != NULL; i++)
        if (strcmp(reason, reasons[i]) == 0)
            return true;
    return false;
}

static const json_t *hopeless_container(const json_t *pods, const char **pod_name)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses", NULL};
    size_t i, k;
    const json_t *pod, *c;
    json_array_foreach(pods, i, pod)
    {
        for (size_t l = 0; lists[l] != NULL; l++) {
            json_array_foreach(cm_json_at(pod, lists[l]), k, c)
            {
                if (!hopeless(cm_json_text(c, "state.waiting.reason", "")))
                    continue;
                *pod_name = cm_json_text(pod, "metadata.name", "?");
                return c;
            }
        }
    }
    return NULL;
}

char *cm_target_stuck(const json_t *pods, int64_t now_wall_ms, int64_t lasting_ms, int64_t *since)
{
    const char *pod = NULL;
    const json_t *c = hopeless_container(pods, &pod);
    if (c == NULL) {
        *since = 0;
        return NULL;
    }
    if (*since == 0)
        *since = now_wall_ms;
    if (now_wall_ms - *since < lasting_ms)
        return NULL;
    return cm_fmt("container %s of pod %s: %s", cm_json_text(c, "name", "?"), pod, cm_json_text(c, "state.waiting.reason", "?"));
}

int64_t cm_target_event_ms(const json_t *event)
{
    static const char *const paths[] = {"series.lastObservedTime", "lastTimestamp", "eventTime", "metadata.creationTimestamp"};
    int64_t at;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (cm_time_parse(cm_json_text(event, paths[i], ""), &at))
            return at;
    return 0;
}

/* Of a pod: does its probe's newest answer say 402? */
static bool unlicensed(const char *pod, const json_t *events)
{
    int64_t newest = -1;
    bool refused = false;
    size_t i;
    const json_t *e;
    json_array_foreach(events, i, e)
    {
        if (strcmp(cm_json_text(e, "involvedObject.name", ""), pod) != 0 || strcmp(cm_json_text(e, "reason", ""), "Unhealthy") != 0)
            continue;
        int64_t at = cm_target_event_ms(e);
        bool is_402 = strstr(cm_json_text(e, "message", ""), "statuscode: 402") != NULL;
        refused = at > newest ? is_402 : at == newest ? refused && is_402 : refused;
        newest = at > newest ? at : newest;
    }
    return refused;
}

bool cm_target_unlicensed(const json_t *pods, const json_t *events)
{
    size_t i;
    const json_t *pod;
    json_array_foreach(pods, i, pod)
    {
        if (unlicensed(cm_json_text(pod, "metadata.name", ""), events))
            return true;
    }
    return false;
}
