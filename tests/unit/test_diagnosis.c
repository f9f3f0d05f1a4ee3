/* actions: what keeps a pod from becoming ready, a row of the table at a time: its symptom is staged as kubectl would show it, and the
 * diagnosis must name that cause, the line that shows it, and what to do. What is in no row is shown as it is. */
#include <config.h>

#include "diagnosis_stage.h"

#include "actions/target.h"
#include "actions/target_causes.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"

#define WAITS(reason, message)                                                                                                     \
    "{\"items\":[{\"metadata\":{\"name\":\"" POD                                                                                   \
    "\",\"labels\":{\"pod-template-hash\":\"abc\"}},\"status\":{\"phase\":\"Pending\","                                            \
    "\"containerStatuses\":[{\"name\":\"connect\",\"ready\":false,\"state\":{\"waiting\":{\"reason\":\"" reason                    \
    "\",\"message\":\"" message "\"}}}]}}]}"
#define CRASHES                                                                                                                    \
    "{\"items\":[{\"metadata\":{\"name\":\"" POD                                                                                   \
    "\"},\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"connect\","                                          \
    "\"ready\":false,\"restartCount\":3,\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 40s\"}}}]}}]}"
#define RUNS                                                                                                                       \
    "{\"items\":[{\"metadata\":{\"name\":\"" POD                                                                                   \
    "\"},\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"connect\","                                          \
    "\"ready\":false,\"restartCount\":0,\"state\":{\"running\":{\"startedAt\":\"2026-01-01T00:00:00Z\"}}}]}}]}"
#define PENDING "{\"items\":[{\"metadata\":{\"name\":\"" POD "\"},\"status\":{\"phase\":\"Pending\"}}]}"
#define CONTENT_INIT(message)                                                                                                      \
    "{\"items\":[{\"metadata\":{\"name\":\"run-r-x\"},\"spec\":{\"containers\":[{\"name\":\"connect-content\"}]},\"status\":{"     \
    "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"connect-content-init\",\"ready\":false,\"state\":{\"waiting\":{" \
    "\"reason\":\"" message "\"}}}]}}]}"
#define EVENT(reason, message) EVENT_OF("Pod", POD, reason, message)
#define EVENT_OF(kind, name, reason, message)                                                                                      \
    "{\"items\":[{\"type\":\"Warning\",\"reason\":\"" reason "\",\"message\":\"" message "\",\"involvedObject\":{\"kind\":\"" kind \
    "\",\"name\":\"" name "\"},\"lastTimestamp\":\"2026-01-01T00:00:00Z\"}]}"
#define DB "Error: Unable to initialize the database: "

struct row {
    const char *id, *pods, *events, *log; /* what is staged */
    const char *cause, *evidence, *remedy;
};

/* A row for each symptom of the table in the product's knowledge; several where it names several words. */
static const struct row rows[] = {
    {"claim", PENDING, EVENT("FailedScheduling", "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
     NULL, "a claim is not bound", "unbound immediate PersistentVolumeClaims", "get pvc,pv"},
    {"scheduling", PENDING, EVENT("FailedScheduling", "0/3 nodes are available: 3 Insufficient memory."), NULL,
     "no node can take the pod", "Insufficient memory", "nodeSelector"},
    {"mount", PENDING,
     EVENT("FailedMount", "MountVolume.SetUp failed for volume d : mount failed: mount.nfs: Connection timed out"), NULL,
     "a volume cannot be mounted", "timed out", "nc -vz"},
    {"mount", PENDING, EVENT("FailedMount", "mount.nfs: access denied by server while mounting fs:/export"), NULL,
     "a volume cannot be mounted", "access denied by server", "2049"},
    {"mount", PENDING,
     EVENT("FailedMount", "mount.nfs: mounting fs:/export failed, reason given by server: No such file or directory"), NULL,
     "a volume cannot be mounted", "No such file", "2049"},
    {"secret", PENDING, EVENT("FailedMount", "MountVolume.SetUp failed for volume l : secret \\\"license\\\" not found"), NULL,
     "a Secret that the pod names is not there", "secret \"license\" not found", "Create the Secret"},
    {"secret", WAITS("CreateContainerConfigError", "couldn't find key password in Secret posit/db"), NULL, NULL, "lacks the key",
     "couldn't find key password", "with the key"},
    {"image", WAITS("ErrImagePull", "manifest unknown"), NULL, NULL, "an image cannot be pulled", "ErrImagePull: manifest unknown",
     "image.tag"},
    {"image", WAITS("ImagePullBackOff", "Back-off pulling image"), NULL, NULL, "an image cannot be pulled", "ImagePullBackOff",
     "describe pods"},
    {"prestart", CRASHES, NULL, "Checking kubernetes health at https://10.0.0.1:443/healthz\\ncurl: (28) Connection timed out\\n",
     "cannot reach the cluster's API", "curl: (28)", "NO_PROXY"},
    {"setting", CRASHES, NULL, "can't store data at section \\\"Applications\\\", variable \\\"RunAss\\\"\\n", "is misspelt",
     "RunAss", "Take the section or key"},
    {"setting-unknown", CRASHES, NULL, "Error: unknown setting Server.Frob\\n", "does not know a setting", "Server.Frob",
     "Take the setting"},
    {"executable", CRASHES, NULL,
     "Unable to configure execution environments: unable to initialize local environment: Unable to use Quarto on this system\\n",
     "not in the image", "Unable to use Quarto", "Executable settings"},
    {"secret-key", CRASHES, NULL, DB "Secret key mismatch between database and file\\n", "not the old server's",
     "Secret key mismatch", "Never run reset-secret-key"},
    {"database-password", CRASHES, NULL, DB "pq: password authentication failed for user \\\"connect\\\"\\n",
     "refuses the password", "password authentication failed", "CONNECT_POSTGRES_PASSWORD"},
    {"database-hba", CRASHES, NULL, DB "pq: no pg_hba.conf entry for host \\\"10.1.2.3\\\"\\n", "does not let the pod's address in",
     "pg_hba", "Ask who runs the database"},
    {"database-tls", CRASHES, NULL, DB "pq: SSL is not enabled on the server\\n", "speaks no TLS", "SSL is not enabled",
     "sslmode=disable"},
    {"database-network", CRASHES, NULL, DB "dial tcp 10.0.0.9:5432: i/o timeout\\n", "the database is not reached", "i/o timeout",
     "5432"},
    {"database-name", CRASHES, NULL, DB "dial tcp: lookup db.example.com: no such host\\n", "cannot be resolved", "no such host",
     "nslookup"},
    {"owners", CRASHES, NULL, "open /var/lib/rstudio-connect/db/secret.key: permission denied\\n", "may not read or write",
     "permission denied", "no_root_squash"},
    {"chown", CRASHES, NULL, "chown: changing ownership of 'x': Operation not permitted\\n", "forbids changing owners",
     "Operation not permitted", "no_root_squash"},
    {"license", RUNS, EVENT("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 402"), "started\\n",
     "no license that it accepts", "statuscode: 402", "license-manager status"},
    {"license-activation", CRASHES, NULL,
     "{\\\"result\\\":57,\\\"action\\\":\\\"activating product key\\\",\\\"message\\\":\\\"no way\\\"}\\n", "cannot be activated",
     "activating product key", "license file"},
    {"license-manager", CRASHES, NULL, "/opt/rstudio-connect/bin/license-manager: No such file or directory\\n",
     "hides /opt/rstudio-connect", "No such file", "pod.volumeMounts"},
    {"service-account", RUNS, NULL,
     "job failed: service account \\\"default\\\" lacks label connect.posit.co/service-account=true\\n", "does not carry the label",
     "lacks label", "label serviceaccount"},
    {"role", RUNS, NULL,
     "jobs.batch is forbidden: User \\\"system:serviceaccount:posit:connect\\\" cannot create resource \\\"jobs\\\" in API group \\\"batch\\\"\\n",
     "lacks a right", "cannot create resource", "auth can-i"},
    {"chronicle", RUNS, NULL, "unable to dial the Chronicle agent: socket timeout\\n", "Chronicle agent that is not there",
     "socket timeout", "Chronicle.Enabled"},
};

static char *stage(struct cm_step *st, const struct row *r)
{
    const struct {
        const char *name, *text;
    } files[] = {{"pods", r->pods}, {"events", r->events}, {"log", r->log}};
    for (size_t i = 0; i < 3; i++) {
        cm_autofree char *plain = cm_strdup(files[i].text == NULL ? "" : files[i].text);
        char *to = plain;
        for (const char *from = plain; i == 2 && *from != '\0'; from++) /* a log is text: \n and \" as in the table */
            *to++ = *from != '\\' ? *from : *++from == 'n' ? '\n' : *from;
        if (i == 2)
            *to = '\0';
        if (files[i].text != NULL)
            scene_put(st, files[i].name, plain, 0600);
    }
    return cm_target_diagnosis(st);
}

static const char *staged_cause(const char *text, const struct row *r)
{
    const char *end = strstr(text, "\npod "), *cause = strstr(text, r->cause), *remedy = strstr(text, "what to do: ");
    cm_autofree char *top = cm_strndup(text, end != NULL ? (size_t)(end - text) : strlen(text));
    if (strncmp(text, "likely cause: ", 14) != 0 || cause == NULL || remedy == NULL)
        return "cause or remedy are not there";
    if (strstr(top, r->evidence) == NULL || strstr(remedy, r->remedy) == NULL)
        return "evidence or remedy are others";
    return causes_in(text) == 1 ? NULL : "more than one cause is named";
}

static void each_symptom_is_told_with_its_cause_evidence_and_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *own = NULL;
        begin(&own);
        cm_autofree char *text = stage(own, &rows[i]);

        const char *wrong = staged_cause(text, &rows[i]);

        if (wrong != NULL)
            fail_msg("%s (row %zu): %s\n%s", rows[i].id, i, wrong, text);
        end(&own);
    }
}

static void kubernetes_own_reasons_are_told_too(void **state)
{
    (void)state;
    static const struct row more[] = {
        {"image-name", WAITS("InvalidImageName", "couldn't parse image name"), NULL, NULL, "the name of an image is not valid",
         "InvalidImageName", "image.repository"},
        {"executable-one", CRASHES, NULL, "Python.Executable /opt/python/3.9/bin/python cannot be analyzed: no such file\\n",
         "names a path that is not in the image", "cannot be analyzed", "that setting"},
        {"quota", "{\"items\":[]}",
         EVENT_OF("ReplicaSet", "connect-rstudio-connect-abc", "FailedCreate", "pods x is forbidden: exceeded quota: q"), NULL,
         "quota is used up", "exceeded quota", "resourcequota"},
        {"pod-security", "{\"items\":[]}",
         EVENT_OF("ReplicaSet", "connect-rstudio-connect-abc", "FailedCreate",
                  "pods x is forbidden: violates PodSecurity restricted:latest"),
         NULL, "refuses the pod", "violates PodSecurity", "pod.securityContext"},
    };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        void *own = NULL;
        begin(&own);
        cm_autofree char *text = stage(own, &more[i]);
        cm_autofree char *whole = cm_fmt("%s\npod ", text);
        const char *wrong = staged_cause(whole, &more[i]);
        if (wrong != NULL)
            fail_msg("%s: %s\n%s", more[i].id, wrong, text);
        end(&own);
    }
}

static void what_is_in_no_row_is_shown_as_it_is_and_nothing_is_invented(void **state)
{
    (void)state;
    static const struct row unknown[] = {
        {"oom", CRASHES, NULL, "fatal error: out of memory\\ni/o timeout while reading the clock\\n", NULL,
         "fatal error: out of memory", NULL},
        {"node", RUNS, EVENT("NodeNotReady", "Node is not ready"), "connection refused by the mail relay\\n", NULL,
         "NodeNotReady: Node is not ready", NULL},
        {"panic", CRASHES, NULL, "panic: runtime error: index out of range\\nopen /etc/motd: permission denied\\n", NULL,
         "panic: runtime error: index out of range", NULL},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        void *own = NULL;
        begin(&own);
        cm_autofree char *text = stage(own, &unknown[i]);
        if (causes_in(text) != 0 || strncmp(text, "no cause that is known fits", 27) != 0 ||
            strstr(text, unknown[i].evidence) == NULL)
            fail_msg("%s\n%s", unknown[i].id, text);
        end(&own);
    }
}

static void a_key_that_was_activated_is_no_cause(void **state)
{
    struct cm_step *st = *state;
    const struct row r = {"x", RUNS, NULL, "{\\\"result\\\":0,\\\"action\\\":\\\"activating product key\\\"}\\n", NULL, NULL, NULL};

    cm_autofree char *text = stage(st, &r);

    assert_int_equal(causes_in(text), 0);
}

static void a_secret_in_a_log_line_is_masked(void **state)
{
    struct cm_step *st = *state;
    const struct row r = {
        "x",  CRASHES, NULL, DB "postgres://connect:hunter2-unread@db/connect: password authentication failed, key CANARY-1234\\n",
        NULL, NULL,    NULL};
    cm_mask_add("CANARY-1234");

    cm_autofree char *text = stage(st, &r);

    assert_null(strstr(text, "hunter2"));
    assert_null(strstr(text, "CANARY"));
    assert_non_null(strstr(text, "postgres://connect:***@db/connect"));
    assert_int_equal(causes_in(text), 1);
}

static void content_that_does_not_start_is_told_by_its_own_pods(void **state)
{
    struct cm_step *st = *state;
    scene_put(st, "content", CONTENT_INIT("ErrImagePull"), 0600);
    cm_autofree char *pull = cm_target_diagnosis(st);
    scene_put(st, "content",
              CONTENT_INIT("RunContainerError\",\"message\":\"exec: \\\"/mnt/x\\\": stat /mnt/x: no such file or directory"), 0600);
    cm_autofree char *program = cm_target_diagnosis(st);

    assert_non_null(strstr(pull, "an image cannot be pulled"));
    assert_non_null(strstr(pull, "container connect-content-init of run-r-x"));
    assert_non_null(strstr(program, "likely cause: a program is not in the container"));
    assert_non_null(strstr(program, "versionOverride"));
}

static void a_pod_that_says_nothing_for_long_is_waited_for(void **state)
{
    struct cm_step *st = *state;
    scene_put(st, "pods", RUNS, 0600);
    scene_put(st, "log", "2026-01-01T00:00:00.123456789Z starting\n", 0600);
    cm_autofree char *silent = cm_target_diagnosis(st);
    cm_autofree char *now = cm_time_text(cm_clock_wall(cm_loop_clock(st->loop)));
    cm_autofree char *line = cm_fmt("%s starting\n", now);
    scene_put(st, "log", line, 0600);
    cm_autofree char *busy = cm_target_diagnosis(st);

    assert_non_null(strstr(silent, "likely cause: Connect has started and is not ready"));
    assert_non_null(strstr(silent, "    starting\n")); /* without its time */
    assert_int_equal(causes_in(busy), 0);
}

static void an_old_pod_that_does_not_end_is_named(void **state)
{
    struct cm_step *st = *state;
    scene_put(
        st, "pods",
        "{\"items\":[{\"metadata\":{\"name\":\"old-1\",\"labels\":{\"pod-template-hash\":\"a\"}},\"status\":{\"phase\":\"Running\"}},"
        "{\"metadata\":{\"name\":\"new-1\",\"labels\":{\"pod-template-hash\":\"b\"}},\"status\":{\"phase\":\"Running\"}}]}",
        0600);

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_non_null(strstr(text, "likely cause: the old pod of a rolling update has not ended yet"));
    assert_non_null(strstr(text, "old-1 and new-1"));
}

static void the_words_of_the_instance_before_a_restart_count(void **state)
{
    struct cm_step *st = *state;
    scene_put(st, "pods", CRASHES, 0600);
    scene_put(st, "log", "starting\n", 0600);
    scene_put(st, "log.before", "Error: Secret key mismatch\n", 0600);

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_non_null(strstr(text, "before its restart: Error: Secret key mismatch"));
}

static void events_of_pods_that_are_gone_count_for_nothing(void **state)
{
    struct cm_step *st = *state;
    scene_put(st, "pods", PENDING, 0600);
    scene_put(st, "events", EVENT_OF("Pod", "connect-rstudio-connect-old-9", "Failed", "Failed to pull image"), 0600);

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_int_equal(causes_in(text), 0);
    assert_null(strstr(text, "Failed to pull"));
}

static void a_quota_that_was_mended_is_not_the_cause_of_what_follows(void **state)
{
    struct cm_step *st = *state;
    const struct row r = {"x",
                          CRASHES,
                          EVENT_OF("ReplicaSet", "connect-rstudio-connect-abc", "FailedCreate", "is forbidden: exceeded quota: q"),
                          "panic: index out of range\\n",
                          NULL,
                          NULL,
                          NULL};

    cm_autofree char *text = stage(st, &r);

    assert_int_equal(causes_in(text), 0);
}

static void events_that_may_not_be_read_are_said_to_be_unknown(void **state)
{
    struct cm_step *st = *state;
    scene_put(st, "pods", PENDING, 0600);
    scene_put(st, "forbidden", "", 0600);

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_non_null(strstr(text, "events may not be read"));
}

static void the_deployments_own_condition_is_read(void **state)
{
    struct cm_step *st = *state;
    scene_put(
        st, "deployment",
        "{\"status\":{\"conditions\":[{\"type\":\"ReplicaFailure\",\"status\":\"True\",\"reason\":\"FailedCreate\",\"message\":"
        "\"pods is forbidden: exceeded quota: small\"},{\"type\":\"Available\",\"status\":\"False\",\"reason\":\"x\"}]}}",
        0600);

    cm_autofree char *text = cm_target_diagnosis(st);

    assert_non_null(strstr(text, "likely cause: the namespace's quota is used up"));
}

static void a_chart_that_refuses_the_values_is_told_apart(void **state)
{
    struct cm_step *st = *state;
    cm_autofree char *fails = cm_target_helm_cause(
        st, "Error: UPGRADE FAILED: execution error at (rstudio-connect/templates/deployment.yaml:1:4): pick one\n");
    cm_autofree char *other = cm_target_helm_cause(st, "Error: UPGRADE FAILED: the sky fell\n");

    assert_non_null(strstr(fails, "likely cause: the chart refuses the values"));
    assert_string_equal(other, "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_symptom_is_told_with_its_cause_evidence_and_remedy),
        cmocka_unit_test(kubernetes_own_reasons_are_told_too),
        cmocka_unit_test(what_is_in_no_row_is_shown_as_it_is_and_nothing_is_invented),
        T(a_key_that_was_activated_is_no_cause),
        T(a_secret_in_a_log_line_is_masked),
        T(content_that_does_not_start_is_told_by_its_own_pods),
        T(a_pod_that_says_nothing_for_long_is_waited_for),
        T(an_old_pod_that_does_not_end_is_named),
        T(the_words_of_the_instance_before_a_restart_count),
        T(events_of_pods_that_are_gone_count_for_nothing),
        T(a_quota_that_was_mended_is_not_the_cause_of_what_follows),
        T(events_that_may_not_be_read_are_said_to_be_unknown),
        T(the_deployments_own_condition_is_read),
        T(a_chart_that_refuses_the_values_is_told_apart),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
