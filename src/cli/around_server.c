/* cli/around_server.c: the old server as its configuration tells it, read here or by ssh (cli/around.h). */
#include <config.h>

#include <string.h>
#include <unistd.h>

#include "adapters/host_shell.h"
#include "adapters/postgres.h"
#include "adapters/process.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/around.h"
#include "values/gcfg.h"

enum { GCFG_MAX = 4 << 20, LIMIT_MS = 15000 };
#define USUAL "/etc/rstudio-connect/rstudio-connect.gcfg"

/* ---- what it says ---- */

static void say_address(struct cm_around *a, const struct cm_gcfg *g, const char *where)
{
    const char *address = cm_gcfg_get(g, "Server", NULL, "Address");
    cm_autofree char *url = address ? cm_around_scalar(address) : NULL;
    const char *said = cm_around_value(a, "connect.url");
    if (!address)
        cm_around_remark(a, "connect.url", "Server.Address is not set in %s", where);
    else if (!said)
        cm_around_say(a, "connect.url", url, "Server.Address in %s", where);
    else if (url && strcmp(said, url) != 0)
        cm_around_remark(a, "connect.url", "Server.Address in %s is another one: which do users type?", where);
}

static void say_database(struct cm_around *a, const struct cm_gcfg *g, const char *where)
{
    const char *provider = cm_gcfg_get(g, "Database", NULL, "Provider"), *text = cm_gcfg_get(g, "Postgres", NULL, "URL");
    struct cm_pg_url url = {0};
    if (!provider || !cm_gcfg_same_name(provider, "postgres")) {
        cm_around_remark(a, "database",
                         "Database.Provider is %s in %s: Connect on Kubernetes needs PostgreSQL, move the data there first",
                         provider ? provider : "not set (SQLite)", where);
        return;
    }
    if (!text || cm_pg_url_parse(text, &url, NULL) < 0)
        cm_around_remark(a, "database", "Postgres.URL in %s is %s", where, text ? "not understood" : "not set");
    else if (cm_pg_host_is_local(url.host))
        cm_around_remark(a, "database", "Postgres.URL in %s leads to the server itself: no pod can reach the database there",
                         where);
    else
        cm_around_remark(a, "database",
                         "Postgres.URL in %s leads to %s: reached from here too? otherwise say database.hostaddr, or via: source",
                         where, url.host);
    cm_pg_url_fini(&url);
}

static void take_config(struct cm_around *a, const char *text, size_t bytes, const char *where)
{
    struct cm_gcfg *g = cm_gcfg_new();
    cm_autoerr why = NULL;
    if (cm_gcfg_add(g, text, bytes, where, &why) < 0) {
        cm_around_remark(a, "source.hosts", "%s", cm_err_message(why));
    } else {
        say_address(a, g, where);
        say_database(a, g, where);
    }
    cm_gcfg_free(g);
}

/* ---- how it is read ---- */

static int cat(struct cm_around *a, struct cm_host *h, bool become, const char *path, struct cm_out *out, struct cm_err **err)
{
    const char *const argv[] = {"cat", "--", path, NULL};
    cm_autofree char *line = cm_host_line(h, become, argv);
    struct cm_host_cmd c;
    cm_host_cmd_begin(&c, h, line);
    c.cmd.timeout_ms = LIMIT_MS;
    c.cmd.output_max_bytes = GCFG_MAX;
    int rc = cm_proc_run(a->loop, &c.cmd, out, err);
    cm_host_cmd_fini(&c);
    if (rc < 0 || cm_host_classify(h, become, out, err) < 0)
        return -1;
    if (out->status == 0)
        return 0;
    return cm_fail(err, CM_E_FAILED, strstr(out->errout, "No such file") ? "there is no %s" : "%s cannot be read", path);
}

/* As root where sudo lets it through, else as oneself; the file may be readable for everybody. */
static char *read_there(struct cm_around *a, const char *name, const char *path, size_t *bytes)
{
    cm_autojson become = json_pack("[s, s]", "sudo", "-n");
    struct cm_host h = {.name = cm_strdup(name), .become = become, .ssh = "ssh", .asked = true};
    h.way = strcmp(name, "localhost") == 0 ? CM_HOST_HERE : CM_HOST_SSH;
    cm_autoout out = {.status = -1}, again = {.status = -1};
    cm_autoerr why = NULL;
    char *text = NULL;
    if (cat(a, &h, true, path, &out, &why) == 0) {
        text = cm_strndup(out.out, *bytes = out.out_bytes);
    } else if (!cm_err_is_passing(why) && out.status != 255 && cat(a, &h, false, path, &again, NULL) == 0) {
        text = cm_strndup(again.out, *bytes = again.out_bytes);
        cm_around_remark(a, "source.hosts",
                         "%s: sudo -n is not let through; `connect-migrate-run explain` names the rights that are needed", name);
    } else {
        const char *message = cm_err_message(why);
        cm_around_remark(a, "source.hosts", "%s%s%s", cm_starts(message, name) ? "" : name, cm_starts(message, name) ? "" : ": ",
                         message);
    }
    free(h.name);
    return text;
}

static void ask_hosts(struct cm_around *a, const char *path)
{
    cm_autofree char *list = cm_around_list(a->hosts);
    bool taken = false;
    cm_around_say(a, "source.hosts", list, "--host");
    if (!cm_around_value(a, "source.hosts"))
        return; /* what is no host name is not handed to ssh */
    for (const char *const *h = a->hosts; *h; h++) {
        size_t bytes = 0;
        cm_autofree char *text = read_there(a, *h, path, &bytes), *where = cm_fmt("%s:%s", *h, path);
        if (text && !taken)
            take_config(a, text, bytes, where);
        taken = taken || text;
    }
    cm_around_remark(a, "source.hosts",
                     "all machines of the server must stand here: one that is forgotten goes on running Connect");
}

static void look_here(struct cm_around *a, const char *path)
{
    cm_autofree char *text = NULL;
    size_t bytes = 0;
    if (!cm_file_exists(path)) {
        cm_around_remark(a, "source.hosts", "there is no %s on this machine; with --host NAME it is looked for by ssh", path);
        return;
    }
    cm_around_say(a, "source.hosts", "[localhost]", "%s is on this machine", path);
    if (cm_file_read(path, GCFG_MAX, &text, &bytes, NULL) < 0)
        cm_around_remark(a, "source.hosts", "%s cannot be read by you; `--host localhost` reads it with sudo -n", path);
    else
        take_config(a, text, bytes, path);
    cm_around_remark(a, "source.hosts", "are there further machines? all of them must stand here, by names that ssh knows");
}

void cm_around_server(struct cm_around *a)
{
    const char *path = a->config ? a->config : USUAL;
    if (a->config && strcmp(path, USUAL) != 0) {
        cm_autofree char *text = cm_around_scalar(path);
        cm_around_say(a, "source.config", text, "--config");
    }
    if (a->hosts[0])
        ask_hosts(a, path);
    else
        look_here(a, path);
}
