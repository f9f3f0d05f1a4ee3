/* actions/target.h: the new server: names by the chart's rules, its pods, a client of it, and which values files helm is given. */
#ifndef CM_ACTIONS_TARGET_H
#define CM_ACTIONS_TARGET_H

#include <stdbool.h>

#include <cm/action.h>

#include "adapters/connect.h"
#include "adapters/kubectl.h"
#include "base/yaml.h"

/* The chart's fullname for the plan's release (chart: _helpers.tpl): the release when it contains "rstudio-connect", else
 * RELEASE-rstudio-connect, 63 characters; fullnameOverride and nameOverride of the values are honoured. Arena string. */
const char *cm_target_fullname(struct cm_step *step);
/* "app.kubernetes.io/name=NAME,app.kubernetes.io/instance=RELEASE"; arena string. */
const char *cm_target_selector(struct cm_step *step);
/* The shared storage's PVC name by the values; arena string. */
const char *cm_target_pvc(struct cm_step *step);
/* Where the shared storage is mounted in the pod (sharedStorage.path); arena string. */
const char *cm_target_data_dir(struct cm_step *step);
/* How long something that must show is waited for before it is a failure: ms; longer than an NFS directory cache (60 s), or what
 * connect.doubt of the plan implies when that is shorter. */
int64_t cm_target_patience(struct cm_step *step);
/* The boot time until which something is waited for: wait_ms from now, no longer than that patience and the step's limit. */
int64_t cm_target_limit(struct cm_step *step, int64_t wait_ms);
/* The pods of the release, as a JSON array (new reference). */
int cm_target_pods(struct cm_step *step, json_t **pods, struct cm_err **err);
/* Is it up, with Connect's container ready? */
bool cm_target_pod_ready(const json_t *pod);
/* Creation time (wall ms) of our release's oldest living pod; 0: none. */
int cm_target_first_pod(struct cm_step *step, int64_t *created_ms, struct cm_err **err);
/* A client of the new server: by a port-forward that is opened at first use and kept, or at target.url. Lives with the outside. */
int cm_target_connect(struct cm_step *step, struct cm_connect **out, struct cm_err **err);
/* Open that port-forward beside what else is done; nothing is waited for, and nothing is said. */
void cm_target_connect_soon(struct cm_step *step);
/* What a step has seen of a pod that is ready, for the one behind it: each is handed over once, arena; NULL: nobody has just seen it. The
 * pod may be gone by then. */
void cm_target_saw(struct cm_step *step, const char *pod, const char *gcfg);
const char *cm_target_seen_pod(struct cm_step *step);
const char *cm_target_seen_gcfg(struct cm_step *step);
/* Forget the port-forward, so that the next use opens a new one (the pod was replaced). */
void cm_target_reconnect(struct cm_step *step);
/* What the plan's files, and ours behind them, are to Connect's chart: its own text (taken), or that below target.values_at where Connect's
 * chart is a dependency of the plan's. Caller frees. */
char *cm_target_values_text(struct cm_step *step, char *taken);
/* Connect's chart: {"name", "version", "appVersion"}; of a dependency as its rendered objects carry them, without what they do not say.
 * New reference. Errors are helm's. */
int cm_target_chart(struct cm_step *step, json_t **chart, struct cm_err **err);
/* Paths for helm behind the plan's own: values.config.yaml, then (with_temporary) values.temporary.yaml. NULL-ended, arena. */
const char *const *cm_target_values(struct cm_step *step, bool with_temporary);
/* The plan's values files parsed, in order, NULL-ended, and their names; kept with the outside. */
int cm_target_bases(struct cm_step *step, const struct cm_yaml_doc *const **docs, const char *const **names, struct cm_err **err);
/* The base values merged as helm merges (maps merge, the rest replaces); arena JSON. */
int cm_target_base_json(struct cm_step *step, const json_t **merged, struct cm_err **err);
/* The name rule by itself: fullnameOverride, nameOverride, release; caller frees. */
char *cm_target_name(const char *release, const char *fullname_override, const char *name_override);
/* The namespace that content runs in: backends.kubernetes.namespace, else the release's; arena string. */
const char *cm_target_content_namespace(struct cm_step *step);
/* The rstudio-connect.gcfg that pods mount, from the ConfigMap in the cluster; *text NULL: there is none. Caller frees. */
int cm_target_gcfg(struct cm_step *step, char **text, struct cm_err **err);
/* The same of a ConfigMap that was just read. */
int cm_target_gcfg_of(struct cm_step *step, const struct cm_kube_one *map, char **text, struct cm_err **err);
/* Is there a container that waits for something that will not come (image, Secret, crash loop)? Says what, or NULL; caller frees.
 * Only what has been so for `lasting_ms` counts: `since` is kept by the caller, 0 at first. */
char *cm_target_stuck(const json_t *pods, int64_t now_wall_ms, int64_t lasting_ms, int64_t *since);
/* Does a probe of one of the pods say, in its newest event, that Connect has no license (402)? What it said before is of the past. */
bool cm_target_unlicensed(const json_t *pods, const json_t *events);
int64_t cm_target_event_ms(const json_t *event); /* when it was seen last; wall; 0: not known */
/* The boot time until which pods may be waited for, so that the rest of the step's limit is enough to look why they are not ready. */
int64_t cm_target_waits_until(struct cm_step *step);
/* What keeps pods from becoming ready: events, container states, last log lines (masked), matched against what is known. Text,
 * several lines; caller frees; never NULL. */
char *cm_target_diagnosis(struct cm_step *step);
/* What helm's words on stderr mean, as the diagnosis says it; "" when nothing known fits. Caller frees. */
char *cm_target_helm_cause(struct cm_step *step, const char *words);

#endif
