/* adapters/host_blame.c: whose fault it is when a command on a node did not come to run: the network, the node's key, the login,
 * the user's own configuration, or sudo. The words are those of OpenSSH's client (ssh.c, sshconnect.c, sshconnect2.c, clientloop.c)
 * and of sudo in the C locale; the line that tells is quoted, since what stands behind it (a jump host's closing) misleads. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "adapters/host_shell.h"
#include "base/text.h"

enum blame { NOT_REACHED, LOST, NO_SUCH_NAME, KEY_CHANGED, KEY_UNKNOWN, REFUSED, OWN_CONFIGURATION, NO_AGREEMENT };

/* The first that fits anywhere decides. */
static const struct {
    const char *text;
    enum blame blame;
} ssh_says[] = {
    {"Host key for ", KEY_CHANGED}, /* "… has changed and you have requested strict checking." */
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", KEY_CHANGED},
    {"host key is known for", KEY_UNKNOWN}, /* "No ED25519 host key is known for … and you have requested strict checking." */
    {"Host key verification failed", KEY_UNKNOWN},
    {"are too open", REFUSED}, /* a private key that others may read is not used */
    {"agent refused operation", REFUSED},
    {"Permission denied (", REFUSED},
    {"Too many authentication failures", REFUSED},
    {"No more authentication methods", REFUSED},
    {"Bad configuration option", OWN_CONFIGURATION},
    {"Bad owner or permissions on", OWN_CONFIGURATION},
    {"terminating, ", OWN_CONFIGURATION},
    {"no argument after keyword", OWN_CONFIGURATION},
    {"Unable to negotiate with", NO_AGREEMENT},
    {"Temporary failure in name resolution", NOT_REACHED},
    {"Could not resolve hostname", NO_SUCH_NAME},
    {"open failed: ", NOT_REACHED}, /* by a jump host: it does not reach the node, or may not */
    {"connect to host ", NOT_REACHED},
    {"during banner exchange", NOT_REACHED},
    {"closed by remote host.", LOST},
    {"client_loop: ", LOST},
    {"Timeout, server ", LOST},
    {"mux_client_", LOST},
    {"kex_exchange_identification: ", NOT_REACHED},
};

/* The line of `text` in which `at` lies; caller frees. */
static char *line_at(const char *text, const char *at)
{
    while (at > text && at[-1] != '\n')
        at--;
    size_t n = strcspn(at, "\r\n");
    while (n > 0 && at[n - 1] == ' ')
        n--;
    return cm_strndup(at, n);
}

/* *line: what tells it; caller frees; NULL when nothing that is known was said. */
static enum blame blame(const char *errout, char **line)
{
    *line = NULL;
    for (size_t i = 0; i < sizeof ssh_says / sizeof *ssh_says; i++) {
        const char *at = strstr(errout, ssh_says[i].text);
        if (at == NULL)
            continue;
        *line = line_at(errout, at);
        return ssh_says[i].blame;
    }
    return *errout == '\0' ? LOST : NOT_REACHED;
}

/* A command line that shows the same, without a question; caller frees. */
static char *try_it(const struct cm_host *h)
{
    if (h->way == CM_HOST_SSH)
        return cm_fmt("%s -o BatchMode=yes %s true", h->ssh, h->name);
    const char *const nothing[] = {"true", NULL};
    struct cm_host plain = *h;
    plain.become = NULL;
    return cm_host_by_hand(&plain, nothing);
}

/* "Offending ED25519 key in /home/ann/.ssh/known_hosts:7" and "Host key for [db1]:2222 has changed": the entry as it stands there. */
static void hint_key_changed(const struct cm_host *h, const char *errout, struct cm_err **err)
{
    const char *offending = strstr(errout, "Offending "), *in = offending ? strstr(offending, " key in ") : NULL,
               *of = strstr(errout, "Host key for "), *end = of ? strstr(of, " has changed") : NULL;
    cm_autofree char *where = in ? line_at(in + 8, in + 8) : NULL;
    cm_autofree char *entry = end ? cm_strndup(of + 13, (size_t)(end - of - 13)) : cm_strdup(h->name);
    char *colon = where ? strrchr(where, ':') : NULL;
    if (colon)
        *colon = '\0';
    const char *const argv[] = {"ssh-keygen", "-R", entry, where ? "-f" : NULL, where, NULL};
    cm_autofree char *remove = cm_shell_join(argv);
    cm_hint(err,
            "Ask whoever runs it whether the machine was set up anew. If so, type: %s, then: %s %s, and compare the fingerprint.",
            remove, h->ssh, h->name);
}

static void say(const struct cm_host *h, enum blame why, const char *told, const char *errout, struct cm_err **err)
{
    const char *colon = *told ? ": " : "";
    cm_autofree char *line = try_it(h);
    switch (why) {
    case KEY_CHANGED:
        cm_fail(err, CM_E_FAILED, "%s: the host key changed: it is another one than the one known here", h->name);
        hint_key_changed(h, errout, err);
        break;
    case KEY_UNKNOWN:
        cm_fail(err, CM_E_FAILED, "%s: its host key is not known here", h->name);
        cm_hint(err, "Type: %s %s, and compare the fingerprint before you say yes.", h->ssh, h->name);
        break;
    case REFUSED:
        cm_fail(err, CM_E_FAILED, "%s: ssh is not allowed in without a password%s%s", h->name, colon, told);
        cm_hint(err, "See that this works without a question: %s (a key in ssh-agent, or a shared connection opened before).",
                line);
        break;
    case NO_SUCH_NAME:
        cm_fail(err, CM_E_FAILED, "%s: no such host%s%s", h->name, colon, told);
        cm_hint(err, "Correct the name under source.hosts in the plan, or add it to ~/.ssh/config.");
        break;
    case OWN_CONFIGURATION:
        cm_fail(err, CM_E_FAILED, "%s: ssh does not accept its own configuration%s%s", h->name, colon, told);
        cm_hint(err, "Mend that file; then see that this works: %s", line);
        break;
    case NO_AGREEMENT:
        cm_fail(err, CM_E_FAILED, "%s: ssh and the machine agree on no algorithm%s%s", h->name, colon, told);
        cm_hint(err, "Allow there what this ssh offers, or set it for that host in ~/.ssh/config; then: %s", line);
        break;
    case LOST:
        cm_fail_unreached(err, "%s: the connection was lost while a command ran there%s%s", h->name, colon, told);
        cm_hint(err, "Run the same command again; what was begun is looked at first.");
        break;
    case NOT_REACHED:
        cm_fail_unreached(err, "%s: cannot be reached%s%s", h->name, colon, told);
        cm_hint(err, "See whether this works here: %s (a VPN, a firewall, or the name and port in ~/.ssh/config).", line);
        break;
    }
}

static int not_reached(const struct cm_host *h, const struct cm_out *out, struct cm_err **err)
{
    cm_autofree char *told = NULL, *last = cm_last_lines(out->errout, 10);
    enum blame why = blame(out->errout, &told);
    if (why == LOST && h->way == CM_HOST_LIST)
        why = NOT_REACHED; /* 255 of a command of the plan's means just that */
    say(h, why, told ? told : "", out->errout, err);
    const char *tells = told ? strstr(last, told) : NULL;
    if (tells) /* what comes behind it is a consequence */
        last[(size_t)(tells - last) + strlen(told)] = '\0';
    cm_evidence(err, last);
    return -1;
}

/* ---- the login's own shell, and sudo ---- */

static const char *said_one_of(const char *errout, const char *const *texts)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        const char *at = strstr(errout, texts[i]);
        if (at != NULL)
            return at;
    }
    return NULL;
}

/* Let in, and turned away by the account: nologin(8), an expired password or account. */
static int account_refused(const struct cm_host *h, const struct cm_out *out, struct cm_err **err)
{
    static const char *const texts[] = {"This account is currently not available", "Password change required but no TTY available",
                                        "Your account has expired", "Your password has expired", NULL};
    cm_autofree char *both = cm_fmt("%s\n%s", out->errout, out->out);
    const char *at = h->way == CM_HOST_SSH && out->status == 1 ? said_one_of(both, texts) : NULL;
    if (at == NULL)
        return 0;
    cm_autofree char *told = line_at(both, at), *line = try_it(h);
    cm_fail(err, CM_E_FAILED, "%s: ssh is not allowed in with this account: %s", h->name, told);
    cm_hint(err, "Let the account be mended, or name another one (source.hosts: [USER@HOST]); then see that this works: %s", line);
    return -1;
}

static int sudo_refused(const struct cm_host *h, const char *first, const struct cm_out *out, struct cm_err **err)
{
    static const char *const password[] = {
        "password is required",    "terminal is required", "no tty present",         "you must have a tty",
        "Authentication required", "conversation failed",  "Authorization required", NULL};
    static const char *const forbidden[] = {"is not in the sudoers file", "is not allowed to ", "may not run sudo",
                                            "Operation not permitted",    "not permitted",      NULL};
    cm_autofree char *mark = cm_fmt("%s: ", first);
    const char *wants = said_one_of(out->errout, password), *no = said_one_of(out->errout, forbidden);
    const char *slash = strrchr(first, '/'), *at = wants ? wants : no;
    cm_autofree char *told = at ? line_at(out->errout, at) : NULL;
    bool own = told && (cm_starts(told, mark) || (slash && strncmp(told, slash + 1, strlen(slash + 1)) == 0) ||
                        cm_starts(told, "Sorry, ") || strstr(told, "sudoers"));
    if (!own)
        return 0;
    if (wants)
        cm_fail(err, CM_E_FAILED, "%s: %s wants a password there", h->name, first);
    else
        cm_fail(err, CM_E_FAILED, "%s: %s does not allow this command there", h->name, first);
    cm_hint(err,
            "Allow it without a password on %s (visudo: `USER ALL=(root) NOPASSWD: ALL`, or only the commands that "
            "`connect-migrate-run explain` lists), or set source.become in the plan.",
            h->name);
    cm_evidence(err, told);
    return -1;
}

int cm_host_classify(const struct cm_host *h, bool become, const struct cm_out *out, struct cm_err **err)
{
    if (h->way != CM_HOST_HERE && out->status == 255)
        return not_reached(h, out, err);
    if (account_refused(h, out, err) != 0)
        return -1;
    if (!become || !cm_host_has_become(h) || out->status == 0)
        return 0;
    const char *first = json_string_value(json_array_get(h->become, 0));
    if (out->status == 1)
        return sudo_refused(h, first, out, err);
    /* "sh: 1: sudo: not found", "bash: line 1: sudo: command not found"; 126 where a folder of PATH may not be entered */
    cm_autofree char *blamed = cm_fmt("%s: ", first), *last = cm_last_lines(out->errout, 5);
    if ((out->status == 127 || out->status == 126) && strstr(out->errout, blamed) != NULL) {
        cm_fail(err, CM_E_FAILED, "%s: there is no command %s there", h->name, first);
        cm_hint(err, "Set source.become in the plan: [] when the user is root already, or what gives its rights there.");
        cm_evidence(err, last);
        return -1;
    }
    return 0;
}
