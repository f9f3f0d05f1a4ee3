/* actions/volume.c: see the header. The forms of a volume's source are those of the Kubernetes API (PersistentVolumeSpec) and of
 * the CSI drivers' own documents (attributes of nfs.csi.k8s.io, efs.csi.aws.com, smb.csi.k8s.io, file.csi.azure.com,
 * fsx.csi.aws.com, filestore.csi.storage.gke.io). */
#include <config.h>

#include "actions/volume.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

struct share {
    char *server, *path;
    const char *kind;
    bool disk, access_point;
};

static void share_fini(struct share *s)
{
    free(s->server);
    free(s->path);
}

/* "/export//connect/" + "a/b" → "/export/connect/a/b"; "" → "/". Caller frees. */
static char *joined(const char *base, const char *below)
{
    cm_autostr out = CM_STR(CM_STR_LINE);
    const char *parts[] = {base ? base : "", below ? below : ""};
    for (size_t i = 0; i < 2; i++)
        for (const char *at = parts[i]; *at;) {
            size_t n = strcspn(at, "/");
            bool dot = n == 1 && *at == '.';
            if (n && !dot) {
                cm_str_add(&out, "/");
                cm_str_add_bytes(&out, at, n);
            }
            at += n + (at[n] ? 1 : 0);
        }
    return out.len ? cm_str_take(&out) : cm_strdup("/");
}

static const char *attribute(const json_t *csi, const char *name)
{
    return json_string_value(json_object_get(json_object_get(csi, "volumeAttributes"), name));
}

/* Disks that one machine at a time attaches; none of them can be the folder that the old server has mounted over the network. */
static bool is_disk(const json_t *spec, const char *driver)
{
    static const char *const sources[] = {
        "awsElasticBlockStore", "gcePersistentDisk", "azureDisk", "cinder", "rbd", "iscsi", "fc", "vsphereVolume", NULL};
    static const char *const drivers[] = {"ebs.csi.aws.com",        "ebs.csi.eks.amazonaws.com", "disk.csi.azure.com",
                                          "pd.csi.storage.gke.io",  "cinder.csi.openstack.org",  "rbd.csi.ceph.com",
                                          "csi.vsphere.vmware.com", "rancher.io/local-path",     NULL};
    for (size_t i = 0; sources[i]; i++)
        if (json_object_get(spec, sources[i]))
            return true;
    for (size_t i = 0; driver && drivers[i]; i++)
        if (strcmp(driver, drivers[i]) == 0 || cm_ends(driver, drivers[i]))
            return true;
    return false;
}

/* "fs-0123[:/folder][:fsap-0456]" */
static void efs_handle(const char *handle, struct share *out)
{
    size_t n = strcspn(handle, ":");
    out->server = cm_strndup(handle, n);
    const char *path = handle[n] ? handle + n + 1 : "";
    size_t len = strcspn(path, ":");
    out->path = cm_strndup(path, len);
    out->access_point = strstr(handle, "fsap-") != NULL;
}

/* "//server/share/sub" */
static void smb_source(const char *source, struct share *out)
{
    if (strncmp(source, "//", 2) != 0)
        return;
    size_t n = strcspn(source + 2, "/");
    out->server = cm_strndup(source + 2, n);
    out->path = cm_strdup(source + 2 + n);
}

static void read_csi(const json_t *csi, const char *driver, struct share *out)
{
    const char *handle = cm_json_text(csi, "volumeHandle", ""), *a = NULL, *b = NULL;
    out->kind = "CSI";
    if (strcmp(driver, "efs.csi.aws.com") == 0) {
        out->kind = "EFS";
        efs_handle(handle, out);
        return;
    }
    if ((a = attribute(csi, "source")) != NULL) {
        out->kind = "SMB";
        smb_source(a, out);
        return;
    }
    if ((a = attribute(csi, "server")) != NULL && (b = attribute(csi, "share")) != NULL) {
        const char *sub = attribute(csi, "subDir");
        out->kind = "NFS";
        out->server = cm_strdup(a);
        out->path = joined(b, sub ? sub : attribute(csi, "subdir"));
    } else if ((a = attribute(csi, "dnsname")) != NULL) {
        out->kind = "FSx";
        out->server = cm_strdup(a);
        out->path = cm_strdup(attribute(csi, "mountname"));
    } else if ((a = attribute(csi, "ip")) != NULL && (b = attribute(csi, "volume")) != NULL) {
        out->kind = "Filestore";
        out->server = cm_strdup(a);
        out->path = cm_strdup(b);
    } else if ((b = attribute(csi, "shareName")) != NULL) {
        out->kind = "Azure Files";
        out->server = cm_strdup(attribute(csi, "server"));
        out->path = cm_fmt("/%s", b);
    }
}

static void read_volume(const json_t *pv, struct share *out)
{
    const json_t *spec = json_object_get(pv, "spec"), *nfs = json_object_get(spec, "nfs"), *csi = json_object_get(spec, "csi"),
                 *azure = json_object_get(spec, "azureFile"), *gluster = json_object_get(spec, "glusterfs"),
                 *host = json_object_get(spec, "hostPath"), *local = json_object_get(spec, "local");
    const char *driver = cm_json_text(csi, "driver", NULL);
    out->kind = "";
    out->disk = is_disk(spec, driver);
    if (nfs) {
        out->kind = "NFS";
        out->server = cm_strdup(cm_json_text(nfs, "server", NULL));
        out->path = cm_strdup(cm_json_text(nfs, "path", NULL));
    } else if (csi) {
        read_csi(csi, driver, out);
    } else if (azure) {
        out->kind = "Azure Files";
        out->path = cm_fmt("/%s", cm_json_text(azure, "shareName", ""));
    } else if (gluster) {
        out->kind = "Gluster";
        out->path = cm_fmt("/%s", cm_json_text(gluster, "path", ""));
    } else if (host || local) {
        out->kind = host ? "a folder of the cluster's own machines" : "a disk of one of the cluster's machines";
        out->path = cm_strdup(cm_json_text(host ? host : local, "path", NULL));
    }
}

/* Lustre writes the network behind the name ("fs.example.com@tcp"). */
static bool same_server(const char *a, const char *b)
{
    size_t n = strcspn(a, "@"), m = strcspn(b, "@");
    if (n && a[n - 1] == '.')
        n--;
    if (m && b[m - 1] == '.')
        m--;
    return n == m && strncasecmp(a, b, n) == 0;
}

/* "fs-0123.efs.eu-west-1.amazonaws.com" is the file system "fs-0123"; in front of it may stand a zone. */
static bool is_efs(const char *server, const char *id)
{
    size_t n = strlen(id);
    const char *at = strstr(server, id);
    return at && (at == server || at[-1] == '.') && at[n] == '.' && strstr(at, ".efs.");
}

static bool through_local_proxy(const struct cm_mount *m)
{
    return m->server && (cm_starts(m->server, "127.") || strcmp(m->server, "localhost") == 0 || strcmp(m->server, "::1") == 0);
}

static void judge(const struct share *pv, const struct cm_mount *mount, const char *mine, const char *theirs,
                  struct cm_volume_view *out)
{
    out->match = CM_VOLUME_UNSURE;
    if (pv->disk) {
        out->match = CM_VOLUME_OTHER;
        out->why = "the volume is a disk that one machine attaches, not a share";
    } else if (through_local_proxy(mount)) {
        out->why = "the server mounts through a local proxy (EFS over TLS does), which hides the file system's name";
    } else if (pv->access_point) {
        out->why = "the volume goes through an access point, whose folder is not shown";
    } else if (!pv->path || !mount->server) {
        out->why = "one of both does not say which export it is";
    } else if (!pv->server) {
        out->why = "the volume does not say which server it is on";
    } else if (!same_server(pv->server, mount->server) && !is_efs(mount->server, pv->server)) {
        out->why = "the names of the servers differ, which may be an alias";
    } else if (strcmp(mine, theirs) != 0) {
        out->why = "the folders differ";
    } else {
        out->match = CM_VOLUME_SAME;
        out->why = "both name the same export";
    }
}

static char *in_words(const struct share *s, const json_t *pv, const char *path)
{
    const json_t *csi = cm_json_at(pv, "spec.csi");
    if (s->server)
        return cm_fmt("%s %s:%s", s->kind, s->server, path);
    if (csi && !s->path)
        return cm_fmt("CSI %s, handle %s", cm_json_text(csi, "driver", "?"), cm_json_text(csi, "volumeHandle", "?"));
    if (s->path)
        return cm_fmt("%s %s", s->kind, path);
    return cm_strdup(s->disk ? "a block device" : "a kind that this program does not know");
}

void cm_volume_compare(const json_t *pv, const struct cm_mount *mount, const char *below, const char *sub_path,
                       struct cm_volume_view *out)
{
    struct share volume = {0};
    memset(out, 0, sizeof *out);
    read_volume(pv, &volume);
    cm_autofree char *theirs = joined(volume.path, sub_path);
    cm_autofree char *mine = joined(mount->export_path, below);
    judge(&volume, mount, mine, theirs, out);
    out->pv = in_words(&volume, pv, theirs);
    out->mount = mount->server ? cm_fmt("%s:%s", mount->server, mine) : cm_fmt("%s%s%s", mount->source, *below ? "/" : "", below);
    share_fini(&volume);
}

void cm_volume_view_fini(struct cm_volume_view *v)
{
    free(v->pv);
    free(v->mount);
    memset(v, 0, sizeof *v);
}
