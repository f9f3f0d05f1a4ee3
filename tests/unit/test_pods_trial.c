/* The Job of pods.check: what the chart's job.yaml keeps, what is put in, and that its script tells the truth. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <cm/str.h>

#include "actions/pods_trial.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

static json_t *base(void)
{
    json_t *j = json_loads(
        "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"labels\":{\"team\":\"data\"},\"namespace\":\"elsewhere\"},"
        "\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"serviceAccountName\":\"content\",\"nodeSelector\":{\"disk\":\"ssd\"},"
        "\"initContainers\":[{\"name\":\"connect-content-init\",\"image\":\"init:1\"}],\"containers\":[{\"name\":\"log-sidecar\",\"image\":\"x\"},"
        "{\"name\":\"connect-content\",\"args\":[\"old\"],\"resources\":{\"requests\":{\"cpu\":\"1\"}},\"volumeMounts\":[{\"name\":\"rsc-volume\",\"mountPath\":\"/opt/x\"}]}],"
        "\"volumes\":[{\"name\":\"rsc-volume\",\"emptyDir\":{}}]}}}}",
        0, NULL);
    assert_non_null(j);
    return j;
}

static const json_t *at(const json_t *list, size_t i) { return json_array_get(list, i); }

static void keeps_what_the_chart_says_of_pods(void **state)
{
    (void)state;
    json_t *b = base();
    struct cm_trial_wish w = {.name = "trial",
                              .image = "content:1",
                              .claim = "data",
                              .mount_path = "/var/lib/rstudio-connect",
                              .sub_path = "sub",
                              .nonce = "n",
                              .hosts = "db:5432",
                              .paths = "/opt/R"};

    json_t *job = cm_trial_job(b, &w);

    const json_t *pod = cm_json_at(job, "spec.template.spec"), *boxes = json_object_get(pod, "containers"), *box = at(boxes, 0);
    assert_string_equal(cm_json_text(job, "metadata.name", ""), "trial");
    assert_null(cm_json_at(job, "metadata.namespace"));
    assert_string_equal(cm_json_text(job, "metadata.labels.team", ""), "data");
    assert_string_equal(cm_json_text(pod, "serviceAccountName", ""), "content");
    assert_string_equal(cm_json_text(pod, "nodeSelector.disk", ""), "ssd");
    assert_string_equal(cm_json_text(pod, "restartPolicy", ""), "Never");
    assert_string_equal(cm_json_text(at(json_object_get(pod, "initContainers"), 0), "image", ""), "init:1");
    assert_int_equal(json_array_size(boxes), 1);
    assert_string_equal(cm_json_text(box, "name", ""), "connect-content");
    assert_string_equal(cm_json_text(box, "image", ""), "content:1");
    assert_string_equal(cm_json_text(box, "resources.requests.cpu", ""), "1");
    assert_null(json_object_get(box, "args"));
    assert_int_equal(json_array_size(json_object_get(box, "volumeMounts")), 2);
    assert_string_equal(cm_json_text(at(json_object_get(box, "volumeMounts"), 1), "subPath", ""), "sub");
    assert_string_equal(cm_json_text(at(json_object_get(pod, "volumes"), 1), "persistentVolumeClaim.claimName", ""), "data");
    assert_int_equal(cm_json_int(job, "spec.backoffLimit", -1), 0);
    assert_true(cm_json_int(job, "spec.activeDeadlineSeconds", -1) > 0);
    assert_true(cm_json_int(job, "spec.ttlSecondsAfterFinished", -1) > 0);
    json_decref(job);
    json_decref(b);
}

static void needs_nothing_from_the_chart(void **state)
{
    (void)state;
    struct cm_trial_wish w = {.name = "t", .image = "i", .mount_path = "/d", .nonce = "n", .hosts = "", .paths = ""};

    json_t *job = cm_trial_job(NULL, &w);

    assert_string_equal(cm_json_text(at(cm_json_at(job, "spec.template.spec.containers"), 0), "image", ""), "i");
    assert_null(cm_json_at(job, "spec.template.spec.volumes"));
    json_decref(job);
}

/* Run the script as the pod would, and read its log. */
static void run(const struct cm_trial_wish *w, struct cm_trial_seen *seen)
{
    json_t *job = cm_trial_job(NULL, w);
    const json_t *command = json_object_get(at(cm_json_at(job, "spec.template.spec.containers"), 0), "command");
    char *argv[16] = {0}, log[1 << 16];
    int p[2];
    size_t i, n = 0;
    const json_t *word;
    json_array_foreach(command, i, word) argv[i] = cm_strdup(json_string_value(word));
    assert_int_equal(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], 1);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(p[1]);
    for (ssize_t got; n < sizeof log - 1 && (got = read(p[0], log + n, sizeof log - 1 - n)) > 0;)
        n += (size_t)got;
    log[n] = '\0';
    close(p[0]);
    cm_trial_read(log, seen);
    for (i = 0; argv[i] != NULL; i++)
        free(argv[i]);
    json_decref(job);
}

static void the_script_tells_what_it_finds(void **state)
{
    (void)state;
    struct cm_trial_seen seen;
    char dir[] = "/tmp/cm-trial-XXXXXX", db[64], key[64];
    assert_non_null(mkdtemp(dir));
    snprintf(db, sizeof db, "%s/db", dir);
    snprintf(key, sizeof key, "%s/db/secret.key", dir);
    struct cm_trial_wish w = {.name = "t",
                              .image = "i",
                              .claim = "c",
                              .mount_path = dir,
                              .nonce = "run 1",
                              .hosts = "name.invalid:1 127.0.0.1:1",
                              .paths = "/bin/sh /no/such/R"};

    run(&w, &seen);
    assert_true(seen.whole);
    assert_true(seen.writable);
    assert_string_equal(seen.key, "absent");
    assert_string_equal(seen.missing, "/no/such/R");
    assert_string_equal(seen.no_name, "name.invalid:1");
    assert_string_equal(seen.no_answer, "127.0.0.1:1");
    cm_trial_fini(&seen);

    assert_int_equal(mkdir(db, 0700), 0);
    assert_int_equal(cm_file_write(key, "abc\n", 4, 0600, NULL), 0);
    run(&w, &seen);
    /* printf 'run 1\nabc\n' | sha256sum */
    assert_string_equal(seen.key, "b871556ad5c5225e23a6fb391925111163442c463b7b08429180ff4b7dd5202f");
    cm_trial_fini(&seen);

    unlink(key);
    rmdir(db);
    rmdir(dir);
    run(&w, &seen);
    assert_string_equal(seen.key, "no-folder");
    assert_false(seen.writable);
    cm_trial_fini(&seen);
}

static void the_script_sees_the_servers_file_and_leaves_its_own(void **state)
{
    (void)state;
    struct cm_trial_seen seen;
    char dir[] = "/tmp/cm-trial-XXXXXX", there[64], back[64];
    assert_non_null(mkdtemp(dir));
    snprintf(there, sizeof there, "%s/" CM_TRIAL_FILE, dir);
    snprintf(back, sizeof back, "%s/" CM_TRIAL_FILE_BACK, dir);
    struct cm_trial_wish w = {.name = "t",
                              .image = "i",
                              .claim = "c",
                              .mount_path = dir,
                              .nonce = "n",
                              .hosts = "",
                              .paths = "",
                              .user = "root",
                              .token = "run-7",
                              .patience_s = 0};

    assert_int_equal(cm_file_write(there, "run-7\n", 6, 0644, NULL), 0);
    run(&w, &seen);
    assert_string_equal(seen.seen_after, "0");
    assert_string_equal(seen.user_id, "0");
    cm_autofree char *own = cm_fmt("%u:%u", (unsigned)getuid(), (unsigned)getgid());
    assert_string_equal(seen.made, own);
    assert_true(cm_file_exists(back));
    cm_trial_fini(&seen);

    w.token = "run-8";
    w.user = "no-such-user-here";
    run(&w, &seen);
    assert_string_equal(seen.seen_after, "never");
    assert_string_equal(seen.user_id, "");
    cm_trial_fini(&seen);

    w.token = w.user = NULL;
    run(&w, &seen);
    assert_null(seen.seen_after);
    assert_null(seen.user_id);
    cm_trial_fini(&seen);
    unlink(there);
    unlink(back);
    rmdir(dir);
}

static void a_log_that_was_cut_off_is_not_whole(void **state)
{
    (void)state;
    struct cm_trial_seen seen;

    cm_trial_read("@@ ids 3\n1:1\n@@ key 6\nabs", &seen);

    assert_false(seen.whole);
    assert_string_equal(seen.ids, "1:1");
    assert_null(seen.key);
    cm_trial_fini(&seen);
}

static void tells_a_pod_that_will_not_start_from_one_that_may(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *words;
        bool lasting;
    } cases[] = {
        {"{\"status\":{\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"ImagePullBackOff\",\"message\":\"no such image\"}}}]}}",
         "no such image", true},
        {"{\"status\":{\"initContainerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"CreateContainerConfigError\"}}}]}}",
         "CreateContainerConfigError", true},
        {"{\"status\":{\"containerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"ContainerCreating\"}}}]}}", NULL, false},
        {"{\"status\":{\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"0/3 nodes\"}]}}",
         "0/3 nodes", false},
        {"{\"status\":{\"phase\":\"Running\"}}", NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool lasting = true;
        json_t *pod = json_loads(cases[i].pod, 0, NULL);

        char *why = cm_trial_stuck(pod, &lasting);

        assert_int_equal(lasting, cases[i].lasting);
        if (cases[i].words == NULL)
            assert_null(why);
        else
            assert_non_null(strstr(why, cases[i].words));
        free(why);
        json_decref(pod);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_the_chart_says_of_pods),
        cmocka_unit_test(needs_nothing_from_the_chart),
        cmocka_unit_test(the_script_tells_what_it_finds),
        cmocka_unit_test(the_script_sees_the_servers_file_and_leaves_its_own),
        cmocka_unit_test(a_log_that_was_cut_off_is_not_whole),
        cmocka_unit_test(tells_a_pod_that_will_not_start_from_one_that_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
