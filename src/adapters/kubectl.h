/* adapters/kubectl.h: the administrator's own kubectl, with --context, --kubeconfig and --namespace of the plan. Objects come
 * as JSON. "Forbidden" is told apart from "not found" and from "not reached" (passing). */
#ifndef CM_ADAPTERS_KUBECTL_H
#define CM_ADAPTERS_KUBECTL_H

#include <stdbool.h>

#include <jansson.h>

#include <cm/action.h>

enum cm_seen { CM_SEEN, CM_ABSENT, CM_FORBIDDEN };

/* kubectl get KIND [NAME] [-l SELECTOR] -o json. One object with a name, else a List. *seen CM_SEEN: *object is a new reference;
 * else NULL, and 0 is returned. */
int cm_kube_get(struct cm_step *step, const char *kind, const char *name, const char *selector, json_t **object,
                enum cm_seen *seen, struct cm_err **err);
/* As cm_kube_get, in another namespace ("" = cluster-scoped, "*" = in all of them). */
int cm_kube_get_in(struct cm_step *step, const char *ns, const char *kind, const char *name, const char *selector,
                   json_t **object, enum cm_seen *seen, struct cm_err **err);
/* As cm_kube_get, with metadata.managedFields: who wrote what, and when. */
int cm_kube_get_managed(struct cm_step *step, const char *kind, const char *name, const char *selector, json_t **object,
                        enum cm_seen *seen, struct cm_err **err);
/* "argocd-controller at 2026-12-05T21:00:00Z": who, beside helm and us, changed an object last, but for its status; NULL: nobody did, or
 * it cannot be seen. Caller frees. */
char *cm_kube_other_writer(struct cm_step *step, const char *kind, const char *name);
/* The same of an object that was got with its managedFields. */
char *cm_kube_writer_of(const json_t *object);

/* One of several objects. kind: the plural of the object's kind ("deployments"). */
struct cm_kube_one {
    const char *kind, *name;
    json_t *object; /* a new reference; NULL unless CM_SEEN */
    enum cm_seen seen;
};
/* Each of them as by cm_kube_get_managed, in one process, which costs more than its requests. What kubectl will not say of all at once is
 * asked one by one: a forbidden object hides no other. -1: all are NULL. */
int cm_kube_get_several(struct cm_step *step, const char *ns, struct cm_kube_one *list, size_t n, struct cm_err **err);
void cm_kube_several_fini(struct cm_kube_one *list, size_t n);
/* ns NULL: the plan's namespace. */
int cm_kube_can_i(struct cm_step *step, const char *ns, const char *verb, const char *resource, bool *allowed, struct cm_err **err);
/* The same of several at once, by the reviews that `kubectl auth can-i` sends, one a right, in one process. as: in whose name, NULL: this
 * login's. False: they were not all answered so, and none is known; ask one by one then, which says why. */
struct cm_kube_right {
    const char *ns; /* NULL: the plan's namespace */
    const char *verb, *resource;
    bool allowed;
};
bool cm_kube_can_all(struct cm_step *step, const char *as, struct cm_kube_right *list, size_t n);
/* {"client": "v1.32.4", "server": "v1.31.2"}; new reference. */
int cm_kube_version(struct cm_step *step, json_t **version, struct cm_err **err);
/* Server-side dry run of manifests (stdin), those that name no namespace in the plan's; a refusal is *refused (caller frees), not an error. */
int cm_kube_dry_run(struct cm_step *step, const char *manifests, char **refused, struct cm_err **err);
/* Run argv in a pod's container. Reading: it must change nothing there. */
int cm_kube_exec(struct cm_step *step, const char *pod, const char *container, const char *const *argv, struct cm_out *out,
                 struct cm_err **err);
/* The last `lines` lines of a container's log; *text may be "". ns NULL: the plan's namespace. Caller frees. */
int cm_kube_logs(struct cm_step *step, const char *ns, const char *pod, const char *container, int lines, char **text, struct cm_err **err);
/* As cm_kube_logs, each line with its time before it where kubectl gives one; `before`: of the
 * container's instance before this one. */
int cm_kube_logs_in(struct cm_step *step, const char *ns, const char *pod, const char *container, int lines, bool before, char **text,
                    struct cm_err **err);

/* label: "key=value", or "key-" to take it away. ns NULL: the plan's. */
int cm_kube_label_in(struct cm_intent *intent, const char *ns, const char *kind, const char *name, const char *label,
                     struct cm_err **err);
int cm_kube_annotate_in(struct cm_intent *intent, const char *ns, const char *kind, const char *name, const char *annotation,
                        struct cm_err **err);
/* ns NULL: the plan's namespace. */
int cm_kube_delete(struct cm_intent *intent, const char *ns, const char *kind, const char *name, struct cm_err **err);
int cm_kube_create(struct cm_intent *intent, const char *ns, const json_t *manifest, struct cm_err **err);
/* A merge patch (RFC 7396); it stands in argv, so it must hold no secret. ns NULL: the plan's namespace. */
int cm_kube_patch(struct cm_intent *intent, const char *ns, const char *kind, const char *name, const json_t *patch,
                  struct cm_err **err);
/* The same commands for people; caller frees. argv without the leading "kubectl". */
char *cm_kube_by_hand(struct cm_step *step, const char *const *argv);

/* `kubectl get KIND NAME --watch`, a reading child that rings when the object is as `matters` wants it. It only rings: what is there is
 * looked at as ever. Where watching is forbidden, or kubectl ends, it rings once more and is no longer alive. */
struct cm_kube_watch;
struct cm_kube_watch *cm_kube_watch(struct cm_step *step, const char *kind, const char *name, bool (*matters)(const json_t *object));
bool cm_kube_watch_rang(struct cm_kube_watch *w); /* since this was asked last; NULL: never */
bool cm_kube_watch_alive(const struct cm_kube_watch *w);
void cm_kube_watch_stop(struct cm_kube_watch *taken);

/* A supervised port-forward to service NAME, port 80: loopback, a free port; comes back when its pod is replaced; ended with us. */
struct cm_forward;
struct cm_forward *cm_kube_forward(struct cm_step *step, const char *service, struct cm_err **err);
/* The same in two: started, and waited for. Not ready: it is of no use any more, but is still to be stopped. */
struct cm_forward *cm_kube_forward_begin(struct cm_step *step, const char *service, struct cm_err **err);
int cm_kube_forward_ready(struct cm_step *step, struct cm_forward *f, struct cm_err **err);
const char *cm_forward_url(const struct cm_forward *f);          /* "http://127.0.0.1:40123" */
void cm_forward_stop(struct cm_forward *taken);

#endif
