/* adapters: commands and files on a node of the old server. The ways there are a stand-in script, a stand-in for ssh, and
 * OpenSSH itself where sshd is installed (or named by CM_TEST_SSHD). */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/host.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"
#include "fake_engine.h"

struct cm_plan {
    json_t *normal;
};

const json_t *cm_plan_get(const struct cm_plan *p, const char *path) { return cm_json_at(p->normal, path); }

const char *cm_plan_text(const struct cm_plan *p, const char *path) { return cm_json_text(p->normal, path, NULL); }

static struct cm_step step;
static struct cm_intent intent;
static struct cm_plan plan;
static char dir[64];

static int set_up(void **state)
{
    (void)state;
    step = (struct cm_step){.loop = cm_loop_new(&cm_clock_system), .deadline = CM_NEVER, .log = CM_STR(CM_STR_PAGE)};
    intent = (struct cm_intent){.step = &step};
    snprintf(dir, sizeof dir, "/tmp/cm-test-host.XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    cm_loop_free(step.loop);
    cm_str_fini(&step.log);
    json_decref(intent.note);
    json_decref(plan.normal);
    plan.normal = NULL;
    unsetenv("XDG_RUNTIME_DIR");
    cm_autofree char *command = cm_fmt("rm -rf %s", dir);
    return system(command);
}

static char *program(const char *name, const char *text)
{
    char *path = cm_path_join(dir, name);
    cm_autofree char *whole = cm_fmt("#!/bin/sh\n%s\n", text);
    assert_int_equal(cm_file_write(path, whole, strlen(whole), 0755, NULL), 0);
    return path;
}

/* shell: a list with {host}; `text` is the script behind it. */
static struct cm_host *by_script(const char *name, json_t *taken_become, const char *text)
{
    cm_autofree char *path = program("node-shell", text);
    plan.normal = json_pack("{s:{s:[s,s], s:o, s:s}}", "source", "shell", path, "on-{host}", "become", taken_become, "service",
                            "rstudio-connect");
    return cm_host_new(&plan, name);
}

static struct cm_host *by_ssh(const char *name, const char *ssh, json_t *taken_become)
{
    plan.normal = json_pack("{s:{s:s, s:o, s:s}, s:{s:s}}", "source", "shell", "ssh", "become", taken_become, "service",
                            "rstudio-connect", "tools", "ssh", ssh);
    setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
    return cm_host_new(&plan, name);
}

static void gives_the_plans_command_the_host_and_one_argument(void **state)
{
    (void)state;
    struct cm_host *h = by_script("node1", json_array(), "echo \"$# $1\"; exec sh -c \"$2\"");
    const char *const argv[] = {"printf", "[%s]", "it's", "a b", "$HOME", "", NULL};
    cm_autoout out = {.status = -1};
    assert_int_equal(cm_host_run(&step, h, false, argv, &out, NULL), 0);
    assert_string_equal(out.out, "2 on-node1\n[it's][a b][$HOME][]");
    cm_host_free(h);
}

static void becomes_somebody_else_only_where_asked(void **state)
{
    (void)state;
    cm_autofree char *become = program("become", "echo \"became: $*\"");
    struct cm_host *h = by_script("node1", json_pack("[s,s]", become, "-n"), "exec sh -c \"$2\"");
    const char *const argv[] = {"echo", "plain", NULL};
    cm_autoout out = {.status = -1}, out2 = {.status = -1};
    assert_int_equal(cm_host_run(&step, h, false, argv, &out, NULL), 0);
    assert_string_equal(out.out, "plain\n");
    assert_int_equal(cm_host_run(&step, h, true, argv, &out2, NULL), 0);
    assert_string_equal(out2.out, "became: -n echo plain\n");
    cm_host_free(h);
}

static void status_255_is_not_reached_and_passes(void **state)
{
    (void)state;
    struct cm_host *h = by_script("node1", json_array(), "echo 'no way' >&2; exit 255");
    const char *const argv[] = {"true", NULL};
    cm_autoout out = {.status = -1};
    cm_autoerr err = NULL;
    assert_int_equal(cm_host_run(&step, h, false, argv, &out, &err), -1);
    assert_true(cm_err_is_passing(err));
    assert_non_null(strstr(cm_err_message(err), "node1: cannot be reached"));
    assert_string_equal(cm_err_evidence(err), "no way");
    cm_host_free(h);
}

static void any_other_status_is_the_callers_business_but_not_for_an_effect(void **state)
{
    (void)state;
    struct cm_host *h = by_script("node1", json_array(), "exec sh -c \"$2\"");
    const char *const argv[] = {"sh", "-c", "echo because >&2; exit 5", NULL};
    const char *const missing[] = {"no-such-program-there", NULL};
    cm_autoout out = {.status = -1}, out2 = {.status = -1}, out3 = {.status = -1};
    cm_autoerr err = NULL, *err2 = NULL;
    assert_int_equal(cm_host_run(&step, h, false, argv, &out, NULL), 0);
    assert_int_equal(out.status, 5);
    assert_int_equal(cm_host_run_effect(&intent, h, argv, &out2, &err), -1);
    assert_string_equal(cm_err_message(err), "node1: sh failed with status 5");
    assert_string_equal(cm_err_evidence(err), "because");
    assert_non_null(cm_json_at(intent.note, "child.pid"));
    assert_int_equal(cm_host_run_effect(&intent, h, missing, &out3, &err2), -1);
    assert_string_equal(cm_err_message(err2), "node1: there is no command no-such-program-there there");
    cm_host_free(h);
}

static void an_effect_gets_its_input_there(void **state)
{
    (void)state;
    struct cm_host *h = by_script("node1", json_array(), "exec sh -c \"$2\"");
    const char *const argv[] = {"cat", NULL};
    cm_autoout out = {.status = -1};
    assert_int_equal(cm_host_run_effect_input(&intent, h, argv, "marker", 6, &out, NULL), 0);
    assert_string_equal(out.out, "marker");
    cm_host_free(h);
}

static void says_when_sudo_wants_a_password_or_is_missing(void **state)
{
    (void)state;
    cm_autofree char *sudo = program("sudo", "echo 'sudo: a password is required' >&2; exit 1");
    struct cm_host *h = by_script("node1", json_pack("[s,s]", sudo, "-n"), "exec sh -c \"$2\"");
    const char *const argv[] = {"true", NULL};
    cm_autoout out = {.status = -1}, out2 = {.status = -1};
    cm_autoerr err = NULL, *err2 = NULL;
    assert_int_equal(cm_host_run(&step, h, true, argv, &out, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "sudo wants a password there"));
    assert_false(cm_err_is_passing(err));
    cm_host_free(h);
    json_decref(plan.normal);
    h = by_script("node1", json_pack("[s]", "no-such-sudo"), "exec sh -c \"$2\"");
    assert_int_equal(cm_host_run(&step, h, true, argv, &out2, &err2), -1);
    assert_string_equal(cm_err_message(err2), "node1: there is no command no-such-sudo there");
    cm_host_free(h);
}

/* ---- ssh's own words ---- */

static const struct {
    const char *says, *message;
    bool passing;
} ssh_cases[] = {
    {"ssh: connect to host node1 port 22: Connection timed out",
     "node1: cannot be reached: ssh: connect to host node1 port 22: Connection timed out", true},
    {"ssh: Could not resolve hostname node1: Name or service not known",
     "node1: no such host: ssh: Could not resolve hostname node1: Name or service not known", false},
    {"ssh: Could not resolve hostname node1: Temporary failure in name resolution",
     "node1: cannot be reached: ssh: Could not resolve hostname node1: Temporary failure in name resolution", true},
    {"ann@jump: Permission denied (publickey,password).\r\nkex_exchange_identification: Connection closed by remote host\n"
     "Connection closed by UNKNOWN port 65535",
     "node1: ssh is not allowed in without a password: ann@jump: Permission denied (publickey,password).", false},
    {"channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\n"
     "kex_exchange_identification: Connection closed by remote host",
     "node1: cannot be reached: channel 0: open failed: connect failed: Connection refused", true},
    {"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
     "node1: the host key changed: it is another one than the one known here", false},
    {"Host key verification failed.", "node1: its host key is not known here", false},
    {"Connection to 10.0.0.1 closed by remote host.",
     "node1: the connection was lost while a command ran there: Connection to 10.0.0.1 closed by remote host.", true},
    {"/home/ann/.ssh/config: line 3: Bad configuration option: prot\n/home/ann/.ssh/config: terminating, 1 bad configuration options",
     "node1: ssh does not accept its own configuration: /home/ann/.ssh/config: line 3: Bad configuration option: prot", false},
    {"Permissions 0644 for '/home/ann/.ssh/id' are too open.\nann@node1: Permission denied (publickey).",
     "node1: ssh is not allowed in without a password: Permissions 0644 for '/home/ann/.ssh/id' are too open.", false},
    {"Connection closed by 10.0.0.1 port 22", "node1: cannot be reached", true},
};

static void tells_the_ways_of_not_being_let_in_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ssh_cases / sizeof *ssh_cases; i++) {
        cm_autofree char *text = cm_fmt("[ \"$1\" = -G ] && exit 0\ncat >&2 <<'END'\n%s\nEND\nexit 255", ssh_cases[i].says);
        cm_autofree char *ssh = program("ssh", text);
        struct cm_host *h = by_ssh("node1", ssh, json_array());
        const char *const argv[] = {"true", NULL};
        cm_autoout out = {.status = -1};
        cm_autoerr err = NULL;
        assert_int_equal(cm_host_run(&step, h, false, argv, &out, &err), -1);
        assert_string_equal(cm_err_message(err), ssh_cases[i].message);
        assert_int_equal(cm_err_is_passing(err), ssh_cases[i].passing);
        assert_non_null(cm_err_hint(err));
        cm_host_free(h);
        json_decref(plan.normal);
        plan.normal = NULL;
    }
}

static void shares_a_connection_unless_the_user_does(void **state)
{
    (void)state;
    cm_autofree char *log = cm_path_join(dir, "log");
    cm_autofree char *text = cm_fmt("[ \"$1\" = -G ] && { echo user x; cat %s/config; exit 0; }\necho \"$@\" >>%s\n"
                                    "case $* in *'-O check'*) [ -e %s/there ] || { touch %s/there; exit 255; };; esac",
                                    dir, log, dir, dir);
    cm_autofree char *ssh = program("ssh", text), *config = cm_path_join(dir, "config"), *said = NULL;
    const char *const argv[] = {"true", NULL};
    for (int own = 0; own < 2; own++) {
        const char *line =
            own ? "controlpath none\nserveraliveinterval 0\n" : "controlpath /home/x/.ssh/%C\nserveraliveinterval 30\n";
        cm_file_write(config, line, strlen(line), 0600, NULL);
        struct cm_host *h = by_ssh("node1", ssh, json_array());
        setenv("XDG_RUNTIME_DIR", dir, 1);
        cm_autoout out = {.status = -1};
        assert_int_equal(cm_host_run(&step, h, false, argv, &out, NULL), 0);
        cm_host_free(h);
        json_decref(plan.normal);
        plan.normal = NULL;
    }
    assert_int_equal(cm_file_read(log, 10000, &said, NULL, NULL), 0);
    cm_autofree char *expected =
        cm_fmt("-o BatchMode=yes -o ConnectTimeout=10 node1 -- LC_ALL=C true\n"
               "-o ControlPath=%s/connect-migrate/%%C -O check node1\n"
               "-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o ControlMaster=auto "
               "-o ControlPath=%s/connect-migrate/%%C -o ControlPersist=60 node1 true\n"
               "-o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o ControlMaster=auto "
               "-o ControlPath=%s/connect-migrate/%%C -o ControlPersist=60 node1 -- LC_ALL=C true\n",
               dir, dir, dir);
    assert_string_equal(said, expected);
}

static void localhost_needs_no_ssh(void **state)
{
    (void)state;
    struct cm_host *h = by_ssh("localhost", "/no/ssh", json_array());
    const char *const argv[] = {"echo", "here", NULL};
    cm_autoout out = {.status = -1};
    assert_int_equal(cm_host_run(&step, h, false, argv, &out, NULL), 0);
    assert_string_equal(out.out, "here\n");
    cm_host_free(h);
}

static void says_what_a_person_would_type(void **state)
{
    (void)state;
    struct cm_host *h = by_ssh("connect1", "ssh", json_pack("[s,s]", "sudo", "-n"));
    const char *const argv[] = {"systemctl", "stop", "rstudio-connect", NULL};
    cm_autofree char *line = cm_host_by_hand(h, argv);
    assert_string_equal(line, "ssh -t connect1 'sudo systemctl stop rstudio-connect'");
    cm_host_free(h);
}

/* ---- files ---- */

static void reads_a_file_there_or_says_that_there_is_none(void **state)
{
    (void)state;
    struct cm_host *h = by_script("node1", json_array(), "exec sh -c \"$2\"");
    cm_autofree char *path = cm_path_join(dir, "it's here"), *missing = cm_path_join(dir, "no"), *data = NULL, *none = NULL;
    size_t bytes;
    bool absent;
    cm_autoerr err = NULL;
    cm_file_write(path, "a\0b", 3, 0600, NULL);
    assert_int_equal(cm_host_read_file(&step, h, path, 100, &data, &bytes, &absent, NULL), 0);
    assert_false(absent);
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "a\0b", 3);
    assert_int_equal(cm_host_read_file(&step, h, missing, 100, &none, &bytes, &absent, NULL), 0);
    assert_true(absent);
    assert_null(none);
    assert_int_equal(cm_host_read_file(&step, h, path, 2, &none, &bytes, &absent, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "larger than 2 bytes"));
    cm_autoerr is_dir = NULL;
    assert_int_equal(cm_host_read_file(&step, h, dir, 100, &none, &bytes, &absent, &is_dir), -1);
    assert_non_null(strstr(cm_err_evidence(is_dir), "directory"));
    cm_host_free(h);
}

static void reads_without_rights_what_sudo_does_not_let_through(void **state)
{
    (void)state;
    cm_autofree char *sudo = program("sudo", "echo 'sudo: a password is required' >&2; exit 1");
    struct cm_host *h = by_script("node1", json_pack("[s,s]", sudo, "-n"), "exec sh -c \"$2\"");
    cm_autofree char *path = cm_path_join(dir, "readable"), *missing = cm_path_join(dir, "no"), *data = NULL, *none = NULL;
    size_t bytes;
    bool absent;
    cm_autoerr err = NULL;
    cm_file_write(path, "text", 4, 0644, NULL);
    assert_int_equal(cm_host_read_file(&step, h, path, 100, &data, &bytes, &absent, NULL), 0);
    assert_string_equal(data, "text");
    assert_int_equal(cm_host_read_file(&step, h, missing, 100, &none, &bytes, &absent, &err), -1);
    assert_non_null(strstr(cm_err_message(err), "password"));
    assert_false(absent);
    cm_host_free(h);
}

/* ---- the unit ---- */

static const char shown[] = "cat <<'END'\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n"
                            "DropInPaths=/etc/systemd/system/rstudio-connect.service.d/90-connect-migrate.conf\n"
                            "Environment=A=1 \"B=two words\"\nEnvironmentFiles=/etc/default/a (ignore_errors=yes)\n"
                            "EnvironmentFiles=/etc/default/b (ignore_errors=no)\nEND\n";

static struct cm_host *with_tools(json_t *taken_become, const char *systemctl, const char *pgrep)
{
    free(program("systemctl", systemctl));
    free(program("pgrep", pgrep));
    cm_autofree char *text = cm_fmt("PATH=%s:$PATH; export PATH; exec sh -c \"$2\"", dir);
    return by_script("node1", taken_become, text);
}

static void reads_the_unit_and_its_processes_in_one_call(void **state)
{
    (void)state;
    struct cm_host *h = with_tools(json_array(), shown, "echo 11; echo 12");
    struct cm_unit u;
    assert_int_equal(cm_host_unit(&step, h, &u, NULL), 0);
    assert_string_equal(u.load, "masked");
    assert_string_equal(u.active, "inactive");
    assert_string_equal(u.enabled, "masked");
    assert_true(u.condition);
    assert_int_equal(u.processes, 2);
    assert_string_equal(u.environment, "A=1 \"B=two words\"");
    assert_string_equal(u.environment_files, "/etc/default/a (ignore_errors=yes)\n/etc/default/b (ignore_errors=no)");
    cm_unit_fini(&u);
    cm_host_free(h);
}

static int processes(json_t *taken_become, const char *pgrep)
{
    struct cm_host *h = with_tools(taken_become, shown, pgrep);
    struct cm_unit u;
    assert_int_equal(cm_host_unit(&step, h, &u, NULL), 0);
    int n = u.processes;
    cm_unit_fini(&u);
    cm_host_free(h);
    json_decref(plan.normal);
    plan.normal = NULL;
    return n;
}

static void never_takes_cannot_tell_for_no_process(void **state)
{
    (void)state;
    cm_autofree char *allowed = program("sudo-yes", "[ \"$1\" = -n ] && shift; AS_ROOT=1; export AS_ROOT; exec \"$@\"");
    cm_autofree char *refused = program("sudo-no", "echo 'sudo: a password is required' >&2; exit 1");
    assert_int_equal(processes(json_array(), "exit 1"), 0);
    assert_int_equal(processes(json_array(), "exit 3"), -1);
    assert_int_equal(processes(json_array(), "exit 127"), -1);
    assert_int_equal(processes(json_pack("[s,s]", allowed, "-n"), "[ \"$AS_ROOT\" ] && { echo 7; exit 0; }; exit 1"), 1);
    assert_int_equal(processes(json_pack("[s,s]", allowed, "-n"), "exit 1"), 0);
    assert_int_equal(processes(json_pack("[s,s]", refused, "-n"), "echo 7"), 1);
}

static void a_systemctl_that_fails_is_an_error(void **state)
{
    (void)state;
    struct cm_host *h = with_tools(json_array(), "echo 'System has not been booted with systemd' >&2; exit 1", "exit 1");
    struct cm_unit u;
    cm_autoerr err = NULL;
    assert_int_equal(cm_host_unit(&step, h, &u, &err), -1);
    assert_non_null(strstr(cm_err_evidence(err), "not been booted"));
    cm_unit_fini(&u);
    cm_host_free(h);
}

/* ---- OpenSSH itself ---- */

static const char *find_sshd(void)
{
    static const char *const places[] = {"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"};
    const char *own = getenv("CM_TEST_SSHD");
    if (own != NULL)
        return own;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void shell(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

static pid_t start_sshd(const char *sshd, int port)
{
    cm_autofree char *make =
        cm_fmt("cd %s && ssh-keygen -q -t ed25519 -N '' -f hostkey && ssh-keygen -q -t ed25519 -N '' -f key && "
               "cp key.pub authorized && chmod 600 authorized",
               dir);
    shell(make);
    cm_autofree char *config = cm_fmt("%s/sshd_config", dir);
    cm_autofree char *text =
        cm_fmt("Port %d\nListenAddress 127.0.0.1\nHostKey %s/hostkey\nAuthorizedKeysFile %s/authorized\nUsePAM no\n"
               "StrictModes no\nPidFile none\nPasswordAuthentication no\n",
               port, dir, dir);
    cm_file_write(config, text, strlen(text), 0600, NULL);
    if (geteuid() == 0)
        (void)mkdir("/run/sshd", 0755); /* root's sshd wants it, and no boot made it in a container */
    pid_t pid = fork();
    if (pid == 0) {
        cm_autofree char *log = cm_path_join(dir, "sshd.log");
        execl(sshd, sshd, "-D", "-E", log, "-f", config, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* An ssh with our own configuration file, as a user's ~/.ssh/config would be. */
static char *configured_ssh(int port)
{
    cm_autofree char *config = cm_path_join(dir, "ssh_config"), *known = cm_path_join(dir, "known");
    cm_autofree char *text = cm_fmt("Host node1\n HostName 127.0.0.1\n Port %d\n IdentityFile %s/key\n IdentitiesOnly yes\n"
                                    " UserKnownHostsFile %s\n User %s\n",
                                    port, dir, known, getpwuid(getuid())->pw_name);
    cm_file_write(config, text, strlen(text), 0600, NULL);
    cm_autofree char *script = cm_fmt("exec ssh -F %s \"$@\"", config);
    return program("ssh", script);
}

static void trust_host_key(int port)
{
    cm_autofree char *command = cm_fmt("(printf '[127.0.0.1]:%d '; cat %s/hostkey.pub) >%s/known", port, dir, dir);
    shell(command);
}

static void through_ssh(const char *ssh, int port)
{
    struct cm_host *h = by_ssh("node1", ssh, json_array());
    setenv("XDG_RUNTIME_DIR", dir, 1);
    const char *const argv[] = {"printf", "%s|", "it's", "a b", "$HOME", NULL};
    cm_autoout first = {.status = -1}, second = {.status = -1}, third = {.status = -1};
    cm_autoerr unknown = NULL, *err = NULL;
    assert_int_equal(cm_host_run(&step, h, false, argv, &first, &unknown), -1);
    assert_string_equal(cm_err_message(unknown), "node1: its host key is not known here");
    trust_host_key(port);
    if (cm_host_run(&step, h, false, argv, &second, &err) != 0)
        fail_msg("%s: %s", cm_err_message(err), cm_err_evidence(err));
    assert_string_equal(second.out, "it's|a b|$HOME|");
    assert_int_equal(cm_host_run_effect_input(&intent, h, (const char *const[]){"cat", NULL}, "input", 5, &third, NULL), 0);
    assert_string_equal(third.out, "input");
    cm_autofree char *end = cm_fmt("%s -o ControlPath=%s/connect-migrate/%%C -O exit node1 2>/dev/null", ssh, dir);
    shell(end); /* fails when no connection was shared */
    cm_host_free(h);
}

static void works_through_openssh(void **state)
{
    (void)state;
    const char *sshd = find_sshd();
    if (sshd == NULL || system("command -v ssh ssh-keygen >/dev/null 2>&1") != 0) {
        print_message("no sshd here\n");
        skip();
    }
    int port = free_port();
    pid_t pid = start_sshd(sshd, port);
    cm_autofree char *ssh = configured_ssh(port);
    cm_autofree char *wait = cm_fmt("for i in 1 2 3 4 5 6 7 8 9; do ssh-keyscan -p %d 127.0.0.1 2>/dev/null | grep -q . && exit 0; "
                                    "sleep 0.2; done; cat %s/sshd.log >&2; exit 1",
                                    port, dir);
    shell(wait);
    through_ssh(ssh, port);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_the_plans_command_the_host_and_one_argument),
        TEST(becomes_somebody_else_only_where_asked),
        TEST(status_255_is_not_reached_and_passes),
        TEST(any_other_status_is_the_callers_business_but_not_for_an_effect),
        TEST(an_effect_gets_its_input_there),
        TEST(says_when_sudo_wants_a_password_or_is_missing),
        TEST(tells_the_ways_of_not_being_let_in_apart),
        TEST(shares_a_connection_unless_the_user_does),
        TEST(localhost_needs_no_ssh),
        TEST(says_what_a_person_would_type),
        TEST(reads_a_file_there_or_says_that_there_is_none),
        TEST(reads_without_rights_what_sudo_does_not_let_through),
        TEST(reads_the_unit_and_its_processes_in_one_call),
        TEST(never_takes_cannot_tell_for_no_process),
        TEST(a_systemctl_that_fails_is_an_error),
        TEST(works_through_openssh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
