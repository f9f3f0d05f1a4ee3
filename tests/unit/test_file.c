/* base: files, locks, processes' identity, masking, secrets. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pid.h"
#include "base/secret.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/cm-test-file.XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
    (void)state;
    cm_autofree char *command = cm_fmt("rm -rf %s", dir);
    return system(command);
}

static char *in_dir(const char *name) { return cm_path_join(dir, name); }

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n - 2;
}

static void writes_whole_and_reads_back(void **state)
{
    (void)state;
    cm_autofree char *path = in_dir("a"), *data = NULL;
    size_t bytes;
    struct stat st;
    assert_int_equal(cm_file_write(path, "x\0y", 3, 0600, NULL), 0);
    assert_int_equal(cm_file_read(path, 100, &data, &bytes, NULL), 0);
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "x\0y", 4);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(entries(), 1);
}

static void a_dropped_write_leaves_what_was_there(void **state)
{
    (void)state;
    cm_autofree char *path = in_dir("a"), *data = NULL;
    assert_int_equal(cm_file_write(path, "old", 3, 0600, NULL), 0);
    struct cm_file_new *f = cm_file_begin(path, 0600, NULL);
    fputs("new", cm_file_stream(f));
    cm_file_drop(f);
    assert_int_equal(cm_file_read(path, 100, &data, NULL, NULL), 0);
    assert_string_equal(data, "old");
    assert_int_equal(entries(), 1);
}

static void a_full_disk_leaves_what_was_there(void **state)
{
    (void)state;
    if (!cm_file_exists("/dev/full"))
        skip();
    cm_autofree char *path = in_dir("a"), *data = NULL;
    cm_autoerr err = NULL;
    cm_file_write(path, "old", 3, 0600, NULL);
    struct cm_file_new *f = cm_file_begin(path, 0600, NULL);
    FILE *full = freopen("/dev/full", "w", cm_file_stream(f));
    assert_non_null(full);
    fputs("new", full);
    assert_int_equal(cm_file_keep(f, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "No space left"));
    cm_file_read(path, 100, &data, NULL, NULL);
    assert_string_equal(data, "old");
    assert_int_equal(entries(), 1);
}

static void a_symbolic_link_stays_one(void **state)
{
    (void)state;
    cm_autofree char *target = in_dir("target"), *link = in_dir("link"), *data = NULL;
    struct stat st;
    cm_file_write(target, "old", 3, 0600, NULL);
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(cm_file_write(link, "new", 3, 0600, NULL), 0);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    cm_file_read(target, 100, &data, NULL, NULL);
    assert_string_equal(data, "new");
}

static void refuses_a_file_beyond_the_bound(void **state)
{
    (void)state;
    cm_autofree char *path = in_dir("a"), *data = NULL;
    cm_autoerr err = NULL;
    cm_file_write(path, "12345", 5, 0600, NULL);
    assert_int_equal(cm_file_read(path, 4, &data, NULL, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "larger than 4 bytes"));
    assert_null(data);
    assert_int_equal(cm_file_read(path, 5, &data, NULL, NULL), 0);
}

static void makes_folders_with_their_parents(void **state)
{
    (void)state;
    cm_autofree char *path = in_dir("a/b/c"), *file = in_dir("f"), *below = in_dir("f/g");
    cm_autoerr err = NULL;
    assert_int_equal(cm_dir_make(path, 0700, NULL), 0);
    assert_int_equal(cm_dir_make(path, 0700, NULL), 0);
    cm_file_write(file, "", 0, 0600, NULL);
    assert_int_equal(cm_dir_make(below, 0700, &err), -1);
    assert_int_equal(cm_dir_make(file, 0700, NULL), -1);
}

static void takes_paths_apart(void **state)
{
    (void)state;
    static const struct {
        const char *path, *dir, *base;
    } table[] = {{"/a/b", "/a", "b"}, {"b", ".", "b"}, {"/b", "/", "b"}, {"a//b", "a", "b"}, {"/a/b/", "/a", "b/"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cm_autofree char *d = cm_path_dir(table[i].path);
        assert_string_equal(d, table[i].dir);
        assert_string_equal(cm_path_base(table[i].path), table[i].base);
    }
    cm_autofree char *a = cm_path_join("/x", "y"), *b = cm_path_join("/x/", "y"), *c = cm_path_join("/x", "/y");
    assert_string_equal(a, "/x/y");
    assert_string_equal(b, "/x/y");
    assert_string_equal(c, "/y");
    cm_autofree char *here = cm_path_absolute("."), *there = cm_path_absolute("./z");
    assert_int_equal(here[0], '/');
    assert_true(strlen(there) == strlen(here) + 2 && strcmp(there + strlen(there) - 2, "/z") == 0);
}

/* Another process holds the lock and says so over a pipe; ended by closing `go`. */
static pid_t holder(const char *path, int *go)
{
    int ready[2], hold[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(hold), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(hold[1]);
        int fd = cm_lock_file(path, NULL, NULL);
        ssize_t n = write(fd, "{\"pid\":1}", 9);
        n += write(ready[1], "x", 1);
        char byte;
        n += read(hold[0], &byte, 1);
        _exit(n > 0 ? 0 : 1);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    close(hold[0]);
    *go = hold[1];
    return pid;
}

static void only_one_process_holds_a_lock_and_the_other_reads_who(void **state)
{
    (void)state;
    cm_autofree char *path = in_dir("lock"), *body = NULL;
    cm_autoerr err = NULL;
    int go;
    pid_t pid = holder(path, &go);
    assert_int_equal(cm_lock_file(path, &body, &err), -1);
    assert_int_equal(cm_err_code(err), CM_E_LOCKED);
    assert_string_equal(body, "{\"pid\":1}");
    close(go);
    waitpid(pid, NULL, 0);
    int fd = cm_lock_file(path, NULL, NULL);
    assert_true(fd >= 0);
    close(fd);
}

static void knows_a_process_by_pid_start_and_boot(void **state)
{
    (void)state;
    int64_t start = cm_pid_start(getpid());
    assert_true(start > 0);
    assert_true(strlen(cm_boot_id()) == 36);
    assert_true(cm_pid_alive(getpid(), start, cm_boot_id()));
    assert_false(cm_pid_alive(getpid(), start + 1, cm_boot_id()));
    assert_false(cm_pid_alive(getpid(), start, "another-boot"));
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(cm_pid_alive(pid, cm_pid_start(pid), cm_boot_id())); /* a zombie */
    waitpid(pid, NULL, 0);
    assert_int_equal(cm_pid_start(pid), -1);
    assert_non_null(strchr(cm_who(), '@'));
}

static void masks_secrets_in_every_spelling(void **state)
{
    (void)state;
    struct cm_secret *s = cm_secret_new("p@ss \"w/rd\n");
    assert_string_equal(cm_secret_reveal(s), "p@ss \"w/rd");
    cm_secret_free(s); /* texts made before may still hold it */
    static const char *const texts[] = {"x=p@ss \"w/rd;", "x=p%40ss%20%22w%2Frd;", "x=p%40ss%20%22w%2frd;", "x=p@ss \\\"w/rd;",
                                        "x=cEBzcyAidy9yZA;"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cm_autofree char *masked = cm_mask(texts[i]);
        assert_string_equal(masked, "x=***;");
    }
    cm_mask_fini();
    cm_autofree char *forgotten = cm_mask(texts[0]);
    assert_string_equal(forgotten, texts[0]);
}

static void masks_overlapping_secrets_without_a_rest(void **state)
{
    (void)state;
    cm_mask_add("abcdef");
    cm_mask_add("defghi");
    cm_mask_add("xyz"); /* too short */
    cm_autofree char *masked = cm_mask("1abcdefghi2xyz");
    assert_string_equal(masked, "1***2xyz");
    cm_mask_fini();
}

static void masks_product_keys(void **state)
{
    (void)state;
    cm_autofree char *masked = cm_mask("key AB12-CD34-EF56-GH78-IJ90-KL12-MN34.");
    assert_string_equal(masked, "key ***.");
    static const char guid[] =
        "guid 6c7e8c04-4f1e-4d0a-9a0e-2f0b1f5e7a11, AB12-CD34-EF56-GH78-IJ90-KL12, XAB12-CD34-EF56-GH78-IJ90-KL12-MN34";
    cm_autofree char *same = cm_mask(guid);
    assert_string_equal(same, guid);
}

static void masks_what_is_called_a_password_or_a_token(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"host=db password=hunter2 dbname=rsc", "host=db password=*** dbname=rsc"},
        {"{\"user\":\"u\",\"password\": \"hunter2\"}", "{\"user\":\"u\",\"password\": \"***\"}"},
        {"msg=\"{\\\"api_key\\\":\\\"hunter2\\\"}\"", "msg=\"{\\\"api_key\\\":\\\"***\\\"}\""},
        {"GET /x?token=abc&n=1", "GET /x?token=***&n=1"},
        {"Authorization: Bearer eyJhbGciOiJIUzI1.e30.x", "Authorization: Bearer ***"},
        {"Authorization: Key 0123456789abcdef", "Authorization: Key ***"},
        {"postgres://rsc:p@ss/w:rd@db.corp:5432/rsc", "postgres://rsc:***@db.corp:5432/rsc"},
        {"https://reg.corp:5000/v2/x@sha256:ab", "https://reg.corp:5000/v2/x@sha256:ab"},
        {"http://h/a:b@c and ftp://u:pw@h", "http://h/a:b@c and ftp://u:***@h"},
        {"pq: password authentication failed, password: wrong", "pq: password authentication failed, password: wrong"},
        {"couldn't find key password in Secret posit/pg", "couldn't find key password in Secret posit/pg"},
        {"passwordFile=/etc/x bearer token", "passwordFile=/etc/x bearer token"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        cm_autofree char *masked = cm_mask(pairs[i][0]);
        assert_string_equal(masked, pairs[i][1]);
    }
}

static void masks_the_lines_of_a_longer_secret(void **state)
{
    (void)state;
    cm_secret_free(cm_secret_new("-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"));
    cm_autofree char *masked = cm_mask("-----BEGIN KEY-----: hkiG9w0BAQEFAASC");
    assert_string_equal(masked, "-----BEGIN KEY-----: ***");
    cm_mask_fini();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_whole_and_reads_back, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_dropped_write_leaves_what_was_there, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_what_was_there, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_symbolic_link_stays_one, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_a_file_beyond_the_bound, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(makes_folders_with_their_parents, make_dir, remove_dir),
        cmocka_unit_test(takes_paths_apart),
        cmocka_unit_test_setup_teardown(only_one_process_holds_a_lock_and_the_other_reads_who, make_dir, remove_dir),
        cmocka_unit_test(knows_a_process_by_pid_start_and_boot),
        cmocka_unit_test(masks_secrets_in_every_spelling),
        cmocka_unit_test(masks_overlapping_secrets_without_a_rest),
        cmocka_unit_test(masks_product_keys),
        cmocka_unit_test(masks_what_is_called_a_password_or_a_token),
        cmocka_unit_test(masks_the_lines_of_a_longer_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
