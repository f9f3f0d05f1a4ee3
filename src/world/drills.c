/* world/drills.c: accidents on purpose. The one staged stands in DIR/drill; removing the file ends it, and the same command of the
 * program under test must then complete. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libpq-fe.h>

#include "base/file.h"
#include "base/text.h"
#include "world/world.h"

static const struct {
    const char *name, *what;
} drills[] = {
    {"helm-fails", "an admission webhook refuses what helm applies; the revision is failed"},
    {"helm-killed", "helm is killed between its two phases; the release stays pending"},
    {"helm-slow", "helm takes 5 s between its two phases"},
    {"foreign-helm", "somebody else upgrades the release right after us; at its end their revision is withdrawn"},
    {"pod-never-ready", "the pod's image cannot be pulled"},
    {"pod-crashes", "Connect in the pod ends with a secret key mismatch"},
    {"pod-slow", "the pod takes more than a second to become ready"},
    {"api-502", "a proxy answers 502 while content is built; every second of those requests was carried out"},
    {"api-slow", "every answer of Connect's API takes 150 ms"},
    {"build-fails", "the environment of one item cannot be built"},
    {"build-forgotten", "the server forgets the task of the first build; the job goes on"},
    {"cache-delete-fails", "runtime caches cannot be deleted"},
    {"service-comes-back", "an automation unmasks and starts the service 40 ms after each stop"},
    {"session-stays", "somebody else's session of Connect's role stays in the database"},
    {"wrong-storage", "the claim leads to a copy of the data folder, with the same secret key"},
    {"datadir-local", "the old server's data folder lies on a local disk"},
    {"license-no-offhost", "the license does not allow off-host execution"},
    {"license-expired", "Connect in the pod has no valid license and answers 402"},
    {"versions-differ", "the old server runs an older Connect than the chart's"},
    {"lock-lost", "our session's advisory lock is lost when helm begins, and another run takes it"},
    {"rights-missing", "the kubeconfig may not read volumes and events, nor exec"},
    {"admission-refuses", "the cluster refuses Jobs and Deployments that kubectl creates"},
    {"pods-no-database", "pods have no way to the database's port"},
    {"pods-untrusted", "the content images do not accept the certificates of the configuration's hosts"},
    {"settings-reduced", "Connect says without a key neither its version, its host nor how it runs content"},
    {"settings-need-key", "Connect shows its settings to nobody without a key"},
    {"host-unreachable", "the old server's shell is not reached"},
    {"job-never-ends", "a Job of the Launcher's goes on after its Connect is gone (a world with the Launcher)"},
    {"webhook-fails", "the webhook answers 500"},
};

void drills_print(void)
{
    for (size_t i = 0; i < sizeof drills / sizeof *drills; i++)
        printf("%s\t%s\n", drills[i].name, drills[i].what);
}

bool drill_known(const char *name)
{
    for (size_t i = 0; i < sizeof drills / sizeof *drills; i++)
        if (strcmp(drills[i].name, name) == 0)
            return true;
    return false;
}

bool drill_is(const struct world *w, const char *name) { return strcmp(w->drill, name) == 0; }

bool drill_once(struct world *w, const char *name, const char *key)
{
    if (!drill_is(w, name) || json_object_get(w->drill_done, key) != NULL)
        return false;
    json_object_set_new(w->drill_done, key, json_true());
    return true;
}

int drill_stage(struct world *w, const char *name, struct cm_err **err)
{
    cm_autofree char *path = world_path(w, "drill");
    cm_autofree char *line = cm_fmt("%s\n", name);
    if (!drill_known(name)) {
        cm_fail(err, CM_E_USAGE, "there is no drill named %s", name);
        cm_hint(err, "Type connect-migrate-world drills for a list.");
        return -1;
    }
    world_put_file(path, line, strlen(line), 0644);
    return 0;
}

static void copy_file(struct world *w, const char *from, const char *to)
{
    cm_autofree char *source = world_path(w, "%s", from);
    cm_autofree char *target = world_path(w, "%s", to);
    cm_autofree char *data = NULL;
    size_t n = 0;
    if (cm_file_read(source, CM_STR_PAGE, &data, &n, NULL) == 0)
        world_put_file(target, data, n, 0600);
}

static void begins(struct world *w)
{
    if (drill_is(w, "session-stays"))
        session_lock(w, "drill", "report-cron", "select 1");
    if (drill_is(w, "wrong-storage")) {
        cm_autofree char *folder = world_path(w, "vm/export-copy");
        cm_autofree char *db = world_path(w, "vm/export-copy/db");
        cm_dir_make(folder, 0755, NULL);
        cm_dir_make(db, 0700, NULL);
        copy_file(w, "vm" WORLD_DATA_DIR "/db/secret.key", "vm/export-copy/db/secret.key");
    }
}

void drill_look(struct world *w)
{
    cm_autofree char *path = world_path(w, "drill");
    cm_autofree char *text = NULL;
    size_t n = 0;
    if (cm_file_read(path, 256, &text, &n, NULL) == 0)
        text[strcspn(text, "\r\n\t ")] = '\0';
    const char *now = text != NULL ? text : "";
    if (strcmp(now, w->drill) == 0)
        return;
    if (drill_is(w, "foreign-helm"))
        helm_others_withdraw(w);
    snprintf(w->drill, sizeof w->drill, "%s", now);
    json_decref(w->drill_done);
    w->drill_done = json_object();
    sessions_close(w, "drill");
    begins(w);
    pods_drill_changed(w);
    launcher_look(w);
}

/* Our lock's backend ends, and "another run" has the lock until the drill ends. */
static void take_lock_away(struct world *w)
{
    static const char find[] =
        "select l.pid, l.classid::bigint, l.objid::bigint, l.objsubid from pg_locks l join pg_stat_activity a on a.pid = l.pid "
        "join pg_database d on d.oid = l.database where l.locktype = 'advisory' and l.granted and d.datname = current_database() and "
        "a.application_name like 'connect-migrate%'";
    PGconn *c = (PGconn *)postgres_admin(w, info_text(w, "database.core"));
    PGresult *r = c != NULL ? PQexec(c, find) : NULL;
    if (r != NULL && PQntuples(r) > 0) {
        const char *pid = PQgetvalue(r, 0, 0), *class = PQgetvalue(r, 0, 1), *object = PQgetvalue(r, 0, 2);
        bool two = strcmp(PQgetvalue(r, 0, 3), "2") == 0;
        cm_autofree char *end = cm_fmt("select pg_terminate_backend(%s)", pid);
        cm_autofree char *take = two ? cm_fmt("select pg_advisory_lock((%s::bit(32))::int, (%s::bit(32))::int)", class, object)
                                     : cm_fmt("select pg_advisory_lock((%s::bigint << 32) | %s::bigint)", class, object);
        PQclear(PQexec(c, end));
        if (session_lock(w, "drill", "connect-migrate lock another-run bob@elsewhere 4242", take) != 0)
            fprintf(stderr, "connect-migrate-world: the lock could not be taken\n");
    }
    PQclear(r);
    PQfinish(c);
}

void drill_before_helm(struct world *w)
{
    if (drill_once(w, "lock-lost", "first"))
        take_lock_away(w);
}
