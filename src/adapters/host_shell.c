/* adapters/host_shell.c: how a command line gets to a node: here, by ssh, or by the plan's own command (adapters/host.h).
 *
 * ssh gets the user's own configuration. A connection is shared between our commands, unless the user's configuration shares
 * one already: that one may have been opened with a second factor, and ours would stand in its way. */
#include <config.h>

#include "adapters/host_shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/process.h"
#include "base/text.h"
#include "plan/plan.h"

struct cm_host *cm_host_new(const struct cm_plan *plan, const char *name)
{
    struct cm_host *h = cm_alloc(sizeof *h);
    h->name = cm_strdup(name);
    const json_t *shell = cm_plan_get(plan, "source.shell");
    const char *word = json_string_value(shell);
    if (json_is_array(shell)) {
        h->way = CM_HOST_LIST;
        h->shell = shell;
    } else if ((word != NULL && strcmp(word, "local") == 0) || strcmp(name, "localhost") == 0) {
        h->way = CM_HOST_HERE;
    } else {
        h->way = CM_HOST_SSH;
    }
    h->become = cm_plan_get(plan, "source.become");
    h->ssh = cm_plan_text(plan, "tools.ssh");
    if (h->ssh == NULL)
        h->ssh = "ssh";
    h->service = cm_plan_text(plan, "source.service");
    if (h->service == NULL)
        h->service = "rstudio-connect";
    return h;
}

void cm_host_free(struct cm_host *h)
{
    if (h == NULL)
        return;
    free(h->name);
    free(h->control);
    free(h);
}

const char *cm_host_name(const struct cm_host *h) { return h->name; }

bool cm_host_has_become(const struct cm_host *h)
{
    /* Root here needs nobody's leave, and a container may have no sudo. */
    return json_array_size(h->become) > 0 && !(h->way == CM_HOST_HERE && geteuid() == 0);
}

static void add_words(struct cm_str *s, const json_t *words)
{
    size_t i;
    const json_t *word;
    json_array_foreach(words, i, word)
    {
        cm_shell_quote(s, json_string_value(word));
        cm_str_add(s, " ");
    }
}

char *cm_host_line(const struct cm_host *h, bool become, const char *const *argv)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    cm_str_add(&s, "LC_ALL=C "); /* what the tools say is read below; sudo keeps LC_* (sudoers, env_check) */
    if (become && cm_host_has_become(h))
        add_words(&s, h->become);
    cm_autofree char *command = cm_shell_join(argv);
    cm_str_add(&s, command);
    return cm_str_take(&s);
}

/* ---- ssh ---- */

/* A folder of our own for the sockets: theirs are names of at most 108 bytes (unix(7)), so it must be short. NULL: none. */
static char *control_folder(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char *path = runtime != NULL && runtime[0] == '/' && strlen(runtime) < 32
                     ? cm_fmt("%s/connect-migrate", runtime)
                     : cm_fmt("/tmp/connect-migrate-%lu", (unsigned long)geteuid());
    struct stat st;
    if ((mkdir(path, 0700) == 0 || errno == EEXIST) && lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
        (st.st_mode & 077) == 0)
        return path;
    free(path);
    return NULL;
}

/* `ssh -G` prints the configuration that would be used, without connecting (ssh(1)). */
static bool user_shares_connections(const struct cm_host *h, struct cm_loop *loop)
{
    const char *const argv[] = {h->ssh, "-G", h->name, NULL};
    const struct cm_cmd cmd = {.argv = argv, .timeout_ms = 5000};
    cm_autoout out = {.status = -1};
    if (cm_proc_run(loop, &cmd, &out, NULL) != 0 || out.status != 0)
        return false;
    const char *at = cm_starts(out.out, "controlpath ") ? out.out : strstr(out.out, "\ncontrolpath ");
    return at != NULL && !cm_starts(strchr(at, ' '), " none\n");
}

static void add_ssh(struct cm_host_cmd *c, struct cm_host *h, struct cm_loop *loop)
{
    if (!h->control_known) {
        h->control_known = true;
        cm_autofree char *folder = user_shares_connections(h, loop) ? NULL : control_folder();
        if (folder != NULL)
            h->control = cm_fmt("ControlPath=%s/%%C", folder);
    }
    cm_argv_add(&c->argv, h->ssh);
    cm_argv_add2(&c->argv, "-o", "BatchMode=yes");
    cm_argv_add2(&c->argv, "-o", "ConnectTimeout=10");
    if (h->control != NULL) {
        cm_argv_add2(&c->argv, "-o", "ControlMaster=auto");
        cm_argv_add2(&c->argv, "-o", h->control);
        cm_argv_add2(&c->argv, "-o", "ControlPersist=60");
    }
    cm_argv_add(&c->argv, h->name);
    cm_argv_add(&c->argv, "--");
}

/* ---- the plan's own command ---- */

static const char *with_host(struct cm_arena *arena, const char *word, const char *host)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    for (const char *at; (at = strstr(word, "{host}")) != NULL; word = at + strlen("{host}")) {
        cm_str_add_bytes(&s, word, (size_t)(at - word));
        cm_str_add(&s, host);
    }
    cm_str_add(&s, word);
    const char *text = cm_arena_strdup(arena, cm_str_text(&s));
    cm_str_fini(&s);
    return text;
}

static void add_list(struct cm_argv *argv, struct cm_arena *arena, const struct cm_host *h)
{
    size_t i;
    const json_t *word;
    json_array_foreach(h->shell, i, word) cm_argv_add(argv, with_host(arena, json_string_value(word), h->name));
}

void cm_host_cmd_begin(struct cm_host_cmd *c, struct cm_host *h, struct cm_loop *loop, const char *line)
{
    *c = (struct cm_host_cmd){.arena = cm_arena_new()};
    if (h->way == CM_HOST_HERE) {
        cm_argv_add(&c->argv, "sh");
        cm_argv_add(&c->argv, "-c");
    } else if (h->way == CM_HOST_SSH) {
        add_ssh(c, h, loop);
    } else {
        add_list(&c->argv, c->arena, h);
    }
    cm_argv_add(&c->argv, cm_arena_strdup(c->arena, line));
    c->cmd.argv = c->argv.list;
}

void cm_host_cmd_fini(struct cm_host_cmd *c)
{
    cm_argv_fini(&c->argv);
    cm_arena_free(c->arena);
}

char *cm_host_by_hand(const struct cm_host *h, const char *const *argv)
{
    struct cm_str s = CM_STR(CM_STR_PAGE);
    if (cm_host_has_become(h)) {
        size_t i;
        const json_t *word;
        json_array_foreach(h->become, i, word)
        {
            if (i > 0 && strcmp(json_string_value(word), "-n") == 0)
                continue; /* a person can be asked for a password */
            cm_shell_quote(&s, json_string_value(word));
            cm_str_add(&s, " ");
        }
    }
    cm_autofree char *command = cm_shell_join(argv);
    cm_str_add(&s, command);
    if (h->way == CM_HOST_HERE)
        return cm_str_take(&s);
    cm_autoarena arena = cm_arena_new();
    cm_autoargv words = {0};
    cm_autofree char *inner = cm_str_take(&s);
    if (h->way == CM_HOST_LIST)
        add_list(&words, arena, h);
    else {
        cm_argv_add2(&words, h->ssh, "-t");
        cm_argv_add(&words, h->name);
    }
    cm_argv_add(&words, inner);
    return cm_shell_join(words.list);
}

/* ---- whose fault it was ---- */

enum blame { NOT_REACHED, NO_SUCH_NAME, KEY_CHANGED, KEY_UNKNOWN, REFUSED };

/* What OpenSSH's client says (ssh.c, sshconnect.c, sshconnect2.c); the first that fits. */
static const struct {
    const char *text;
    enum blame blame;
} ssh_says[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", KEY_CHANGED}, {"Host key verification failed", KEY_UNKNOWN},
    {"No ED25519 host key is known", KEY_UNKNOWN},           {"Permission denied (", REFUSED},
    {"Too many authentication failures", REFUSED},           {"Could not resolve hostname", NO_SUCH_NAME},
};

static enum blame blame(const char *errout)
{
    if (strstr(errout, "Temporary failure in name resolution") != NULL)
        return NOT_REACHED;
    for (size_t i = 0; i < sizeof ssh_says / sizeof *ssh_says; i++)
        if (strstr(errout, ssh_says[i].text) != NULL)
            return ssh_says[i].blame;
    return NOT_REACHED;
}

static int not_reached(const struct cm_host *h, const struct cm_out *out, struct cm_err **err)
{
    enum blame why = h->way == CM_HOST_SSH ? blame(out->errout) : NOT_REACHED;
    switch (why) {
    case KEY_CHANGED:
        cm_fail(err, CM_E_FAILED, "%s: its host key is another one than the one known here", h->name);
        cm_hint(err, "If the machine was set up anew, type: ssh-keygen -R %s, then: ssh %s, and compare the fingerprint.", h->name,
                h->name);
        break;
    case KEY_UNKNOWN:
        cm_fail(err, CM_E_FAILED, "%s: its host key is not known here", h->name);
        cm_hint(err, "Type: %s %s, and compare the fingerprint before you say yes.", h->ssh, h->name);
        break;
    case REFUSED:
        cm_fail(err, CM_E_FAILED, "%s: ssh is not let in without a password", h->name);
        cm_hint(err,
                "See that this works without a question: %s -o BatchMode=yes %s true (a key in ssh-agent, or a shared "
                "connection opened before).",
                h->ssh, h->name);
        break;
    case NO_SUCH_NAME:
        cm_fail(err, CM_E_FAILED, "%s: no such host", h->name);
        cm_hint(err, "Correct the name under source.hosts in the plan, or add it to ~/.ssh/config.");
        break;
    case NOT_REACHED: cm_fail_passing(err, "%s: not reached", h->name); break;
    }
    cm_autofree char *last = cm_last_lines(out->errout, 10);
    cm_evidence(err, last);
    return -1;
}

static bool sudo_refused(const char *errout)
{
    static const char *const texts[] = {"sudo: a password is required",
                                        "sudo: a terminal is required",
                                        "sudo: no tty present",
                                        "is not in the sudoers file",
                                        "is not allowed to execute",
                                        "may not run sudo",
                                        "sudo: sorry, you must have a tty",
                                        NULL};
    for (size_t i = 0; texts[i] != NULL; i++)
        if (strstr(errout, texts[i]) != NULL)
            return true;
    return false;
}

int cm_host_classify(const struct cm_host *h, bool become, const struct cm_out *out, struct cm_err **err)
{
    if (h->way != CM_HOST_HERE && out->status == 255)
        return not_reached(h, out, err);
    if (!become || !cm_host_has_become(h) || out->status == 0)
        return 0;
    const char *first = json_string_value(json_array_get(h->become, 0));
    cm_autofree char *last = cm_last_lines(out->errout, 5);
    if (out->status == 1 && sudo_refused(out->errout)) {
        cm_fail(err, CM_E_FAILED, "%s: %s does not let this command through without a password", h->name, first);
        cm_hint(err, "Allow it in sudoers (NOPASSWD), or set source.become in the plan; `connect-migrate-run explain` lists the "
                     "least rights that each action needs.");
        cm_evidence(err, last);
        return -1;
    }
    /* "sh: 1: sudo: not found", "bash: line 1: sudo: command not found"; 126 where a folder of PATH may not be entered */
    cm_autofree char *blamed = cm_fmt("%s: ", first);
    if ((out->status == 127 || out->status == 126) && strstr(out->errout, blamed) != NULL) {
        cm_fail(err, CM_E_FAILED, "%s: there is no command %s there", h->name, first);
        cm_hint(err, "Set source.become in the plan: [] when the user is root already, or what gives its rights there.");
        cm_evidence(err, last);
        return -1;
    }
    return 0;
}
