/* actions/source_inventory.c: source.inventory: what the old server gives its content beside R, Python and Quarto, and what a
 * container image does not have by itself: drivers, certificates, site files, mounts, environment, users.
 *
 * Everything found is a warning with what to do in the values; nothing here can stop a migration. Files are looked for where the
 * vendors' documents put them, below the folder that holds the configuration's /etc (usually /). Only names leave the server, and no
 * values of variables, which may hold passwords. */
#include <config.h>

#include "actions/source_inventory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "actions/look.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "adapters/storage.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

#define USUAL_CONFIG "/etc/rstudio-connect/rstudio-connect.gcfg"

/* $1 root folder ("" for /), $2 DataDir. The samples stop by number and by time. */
static const char script[] = CM_LOOK_SHELL
    "R=$1\n"
    "said() { for f in \"$@\"; do [ -f \"$f\" ] && grep -qv '^[[:space:]]*\\(#.*\\)*$' \"$f\" 2>/dev/null && printf '%s\\n' \"${f#\"$R\"}\"; done; }\n"
    "text drivers \"$(sed -n 's/^\\[\\(.*\\)\\][[:space:]]*$/\\1/p' \"$R/etc/odbcinst.ini\" 2>/dev/null | grep -v '^ODBC$')\"\n"
    "text sources \"$(sed -n 's/^\\[\\(.*\\)\\][[:space:]]*$/\\1/p' \"$R/etc/odbc.ini\" 2>/dev/null | grep -v '^ODBC')\"\n"
    "text authorities \"$(cd \"$R/\" 2>/dev/null && ls -d usr/local/share/ca-certificates/*.crt etc/pki/ca-trust/source/anchors/* 2>/dev/null)\"\n"
    "text site \"$(said \"$R\"/opt/R/*/lib/R/etc/Renviron.site \"$R\"/opt/R/*/lib/R/etc/Rprofile.site \"$R\"/usr/lib*/R/etc/Renviron.site "
    "\"$R\"/usr/lib*/R/etc/Rprofile.site \"$R\"/etc/R/Renviron.site \"$R\"/etc/R/Rprofile.site)\"\n"
    "text pip \"$(said \"$R/etc/pip.conf\" \"$R/etc/xdg/pip/pip.conf\" \"$R/root/.config/pip/pip.conf\" \"$R/root/.pip/pip.conf\")\"\n"
    "text kerberos \"$(sed -n 's/^[[:space:]]*default_realm[[:space:]]*=[[:space:]]*//p' \"$R/etc/krb5.conf\" 2>/dev/null; "
    "[ -f \"$R/etc/krb5.keytab\" ] && echo /etc/krb5.keytab)\"\n"
    "text hosts \"$(cat \"$R/etc/hosts\" 2>/dev/null)\"\n"
    "text names \"$(hostname 2>/dev/null; hostname -f 2>/dev/null)\"\n"
    "[ -z \"$R\" ] && text mountinfo \"$(cat /proc/self/mountinfo 2>/dev/null)\"\n"
    "t=; command -v timeout >/dev/null 2>&1 && t='timeout 15'\n"
    "[ -d \"$2/packrat\" ] && command -v ldd >/dev/null 2>&1 && text libraries \"$($t find \"$2/packrat\" -name '*.so' 2>/dev/null | "
    "head -n 300 | xargs ldd 2>/dev/null | awk '$2 == \"=>\" {print $1}' | sort -u)\"\n"
    "text end ''\n";

struct found {
    struct cm_step *step;
    const struct cm_source *source;
    const char *node;
    char *output;
    size_t bytes;
};

/* The lines of a part as a list in a sentence, at most `most`; false: there are none. */
static bool listed(const struct found *f, const char *part, size_t most, struct cm_str *out)
{
    cm_autofree char *text = cm_part_text(f->output, f->bytes, part);
    size_t n = 0;
    for (const char *at = text ? text : ""; *at;) {
        size_t len = strcspn(at, "\n");
        if (len && n++ < most)
            cm_look_list(out, "%.*s", (int)len, at);
        at += len + (at[len] ? 1 : 0);
    }
    if (n > most)
        cm_str_addf(out, " and %zu more", n - most);
    return n > 0;
}

static void warn_of(const struct found *f, const char *part, const char *id, const char *what, const char *remedy)
{
    cm_autostr list = CM_STR(2048);
    if (listed(f, part, 12, &list))
        cm_finding(f->step, CM_WARNING, id, remedy, "%s: %s", what, cm_str_text(&list));
}

/* ---- /etc/hosts, mounts, variables, libraries: what has to be told from the usual ---- */

static bool word_in(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; (at = strcasestr(at, word)) != NULL; at += n) {
        bool begins = at == list || strchr(" \t\n", at[-1]), ends = at[n] == '\0' || strchr(" \t\n", at[n]);
        if (begins && ends)
            return true;
    }
    return false;
}

/* Lines for the machine itself and for loopback stand in every hosts file. */
static bool usual_hosts_line(const char *line, const char *names)
{
    char address[64], first[256];
    if (sscanf(line, "%63s %255s", address, first) != 2 || *address == '#')
        return true;
    if (cm_starts(address, "127.") || strcmp(address, "::1") == 0 || cm_starts(address, "fe00") || cm_starts(address, "ff0"))
        return true;
    return word_in(names, first) || cm_ends(first, ".internal") || strcmp(first, "localhost") == 0;
}

static void judge_hosts(const struct found *f)
{
    cm_autofree char *text = cm_part_text(f->output, f->bytes, "hosts");
    cm_autofree char *names = cm_part_text(f->output, f->bytes, "names");
    cm_autostr list = CM_STR(1024);
    for (const char *at = text ? text : ""; *at;) {
        size_t len = strcspn(at, "\n");
        cm_autofree char *line = cm_strndup(at, strcspn(at, "#\n"));
        if (!usual_hosts_line(line, names ? names : ""))
            cm_look_list(&list, "%s", line);
        at += len + (at[len] ? 1 : 0);
    }
    for (size_t i = 0; i < list.len; i++)
        if (list.data[i] == '\t')
            list.data[i] = ' ';
    if (list.len)
        cm_finding(f->step, CM_WARNING, "source.hosts",
                   "Let the cluster's DNS know these names, or add them to pod.hostAliases and to the "
                   "content's job base.",
                   "/etc/hosts on %s names other machines: %s", f->node, cm_str_text(&list));
}

static void judge_mounts(const struct found *f)
{
    cm_autofree char *text = cm_part_text(f->output, f->bytes, "mountinfo");
    cm_autostr list = CM_STR(1024);
    for (const char *at = text ? text : ""; *at;) {
        size_t len = strcspn(at, "\n");
        char target[4096];
        struct cm_mount m = {0};
        cm_autofree char *line = cm_fmt("%.*s\n", (int)len, at);
        bool read = sscanf(line, "%*s %*s %*s %*s %4095s", target) == 1 && cm_mount_from_mountinfo(line, target, &m, NULL) == 0;
        if (read && m.kind == CM_MOUNT_NETWORK && !cm_look_inside(f->source->data_dir, m.target))
            cm_look_list(&list, "%s (%s %s)", m.target, m.fstype, m.source);
        cm_mount_fini(&m);
        at += len + (at[len] ? 1 : 0);
    }
    if (list.len)
        cm_finding(f->step, CM_WARNING, "source.mounts",
                   "Content that reads them needs them in its pods: volumes and volumeMounts in pod and in "
                   "backends.kubernetes.defaultResourceJobBase.",
                   "%s has other network file systems mounted: %s", f->node, cm_str_text(&list));
}

static void judge_environment(const struct found *f)
{
    static const char *const usual[] = {
        "PATH=", "LANG=", "LC_", "HOME=", "TERM=", "SHELL=", "USER=", "TZ=", "CONNECT_", "RSTUDIO_", "RSC_", NULL};
    cm_autostr list = CM_STR(1024);
    for (char **v = f->source->unit_environment; v && *v; v++) {
        bool known = false;
        for (size_t i = 0; usual[i]; i++)
            known |= cm_starts(*v, usual[i]);
        if (!known)
            cm_look_list(&list, "%.*s", (int)strcspn(*v, "="), *v);
    }
    if (list.len)
        cm_finding(
            f->step, CM_WARNING, "source.environment",
            "Content inherits them: put those that it needs into pod.env and the content's job base; with a proxy also NO_PROXY for "
            "the cluster's own addresses.",
            "the unit's environment sets: %s", cm_str_text(&list));
}

static void judge_libraries(const struct found *f)
{
    /* What R, its image and the C runtime bring along. */
    static const char *const usual[] = {
        "libc.so",     "libm.so",     "libdl.so", "librt.so",    "libpthread.so", "libstdc++",  "libgcc_s", "libR",
        "libgfortran", "libquadmath", "libgomp",  "libz.so",     "liblzma",       "libbz2",     "libblas",  "liblapack",
        "libopenblas", "libicu",      "libtirpc", "libreadline", "libpcre",       "libcurl",    "libssl",   "libcrypto",
        "libtinfo",    "libresolv",   "libutil",  "libdeflate",  "libzstd",       "linux-vdso", "ld-linux", NULL};
    cm_autofree char *text = cm_part_text(f->output, f->bytes, "libraries");
    cm_autostr list = CM_STR(1024);
    size_t n = 0;
    for (const char *at = text ? text : ""; *at;) {
        size_t len = strcspn(at, "\n");
        cm_autofree char *name = cm_strndup(at, len);
        bool known = *name == '/' || !*name;
        for (size_t i = 0; usual[i]; i++)
            known |= cm_starts(name, usual[i]);
        if (!known && n++ < 20)
            cm_look_list(&list, "%s", name);
        at += len + (at[len] ? 1 : 0);
    }
    if (n > 20)
        cm_str_addf(&list, " and %zu more", n - 20);
    if (n)
        cm_finding(
            f->step, CM_WARNING, "source.libraries",
            "See that the content images have these system libraries (`ldconfig -p` in the image), or builds of those packages fail.",
            "packages in use link to system libraries: %s", cm_str_text(&list));
}

static void judge_users(const struct found *f)
{
    const char *run_as = cm_gcfg_get(f->source->gcfg, "Applications", NULL, "RunAs");
    if (cm_gcfg_bool(f->source->gcfg, "Applications", "RunAsCurrentUser", false))
        cm_finding(
            f->step, CM_WARNING, "source.run-as-current-user",
            "Content that relies on it needs another way to its data: in a pod no process runs as the person who looks at it, unless "
            "the image knows the users (sssd) and PAM.",
            "Applications.RunAsCurrentUser is on");
    if (run_as && *run_as && strcmp(run_as, "rstudio-connect") != 0)
        cm_finding(f->step, CM_WARNING, "source.run-as",
                   "The content images must know this user with the same ids, or set "
                   "config.Applications.RunAs to rstudio-connect.",
                   "Applications.RunAs is '%s'", run_as);
}

static void judge(const struct found *f)
{
    warn_of(
        f, "drivers", "source.odbc", "ODBC drivers on the server",
        "Content that connects through them needs images with these drivers (Posit's content-pro images have the professional ones) and "
        "the same odbcinst.ini.");
    warn_of(f, "sources", "source.odbc-sources", "ODBC data sources on the server",
            "Mount an odbc.ini with these sources into the content's "
            "pods.");
    warn_of(f, "authorities", "source.authorities", "certificate authorities added on the server",
            "Add them to the images, or mount them and set SSL_CERT_FILE, CURL_CA_BUNDLE and REQUESTS_CA_BUNDLE in the pods.");
    warn_of(f, "site", "source.r-site", "site files of R",
            "Put the same Renviron.site and Rprofile.site into the images (repositories, "
            "options, paths).");
    warn_of(f, "pip", "source.pip", "pip is configured by",
            "Put the same pip.conf into the images, or set PIP_INDEX_URL for the builds.");
    warn_of(f, "kerberos", "source.kerberos", "Kerberos is set up on the server",
            "Content that uses it needs krb5.conf, a keytab or a ticket "
            "in its pods.");
    judge_hosts(f);
    judge_mounts(f);
    judge_environment(f);
    judge_libraries(f);
    judge_users(f);
}

/* ---- the nodes' configuration ---- */

/* All nodes must have the same one; only the first was read. */
static int compare_nodes(struct cm_step *step, const struct cm_source *s, struct cm_err **err)
{
    struct cm_outside *o = cm_step_outside(step);
    static const char command[] = "sha256sum \"$1\" 2>/dev/null | cut -c 1-64";
    const char *const argv[] = {"sh", "-c", command, "sh", s->config_file, NULL};
    cm_autofree char *first = NULL;
    cm_autostr other = CM_STR(512);
    for (size_t i = 0; cm_outside_hosts(o) > 1 && i < cm_outside_hosts(o); i++) {
        cm_autoout out = {0};
        cm_autoerr seen = NULL;
        if (cm_host_run(step, cm_outside_host(o, i), true, argv, &out, &seen) < 0) {
            if (cm_look_ends(&seen, err))
                return -1;
            continue; /* the checks that need this node say that it is not reached */
        }
        if (out.out_bytes < 64)
            continue;
        if (!first)
            first = cm_strndup(out.out, 64);
        else if (strncmp(first, out.out, 64) != 0)
            cm_look_list(&other, "%s", cm_host_name(cm_outside_host(o, i)));
    }
    if (other.len)
        cm_finding(step, CM_WARNING, "source.nodes-differ", "Compare the files, and make the first node's the one to be converted.",
                   "%s is another on %s than on %s", s->config_file, cm_str_text(&other), cm_host_name(cm_outside_host(o, 0)));
    return 0;
}

char *cm_inventory_root(const char *config_file)
{
    size_t n = strlen(config_file), tail = strlen(USUAL_CONFIG);
    return n > tail && cm_ends(config_file, USUAL_CONFIG) ? cm_strndup(config_file, n - tail) : cm_strdup("");
}

static int look(struct cm_step *step, const struct cm_source *s, struct cm_err **err)
{
    struct cm_host *host = cm_outside_host(cm_step_outside(step), 0);
    cm_autofree char *root = cm_inventory_root(s->config_file);
    const char *const argv[] = {"sh", "-c", script, "sh", root, s->data_dir, NULL};
    cm_autoout out = {0};
    cm_autoerr seen = NULL;
    if (cm_host_run(step, host, true, argv, &out, &seen) < 0)
        return cm_look_failed(step, "source.unreachable", "what the server gives its content could not be looked at",
                              "Make `ssh NODE` work from here, then check again.", &seen, err);
    struct found f = {.step = step, .source = s, .node = cm_host_name(host), .output = out.out, .bytes = out.out_bytes};
    cm_autofree char *end = cm_part_text(f.output, f.bytes, "end");
    judge(&f);
    if (!end)
        cm_finding(step, CM_UNKNOWN, "source.incomplete",
                   "Look for drivers, certificates and site files on the server yourself, and attest it.",
                   "the look at %s ended early with status %d", f.node, out.status);
    else
        cm_finding(step, CM_OK, "source.looked-at", NULL,
                   "%s was looked at for drivers, certificates, site files, mounts, variables, users", f.node);
    if (compare_nodes(step, s, err) < 0)
        return -1;
    return cm_inventory_content(step, s, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const struct cm_source *s;
    cm_autoerr seen = NULL;
    if (cm_source_read(step, &s, &seen) < 0)
        return cm_look_failed(step, "source.unreachable", "what the server gives its content could not be looked at",
                              "Make `ssh NODE` work from here without a password, then check again.", &seen, err);
    return look(step, s, err);
}

const struct cm_action cm_action_source_inventory = {
    .name = "source.inventory",
    .summary = "Find what the server gives its content and an image would not",
    .page = "https://docs.posit.co/connect/admin/appendix/off-host/execution-environments/",
    .kind = CM_CHECK,
    .apply = apply,
    .reads =
        "On the first node: odbcinst.ini, odbc.ini, added certificate authorities, Renviron.site, Rprofile.site, pip.conf, krb5.conf, "
        "/etc/hosts, mounts, names of the unit's variables, libraries that packages link to; on every node a digest of the "
        "configuration; through the API the users that content runs as and the items fed from Git.",
    .does = "Nothing.",
    .proves = "Nothing about the images: each line says what to look for in them.",
    .rights = "Reading these files on the nodes; an administrator's API key for the list of content.",
};
