/* adapters/storage.c: what a folder lies on, from findmnt's JSON or from /proc/self/mountinfo (proc(5)).
 *
 * A bind mount is named by what is behind it ("host:/export[/sub]" is host:/export/sub), an overlay by its upper folder's
 * mount where mountinfo shows it. A file system that is not in the table is unknown, never good or bad. Does not run
 * anything, does not compare with a cluster's volumes (actions/storage_check.c). */
#include <config.h>

#include "adapters/storage.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

struct kind_of {
    const char *fstype;
    enum cm_mount_class kind;
    const char *why;
};

/* Names as the kernel and the FUSE helpers report them in mountinfo's fstype. */
static const struct kind_of kinds[] = {
    {"nfs", CM_MOUNT_NETWORK, "an NFS share"},
    {"nfs3", CM_MOUNT_NETWORK, "an NFS share"},
    {"nfs4", CM_MOUNT_NETWORK, "an NFS share"},
    {"efs", CM_MOUNT_NETWORK, "an Amazon EFS share"},
    {"lustre", CM_MOUNT_NETWORK, "a Lustre file system"},
    {"glusterfs", CM_MOUNT_NETWORK, "a Gluster volume"},
    {"fuse.glusterfs", CM_MOUNT_NETWORK, "a Gluster volume"},
    {"ceph", CM_MOUNT_NETWORK, "a CephFS file system"},
    {"fuse.ceph", CM_MOUNT_NETWORK, "a CephFS file system"},
    {"fuse.ceph-fuse", CM_MOUNT_NETWORK, "a CephFS file system"},
    {"cifs", CM_MOUNT_NETWORK, "an SMB share"},
    {"smb3", CM_MOUNT_NETWORK, "an SMB share"},
    {"smbfs", CM_MOUNT_NETWORK, "an SMB share"},
    {"gpfs", CM_MOUNT_NETWORK, "a Spectrum Scale (GPFS) file system"},
    {"beegfs", CM_MOUNT_NETWORK, "a BeeGFS file system"},
    {"wekafs", CM_MOUNT_NETWORK, "a WEKA file system"},
    {"panfs", CM_MOUNT_NETWORK, "a PanFS file system"},
    {"orangefs", CM_MOUNT_NETWORK, "an OrangeFS file system"},
    {"pvfs2", CM_MOUNT_NETWORK, "an OrangeFS file system"},
    {"afs", CM_MOUNT_NETWORK, "an AFS cell"},
    {"fuse.quobyte", CM_MOUNT_NETWORK, "a Quobyte volume"},
    {"fuse.mfs", CM_MOUNT_NETWORK, "a MooseFS file system"},
    {"fuse.moosefs", CM_MOUNT_NETWORK, "a MooseFS file system"},
    {"fuse.lizardfs", CM_MOUNT_NETWORK, "a LizardFS file system"},
    {"fuse.juicefs", CM_MOUNT_NETWORK, "a JuiceFS file system"},
    {"fuse.seaweedfs", CM_MOUNT_NETWORK, "a SeaweedFS file system"},

    {"ext2", CM_MOUNT_LOCAL, "a local disk"},
    {"ext3", CM_MOUNT_LOCAL, "a local disk"},
    {"ext4", CM_MOUNT_LOCAL, "a local disk"},
    {"xfs", CM_MOUNT_LOCAL, "a local disk"},
    {"btrfs", CM_MOUNT_LOCAL, "a local disk"},
    {"zfs", CM_MOUNT_LOCAL, "a local disk (ZFS)"},
    {"jfs", CM_MOUNT_LOCAL, "a local disk"},
    {"f2fs", CM_MOUNT_LOCAL, "a local disk"},
    {"bcachefs", CM_MOUNT_LOCAL, "a local disk"},
    {"reiserfs", CM_MOUNT_LOCAL, "a local disk"},
    {"nilfs2", CM_MOUNT_LOCAL, "a local disk"},
    {"vfat", CM_MOUNT_LOCAL, "a local disk"},
    {"exfat", CM_MOUNT_LOCAL, "a local disk"},
    {"ntfs", CM_MOUNT_LOCAL, "a local disk"},
    {"ntfs3", CM_MOUNT_LOCAL, "a local disk"},
    {"fuseblk", CM_MOUNT_LOCAL, "a local disk"},
    {"tmpfs", CM_MOUNT_LOCAL, "memory of this machine"},
    {"ramfs", CM_MOUNT_LOCAL, "memory of this machine"},
    {"rootfs", CM_MOUNT_LOCAL, "memory of this machine"},
    {"squashfs", CM_MOUNT_LOCAL, "a read-only image on this machine"},
    {"overlay", CM_MOUNT_LOCAL, "a container's layers on this machine"},
    {"overlayfs", CM_MOUNT_LOCAL, "a container's layers on this machine"},
    {"aufs", CM_MOUNT_LOCAL, "a container's layers on this machine"},

    {"autofs", CM_MOUNT_UNKNOWN, "an automount point where nothing is mounted at the moment"},
    {"ocfs2", CM_MOUNT_UNKNOWN, "a cluster file system on a shared block device"},
    {"gfs2", CM_MOUNT_UNKNOWN, "a cluster file system on a shared block device"},
    {"vxfs", CM_MOUNT_UNKNOWN, "a Veritas file system, local or shared"},
    {"9p", CM_MOUNT_UNKNOWN, "a folder of the machine that hosts this one"},
    {"virtiofs", CM_MOUNT_UNKNOWN, "a folder of the machine that hosts this one"},
    {"vboxsf", CM_MOUNT_UNKNOWN, "a folder of the machine that hosts this one"},
    {"fuse.vmhgfs-fuse", CM_MOUNT_UNKNOWN, "a folder of the machine that hosts this one"},
    {"fuse.sshfs", CM_MOUNT_UNKNOWN, "another machine's folder over SSH"},
    {"fuse.s3fs", CM_MOUNT_UNKNOWN, "an object store shown as a folder"},
    {"fuse.goofys", CM_MOUNT_UNKNOWN, "an object store shown as a folder"},
    {"fuse.mount-s3", CM_MOUNT_UNKNOWN, "an object store shown as a folder"},
    {"fuse.mountpoint-s3", CM_MOUNT_UNKNOWN, "an object store shown as a folder"},
    {"fuse.gcsfuse", CM_MOUNT_UNKNOWN, "an object store shown as a folder"},
    {"fuse.blobfuse", CM_MOUNT_UNKNOWN, "an object store shown as a folder"},
    {"fuse.blobfuse2", CM_MOUNT_UNKNOWN, "an object store shown as a folder"},
    {"fuse.rclone", CM_MOUNT_UNKNOWN, "an object store shown as a folder"},
    {"davfs", CM_MOUNT_UNKNOWN, "a WebDAV folder"},
    {"fuse.davfs", CM_MOUNT_UNKNOWN, "a WebDAV folder"},
    {"fuse.bindfs", CM_MOUNT_UNKNOWN, "another folder shown through FUSE"},
    {"fuse.mergerfs", CM_MOUNT_UNKNOWN, "several folders shown as one through FUSE"},
    {"fuse.encfs", CM_MOUNT_UNKNOWN, "an encrypted view of another folder"},
    {"fuse.gocryptfs", CM_MOUNT_UNKNOWN, "an encrypted view of another folder"},
    {"ecryptfs", CM_MOUNT_UNKNOWN, "an encrypted view of another folder"},
};

static void classify(struct cm_mount *m)
{
    m->kind = CM_MOUNT_UNKNOWN;
    m->why = "a kind of file system that this program does not know";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcasecmp(m->fstype, kinds[i].fstype) == 0) {
            m->kind = kinds[i].kind;
            m->why = kinds[i].why;
            return;
        }
    if (cm_starts(m->fstype, "beegfs")) {
        m->kind = CM_MOUNT_NETWORK;
        m->why = "a BeeGFS file system";
    } else if (cm_starts(m->fstype, "fuse")) {
        m->why = "a FUSE file system that this program does not know";
    }
}

/* "//host/share/sub" of SMB; "host:/path" of NFS, Lustre, CephFS; "host:volume" of Gluster. */
static void split_source(struct cm_mount *m)
{
    const char *s = m->source, *colon = NULL;
    if (m->kind == CM_MOUNT_LOCAL || !s)
        return;
    if (strncmp(s, "//", 2) == 0) {
        const char *slash = strchr(s + 2, '/');
        m->server = slash ? cm_strndup(s + 2, (size_t)(slash - s - 2)) : cm_strdup(s + 2);
        m->export_path = cm_strdup(slash ? slash : "/");
        return;
    }
    for (const char *p = strstr(s, ":/"); p; p = strstr(p + 1, ":/"))
        colon = p;
    if (!colon && strcasestr(m->fstype, "gluster"))
        colon = strrchr(s, ':');
    if (!colon || colon == s)
        return;
    if (*s == '[' && colon[-1] == ']')
        m->server = cm_strndup(s + 1, (size_t)(colon - s - 2));
    else
        m->server = cm_strndup(s, (size_t)(colon - s));
    m->export_path = colon[1] == '/' ? cm_strdup(colon + 1) : cm_fmt("/%s", colon + 1);
}

/* A bind mount of a folder deeper in a file system: its source carries that folder, as findmnt writes it. */
static char *with_root(const char *source, const char *root, enum cm_mount_class kind)
{
    if (!root || strcmp(root, "/") == 0 || *root == '\0')
        return cm_strdup(source);
    if (kind != CM_MOUNT_NETWORK)
        return cm_fmt("%s[%s]", source, root);
    return cm_fmt("%s%s", source, cm_ends(source, "/") ? root + 1 : root);
}

static void finish(struct cm_mount *m, const char *raw_source, const char *root)
{
    classify(m);
    m->source = with_root(raw_source, root, m->kind);
    split_source(m);
}

static int mount_of_object(const json_t *fs, struct cm_mount *out, struct cm_err **err)
{
    const char *target = cm_json_text(fs, "target", NULL), *fstype = cm_json_text(fs, "fstype", NULL);
    if (!target || !fstype)
        return cm_fail(err, CM_E_FAILED, "findmnt gave no target and file system type");
    out->target = cm_strdup(target);
    out->fstype = cm_strdup(fstype);
    out->options = cm_strdup(cm_json_text(fs, "options", ""));
    const char *source = cm_json_text(fs, "source", "");
    const char *bracket = cm_ends(source, "]") && *source != '[' ? strrchr(source, '[') : NULL;
    if (!bracket || bracket[1] != '/') {
        finish(out, source, NULL);
        return 0;
    }
    cm_autofree char *bare = cm_strndup(source, (size_t)(bracket - source));
    cm_autofree char *root = cm_strndup(bracket + 1, strlen(bracket) - 2);
    finish(out, bare, root);
    return 0;
}

int cm_mount_from_findmnt(const char *json, size_t n, struct cm_mount *out, struct cm_err **err)
{
    memset(out, 0, sizeof *out);
    cm_autojson all = cm_json_parse(json, n, "findmnt", err);
    if (!all)
        return -1;
    const json_t *list = json_object_get(all, "filesystems");
    size_t count = json_array_size(list);
    if (count == 0)
        return cm_fail(err, CM_E_FAILED, "findmnt named no file system");
    return mount_of_object(json_array_get(list, count - 1), out, err); /* the last one lies on top */
}

/* proc(5): blank, tab, newline, '#' and backslash are written as \ooo. */
static char *unescaped(const char *text, size_t n)
{
    char *out = cm_alloc(n + 1), *to = out;
    for (size_t i = 0; i < n; i++) {
        bool octal = text[i] == '\\' && i + 3 < n && text[i + 1] >= '0' && text[i + 1] <= '3' && text[i + 2] >= '0' &&
                     text[i + 2] <= '7' && text[i + 3] >= '0' && text[i + 3] <= '7';
        if (octal) {
            *to++ = (char)((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
            i += 3;
        } else {
            *to++ = text[i];
        }
    }
    *to = '\0';
    return out;
}

enum { F_ROOT = 3, F_TARGET = 4, F_OPTIONS = 5, FIXED = 6, F_FSTYPE = 0, F_SOURCE = 1, F_SUPER = 2, BEHIND = 3 };
struct info {
    char *field[FIXED + BEHIND];
};

static void info_fini(struct info *i)
{
    for (size_t k = 0; k < FIXED + BEHIND; k++)
        free(i->field[k]);
    memset(i, 0, sizeof *i);
}

/* "36 35 98:0 /root /target options [optional…] - fstype source super"; false: not such a line. */
static bool info_parse(const char *line, size_t n, struct info *out)
{
    memset(out, 0, sizeof *out);
    size_t count = 0, behind = 0;
    bool dash = false;
    for (size_t at = 0; at < n;) {
        size_t len = 0;
        while (at + len < n && line[at + len] != ' ')
            len++;
        if (dash && behind < BEHIND)
            out->field[FIXED + behind++] = unescaped(line + at, len);
        else if (count >= FIXED && len == 1 && line[at] == '-')
            dash = true;
        else if (!dash && count < FIXED)
            out->field[count++] = unescaped(line + at, len);
        at += len + 1;
    }
    if (count == FIXED && behind >= 2)
        return true;
    info_fini(out);
    return false;
}

static bool lies_in(const char *path, const char *target)
{
    size_t n = strlen(target);
    if (strcmp(target, "/") == 0)
        return *path == '/';
    return strncmp(path, target, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static bool find_line(const char *text, const char *path, struct info *best)
{
    size_t best_len = 0;
    bool any = false;
    for (const char *at = text; *at;) {
        const char *end = strchr(at, '\n');
        size_t n = end ? (size_t)(end - at) : strlen(at);
        struct info one;
        if (info_parse(at, n, &one)) {
            size_t len = strlen(one.field[F_TARGET]);
            if (lies_in(path, one.field[F_TARGET]) && (!any || len >= best_len)) {
                if (any)
                    info_fini(best);
                *best = one;
                best_len = len;
                any = true;
            } else {
                info_fini(&one);
            }
        }
        at += n + (end ? 1 : 0);
    }
    return any;
}

static char *joined_options(const struct info *i)
{
    const char *super = i->field[FIXED + F_SUPER];
    if (!super || !*super)
        return cm_strdup(i->field[F_OPTIONS]);
    return cm_fmt("%s,%s", i->field[F_OPTIONS], super);
}

/* Writes to an overlay land in its upper folder: what that lies on decides. */
static void see_through_overlay(const char *text, struct cm_mount *m)
{
    cm_autofree char *upper = cm_mount_option(m, "upperdir");
    struct info behind;
    if (!upper || !find_line(text, upper, &behind))
        return;
    const char *fstype = behind.field[FIXED + F_FSTYPE];
    struct cm_mount below = {.fstype = cm_strdup(fstype)};
    classify(&below);
    if (below.kind != CM_MOUNT_LOCAL && !cm_starts(fstype, "overlay")) {
        m->kind = CM_MOUNT_UNKNOWN;
        m->why = "layers over a file system of another kind";
    }
    free(below.fstype);
    info_fini(&behind);
}

int cm_mount_from_mountinfo(const char *text, const char *path, struct cm_mount *out, struct cm_err **err)
{
    memset(out, 0, sizeof *out);
    struct info i;
    if (!find_line(text, path, &i))
        return cm_fail(err, CM_E_FAILED, "no line of mountinfo holds %s", path);
    out->target = cm_strdup(i.field[F_TARGET]);
    out->fstype = cm_strdup(i.field[FIXED + F_FSTYPE]);
    out->options = joined_options(&i);
    finish(out, i.field[FIXED + F_SOURCE], i.field[F_ROOT]);
    if (cm_starts(out->fstype, "overlay"))
        see_through_overlay(text, out);
    info_fini(&i);
    return 0;
}

char *cm_mount_option(const struct cm_mount *m, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = m->options ? m->options : ""; *at;) {
        size_t len = strcspn(at, ",");
        if (len == n && strncmp(at, name, n) == 0)
            return cm_strdup("");
        if (len > n && strncmp(at, name, n) == 0 && at[n] == '=')
            return cm_strndup(at + n + 1, len - n - 1);
        at += len + (at[len] ? 1 : 0);
    }
    return NULL;
}

/* nfs(5), mount.lustre(8), mount.cifs(8). value NULL: whatever its value. */
static const struct {
    const char *fstype, *option, *value, *what;
} risks[] = {
    {NULL, "ro", NULL, "read-only"},
    {NULL, "noexec", NULL, "noexec (packages with compiled code do not load)"},
    {"nfs", "soft", NULL, "soft (a slow server becomes a write error)"},
    {"nfs", "softerr", NULL, "softerr (a slow server becomes a write error)"},
    {"nfs", "softreval", NULL, "softreval (old answers are taken for new ones)"},
    {"nfs", "nolock", NULL, "nolock (two machines do not see each other's locks)"},
    {"nfs", "local_lock", "all", "local_lock=all (two machines do not see each other's locks)"},
    {"nfs", "local_lock", "flock", "local_lock=flock (two machines do not see each other's locks)"},
    {"nfs", "local_lock", "posix", "local_lock=posix (two machines do not see each other's locks)"},
    {"nfs", "vers", "2", "NFS version 2"},
    {"nfs", "nfsvers", "2", "NFS version 2"},
    {"lustre", "localflock", NULL, "localflock (two machines do not see each other's locks)"},
    {"lustre", "noflock", NULL, "noflock (locks are refused)"},
    {"cifs", "nobrl", NULL, "nobrl (two machines do not see each other's locks)"},
    {"smb3", "nobrl", NULL, "nobrl (two machines do not see each other's locks)"},
};

static void add_risk(struct cm_str *out, const char *what) { cm_str_addf(out, "%s%s", out->len ? "; " : "", what); }

char *cm_mount_risks(const struct cm_mount *m)
{
    struct cm_str out = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < sizeof risks / sizeof *risks; i++) {
        if (risks[i].fstype && !cm_starts(m->fstype, risks[i].fstype))
            continue;
        cm_autofree char *value = cm_mount_option(m, risks[i].option);
        if (value && (!risks[i].value || strcmp(value, risks[i].value) == 0))
            add_risk(&out, risks[i].what);
    }
    if (strcasecmp(m->fstype, "cifs") == 0 || cm_starts(m->fstype, "smb"))
        add_risk(&out, "SMB, where every file belongs to one user");
    return cm_str_take(&out);
}

void cm_mount_fini(struct cm_mount *m)
{
    free(m->target);
    free(m->source);
    free(m->fstype);
    free(m->options);
    free(m->server);
    free(m->export_path);
    memset(m, 0, sizeof *m);
}
