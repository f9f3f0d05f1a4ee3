/* report/owners.c: a page for each owner of content, in words for them: what changed for me, what do I have to do, whom do I ask. It holds
 * that owner's items and nothing of anybody else's, and of the old machine only what their own code may name: it may be sent by mail.
 *
 * The pages lie in RUNDIR/report.owners/, named as in the report's "owners". They are made from the record alone, so they are renamed into
 * place but not synced one by one: `report PLAN` writes them again. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "report/html.h"
#include "report/page.h"
#include "report/parts.h"

static const char *text_of(const json_t *j, const char *member) { return cm_json_text(j, member, ""); }
static bool is(const json_t *j, const char *member, const char *word) { return strcmp(text_of(j, member), word) == 0; }

/* ---- one page ---- */

static bool can_go_back(const json_t *report)
{
    size_t i;
    json_t *n;
    json_array_foreach(json_object_get(report, "next_steps"), i,
                       n) if (strstr(text_of(n, "command"), "-run rollback ") != NULL) return true;
    return false;
}

/* Whether their content is on the new server now; an owner does not want to know more of the run. */
static void course(struct cm_page *p)
{
    const char *state = text_of(p->report, "state");
    cm_autofree char *opened = cm_page_when(p, cm_json_at(p->report, "downtime.users.to"));
    bool open = json_is_true(cm_json_at(p->report, "downtime.users.open"));
    if (strcmp(state, "rolled-back") == 0)
        cm_page_say(p, "lead",
                    "The move of Posit Connect was taken back: your content runs where it ran before. There is nothing to do.");
    else if (*opened != '\0' && !open)
        cm_page_say(p, "lead", "Posit Connect has moved to Kubernetes. It is open again since %s, under the same address.", opened);
    else
        cm_page_say(p, "lead", "Posit Connect is being moved to Kubernetes, and is not open yet on its new server.");
}

/* How long it was out of use, and until when the move can be undone. */
static void outage(struct cm_page *p)
{
    cm_autofree char *from = cm_page_when(p, cm_json_at(p->report, "downtime.users.from"));
    cm_autofree char *to = cm_page_when(p, cm_json_at(p->report, "downtime.users.to"));
    bool open = json_is_true(cm_json_at(p->report, "downtime.users.open"));
    if (*from != '\0' && *to != '\0' && !open)
        cm_page_say(p, "text", "It was out of use from %s to %s.", from, to);
    else if (*from != '\0' && open)
        cm_page_say(p, "text", "It is out of use since %s.", from);
    if (is(p->report, "state", "final"))
        cm_page_say(p, "text", "The move has been declared final.");
    else if (*to != '\0' && !open && can_go_back(p->report)) {
        const char *contact = cm_json_text(p->report, "contact", "the administrators");
        cm_page_say(
            p, "text",
            "Until the administrators declare the move final it can be undone; what you do meanwhile stays. So please look at "
            "your items soon, and tell what is wrong: %s.",
            contact);
    }
}

static void what_moved(struct cm_page *p)
{
    cm_autofree char *beside = cm_page_beside(p->report);
    cm_page_say(
        p, "text",
        "Your content moved with its address, its settings, its access list, its schedules and its data: the database and the files "
        "are the same as before. What is different: it no longer runs on one shared machine but in a container of its own, with "
        "the R and Python versions that those containers have.");
    if (*beside != '\0')
        cm_page_say(
            p, "text",
            "The old machine had more than your content's own files. Whether the containers have the same was not tried out for "
            "each item. If an item of yours uses one of these, run it once, and say so if it fails: %s.",
            beside);
    else
        cm_page_say(
            p, "text",
            "If an item of yours uses something of the old machine beside its own files, a folder or a driver, run it once, and "
            "say so if it fails.");
}

static size_t count(const json_t *items, const char *attention)
{
    size_t i, n = 0;
    json_t *item;
    json_array_foreach(items, i, item) n += is(item, "attention", attention);
    return n;
}

static void group(struct cm_page *p, const json_t *items, const char *attention, const char *heading, const char *none)
{
    static const char *const columns[] = {"Title", "Kind", "What changed", "What to do", NULL};
    json_t *item, *t = NULL, *urls = json_array();
    size_t i;
    cm_page_say(p, "heading", "%s", heading);
    json_array_foreach(items, i, item)
    {
        if (!is(item, "attention", attention))
            continue;
        if (t == NULL) {
            t = cm_page_table(p, heading, columns);
            cm_page_big(t);
            json_object_set_new(t, "link", json_integer(0));
            json_object_set(t, "urls", urls);
        }
        cm_page_row(t, cm_json_text(item, "title", text_of(item, "guid")), text_of(item, "kind"), text_of(item, "changed"),
                    cm_json_text(item, "to_do", "Nothing."), NULL);
        json_array_append(urls, json_object_get(item, "url"));
    }
    if (t == NULL)
        cm_page_say(p, "text", "%s", none);
    json_decref(urls);
}

static void whom_to_ask(struct cm_page *p)
{
    const char *contact = cm_json_text(p->report, "contact", NULL), *ticket = cm_json_text(p->report, "ticket", NULL);
    cm_page_say(p, "heading", "Whom to ask");
    cm_page_say(p, "text", "%s%s", contact != NULL ? contact : "The administrators of Posit Connect, who sent you this page.",
                contact != NULL ? "" : " Answer to that message.");
    if (ticket != NULL)
        cm_page_say(p, "text", "Name the change %s, and the item's title.", ticket);
}

static json_t *owner_blocks(const json_t *report, const json_t *items)
{
    struct cm_page p = {json_array(), report, cm_json_text(report, "zone", NULL)};
    size_t act = count(items, "act"), look = count(items, "look"), all = json_array_size(items);
    cm_autofree char *total = cm_page_count(all, "item is", "items are"), *mend = cm_page_count(act, "needs", "need");
    course(&p);
    if (!is(report, "state", "rolled-back")) {
        outage(&p);
        what_moved(&p);
        cm_page_say(&p, "text", "%s yours: %s to be mended by you, %zu should be tried once by you, %zu need nothing.", total, mend,
                    look, all - act - look);
        group(&p, items, "act", "Please mend these", "None: there is nothing to mend.");
        group(&p, items, "look", "Please try these once", "None.");
        group(&p, items, "none", "Nothing to do", "None.");
    }
    whom_to_ask(&p);
    return p.blocks;
}

/* ---- the folder ---- */

static int write_page(const char *dir, const char *name, const char *owner, const json_t *report, const json_t *items,
                      struct cm_err **err)
{
    cm_autofree char *path = cm_path_join(dir, name), *temporary = cm_fmt("%s/.%s.new", dir, name);
    bool back = strcmp(text_of(report, "state"), "rolled-back") == 0;
    cm_autofree char *title = cm_fmt("Posit Connect %s: the content of %s", back ? "is where it was" : "has moved", owner);
    cm_autojson blocks = owner_blocks(report, items);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL)
        return cm_fail_errno(err, CM_E_FAILED, "cannot write %s", temporary);
    cm_html_document(out, title, blocks, count(items, "act") > 0 ? "" : "good", false, NULL);
    bool bad = ferror(out) != 0;
    if (fclose(out) != 0 || bad || rename(temporary, path) != 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot write %s", path);
    return 0;
}

/* Pages of an earlier report whose owner has no items any more. */
static void remove_others(const char *dir, const json_t *kept)
{
    DIR *d = opendir(dir);
    const struct dirent *f;
    while (d != NULL && (f = readdir(d)) != NULL)
        if (cm_ends(f->d_name, ".html") && json_object_get(kept, f->d_name) == NULL)
            unlinkat(dirfd(d), f->d_name, 0);
    if (d != NULL)
        closedir(d);
}

static json_t *items_by_owner(const json_t *report)
{
    json_t *map = json_object(), *item, *list;
    size_t i;
    json_array_foreach(json_object_get(report, "items"), i, item)
    {
        const char *owner = text_of(item, "owner");
        list = json_object_get(map, owner);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(map, owner, list);
        }
        json_array_append(list, item);
    }
    return map;
}

int cm_owners_write(const json_t *report, const char *run_dir, struct cm_err **err)
{
    cm_autofree char *dir = cm_path_join(run_dir, "report.owners");
    cm_autojson items = items_by_owner(report), *kept = json_object();
    const json_t *owners = json_object_get(report, "owners");
    json_t *o;
    size_t i;
    if (json_array_size(owners) == 0 && access(dir, F_OK) != 0)
        return 0;
    if (cm_dir_make(dir, 0700, err) != 0)
        return -1;
    json_array_foreach(owners, i, o)
    {
        const char *owner = text_of(o, "owner"), *file = text_of(o, "file");
        if (write_page(dir, file, owner, report, json_object_get(items, owner), err) != 0)
            return -1;
        json_object_set_new(kept, file, json_true());
    }
    remove_others(dir, kept);
    return cm_dir_sync(dir, err);
}
