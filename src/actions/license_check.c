/* actions/license_check.c: license.check: is the old server licensed, until when, and may content run off-host.
 *
 * Asked are license-manager on every node and the running server's own settings; either is enough. How many activations are left
 * stands in neither, so a product key needs a person's word, a license file does not (the vendor: files are not counted). Product
 * keys are masked where the text is read (adapters/license.c). */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "actions/look.h"
#include "actions/source.h"
#include "adapters/connect.h"
#include "adapters/host.h"
#include "adapters/license.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "plan/plan.h"

enum { SOON_DAYS = 30 };
#define DAY_MS INT64_C(86400000)

/* What is known so far, from all nodes and from the API. */
struct known {
    struct cm_step *step;
    struct cm_str inactive, strange, unreached, floating, good;
    enum cm_tri manager_off_host, api_off_host;
    bool active, api_asked;
    long days;        /* fewest left; -1: not said */
    char ends[40];    /* as written, of that license */
    const char *hint; /* of a node that was not reached; arena */
};

static void known_fini(struct known *k)
{
    struct cm_str *all[] = {&k->inactive, &k->strange, &k->unreached, &k->floating, &k->good};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cm_str_fini(all[i]);
}

static void days_seen(struct known *k, long days, const char *ends)
{
    if (days < 0 || (k->days >= 0 && k->days <= days))
        return;
    k->days = days;
    snprintf(k->ends, sizeof k->ends, "%s", ends);
}

/* "2027-06-09 00:00:00" without Days-Left. */
static long days_until(const char *expiration)
{
    int64_t at = 0, now = cm_clock_wall(&cm_clock_system);
    if (!*expiration || cm_time_in_zone(expiration, "UTC", &at, NULL) < 0)
        return -1;
    return at <= now ? 0 : (long)((at - now) / DAY_MS);
}

/* ---- license-manager on a node ---- */

static void take_node(struct known *k, const char *node, const struct cm_license *l)
{
    long days = l->days_left >= 0 ? l->days_left : l->good ? days_until(l->expiration) : -1;
    if (l->floating_in_use && l->floating_text)
        cm_look_list(&k->floating, "%s: %.200s", node, l->floating_text);
    if (!l->understood) {
        cm_look_list(&k->strange, "%s%s%s", node, *l->status ? ": status " : "", l->status);
        return;
    }
    if (!l->good) {
        if (!l->floating_in_use)
            cm_look_list(&k->inactive, "%s: %s", node, *l->status ? l->status : "no license");
        return;
    }
    k->active = true;
    if (k->manager_off_host != CM_NO && l->off_host != CM_NOT_SAID)
        k->manager_off_host = l->off_host;
    days_seen(k, days, l->expiration);
    cm_look_list(&k->good, "%s: %s%s%s", node, l->status, *l->source ? ", " : "", l->source);
}

static int ask_node(struct known *k, struct cm_host *host, struct cm_err **err)
{
    static const char command[] = "PATH=\"$PATH:/opt/rstudio-connect/bin\" exec license-manager status";
    const char *const argv[] = {"sh", "-c", command, NULL};
    const char *node = cm_host_name(host);
    cm_autoout out = {0};
    cm_autoerr seen = NULL;
    if (cm_host_run(k->step, host, true, argv, &out, &seen) < 0) {
        if (cm_look_ends(&seen, err))
            return -1;
        cm_autofree char *words = cm_look_words(seen);
        if (!k->hint && cm_err_hint(seen))
            k->hint = cm_arena_strdup(cm_step_arena(k->step), cm_err_hint(seen));
        cm_look_list(&k->unreached, "%s", words);
        return 0;
    }
    if (out.status == 127 || out.status == 126) {
        cm_look_list(&k->unreached, "%s: license-manager is neither in PATH nor in /opt/rstudio-connect/bin", node);
        return 0;
    }
    cm_autofree char *both = cm_fmt("%s\n%s", out.out, out.errout ? out.errout : ""); /* some versions write to stderr */
    struct cm_license l;
    cm_license_parse(both, &l);
    take_node(k, node, &l);
    cm_license_fini(&l);
    return 0;
}

/* ---- the running server ---- */

/* Both forms of its settings are known: text "1" and JSON true. */
static enum cm_tri tri_of(const json_t *v)
{
    if (json_is_boolean(v))
        return json_is_true(v) ? CM_YES : CM_NO;
    if (json_is_integer(v))
        return json_integer_value(v) ? CM_YES : CM_NO;
    const char *text = json_string_value(v);
    if (!text || !*text)
        return CM_NOT_SAID;
    return strcmp(text, "1") == 0 || strcmp(text, "true") == 0    ? CM_YES
           : strcmp(text, "0") == 0 || strcmp(text, "false") == 0 ? CM_NO
                                                                  : CM_NOT_SAID;
}

static int ask_server(struct known *k, struct cm_err **err)
{
    struct cm_connect *c;
    cm_autoerr seen = NULL;
    cm_autojson settings = NULL;
    long status = 0;
    if (cm_source_connect(k->step, &c, &seen) < 0 || cm_connect_ping(k->step, c, &status, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    if (status == 402) {
        cm_look_list(&k->inactive, "%s answers 402: no valid license", cm_connect_url(c));
        return 0;
    }
    if (status != 200)
        return 0;
    if (cm_connect_get_ok(k->step, c, "server_settings", &settings, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    const json_t *license = json_object_get(settings, "license");
    const char *said = cm_json_text(license, "status", NULL);
    if (!said)
        return 0;
    k->api_asked = true;
    k->api_off_host = tri_of(json_object_get(license, "enable-launcher"));
    enum cm_tri good = cm_license_is_good(said, (long)cm_json_int(license, "days-left", -1));
    if (good == CM_NOT_SAID && !k->active) {
        cm_look_list(&k->strange, "%s: status %s", cm_connect_url(c), said);
    } else if (good == CM_YES && !k->active) {
        k->active = true;
        days_seen(k, (long)cm_json_int(license, "days-left", -1), "");
        cm_look_list(&k->good, "%s: %s", cm_connect_url(c), said);
    } else if (good == CM_NO && !k->active) {
        cm_look_list(&k->inactive, "%s: %s", cm_connect_url(c), said);
    }
    return 0;
}

/* ---- verdicts ---- */

static void say_state(struct known *k)
{
    if (k->active && k->inactive.len)
        cm_finding(k->step, CM_WARNING, "license.inactive",
                   "Look at `license-manager status` there; the new server needs a license "
                   "of its own in any case.",
                   "one license is good (%s), another is not: %s", cm_str_text(&k->good), cm_str_text(&k->inactive));
    else if (k->active)
        cm_finding(k->step, CM_OK, "license.active", NULL, "%s", cm_str_text(&k->good));
    else if (k->inactive.len)
        cm_finding(k->step, CM_BLOCKER, "license.inactive",
                   "Ask Posit for a valid license, and activate it on the server: `license-manager activate-file FILE` or "
                   "`license-manager activate KEY`.",
                   "no valid license was seen: %s", cm_str_text(&k->inactive));
    else if (k->floating.len)
        cm_finding(k->step, CM_UNKNOWN, "license.floating",
                   "Read what the license server says, and attest that it is valid and has a lease for the new server.",
                   "the license comes from a license server: %s", cm_str_text(&k->floating));
    else if (k->strange.len)
        cm_finding(
            k->step, CM_UNKNOWN, "license.unknown",
            "Look at `license-manager status` yourself, and attest that the license is active and allows off-host execution.",
            "the license's state has no form that this program knows: %s", cm_str_text(&k->strange));
    else
        cm_finding(k->step, CM_UNKNOWN, "license.unreachable",
                   k->hint ? k->hint
                           : "Make `ssh NODE` work from here, or look at `license-manager status` yourself and attest it.",
                   "the license could not be read: %s", cm_str_text(&k->unreached));
}

static void say_off_host(struct known *k)
{
    enum cm_tri a = k->manager_off_host, b = k->api_off_host;
    const char *remedy = "Ask Posit for a license that includes off-host execution (Enable-Launcher: 1) before planning a date.";
    if ((a == CM_NO && b != CM_YES) || (b == CM_NO && a != CM_YES))
        cm_finding(k->step, CM_BLOCKER, "license.off-host", remedy, "the license does not allow content to run off-host (%s)",
                   a == CM_NO ? "Enable-Launcher: 0" : "enable-launcher in server_settings");
    else if (a == CM_NO || b == CM_NO)
        cm_finding(k->step, CM_UNKNOWN, "license.off-host",
                   "Restart Connect when the license was changed lately, or ask Posit; then check again.",
                   "license-manager and the running server disagree on off-host execution: %s and %s", a == CM_NO ? "no" : "yes",
                   b == CM_NO ? "no" : "yes");
    else if (a == CM_YES || b == CM_YES)
        cm_finding(k->step, CM_OK, "license.off-host", NULL, "the license allows off-host execution");
    else
        cm_finding(k->step, CM_UNKNOWN, "license.off-host",
                   "Ask Posit whether the license includes off-host execution, and attest it.",
                   "neither license-manager nor the server says whether content may run off-host");
}

static int64_t window_end(struct cm_step *step)
{
    const struct cm_plan *plan = cm_step_plan(step);
    const char *end = cm_plan_text(plan, "window.end"), *zone = cm_plan_text(plan, "window.zone");
    int64_t at = 0;
    if (zone && strcmp(zone, "local") == 0)
        zone = NULL;
    if (!end || (!cm_time_parse(end, &at) && cm_time_in_zone(end, zone, &at, NULL) < 0))
        return 0;
    return at;
}

static void say_days(struct known *k)
{
    int64_t now = cm_clock_wall(&cm_clock_system), end = window_end(k->step);
    if (k->days < 0)
        return;
    if (end > now && now + (int64_t)(k->days + 1) * DAY_MS <= end)
        cm_finding(k->step, CM_BLOCKER, "license.expires", "Renew the license first, or choose an earlier window.",
                   "the license has %ld days left%s%s and ends before the window does", k->days, *k->ends ? ", until " : "",
                   k->ends);
    else if (k->days < SOON_DAYS)
        cm_finding(k->step, CM_WARNING, "license.expires", "Ask for the renewal now; give the new file to the new server as well.",
                   "the license has %ld days left%s%s", k->days, *k->ends ? ", until " : "", k->ends);
    else
        cm_finding(k->step, CM_OK, "license.expires", NULL, "the license has %ld days left", k->days);
}

static void say_activations(struct cm_step *step)
{
    const struct cm_plan *plan = cm_step_plan(step);
    const char *mode = cm_plan_text(plan, "license.mode"), *said = cm_plan_text(plan, "license.activations");
    if (said && strcmp(said, "confirmed") == 0)
        cm_finding(step, CM_OK, "license.activations", NULL, "the plan confirms that the license covers one more server");
    else if (!mode || strcmp(mode, "file") == 0)
        cm_finding(step, CM_OK, "license.activations", NULL, "the new server is licensed by a file, which is not counted");
    else
        cm_finding(step, CM_UNKNOWN, "license.activations",
                   strcmp(mode, "key") == 0
                       ? "Ask in Posit's support portal how many activations the key has left, then say `license: "
                         "{activations: confirmed}` in the plan; a license file avoids the question."
                       : "Look at the license server for a free lease, then say `license: {activations: "
                         "confirmed}` in the plan.",
                   "while both servers hold it, the license needs one more %s than before; no tool shows how many are left",
                   strcmp(mode, "key") == 0 ? "activation" : "lease");
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct known k = {.step = step,
                      .inactive = CM_STR(1024),
                      .strange = CM_STR(512),
                      .unreached = CM_STR(1024),
                      .floating = CM_STR(1024),
                      .good = CM_STR(1024),
                      .manager_off_host = CM_NOT_SAID,
                      .api_off_host = CM_NOT_SAID,
                      .days = -1};
    struct cm_outside *o = cm_step_outside(step);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < cm_outside_hosts(o); i++)
        rc = ask_node(&k, cm_outside_host(o, i), err);
    if (rc == 0)
        rc = ask_server(&k, err);
    if (rc == 0) {
        say_state(&k);
        if (k.active)
            say_off_host(&k);
        if (k.active)
            say_days(&k);
        if (k.active && k.unreached.len)
            cm_finding(step, k.api_asked && cm_outside_hosts(o) == 1 ? CM_WARNING : CM_UNKNOWN, "license.unreachable",
                       k.hint ? k.hint : "Look at `license-manager status` there yourself.",
                       "not every node's license could be read: %s", cm_str_text(&k.unreached));
        say_activations(step);
    }
    known_fini(&k);
    return rc;
}

const struct cm_action cm_action_license_check = {
    .name = "license.check",
    .summary = "Read the license: active, days left, off-host execution",
    .page = "https://docs.posit.co/connect/admin/licensing/",
    .kind = CM_CHECK,
    .apply = apply,
    .reads = "`license-manager status` on every node, and the license section of the running server's settings.",
    .does = "Nothing; no license is activated or given back.",
    .proves =
        "That the license is active, lasts beyond the window and allows off-host execution; how many activations are left has "
        "to be confirmed by a person unless the new server uses a license file.",
    .rights = "Running license-manager on the nodes (as root on most installations).",
};
