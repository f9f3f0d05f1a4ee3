/* actions/storage_check.c: storage.check: what Connect's files lie on, on every node of the old server, in one command each.
 *
 * The rules are the migration guide's (the same storage is mounted by the new server, so it must be a network file system) and
 * Connect's documents on directories and the encryption key (Database.Dir, secret.key). The cluster's side is compared in
 * storage_volume.c. Reads only; a listing of all files stops at 300,000 or 10 s. */
#include <config.h>

#include "actions/storage_check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "actions/look.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

enum { LOW_SPACE_KB = 512 * 1024, NOBODY = 65534, IMAGE_UID = 999, COUNT_MAX = 300000 };

/* $1 DataDir, $2 Database.Dir, $3 "count" on the first node. -xdev: other mounts inside are told apart by mountinfo. */
static const char script[] = CM_LOOK_SHELL
    "[ -d \"$1\" ] || { text absent ''; exit 0; }\n"
    "r=$(cd -P \"$1\" 2>/dev/null && pwd -P) && ls \"$r\" >/dev/null 2>&1 || { text closed ''; exit 0; }\n"
    "text resolved \"$r\"\n"
    "text findmnt \"$(findmnt -J -T \"$r\" -o TARGET,SOURCE,FSTYPE,OPTIONS 2>/dev/null)\"\n"
    "text mountinfo \"$(cat /proc/self/mountinfo 2>/dev/null)\"\n"
    "text names \"$(hostname 2>/dev/null; hostname -f 2>/dev/null; hostname -I 2>/dev/null)\"\n"
    "[ \"$3\" = count ] || exit 0\n"
    "text owner \"$(stat -L -c '%u %g %a' \"$r\" 2>/dev/null)\"\n"
    "text space \"$(df -P -k \"$r\" 2>/dev/null | tail -n 1)\"\n"
    "text inodes \"$(df -P -i \"$r\" 2>/dev/null | tail -n 1)\"\n"
    "text licenses \"$(ls -1t \"$r\" 2>/dev/null | grep '\\.lic$')\"\n"
    "text links \"$(find \"$r\" -maxdepth 1 -type l 2>/dev/null | while IFS= read -r l; do\n"
    " echo \"${l##*/} -> $(readlink -f \"$l\")\"; done)\"\n"
    "if [ -e \"$2/secret.key\" ]; then text key \"$(stat -L -c '%u %g %a %s' \"$2/secret.key\" 2>/dev/null)\"\n"
    "elif [ -d \"$2\" ] && ls \"$2\" >/dev/null 2>&1; then text key none; elif [ -d \"$2\" ]; then text key closed; else text key no-folder; fi\n"
    "text keydir \"$(cd -P \"$2\" 2>/dev/null && pwd -P)\"\n"
    "cmp -s \"$2/secret.key\" \"$r/db/secret.key\" 2>/dev/null && text keycopy same\n"
    "t=; command -v timeout >/dev/null 2>&1 && t='timeout 10'\n"
    "text files \"$($t find \"$r\" -xdev -printf '%U:%G\\n' 2>/dev/null | head -n 300000 |\n"
    " awk '{c[$0]++} END {for (k in c) print c[k], k}' | sort -rn | head -n 5)\"\n"
    "text bundles \"$($t ls -U \"$r/bundles\" 2>/dev/null | head -n 300000 | wc -l)\"\n";

/* ---- asking ---- */

static void node_fini(struct cm_storage_node *n)
{
    cm_mount_fini(&n->mount);
    free(n->resolved);
    free(n->names);
    free(n->output);
}

/* findmnt knows more than mountinfo (it resolves labels); mountinfo sees through an overlay. */
static void find_mount(struct cm_storage_node *n)
{
    cm_autofree char *findmnt = cm_part_text(n->output, n->output_bytes, "findmnt");
    cm_autofree char *mountinfo = cm_part_text(n->output, n->output_bytes, "mountinfo");
    bool found = findmnt && *findmnt && cm_mount_from_findmnt(findmnt, strlen(findmnt), &n->mount, NULL) == 0;
    bool overlay = found && cm_starts(n->mount.fstype, "overlay");
    n->has_mount = found;
    if (found && !overlay)
        return;
    struct cm_mount other = {0};
    if (mountinfo && *mountinfo && cm_mount_from_mountinfo(mountinfo, n->resolved, &other, NULL) == 0) {
        cm_mount_fini(&n->mount);
        n->mount = other;
        n->has_mount = true;
    } else {
        cm_mount_fini(&other);
    }
}

static int ask(struct cm_step *step, const struct cm_source *s, size_t i, struct cm_storage_node *n, struct cm_err **err)
{
    struct cm_host *host = cm_outside_host(cm_step_outside(step), i);
    const char *const argv[] = {"sh", "-c", script, "sh", s->data_dir, s->database_dir, i == 0 ? "count" : "no", NULL};
    cm_autoout out = {0};
    n->name = cm_host_name(host);
    if (cm_host_run(step, host, true, argv, &out, err) < 0)
        return -1;
    n->output = out.out;
    n->output_bytes = out.out_bytes;
    out.out = NULL;
    cm_autofree char *absent = cm_part_text(n->output, n->output_bytes, "absent");
    cm_autofree char *closed = cm_part_text(n->output, n->output_bytes, "closed");
    n->absent = absent != NULL;
    n->closed = closed != NULL;
    n->resolved = cm_part_text(n->output, n->output_bytes, "resolved");
    n->names = cm_part_text(n->output, n->output_bytes, "names");
    n->reached = n->absent || n->closed || n->resolved;
    if (!n->reached) {
        cm_autofree char *last = cm_last_lines(out.errout ? out.errout : "", 2);
        return cm_fail(err, CM_E_FAILED, "looking at %s on %s ended with status %d: %s", s->data_dir, n->name, out.status, last);
    }
    if (n->resolved)
        find_mount(n);
    return 0;
}

const char *cm_storage_below(const struct cm_storage_node *node)
{
    if (!node->resolved || !node->has_mount || !cm_look_inside(node->resolved, node->mount.target))
        return "";
    const char *below = node->resolved + (strcmp(node->mount.target, "/") == 0 ? 0 : strlen(node->mount.target));
    return *below == '/' ? below + 1 : below;
}

/* ---- judging the mounts ---- */

struct lists {
    struct cm_str absent, closed, local, strange, good, soft;
    size_t failed;
};

static void lists_fini(struct lists *l)
{
    struct cm_str *all[] = {&l->absent, &l->closed, &l->local, &l->strange, &l->good, &l->soft};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cm_str_fini(all[i]);
}

static void options_of(struct lists *l, const struct cm_storage_node *n)
{
    cm_autofree char *risks = cm_mount_risks(&n->mount);
    if (*risks)
        cm_look_list(&l->soft, "%s: %s", n->name, risks);
}

static void sort_node(struct lists *l, const struct cm_storage_node *n)
{
    const struct cm_mount *m = &n->mount;
    if (n->absent)
        cm_look_list(&l->absent, "%s", n->name);
    else if (n->closed)
        cm_look_list(&l->closed, "%s", n->name);
    else if (!n->has_mount)
        cm_look_list(&l->strange, "%s: neither findmnt nor /proc/self/mountinfo could be read", n->name);
    else if (m->kind == CM_MOUNT_LOCAL)
        cm_look_list(&l->local, "%s: %s, %s on %s (%s)", n->name, m->why, m->source, m->target, m->fstype);
    else if (m->kind == CM_MOUNT_UNKNOWN)
        cm_look_list(&l->strange, "%s: %s on %s (%s): %s", n->name, m->source, m->target, m->fstype, m->why);
    else {
        cm_look_list(&l->good, "%s: %s on %s (%s)", n->name, m->source, m->target, m->fstype);
        options_of(l, n);
    }
}

static void say_mounts(struct cm_step *step, const struct cm_source *s, const struct lists *l, bool exported_here)
{
    if (l->absent.len)
        cm_finding(step, CM_BLOCKER, "storage.datadir", "Correct Server.DataDir, or mount it on that node.",
                   "%s (Server.DataDir) is not there on %s", s->data_dir, cm_str_text(&l->absent));
    if (l->closed.len)
        cm_finding(step, CM_UNKNOWN, "storage.closed",
                   "Say `become: [sudo, -n]` under source in the plan, or let this user read it.",
                   "%s may not be looked into on %s", s->data_dir, cm_str_text(&l->closed));
    if (l->local.len && exported_here)
        cm_finding(step, CM_WARNING, "storage.self-exported",
                   "Keep the old server running as the NFS server after the migration, or move the files to a server of their own.",
                   "%s lies on a disk of the old server, which exports it to the cluster: %s", s->data_dir, cm_str_text(&l->local));
    else if (l->local.len)
        cm_finding(step, CM_BLOCKER, "storage.local-disk",
                   "Move the data to a network file system first, in a downtime of its own before this one (admin guide, "
                   "server-management/migration/nfs): stop Connect, `rsync -a` the folder to the share, set Server.DataDir, start "
                   "Connect.",
                   "%s lies on local storage, which no pod can mount: %s", s->data_dir, cm_str_text(&l->local));
    if (l->strange.len)
        cm_finding(step, CM_UNKNOWN, "storage.file-system",
                   "Make sure that the cluster can mount the same folder with owners and permissions kept, and attest it.",
                   "it cannot be told whether %s lies on storage that the cluster can mount: %s", s->data_dir,
                   cm_str_text(&l->strange));
    if (l->soft.len)
        cm_finding(step, CM_WARNING, "storage.options",
                   "Mount it with `hard,vers=4` and without the option named, here and in the "
                   "PersistentVolume's mountOptions.",
                   "mount options of %s: %s", s->data_dir, cm_str_text(&l->soft));
    if (l->good.len)
        cm_finding(step, CM_OK, "storage.mount", NULL, "%s lies on a network file system: %s", s->data_dir, cm_str_text(&l->good));
}

/* The nodes share one folder, however they spell it. */
static void compare_nodes(struct cm_step *step, const struct cm_source *s, const struct cm_storage_node *nodes, size_t n)
{
    cm_autostr list = CM_STR(CM_STR_LINE);
    const struct cm_storage_node *first = NULL;
    bool differ = false;
    for (size_t i = 0; i < n; i++) {
        if (!nodes[i].has_mount)
            continue;
        if (!first)
            first = &nodes[i];
        differ |= strcmp(nodes[i].mount.source, first->mount.source) != 0 ||
                  strcmp(cm_storage_below(&nodes[i]), cm_storage_below(first)) != 0;
        cm_look_list(&list, "%s: %s", nodes[i].name, nodes[i].mount.source);
    }
    if (differ)
        cm_finding(step, CM_UNKNOWN, "storage.nodes-differ",
                   "Write a file on one node and look for it on the others; attest that it is one folder.",
                   "the nodes name different sources for %s: %s", s->data_dir, cm_str_text(&list));
}

/* ---- judging what lies in it ---- */

/* Folders inside DataDir that lie elsewhere do not travel with it. */
static void judge_inside(struct cm_step *step, const struct cm_storage_node *n)
{
    cm_autofree char *links = cm_part_text(n->output, n->output_bytes, "links");
    cm_autofree char *mountinfo = cm_part_text(n->output, n->output_bytes, "mountinfo");
    cm_autostr list = CM_STR(2048);
    for (const char *at = links ? links : ""; *at;) {
        size_t len = strcspn(at, "\n");
        cm_autofree char *line = cm_strndup(at, len);
        const char *to = strstr(line, " -> ");
        if (to && to[4] == '/' && !cm_look_inside(to + 4, n->resolved))
            cm_look_list(&list, "%s", line);
        at += len + (at[len] ? 1 : 0);
    }
    for (const char *at = mountinfo ? mountinfo : ""; *at;) {
        size_t len = strcspn(at, "\n");
        char target[4096];
        cm_autofree char *line = cm_strndup(at, len);
        if (sscanf(line, "%*s %*s %*s %*s %4095s", target) == 1 && strcmp(target, n->resolved) != 0 &&
            cm_look_inside(target, n->resolved))
            cm_look_list(&list, "%s (a mount of its own)", target + strlen(n->resolved) + 1);
        at += len + (at[len] ? 1 : 0);
    }
    if (list.len)
        cm_finding(step, CM_WARNING, "storage.elsewhere",
                   "Mount these into the pod too (pod.volumes and pod.volumeMounts), or move them into the share.",
                   "parts of %s lie elsewhere: %s", n->resolved, cm_str_text(&list));
}

static bool own_key_setting(const struct cm_source *s, const char **which)
{
    *which = cm_gcfg_get(s->gcfg, "Server", NULL, "EncryptionKeyFile") ? "Server.EncryptionKeyFile"
             : cm_gcfg_get(s->gcfg, "Server", NULL, "EncryptionKey")   ? "Server.EncryptionKey"
                                                                       : NULL;
    return *which != NULL;
}

/* The pod looks for the key in its own Database.Dir, which is DataDir/db unless the values say another. */
static void judge_key(struct cm_step *step, const struct cm_source *s, const struct cm_storage_node *n)
{
    cm_autofree char *key = cm_part_text(n->output, n->output_bytes, "key");
    cm_autofree char *dir = cm_part_text(n->output, n->output_bytes, "keydir");
    cm_autofree char *copy = cm_part_text(n->output, n->output_bytes, "keycopy");
    cm_autofree char *expected = cm_fmt("%s/db", n->resolved);
    const char *which;
    const char *kept = "Never run reset-secret-key: without the old key, encrypted settings and stored credentials are lost.";
    if (own_key_setting(s, &which))
        cm_finding(step, CM_WARNING, "storage.secret-key",
                   "Give the pod the same key from a Kubernetes Secret (pod.env or a mount).",
                   "the encryption key is named by %s, not kept beside the data", which);
    else if (!key || strcmp(key, "closed") == 0)
        cm_finding(step, CM_UNKNOWN, "storage.secret-key", "Say `become: [sudo, -n]` under source in the plan.",
                   "%s may not be looked into on %s", s->database_dir, n->name);
    else if (strcmp(key, "none") == 0 || strcmp(key, "no-folder") == 0)
        cm_finding(step, CM_BLOCKER, "storage.secret-key", kept,
                   "there is no secret.key in %s on %s: a new server would make another one and refuse the database",
                   s->database_dir, n->name);
    else if (dir && !cm_look_inside(dir, n->resolved) && !copy)
        cm_finding(step, CM_BLOCKER, "storage.secret-key",
                   cm_arena_fmt(cm_step_arena(step),
                                "Copy it: `install -m 0600 %s/secret.key %s/secret.key`; the new server looks for "
                                "it there.",
                                s->database_dir, expected),
                   "secret.key lies in %s (Database.Dir) on %s, outside of DataDir, and would not travel with it", s->database_dir,
                   n->name);
    else if (dir && strcmp(dir, expected) != 0 && !copy)
        cm_finding(step, CM_WARNING, "storage.secret-key",
                   cm_arena_fmt(cm_step_arena(step),
                                "Set config.Database.Dir in the values to this folder under "
                                "/var/lib/rstudio-connect, or copy secret.key to %s.",
                                expected),
                   "secret.key lies in %s, not in %s where a new server looks first", s->database_dir, expected);
    else
        cm_finding(step, CM_OK, "storage.secret-key", NULL, "secret.key lies in %s", copy ? expected : s->database_dir);
}

static void judge_licenses(struct cm_step *step, const struct cm_storage_node *n)
{
    cm_autofree char *files = cm_part_text(n->output, n->output_bytes, "licenses");
    const char *mode = cm_plan_text(cm_step_plan(step), "license.mode");
    size_t count = 0;
    if (!files || !*files)
        return;
    for (char *p = files; *p; p++)
        if (*p == '\n') {
            *p = ' ';
            count++;
        }
    bool by_file = !mode || strcmp(mode, "file") == 0;
    if (count == 0 && by_file)
        cm_finding(step, CM_OK, "storage.license-file", NULL,
                   "%s holds one license file, %s; the pod's start puts the one from the "
                   "values in its place",
                   n->resolved, files);
    else
        cm_finding(step, CM_WARNING, "storage.license-file",
                   "Move license files that are no longer valid out of the folder before the migration.",
                   "%s holds license files that travel to the new server, newest first: %s", n->resolved, files);
}

static void judge_space(struct cm_step *step, const struct cm_storage_node *n)
{
    cm_autofree char *space = cm_part_text(n->output, n->output_bytes, "space");
    cm_autofree char *inodes = cm_part_text(n->output, n->output_bytes, "inodes");
    unsigned long long size = 0, used = 0, free_kb = 0, total = 0, inodes_used = 0, inodes_free = 0;
    bool known = space && sscanf(space, "%*s %llu %llu %llu", &size, &used, &free_kb) == 3;
    bool counted = inodes && sscanf(inodes, "%*s %llu %llu %llu", &total, &inodes_used, &inodes_free) == 3 && total > 0;
    if (known && free_kb < LOW_SPACE_KB)
        cm_finding(step, CM_WARNING, "storage.space",
                   "Make room: building content for the new server writes a second set of packages.",
                   "%s has %llu MiB left of %llu", n->resolved, free_kb / 1024, size / 1024);
    else if (counted && inodes_free < COUNT_MAX / 10)
        cm_finding(step, CM_WARNING, "storage.space", "Raise the number of inodes: package libraries are many small files.",
                   "%s has %llu inodes left of %llu", n->resolved, inodes_free, total);
}

static void judge_owners(struct cm_step *step, const struct cm_storage_node *n)
{
    cm_autofree char *files = cm_part_text(n->output, n->output_bytes, "files");
    cm_autostr list = CM_STR(512);
    unsigned long long total = 0, others = 0, nobody = 0;
    for (const char *at = files ? files : ""; *at;) {
        unsigned long long count = 0;
        unsigned long uid = 0, gid = 0;
        if (sscanf(at, "%llu %lu:%lu", &count, &uid, &gid) == 3) {
            total += count;
            if (uid != 0 && uid != IMAGE_UID)
                others += count;
            if (uid == NOBODY || uid == 4294967294UL)
                nobody += count;
            cm_look_list(&list, "%llu of %lu:%lu", count, uid, gid);
        }
        at += strcspn(at, "\n");
        at += *at ? 1 : 0;
    }
    if (total == 0)
        return;
    cm_autofree char *amount =
        cm_fmt("%s%llu files and folders (%s)", total >= COUNT_MAX ? "at least " : "", total, cm_str_text(&list));
    if (nobody > total / 10)
        cm_finding(step, CM_WARNING, "storage.owners",
                   "Export the share without root_squash and all_squash: Connect gives files to "
                   "several users.",
                   "%s: many belong to nobody, as on a share that squashes users", amount);
    else if (others > total / 2)
        cm_finding(
            step, CM_WARNING, "storage.owners",
            "Nothing to do now: expect a longer first start, and see to it that the share keeps owners and ids (no root_squash).",
            "%s; Connect in the pod runs as %d:%d, and the more owners differ, the longer its first start takes", amount, IMAGE_UID,
            IMAGE_UID);
    else
        cm_finding(step, CM_OK, "storage.owners", NULL, "%s", amount);
}

/* What an estimate of the first start rests on; owners as in judge_owners. */
static int give_size(struct cm_step *step, const struct cm_storage_node *n, struct cm_err **err)
{
    cm_autofree char *files = cm_part_text(n->output, n->output_bytes, "files");
    cm_autofree char *bundles = cm_part_text(n->output, n->output_bytes, "bundles");
    cm_autofree char *space = cm_part_text(n->output, n->output_bytes, "space");
    long long total = 0, others = 0, used_kb = 0;
    for (const char *at = files ? files : ""; *at;) {
        long long count = 0;
        unsigned long uid = 0;
        if (sscanf(at, "%lld %lu:", &count, &uid) == 2) {
            total += count;
            others += uid != 0 && uid != IMAGE_UID ? count : 0;
        }
        at += strcspn(at, "\n");
        at += *at ? 1 : 0;
    }
    if (total == 0)
        return 0;
    json_t *fact = json_pack("{s:I, s:b, s:I}", "files", (json_int_t)total, "at_least", total >= COUNT_MAX, "other_owners",
                             (json_int_t)others);
    if (bundles && *bundles)
        json_object_set_new(fact, "bundles", json_integer(strtoll(bundles, NULL, 10)));
    if (space && sscanf(space, "%*s %*s %lld", &used_kb) == 1)
        json_object_set_new(fact, "used_bytes", json_integer((json_int_t)used_kb * 1024));
    return cm_fact_set(step, "storage.size", fact, err);
}

static void judge_content(struct cm_step *step, const struct cm_source *s, const struct cm_storage_node *n)
{
    judge_key(step, s, n);
    judge_licenses(step, n);
    judge_space(step, n);
    judge_owners(step, n);
    judge_inside(step, n);
}

/* ---- all nodes ---- */

static int give_fact(struct cm_step *step, const struct cm_source *s, const struct cm_storage_node *n, struct cm_err **err)
{
    json_t *fact = json_object();
    json_object_set_new(fact, "source", json_string(n->mount.source));
    json_object_set_new(fact, "target", json_string(n->mount.target));
    json_object_set_new(fact, "fstype", json_string(n->mount.fstype));
    json_object_set_new(fact, "datadir", json_string(s->data_dir));
    return cm_fact_set(step, "storage.mount", fact, err);
}

static int ask_all(struct cm_step *step, const struct cm_source *s, struct cm_storage_node *nodes, size_t n, struct cm_err **err)
{
    cm_autostr unreached = CM_STR(CM_STR_LINE);
    const char *hint = NULL;
    for (size_t i = 0; i < n; i++) {
        cm_autoerr seen = NULL;
        if (ask(step, s, i, &nodes[i], &seen) == 0)
            continue;
        if (cm_look_ends(&seen, err))
            return -1;
        cm_autofree char *words = cm_look_words(seen);
        if (!hint && cm_err_hint(seen))
            hint = cm_arena_strdup(cm_step_arena(step), cm_err_hint(seen));
        cm_look_list(&unreached, "%s", words);
    }
    if (unreached.len)
        cm_finding(step, CM_UNKNOWN, "storage.unreachable", hint ? hint : "Make `ssh NODE` work from here, then check again.",
                   "%s could not be looked at: %s", s->data_dir, cm_str_text(&unreached));
    return 0;
}

static int judge_all(struct cm_step *step, const struct cm_source *s, struct cm_storage_node *nodes, size_t n, struct cm_err **err)
{
    struct lists l = {.absent = CM_STR(512),
                      .closed = CM_STR(512),
                      .local = CM_STR(2048),
                      .strange = CM_STR(2048),
                      .good = CM_STR(2048),
                      .soft = CM_STR(2048)};
    const struct cm_storage_node *first = NULL;
    bool exported_here = false;
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        if (!nodes[i].reached)
            continue;
        sort_node(&l, &nodes[i]);
        if (!first && nodes[i].has_mount)
            first = &nodes[i];
    }
    if (first)
        rc = give_fact(step, s, first, err);
    if (first && rc == 0)
        rc = cm_storage_volume(step, first, &exported_here, err);
    if (rc == 0) {
        say_mounts(step, s, &l, exported_here);
        compare_nodes(step, s, nodes, n);
        if (n && nodes[0].resolved) {
            judge_content(step, s, &nodes[0]);
            rc = give_size(step, &nodes[0], err);
        }
    }
    lists_fini(&l);
    return rc;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const struct cm_source *s;
    cm_autoerr seen = NULL;
    if (cm_source_read(step, &s, &seen) < 0)
        return cm_look_failed(step, "storage.unreachable", "where Connect keeps its files could not be read on the server",
                              "Make `ssh NODE` work from here without a password, then check again.", &seen, err);
    size_t n = cm_outside_hosts(cm_step_outside(step));
    struct cm_storage_node *nodes = cm_alloc(n * sizeof *nodes);
    int rc = ask_all(step, s, nodes, n, err);
    if (rc == 0)
        rc = judge_all(step, s, nodes, n, err);
    for (size_t i = 0; i < n; i++)
        node_fini(&nodes[i]);
    free(nodes);
    return rc;
}

static const char *const gives[] = {"storage.mount", "storage.size", NULL};

const struct cm_action cm_action_storage_check = {
    .name = "storage.check",
    .summary = "Look at what Connect's files lie on, and compare it with the cluster's volume",
    .page = "https://docs.posit.co/connect/admin/server-management/migration/nfs/",
    .kind = CM_CHECK,
    .gives = gives,
    .apply = apply,
    .reads =
        "On every node: findmnt or /proc/self/mountinfo, owners, space and names of files under Server.DataDir; in the cluster: "
        "PersistentVolumeClaim and PersistentVolume, or the rendered manifests where the chart will create them.",
    .does = "Nothing; no file is opened for writing.",
    .proves = "That the data lies on a network file system and that secret.key is in it; that both sides name the same export, or "
              "what a person has to compare. The marker file proves it during the run.",
    .rights = "Reading DataDir as root on the nodes; get on persistentvolumeclaims, and on persistentvolumes where it is allowed.",
};
