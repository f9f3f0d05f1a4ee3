/* actions/source_content.c: the part of source.inventory that the server's API knows: items that run as a Unix user of their own,
 * and items that Connect fetches from Git.
 *
 * A Unix user has to exist in the content image with the same ids. Fetching from Git is not held by the three temporary settings: it
 * starts with the pod. Whether an item is fed from Git takes a request each; many items are asked for 20 s at most. */
#include <config.h>

#include <string.h>

#include "actions/look.h"
#include "actions/source_inventory.h"
#include "adapters/connect.h"
#include "adapters/host.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

enum { GIT_LIMIT_MS = 20000, OWNERS_SHOWN = 5 };

struct items {
    struct cm_step *step;
    const char *default_user;
    json_t *run_as; /* {user: {"items": n, "owners": {name: n}}} */
    json_t *guids;  /* published items, to be asked about Git */
    size_t as_visitor;
};

static int take_item(void *ctx, const json_t *item, struct cm_err **err)
{
    struct items *all = ctx;
    const char *user = cm_json_text(item, "run_as", NULL), *owner = cm_json_text(item, "owner.username", NULL);
    (void)err;
    if (!owner)
        owner = cm_json_text(item, "owner_guid", "?");
    if (cm_json_bool(item, "run_as_current_user", false))
        all->as_visitor++;
    if (cm_json_text(item, "bundle_id", NULL))
        json_array_append_new(all->guids, json_string(cm_json_text(item, "guid", "")));
    if (!user || !*user || strcmp(user, all->default_user) == 0)
        return 0;
    json_t *one = json_object_get(all->run_as, user);
    if (!one) {
        one = json_pack("{s:i, s:{}}", "items", 0, "owners");
        json_object_set_new(all->run_as, user, one);
    }
    json_object_set_new(one, "items", json_integer(cm_json_int(one, "items", 0) + 1));
    json_object_set_new(json_object_get(one, "owners"), owner, json_true());
    return 0;
}

/* "uid=1005(finance) gid=1005(finance)" of the first node; "" where the user is not known there. Caller frees. */
static char *ids_of(struct cm_step *step, const char *user)
{
    const char *const argv[] = {"id", "--", user, NULL};
    cm_autoout out = {0};
    cm_autoerr none = NULL;
    if (cm_host_run(step, cm_outside_host(cm_step_outside(step), 0), false, argv, &out, &none) < 0 || out.status != 0)
        return cm_strdup("");
    const char *groups = strstr(out.out, " groups=");
    size_t n = groups ? (size_t)(groups - out.out) : strcspn(out.out, "\n");
    return cm_strndup(out.out, n);
}

static void say_users(const struct items *all)
{
    const char *user, *owner;
    json_t *one, *ignored;
    cm_autostr list = CM_STR(2048);
    json_object_foreach(all->run_as, user, one)
    {
        cm_autofree char *ids = ids_of(all->step, user);
        cm_autostr owners = CM_STR(256);
        size_t n = 0;
        json_object_foreach(json_object_get(one, "owners"), owner, ignored)
        {
            if (n++ < OWNERS_SHOWN)
                cm_look_list(&owners, "%s", owner);
        }
        cm_look_list(&list, "%s%s%s%s: %lld items of %s%s", user, *ids ? " (" : "", ids, *ids ? ")" : " (unknown on the server)",
                     (long long)cm_json_int(one, "items", 0), cm_str_text(&owners), n > OWNERS_SHOWN ? " and others" : "");
    }
    if (list.len)
        cm_finding(
            all->step, CM_WARNING, "source.run-as-users",
            "Add these users with the same ids to the content images, or take run_as away from the items; otherwise they fail to start.",
            "content runs as users of its own: %s", cm_str_text(&list));
    if (all->as_visitor)
        cm_finding(all->step, CM_WARNING, "source.run-as-visitor",
                   "Talk to their owners: in a pod these run as the same user for everybody.",
                   "%zu items run as the person who looks at them", all->as_visitor);
}

/* 404 means that the item is not fed from Git, or that this version has no such endpoint. */
static int look_at_git(struct items *all, struct cm_connect *c, struct cm_err **err)
{
    struct cm_loop *loop = cm_step_loop(all->step);
    int64_t until = cm_loop_now_ms(loop) + GIT_LIMIT_MS;
    cm_autostr failing = CM_STR(1024);
    size_t i, polled = 0, asked = 0;
    const json_t *guid;
    json_array_foreach(all->guids, i, guid)
    {
        cm_autofree char *path = cm_fmt("v1/content/%s/repository", json_string_value(guid));
        cm_autoreply r = {0};
        cm_autoerr seen = NULL;
        if (cm_loop_now_ms(loop) > until)
            break;
        if (cm_connect_get(all->step, c, path, &r, &seen) < 0)
            return cm_look_ends(&seen, err) ? -1 : 0;
        asked++;
        if (r.status != 200)
            continue;
        if (cm_json_bool(r.body, "polling", false))
            polled++;
        const char *problem = cm_json_text(r.body, "last_error", "");
        if (*problem)
            cm_look_list(&failing, "%s (%.80s)", json_string_value(guid), problem);
    }
    const char *rest = asked < json_array_size(all->guids) ? "; there was no time to ask about all items" : "";
    if (polled)
        cm_finding(
            all->step, CM_WARNING, "source.git",
            "Polling starts with the pod and is not held by the temporary settings: set Git.PollingFrequency high for the evening, or "
            "expect builds between the planned ones; the cluster must reach the repositories.",
            "%zu of %zu items are fetched from Git regularly%s", polled, asked, rest);
    if (failing.len)
        cm_finding(all->step, CM_WARNING, "source.git-errors",
                   "Tell their owners now; after the migration it would look like its fault.",
                   "items whose last fetch from Git failed: %s", cm_str_text(&failing));
    return 0;
}

int cm_inventory_content(struct cm_step *step, const struct cm_source *s, struct cm_err **err)
{
    const char *user = cm_gcfg_get(s->gcfg, "Applications", NULL, "RunAs");
    struct items all = {.step = step, .default_user = user && *user ? user : "rstudio-connect"};
    struct cm_connect *c;
    cm_autoerr seen = NULL;
    long status = 0;
    if (cm_source_connect(step, &c, &seen) < 0 || cm_connect_ping(step, c, &status, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    if (status != 200)
        return 0; /* version.check and apikey.check say that the server does not answer */
    cm_autojson run_as = json_object();
    cm_autojson guids = json_array();
    all.run_as = run_as;
    all.guids = guids;
    if (cm_connect_each(step, c, "v1/content?include=owner", take_item, &all, &seen) < 0)
        return cm_look_ends(&seen, err) ? -1 : 0;
    say_users(&all);
    return look_at_git(&all, c, err);
}
