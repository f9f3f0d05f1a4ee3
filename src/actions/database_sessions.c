/* actions/database_sessions.c: the part of database.check that tells who is connected: Connect on the known nodes, a node that
 * nobody named, others.
 *
 * Only addresses are compared. A loopback or socket session comes from the database's own machine or through a tunnel and cannot
 * be told apart. Roles other than Connect's are named, never counted (monitoring, a DBA's psql). */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "actions/database_check.h"
#include "actions/look.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "adapters/postgres.h"
#include "base/mem.h"
#include "base/text.h"
#include "plan/plan.h"

struct tally {
    struct cm_str known, strangers, others;
    size_t ours, known_n, strangers_n, others_n, hidden_n;
};

/* Addresses of a node as the node itself gives them, blanks on both sides of each: " 10.0.0.5 fe80::1 ". */
static char *addresses_of(struct cm_step *step, struct cm_host *host)
{
    static const char script[] =
        "hostname -I 2>/dev/null || ip -o addr 2>/dev/null | awk '{sub(\"/.*\",\"\",$4); printf \"%s \", $4}'";
    const char *const argv[] = {"sh", "-c", script, NULL};
    cm_autoout out = {0};
    if (cm_host_run(step, host, false, argv, &out, NULL) < 0)
        return NULL;
    for (char *p = out.out; *p; p++)
        if (*p == '\n' || *p == '\t')
            *p = ' ';
    return cm_fmt(" %s ", out.out);
}

struct nodes {
    char **addresses;
    size_t n;
    bool all_known;
};

static void nodes_read(struct cm_step *step, struct nodes *nodes)
{
    struct cm_outside *o = cm_step_outside(step);
    nodes->n = cm_outside_hosts(o);
    nodes->addresses = cm_alloc((nodes->n + 1) * sizeof *nodes->addresses);
    nodes->all_known = true;
    for (size_t i = 0; i < nodes->n && !cm_cancelled(step); i++) {
        nodes->addresses[i] = addresses_of(step, cm_outside_host(o, i));
        if (!nodes->addresses[i] || strspn(nodes->addresses[i], " ") == strlen(nodes->addresses[i]))
            nodes->all_known = false;
    }
}

static void nodes_fini(struct nodes *nodes)
{
    for (size_t i = 0; i < nodes->n; i++)
        free(nodes->addresses[i]);
    free(nodes->addresses);
}

static bool is_a_node(const struct nodes *nodes, const char *address)
{
    cm_autofree char *word = cm_fmt(" %s ", address);
    for (size_t i = 0; i < nodes->n; i++)
        if (nodes->addresses[i] && strstr(nodes->addresses[i], word))
            return true;
    return false;
}

/* client_addr as text, perhaps with a mask ("10.0.0.5/32"). NULL or loopback: the database's own machine. */
static char *bare_address(const char *address)
{
    if (!address || !*address)
        return NULL;
    return cm_strndup(address, strcspn(address, "/"));
}

static bool is_loopback(const char *address)
{
    return !address || cm_starts(address, "127.") || strcmp(address, "::1") == 0 || cm_starts(address, "::ffff:127.");
}

static bool ignored(struct cm_step *step, const struct cm_pg_session *s)
{
    const json_t *list = cm_plan_get(cm_step_plan(step), "database.ignore_sessions"), *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        const char *name = json_string_value(one);
        if (name && s->application && strcasecmp(name, s->application) == 0)
            return true;
    }
    return false;
}

static bool connects_role(const struct cm_dbcheck *d, const char *user)
{
    const struct cm_pg_url *urls[] = {&d->source->core, &d->source->instrumentation};
    for (size_t i = 0; i < 2; i++)
        if (user && urls[i]->user && strcmp(urls[i]->user, user) == 0)
            return true;
    return false;
}

/* "connect from 10.0.0.9 (rsc, since 2026-12-01 08:00)"; each address once. */
static void tell(struct cm_str *list, const struct cm_pg_session *s, const char *address)
{
    cm_autofree char *from = cm_fmt("%s from %s", s->user ? s->user : "(hidden)", address ? address : "an address not shown");
    if (strstr(cm_str_text(list), from))
        return;
    bool app = s->application && *s->application, since = s->started && *s->started;
    cm_look_list(list, "%s%s%s%s%.19s%s", from, app || since ? " (" : "", app ? s->application : "",
                 app && since ? ", since "
                 : since      ? "since "
                              : "",
                 since ? s->started : "", app || since ? ")" : "");
}

static void count(struct cm_dbcheck *d, const struct nodes *nodes, const struct cm_pg_session *s, struct tally *t)
{
    cm_autofree char *address = bare_address(s->address);
    if (s->ours) {
        t->ours++;
    } else if (!connects_role(d, s->user) || ignored(d->step, s)) {
        t->others_n++;
        tell(&t->others, s, s->hidden ? NULL : address ? address : "the database's own machine");
    } else if (s->hidden) {
        t->hidden_n++;
    } else if (is_loopback(address) || is_a_node(nodes, address)) {
        t->known_n++;
    } else {
        t->strangers_n++;
        tell(&t->strangers, s, address);
    }
}

/* Connect keeps connections open while it is up. When it answers and this database knows none of them, it may be another server. */
static int look_for_connect(struct cm_dbcheck *d, struct cm_err **err)
{
    struct cm_connect *c;
    cm_autoerr none = NULL;
    long status = 0;
    if (cm_source_connect(d->step, &c, &none) < 0 || cm_connect_ping(d->step, c, &status, &none) < 0)
        return cm_look_ends(&none, err) ? -1 : 0;
    if (status == 200)
        cm_finding(
            d->step, CM_UNKNOWN, "database.not-in-use",
            "Look whether database.hostaddr (or the name, as this machine resolves it) is the server that Connect uses, and that no "
            "connection pooler stands in between; otherwise nobody can tell here that Connect is stopped.",
            "the old server answers at %s, but has no session in the database that was asked", cm_connect_url(c));
    return 0;
}

static void say(struct cm_dbcheck *d, const struct nodes *nodes, const struct tally *t)
{
    if (t->strangers_n && !nodes->all_known)
        cm_finding(
            d->step, CM_UNKNOWN, d->id_sessions,
            "Compare these addresses with the nodes of the old server; attest that each belongs to one.",
            "%zu session(s) of Connect's role come from addresses that could not be compared, since the nodes' own could not be "
            "read: %s",
            t->strangers_n, cm_str_text(&t->strangers));
    else if (t->strangers_n)
        cm_finding(
            d->step, CM_UNKNOWN, d->id_sessions,
            "Find out what runs there: a Connect node missing from source.hosts would write beside the new server. Add it to "
            "the plan, or attest what it is; name a monitoring agent under database.ignore_sessions.",
            "%zu session(s) of Connect's role come from addresses of no node in the plan: %s", t->strangers_n,
            cm_str_text(&t->strangers));
    else
        cm_finding(d->step, CM_OK, d->id_sessions, NULL, "sessions: %zu of Connect from the known nodes, %zu of others%s%s",
                   t->known_n, t->others_n, t->others_n ? ": " : "", cm_str_text(&t->others));
}

int cm_dbcheck_sessions(struct cm_dbcheck *d, struct cm_pg *p, struct cm_err **err)
{
    struct cm_pg_sessions all = {0};
    struct tally t = {.known = CM_STR(CM_STR_LINE), .strangers = CM_STR(2048), .others = CM_STR(1024)};
    struct nodes nodes = {0};
    if (cm_pg_sessions(p, &all, err) < 0)
        return -1;
    bool addresses_matter = false;
    for (size_t i = 0; i < all.count; i++) {
        cm_autofree char *address = bare_address(all.list[i].address);
        addresses_matter |= !all.list[i].ours && connects_role(d, all.list[i].user) && !is_loopback(address);
    }
    if (addresses_matter)
        nodes_read(d->step, &nodes);
    for (size_t i = 0; i < all.count; i++)
        count(d, &nodes, &all.list[i], &t);
    if (!all.all_visible || t.hidden_n)
        cm_finding(
            d->step, CM_UNKNOWN, d->id_rights,
            "As a superuser: GRANT pg_read_all_stats TO the role that this program signs in as; it shows who is connected, no data.",
            "%zu session(s) of Connect's role hide their address and beginning from the role that was let in as %s", t.hidden_n,
            d->url->user ? d->url->user : "the one used");
    say(d, &nodes, &t);
    int rc = d->which == 0 && t.known_n + t.strangers_n + t.hidden_n == 0 ? look_for_connect(d, err) : 0;
    nodes_fini(&nodes);
    cm_str_fini(&t.known);
    cm_str_fini(&t.strangers);
    cm_str_fini(&t.others);
    cm_pg_sessions_fini(&all);
    return rc;
}
