/* actions/storage_mark.c: storage.mark and storage.prove: is the folder that pods mount the old server's data folder?
 *
 * A marker file is written on the server and read in the pod. It is also the claim between runs on different machines: it is
 * made by link(2), which fails when the name is there, also over NFS. The reader in the pod may have an old listing of the
 * folder for as long as NFS keeps it (acdirmax, 60 s by default: nfs(5)), so its absence is waited for. */
#include <config.h>

#include <string.h>

#include "actions/evening.h"
#include "actions/release_heal.h"
#include "actions/source.h"
#include "actions/target.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pid.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/plan.h"
#include "values/gcfg.h"

#define MARKER ".connect-migrate"
enum { MARKER_MAX = 65536 };

static const char *marker_path(struct cm_step *step, const char *folder)
{
    return cm_arena_fmt(cm_step_arena(step), "%s/%s", folder, MARKER);
}

static struct cm_host *first_host(struct cm_step *step) { return cm_outside_host(cm_step_outside(step), 0); }

static int data_dir(struct cm_step *step, const char **folder, struct cm_err **err)
{
    const struct cm_source *source = NULL;
    if (cm_source_read(step, &source, err) < 0)
        return -1;
    *folder = cm_arena_strdup(cm_step_arena(step), source->data_dir);
    return 0;
}

/* The marker on the server; NULL when there is none. A file that is no marker of ours is {"run": "?"}. */
static int read_marker(struct cm_step *step, const char *path, json_t **marker, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t n = 0;
    bool absent = false;
    *marker = NULL;
    if (cm_host_read_file(step, first_host(step), path, MARKER_MAX, &text, &n, &absent, err) < 0)
        return -1;
    if (absent)
        return 0;
    *marker = cm_json_parse(text, n, path, NULL);
    if (*marker == NULL)
        *marker = json_pack("{s:s}", "run", "?");
    return 0;
}

static bool is_ours(struct cm_step *step, const json_t *marker)
{
    return strcmp(cm_json_text(marker, "run", "?"), cm_run_id(step)) == 0;
}

static int another_run(struct cm_step *step, const char *path, const json_t *marker, struct cm_err **err)
{
    const char *const remove[] = {"rm", path, NULL};
    cm_autofree char *by_hand = cm_host_by_hand(first_host(step), remove);
    cm_fail(err, CM_E_FAILED, "%s belongs to another run: %s, written from %s at %s", path, cm_json_text(marker, "run", "?"),
            cm_json_text(marker, "host", "?"), cm_json_text(marker, "written", "?"));
    cm_hint(err, "Ask who migrates this server. When that run is dead for certain, remove its claim with `%s` and run again.",
            by_hand);
    return -1;
}

/* ---- storage.mark ---- */

static int mark_probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    const char *folder = NULL;
    cm_autojson marker = NULL;
    *answer = CM_NEEDED;
    if (data_dir(step, &folder, err) < 0 || read_marker(step, marker_path(step, folder), &marker, err) < 0)
        return -1;
    if (marker == NULL)
        return 0;
    if (!is_ours(step, marker)) {
        *answer = CM_BLOCKED;
        return another_run(step, marker_path(step, folder), marker, err);
    }
    if (cm_intent_find(step, "marker.write", folder) != NULL && !cm_effect_open(step, "marker.write"))
        *answer = CM_DONE;
    return 0;
}

static int mark_preview(struct cm_step *step, struct cm_err **err)
{
    const char *folder = NULL;
    if (data_dir(step, &folder, err) < 0)
        return -1;
    cm_will(step, "write", "%s on %s: run, host, folder, time", marker_path(step, folder), cm_host_name(first_host(step)));
    return 0;
}

static int write_marker(struct cm_step *step, struct cm_intent *intent, const char *folder, struct cm_err **err)
{
    cm_autoout out = {0};
    cm_autofree char *now = cm_time_text(cm_wall_now(step));
    cm_autojson marker =
        json_pack("{s:s, s:s, s:s, s:s}", "run", cm_run_id(step), "host", cm_who(), "folder", folder, "written", now);
    cm_autofree char *json = json_dumps(marker, JSON_COMPACT), *text = cm_fmt("%s\n", json);
    const char *const argv[] = {"sh",
                                "-c",
                                "umask 022; n=\"$1.$2\"; cat >\"$n\" && sync \"$n\" 2>/dev/null; "
                                "if ln \"$n\" \"$1\" 2>/dev/null; then rm -f \"$n\"; "
                                "elif [ -e \"$1\" ]; then rm -f \"$n\"; echo 'the marker is there already' >&2; exit 17; "
                                "else mv \"$n\" \"$1\"; fi",
                                "sh",
                                marker_path(step, folder),
                                cm_run_id(step),
                                NULL};
    return cm_host_run_effect_input(intent, first_host(step), argv, text, strlen(text), &out, err);
}

static int mark_apply(struct cm_step *step, struct cm_err **err)
{
    const char *folder = NULL;
    struct cm_intent *intent = NULL;
    cm_autojson marker = NULL;
    cm_autojson original = json_pack("{s:b}", "absent", 1);
    if (data_dir(step, &folder, err) < 0 || read_marker(step, marker_path(step, folder), &marker, err) < 0)
        return -1;
    cm_autojson detail = json_pack("{s:s, s:s}", "path", marker_path(step, folder), "host", cm_host_name(first_host(step)));
    struct cm_intent_spec spec = {.effect = "marker.write", .key = folder, .detail = detail, .original = original, .settle = true};
    if (cm_intend(step, &spec, &intent, err) < 0)
        return -1;
    if (marker == NULL && write_marker(step, intent, folder, err) < 0) {
        cm_hint(err, "If another run wrote it in this moment, run the same command again: it will be named.");
        return -1;
    }
    return 0;
}

static int mark_verify(struct cm_step *step, struct cm_err **err)
{
    const char *folder = NULL;
    cm_autojson marker = NULL;
    if (data_dir(step, &folder, err) < 0 || read_marker(step, marker_path(step, folder), &marker, err) < 0)
        return -1;
    if (marker == NULL)
        return cm_fail(err, CM_E_FAILED, "%s is not there", marker_path(step, folder));
    if (!is_ours(step, marker))
        return another_run(step, marker_path(step, folder), marker, err);
    struct cm_intent *intent = cm_intent_find(step, "marker.write", folder);
    return intent == NULL ? 0 : cm_intent_happened(intent, NULL, err);
}

/* ---- taking it away ---- */

static int remove_marker(struct cm_step *step, const char *folder, const json_t *detail, struct cm_err **err)
{
    struct cm_intent *intent = NULL;
    cm_autoout out = {0};
    cm_autojson left = NULL;
    const char *path = marker_path(step, folder);
    const char *unfinished = cm_arena_fmt(cm_step_arena(step), "%s.%s", path, cm_run_id(step));
    const char *const argv[] = {"rm", "-f", path, unfinished, NULL};
    struct cm_intent_spec spec = {.effect = "marker.remove", .key = folder, .detail = detail};
    if (cm_intend(step, &spec, &intent, err) < 0 || read_marker(step, path, &left, err) < 0)
        return -1;
    if (left != NULL && !is_ours(step, left))
        return another_run(step, path, left, err);
    if (left != NULL && cm_host_run_effect(intent, first_host(step), argv, &out, err) < 0)
        return -1;
    cm_autojson still = NULL;
    if (read_marker(step, path, &still, err) < 0)
        return -1;
    if (still != NULL)
        return cm_fail(err, CM_E_FAILED, "%s is still there", path);
    return cm_intent_happened(intent, NULL, err);
}

static int mark_undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    return remove_marker(step, change->key, NULL, err);
}

const struct cm_action cm_action_storage_mark = {
    .name = "storage.mark",
    .summary = "Write a marker into the data folder, to be found again in the pod",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE,
    .probe = mark_probe,
    .preview = mark_preview,
    .apply = mark_apply,
    .verify = mark_verify,
    .undo = mark_undo,
    .reads = "the marker in the data folder, through the first node",
    .does =
        "Writes DATADIR/.connect-migrate: the run's id, from where it runs, the folder and the time. Another run's marker stops it.",
    .proves = "the file read back on the server names this run",
    .undoes = "the file is removed",
    .rights = "on the first node: to write in the data folder",
};

/* ---- storage.prove ---- */

static const struct cm_param prove_params[] = {
    {"wait", CM_T_DURATION, "\"90s\"", "how long a pod may see an old listing of the folder (NFS directory cache)"},
    {NULL, CM_T_ANY, NULL, NULL},
};

struct proof {
    struct cm_step *step;
    const char *path;
    const char *pod;
    json_t *seen;
};

static const char *pod_name(struct cm_step *step, struct cm_err **err)
{
    cm_autojson pods = NULL;
    size_t i;
    json_t *pod;
    if (cm_target_pods(step, &pods, err) < 0)
        return NULL;
    json_array_foreach(pods, i, pod)
    {
        if (cm_target_pod_ready(pod))
            return cm_arena_strdup(cm_step_arena(step), cm_json_text(pod, "metadata.name", ""));
    }
    cm_fail_passing(err, "there is no ready pod of the release");
    return NULL;
}

/* Where Connect in the pod looks for its data: the file that the pod mounts says so. */
static int pod_data_dir(struct cm_step *step, const char **folder, struct cm_err **err)
{
    cm_autofree char *read = NULL;
    const char *text = cm_target_seen_gcfg(step);
    *folder = "/var/lib/rstudio-connect";
    if (text == NULL && cm_target_gcfg(step, &read, err) < 0)
        return -1;
    if (text == NULL)
        text = read;
    if (text == NULL)
        return 0;
    struct cm_gcfg *g = cm_gcfg_new();
    int rc = cm_gcfg_add(g, text, strlen(text), "rstudio-connect.gcfg of the ConfigMap", err);
    const char *said = rc < 0 ? NULL : cm_gcfg_get(g, "Server", NULL, "DataDir");
    if (said != NULL && *said == '/')
        *folder = cm_arena_strdup(cm_step_arena(step), said);
    cm_gcfg_free(g);
    return rc;
}

static int look_in_pod(void *ctx, struct cm_err **err)
{
    struct proof *p = ctx;
    cm_autoout out = {0};
    /* listing the folder makes the NFS client look at its attributes again */
    const char *const argv[] = {"cat", p->path, NULL};
    const char *seen = cm_target_seen_pod(p->step);
    if (seen == NULL || cm_kube_exec(p->step, seen, "connect", argv, &out, NULL) < 0) { /* it may be gone since */
        cm_out_fini(&out);
        out = (struct cm_out){0};
        p->pod = pod_name(p->step, err);
        if (p->pod == NULL || cm_kube_exec(p->step, p->pod, "connect", argv, &out, err) < 0)
            return -1;
    } else {
        p->pod = seen;
    }
    if (out.status != 0) {
        if (strstr(out.errout, "ermission denied") != NULL) {
            cm_fail(err, CM_E_FAILED, "pod %s may not read %s", p->pod, p->path);
            cm_hint(err, "Compare owners and modes of the data folder with the ids that the pod runs as.");
            return -1;
        }
        return 0;
    }
    p->seen = cm_json_parse(out.out, out.out_bytes, p->path, err);
    return p->seen == NULL ? -1 : 1;
}

static bool proved_before(struct cm_step *step, const char *folder)
{
    struct cm_intent *i = cm_intent_find(step, "marker.remove", folder);
    return i != NULL && cm_intent_life(i) != CM_NOT_HAPPENED;
}

static int prove_probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    const char *folder = NULL;
    struct cm_change c;
    *answer = CM_NEEDED;
    if (data_dir(step, &folder, err) < 0)
        return -1;
    if (proved_before(step, folder) && !cm_effect_open(step, "marker.remove") && !cm_ledger_next(step, "marker.write", 0, &c))
        *answer = CM_DONE;
    return 0;
}

static int prove_preview(struct cm_step *step, struct cm_err **err)
{
    const char *folder = NULL;
    const char *const read[] = {"exec", "POD", "-c", "connect", "--", "cat", "/var/lib/rstudio-connect/" MARKER, NULL};
    if (data_dir(step, &folder, err) < 0)
        return -1;
    const char *const remove[] = {"rm", "-f", marker_path(step, folder), NULL};
    cm_autofree char *a = cm_kube_by_hand(step, read), *b = cm_host_by_hand(first_host(step), remove);
    cm_will(step, "command", "%s", a);
    cm_will(step, "command", "%s", b);
    return 0;
}

static int not_the_same(const struct proof *p, const char *server_path, struct cm_err **err)
{
    if (p->seen != NULL)
        cm_fail(err, CM_E_FAILED, "pod %s sees the marker of another run at %s: %s", p->pod, p->path,
                cm_json_text(p->seen, "run", "?"));
    else
        cm_fail(err, CM_E_FAILED, "the new server does not mount the old server's data folder: pod %s does not see %s", p->pod,
                p->path);
    cm_autofree char *where = cm_fmt("on %s it was written to %s", cm_host_name(first_host(p->step)), server_path);
    cm_evidence(err, where);
    cm_hint(err,
            "Do not let users in. Mend sharedStorage in your values files, or the volume behind its claim; then type the first "
            "command below.");
    return -1;
}

static int prove_apply(struct cm_step *step, struct cm_err **err)
{
    const char *folder = NULL, *inside = NULL;
    if (data_dir(step, &folder, err) < 0)
        return -1;
    if (!proved_before(step, folder)) {
        int64_t limit = cm_target_limit(step, json_integer_value(cm_step_param(step, "wait")));
        struct proof p = {.step = step};
        if (pod_data_dir(step, &inside, err) < 0)
            return -1;
        p.path = marker_path(step, inside);
        int rc = cm_wait_until(step, look_in_pod, &p, limit, 20, 3000, err);
        cm_autojson seen = p.seen;
        if (rc < 0 && err != NULL && cm_err_code(*err) == CM_E_FAILED)
            return cm_heal_blame(step, err); /* the pod went while it was looked at: by whom? */
        if (rc < 0)
            return -1;
        if (rc == 0 || !is_ours(step, seen))
            return not_the_same(&p, marker_path(step, folder), err);
        cm_autojson detail = json_pack("{s:s, s:s}", "seen_in", p.pod, "at", p.path);
        if (remove_marker(step, folder, detail, err) < 0)
            return -1;
    } else if (remove_marker(step, folder, NULL, err) < 0) {
        return -1;
    }
    *cm_step_memo(step) = step; /* remove_marker has read that it is gone, and nothing lies between */
    return cm_ledger_back_all(step, "marker.write", folder, err);
}

static int prove_verify(struct cm_step *step, struct cm_err **err)
{
    const char *folder = NULL;
    cm_autojson marker = NULL;
    if (data_dir(step, &folder, err) < 0 ||
        (*cm_step_memo(step) == NULL && read_marker(step, marker_path(step, folder), &marker, err) < 0))
        return -1;
    if (marker != NULL)
        return cm_fail(err, CM_E_FAILED, "%s is still there", marker_path(step, folder));
    if (!proved_before(step, folder))
        return cm_fail(err, CM_E_FAILED, "no pod has been seen to read the marker");
    return 0;
}

const struct cm_action cm_action_storage_prove = {
    .name = "storage.prove",
    .summary = "Prove that the pod mounts the old server's data folder",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE,
    .params = prove_params,
    .probe = prove_probe,
    .preview = prove_preview,
    .apply = prove_apply,
    .verify = prove_verify,
    .reads = "the marker, by kubectl exec in a ready pod",
    .does = "Reads the marker in the pod (an old listing of the folder is waited for), then removes it on the server.",
    .proves = "the pod saw this run's marker: both have the same storage",
    .undoes = "nothing",
    .rights = "to get pods and to create pods/exec in the namespace; on the first node, to remove the marker",
};
