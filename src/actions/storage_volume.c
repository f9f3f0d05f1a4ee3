/* actions/storage_volume.c: the cluster's side of storage.check: the claim that the values name, the volume behind it, and
 * whether that is the folder the old server uses.
 *
 * Where the chart is to create the claim (sharedStorage.create) there is nothing to look at yet, which is no fault: the rendered
 * manifests are read instead. A claim without volumeName and selector gets a new, empty volume from its class (chart README).
 * Whether the claim exists and is bound is said by cluster.check, not here. */
#include <config.h>

#include <string.h>

#include "actions/look.h"
#include "actions/storage_check.h"
#include "actions/target.h"
#include "actions/volume.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

struct sides {
    struct cm_step *step;
    const struct cm_storage_node *node;
    const char *claim;    /* its name */
    const json_t *shared; /* sharedStorage of the values; NULL */
    bool exported_here;
};

/* What a person compares when the program cannot; arena. */
static const char *compare_by_hand(const struct sides *s, const char *volume)
{
    return cm_arena_fmt(cm_step_arena(s->step),
                        "Compare `kubectl get pv %s -o yaml` with `findmnt -T %s` on %s, and attest that both are the same folder.",
                        volume ? volume : "NAME", s->node->resolved, s->node->name);
}

/* The server of the export is a node of the old server itself. */
static bool is_this_node(const struct sides *s, const char *server)
{
    cm_autofree char *names = cm_fmt(" %s %s ", s->node->names ? s->node->names : "", s->node->name);
    cm_autofree char *word = cm_fmt(" %s ", server);
    for (char *p = names; *p; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    return strcasestr(names, word) != NULL;
}

static void judge_volume(struct sides *s, const json_t *pv, const char *name)
{
    struct cm_volume_view v;
    const char *nfs_server = cm_json_text(pv, "spec.nfs.server", NULL), *nfs_path = cm_json_text(pv, "spec.nfs.path", NULL);
    const char *sub_path = cm_json_text(s->shared, "subPath", NULL);
    if (s->node->mount.kind == CM_MOUNT_LOCAL) {
        s->exported_here = nfs_server && nfs_path && is_this_node(s, nfs_server) && cm_look_inside(s->node->resolved, nfs_path);
        return; /* otherwise the local disk is what has to be said */
    }
    cm_volume_compare(pv, &s->node->mount, cm_storage_below(s->node), sub_path, &v);
    if (v.match == CM_VOLUME_SAME)
        cm_finding(s->step, CM_OK, "storage.export", NULL, "claim %s leads to %s, which is the server's %s", s->claim, v.pv,
                   v.mount);
    else if (v.match == CM_VOLUME_OTHER)
        cm_finding(s->step, CM_BLOCKER, "storage.export",
                   cm_arena_fmt(cm_step_arena(s->step),
                                "Make a PersistentVolume for %s (nfs.server and nfs.path, or the CSI driver of "
                                "that storage), a claim with its volumeName, and name the claim in "
                                "sharedStorage.name.",
                                v.mount),
                   "claim %s leads to volume %s, %s: the server's files (%s) are not in it", s->claim, name, v.why, v.mount);
    else
        cm_finding(s->step, CM_UNKNOWN, "storage.export", compare_by_hand(s, name),
                   "claim %s leads to %s, the server has mounted %s: %s", s->claim, v.pv, v.mount, v.why);
    cm_volume_view_fini(&v);
}

static void judge_modes(struct sides *s, const json_t *claim)
{
    const json_t *modes = cm_json_at(claim, "spec.accessModes"), *one;
    size_t i;
    bool many = false;
    json_array_foreach(modes, i, one) { many |= json_is_string(one) && strcmp(json_string_value(one), "ReadWriteMany") == 0; }
    if (json_array_size(modes) > 0 && !many)
        cm_finding(s->step, CM_WARNING, "storage.access-mode", "Make the claim ReadWriteMany.",
                   "claim %s is not ReadWriteMany: content on other machines than Connect's cannot mount it", s->claim);
}

static int named_volume(struct sides *s, const char *volume, const json_t *rendered, struct cm_err **err)
{
    cm_autojson pv = NULL;
    enum cm_seen seen = CM_ABSENT;
    cm_autoerr failed = NULL;
    if (rendered) {
        judge_volume(s, rendered, volume);
        return 0;
    }
    if (cm_kube_get_in(s->step, "", "pv", volume, NULL, &pv, &seen, &failed) < 0)
        return cm_look_failed(s->step, "storage.export", cm_arena_fmt(cm_step_arena(s->step), "volume %s", volume),
                              compare_by_hand(s, volume), &failed, err);
    if (seen == CM_SEEN)
        judge_volume(s, pv, volume);
    else if (seen == CM_FORBIDDEN)
        cm_finding(
            s->step, CM_UNKNOWN, "storage.export",
            cm_arena_fmt(cm_step_arena(s->step),
                         "Ask who runs the cluster for `kubectl get pv %s -o yaml`, compare its source with %s, and attest it.",
                         volume, s->node->mount.source),
            "volume %s of claim %s may not be looked at with these rights", volume, s->claim);
    else
        cm_finding(s->step, CM_UNKNOWN, "storage.export", compare_by_hand(s, volume),
                   "claim %s names volume %s, which is not there", s->claim, volume);
    return 0;
}

/* ---- a claim that exists ---- */

static int existing_claim(struct sides *s, const json_t *claim, struct cm_err **err)
{
    const char *volume = cm_json_text(claim, "spec.volumeName", "");
    judge_modes(s, claim);
    if (*volume)
        return named_volume(s, volume, NULL, err);
    if (s->node->mount.kind != CM_MOUNT_LOCAL)
        cm_finding(s->step, CM_UNKNOWN, "storage.export",
                   "Bind the claim to a volume that names the server's export (volumeName), then check again.",
                   "claim %s is not bound to a volume yet, so it cannot be compared with %s", s->claim, s->node->mount.source);
    return 0;
}

/* ---- a claim that the chart will create ---- */

struct rendered {
    const char *name;
    json_t *claim, *volumes;
}; /* of the claim; it; all PersistentVolumes */

static void take_document(void *ctx, const json_t *object)
{
    struct rendered *r = ctx;
    const char *kind = cm_json_text(object, "kind", "");
    if (strcmp(kind, "PersistentVolume") == 0)
        json_array_append(r->volumes, cm_json_loose(object));
    else if (strcmp(kind, "PersistentVolumeClaim") == 0 && !r->claim &&
             strcmp(cm_json_text(object, "metadata.name", ""), r->name) == 0)
        r->claim = json_incref(cm_json_loose(object));
}

static const json_t *volume_named(const struct rendered *r, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(r->volumes, i, one)
    {
        if (strcmp(cm_json_text(one, "metadata.name", ""), name) == 0)
            return one;
    }
    return NULL;
}

static int planned_claim(struct sides *s, const struct rendered *r, struct cm_err **err)
{
    const char *volume = cm_json_text(r->claim, "spec.volumeName", "");
    const json_t *selector = cm_json_at(r->claim, "spec.selector");
    judge_modes(s, r->claim);
    if (*volume)
        return named_volume(s, volume, volume_named(r, volume), err);
    if (json_array_size(r->volumes) == 1)
        return named_volume(s, "made by the chart", json_array_get(r->volumes, 0), err);
    if (s->node->mount.kind == CM_MOUNT_LOCAL)
        return 0;
    if (json_object_size(selector) > 0 || json_array_size(r->volumes) > 0)
        cm_finding(s->step, CM_UNKNOWN, "storage.export", compare_by_hand(s, NULL),
                   "the chart will create claim %s, which takes a volume by its labels; which one cannot be told before", s->claim);
    else if (json_is_string(cm_json_at(r->claim, "spec.storageClassName")))
        cm_finding(s->step, CM_BLOCKER, "storage.empty-volume",
                   "Create a PersistentVolume for the server's export and a claim with its volumeName, then say sharedStorage: "
                   "{create: false, mount: true, name: CLAIM} in the values.",
                   "the chart will create claim %s with storage class %s and no volumeName: it gets a new, empty volume, not %s",
                   s->claim, cm_json_text(r->claim, "spec.storageClassName", ""), s->node->mount.source);
    else
        cm_finding(s->step, CM_UNKNOWN, "storage.export",
                   "Name the volume in sharedStorage.volumeName, or make the claim yourself and say sharedStorage: {create: false, "
                   "mount: true, name: CLAIM}.",
                   "the chart will create claim %s without volumeName and class: the cluster's default decides what it gets, most "
                   "likely a new, empty volume",
                   s->claim);
    return 0;
}

static int claim_of_the_chart(struct sides *s, struct cm_err **err)
{
    cm_autofree char *manifests = NULL;
    cm_autoerr failed = NULL;
    struct rendered r = {.name = s->claim, .volumes = json_array()};
    int rc = 0;
    if (cm_helm_template(s->step, NULL, &manifests, &failed) < 0) {
        /* values.check says why the chart does not render */
        if (cm_look_ends(&failed, err))
            rc = -1;
        else
            cm_step_log(s->step, "not compared with the chart's claim: %s", cm_err_message(failed));
    } else {
        cm_look_manifests(manifests, take_document, &r);
        if (r.claim)
            rc = planned_claim(s, &r, err);
    }
    json_decref(r.claim);
    json_decref(r.volumes);
    return rc;
}

int cm_storage_volume(struct cm_step *step, const struct cm_storage_node *node, bool *exported_here, struct cm_err **err)
{
    const json_t *values = cm_look_values(step);
    struct sides s = {.step = step, .node = node, .claim = cm_target_pvc(step), .shared = json_object_get(values, "sharedStorage")};
    cm_autojson claim = NULL;
    cm_autoerr failed = NULL;
    enum cm_seen seen = CM_ABSENT;
    int rc = 0;
    *exported_here = false;
    if (cm_kube_get(step, "pvc", s.claim, NULL, &claim, &seen, &failed) < 0) {
        if (cm_look_ends(&failed, err))
            return -1;
        cm_step_log(step, "not compared with the cluster: %s", cm_err_message(failed)); /* cluster.check says so */
        return 0;
    }
    if (seen == CM_SEEN)
        rc = existing_claim(&s, claim, err);
    else if (seen == CM_FORBIDDEN)
        cm_finding(step, CM_UNKNOWN, "storage.export", compare_by_hand(&s, NULL), "claim %s may not be looked at with these rights",
                   s.claim);
    else if (cm_json_bool(s.shared, "create", false))
        rc = claim_of_the_chart(&s, err);
    *exported_here = s.exported_here;
    return rc;
}
