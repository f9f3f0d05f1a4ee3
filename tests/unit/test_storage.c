/* What a folder lies on, by the texts in tests/data/mounts; and when a volume of the cluster is the same folder. */
#include <config.h>

#include "data_file.h"

#include <jansson.h>

#include "actions/volume.h"
#include "adapters/storage.h"

static const char *const kinds[] = {[CM_MOUNT_NETWORK] = "network", [CM_MOUNT_LOCAL] = "local", [CM_MOUNT_UNKNOWN] = "unknown"};

static void check_mount(const struct data_file *f, const struct cm_mount *m)
{
    char *why = data_expected(f, "why"), *option = data_expected(f, "option");
    data_check(f, "kind", kinds[m->kind]);
    data_check(f, "source", m->source);
    data_check(f, "target", m->target);
    data_check(f, "server", m->server);
    data_check(f, "path", m->export_path);
    assert_non_null(m->why);
    cm_autofree char *risk = data_expected(f, "risks");
    cm_autofree char *risks = cm_mount_risks(m);
    if (risk != NULL && (strstr(risks, risk) == NULL || (*risk == '\0' && *risks != '\0')))
        fail_msg("%s: the risks are '%s', expected '%s'", f->path, risks, risk);
    if (why != NULL && strstr(m->why, why) == NULL)
        fail_msg("%s: why is '%s', expected '%s' in it", f->path, m->why, why);
    if (option != NULL) {
        char *value = cm_mount_option(m, option);
        data_check(f, "value", value);
        free(value);
    }
    free(why);
    free(option);
}

static void one_findmnt(const struct data_file *f)
{
    struct cm_mount m;
    struct cm_err *err = NULL;
    if (cm_mount_from_findmnt(f->body, strlen(f->body), &m, &err) < 0)
        fail_msg("%s: %s", f->path, cm_err_message(err));
    check_mount(f, &m);
    cm_mount_fini(&m);
}

static void one_mountinfo(const struct data_file *f)
{
    struct cm_mount m;
    struct cm_err *err = NULL;
    char *at = data_expected(f, "at");
    assert_non_null(at);
    if (cm_mount_from_mountinfo(f->body, at, &m, &err) < 0)
        fail_msg("%s: %s", f->path, cm_err_message(err));
    check_mount(f, &m);
    cm_mount_fini(&m);
    free(at);
}

static void judges_findmnt_of_every_known_file_system(void **state)
{
    (void)state;
    data_each("mounts", ".findmnt", 30, one_findmnt);
}

static void judges_mountinfo_of_every_known_file_system(void **state)
{
    (void)state;
    data_each("mounts", ".mountinfo", 12, one_mountinfo);
}

static void refuses_findmnt_that_is_no_json_or_names_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "findmnt: not found",
                                        "{}",
                                        "{\"filesystems\":[]}",
                                        "{\"filesystems\":[{\"target\":\"/\"}]}",
                                        "{\"filesystems\":[{\"target\":null,\"fstype\":\"ext4\"}]}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cm_mount m;
        struct cm_err *err = NULL;
        assert_int_equal(cm_mount_from_findmnt(texts[i], strlen(texts[i]), &m, &err), -1);
        assert_non_null(err);
        cm_err_free(err);
        cm_mount_fini(&m);
    }
}

static void refuses_mountinfo_without_a_line_for_the_path(void **state)
{
    (void)state;
    struct cm_mount m;
    struct cm_err *err = NULL;
    static const char text[] = "23 27 0:21 / /proc rw - proc proc rw\nnonsense\n120 27 0:52 /\n";

    assert_int_equal(cm_mount_from_mountinfo(text, "/data", &m, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "/data"));
    cm_err_free(err);
    cm_mount_fini(&m);
}

static void finds_an_option_by_its_whole_name(void **state)
{
    (void)state;
    struct cm_mount m = {.options = cm_strdup("rw,softreval,vers=4.2,nosoft")};
    char *vers = cm_mount_option(&m, "vers");

    assert_string_equal(vers, "4.2");
    assert_null(cm_mount_option(&m, "soft"));
    assert_null(cm_mount_option(&m, "ver"));
    free(vers);
    cm_mount_fini(&m);
}

/* ---- volumes ---- */

struct volume_case {
    const char *name, *mount_source, *fstype, *pv, *below, *sub_path;
    enum cm_volume_match want;
};

#define NFS_PV(server, path) "{\"spec\":{\"nfs\":{\"server\":\"" server "\",\"path\":\"" path "\"}}}"
#define CSI_PV(driver, handle, attributes)                                                                                         \
    "{\"spec\":{\"csi\":{\"driver\":\"" driver "\",\"volumeHandle\":\"" handle "\",\"volumeAttributes\":{" attributes "}}}}"

static const struct volume_case cases[] = {
    {"the same export", "nfs.example.com:/export/connect", "nfs4", NFS_PV("nfs.example.com", "/export/connect"), "", NULL,
     CM_VOLUME_SAME},
    {"case, dots and slashes", "NFS.example.com.:/export//connect/", "nfs4", NFS_PV("nfs.example.com", "/export/connect"), "", NULL,
     CM_VOLUME_SAME},
    {"DataDir below the mount", "nfs.example.com:/export", "nfs4", NFS_PV("nfs.example.com", "/export/connect"), "connect", NULL,
     CM_VOLUME_SAME},
    {"subPath of the values", "nfs.example.com:/export/connect", "nfs4", NFS_PV("nfs.example.com", "/export"), "", "connect",
     CM_VOLUME_SAME},
    {"another folder", "nfs.example.com:/export/connect", "nfs4", NFS_PV("nfs.example.com", "/export/other"), "", NULL,
     CM_VOLUME_UNSURE},
    {"a parent without subPath", "nfs.example.com:/export/connect", "nfs4", NFS_PV("nfs.example.com", "/export"), "", NULL,
     CM_VOLUME_UNSURE},
    {"an alias of the server", "nfs.example.com:/export/connect", "nfs4", NFS_PV("10.0.0.20", "/export/connect"), "", NULL,
     CM_VOLUME_UNSURE},
    {"nfs.csi", "nfs.example.com:/export/connect", "nfs4",
     CSI_PV("nfs.csi.k8s.io", "h", "\"server\":\"nfs.example.com\",\"share\":\"/export\",\"subDir\":\"connect\""), "", NULL,
     CM_VOLUME_SAME},
    {"EFS by its id", "fs-0abc.efs.eu-west-1.amazonaws.com:/", "nfs4", CSI_PV("efs.csi.aws.com", "fs-0abc", ""), "", NULL,
     CM_VOLUME_SAME},
    {"EFS in a zone", "eu-west-1a.fs-0abc.efs.eu-west-1.amazonaws.com:/", "nfs4", CSI_PV("efs.csi.aws.com", "fs-0abc", ""), "",
     NULL, CM_VOLUME_SAME},
    {"EFS folder", "fs-0abc.efs.eu-west-1.amazonaws.com:/connect", "nfs4", CSI_PV("efs.csi.aws.com", "fs-0abc:/connect", ""), "",
     NULL, CM_VOLUME_SAME},
    {"another EFS", "fs-0abc.efs.eu-west-1.amazonaws.com:/", "nfs4", CSI_PV("efs.csi.aws.com", "fs-0abd", ""), "", NULL,
     CM_VOLUME_UNSURE},
    {"EFS with a longer id", "fs-0abcd.efs.eu-west-1.amazonaws.com:/", "nfs4", CSI_PV("efs.csi.aws.com", "fs-0abc", ""), "", NULL,
     CM_VOLUME_UNSURE},
    {"EFS over TLS", "127.0.0.1:/", "nfs4", CSI_PV("efs.csi.aws.com", "fs-0abc", ""), "", NULL, CM_VOLUME_UNSURE},
    {"EFS access point", "fs-0abc.efs.eu-west-1.amazonaws.com:/", "nfs4", CSI_PV("efs.csi.aws.com", "fs-0abc::fsap-0123", ""), "",
     NULL, CM_VOLUME_UNSURE},
    {"SMB", "//files.example.com/share/connect", "cifs",
     CSI_PV("smb.csi.k8s.io", "h", "\"source\":\"//files.example.com/share/connect\""), "", NULL, CM_VOLUME_SAME},
    {"FSx for Lustre", "fs-01.fsx.eu-west-1.amazonaws.com@tcp:/abcd", "lustre",
     CSI_PV("fsx.csi.aws.com", "fs-01", "\"dnsname\":\"fs-01.fsx.eu-west-1.amazonaws.com\",\"mountname\":\"abcd\""), "", NULL,
     CM_VOLUME_SAME},
    {"a CSI driver that says nothing", "nfs.example.com:/export", "nfs4", CSI_PV("new.example.com", "vol-1", ""), "", NULL,
     CM_VOLUME_UNSURE},
    {"a folder of the cluster's machine", "nfs.example.com:/export", "nfs4",
     "{\"spec\":{\"hostPath\":{\"path\":\"/mnt/connect\"}}}", "", NULL, CM_VOLUME_UNSURE},
    {"an EBS disk", "nfs.example.com:/export", "nfs4", CSI_PV("ebs.csi.aws.com", "vol-1", ""), "", NULL, CM_VOLUME_OTHER},
    {"an in-tree disk", "nfs.example.com:/export", "nfs4", "{\"spec\":{\"gcePersistentDisk\":{\"pdName\":\"d\"}}}", "", NULL,
     CM_VOLUME_OTHER},
    {"a volume without a source", "nfs.example.com:/export", "nfs4", "{\"spec\":{}}", "", NULL, CM_VOLUME_UNSURE},
};

static void tells_a_volume_that_is_the_same_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct volume_case *c = &cases[i];
        struct cm_mount m;
        struct cm_volume_view v;
        struct cm_err *err = NULL;
        char *text = cm_fmt("{\"filesystems\":[{\"target\":\"/d\",\"source\":\"%s\",\"fstype\":\"%s\",\"options\":\"rw\"}]}",
                            c->mount_source, c->fstype);
        json_t *pv = json_loads(c->pv, 0, NULL);
        assert_non_null(pv);
        assert_int_equal(cm_mount_from_findmnt(text, strlen(text), &m, &err), 0);

        cm_volume_compare(pv, &m, c->below, c->sub_path, &v);

        if (v.match != c->want)
            fail_msg("%s: %d, expected %d (%s / %s: %s)", c->name, v.match, c->want, v.pv, v.mount, v.why);
        assert_non_null(v.pv);
        assert_non_null(v.mount);
        assert_non_null(v.why);
        cm_volume_view_fini(&v);
        cm_mount_fini(&m);
        json_decref(pv);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_findmnt_of_every_known_file_system),
        cmocka_unit_test(judges_mountinfo_of_every_known_file_system),
        cmocka_unit_test(refuses_findmnt_that_is_no_json_or_names_nothing),
        cmocka_unit_test(refuses_mountinfo_without_a_line_for_the_path),
        cmocka_unit_test(finds_an_option_by_its_whole_name),
        cmocka_unit_test(tells_a_volume_that_is_the_same_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
