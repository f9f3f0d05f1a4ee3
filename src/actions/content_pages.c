/* actions/content_pages.c: what the baseline before the move and the validation after it have in common: the pages of items, a few
 * at a time, and the set of all GUIDs.
 *
 * Each look counts as a visit and may start a process of the item; a 200 of an application says that its page came, no more.
 * Renders nothing, opens no session. */
#include <config.h>

#include "actions/content.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <cm/str.h>

#include "adapters/http.h"
#include "adapters/outside.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

enum { AT_ONCE = 4, PAGE_MS = 300000, TITLE_MAX = 300, GUIDS_MAX = 1000000 };

/* ---- pages ---- */

char *cm_page_title(const char *html)
{
    const char *open = html != NULL ? strcasestr(html, "<title") : NULL;
    const char *from = open != NULL ? strchr(open, '>') : NULL;
    const char *end = from != NULL ? strcasestr(from, "</title") : NULL;
    cm_autostr out = CM_STR(TITLE_MAX);
    bool space = false;

    if (end == NULL)
        return NULL;
    for (const char *p = from + 1; p < end; p++) {
        if (isspace((unsigned char)*p)) {
            space = out.len > 0;
            continue;
        }
        if (space)
            cm_str_add(&out, " ");
        space = false;
        cm_str_add_bytes(&out, p, 1);
    }
    /* Old pages have old encodings, and a long title is cut anywhere: it is compared as it can be kept, before and after. */
    cm_autostr kept = CM_STR(CM_STR_LINE);
    cm_utf8_add(&kept, cm_str_text(&out), out.len);
    return cm_str_take(&kept);
}

void cm_pages_free(struct cm_page *pages, size_t count)
{
    for (size_t i = 0; pages != NULL && i < count; i++) {
        free(pages[i].title);
        free(pages[i].location);
        free(pages[i].problem);
    }
    free(pages);
}

struct pages;
struct page_slot {
    struct pages *all;
    size_t at;
    int64_t began;
    bool busy;
};
struct pages {
    struct cm_step *step;
    struct cm_connect *connect;
    const struct cm_items *items;
    struct cm_page *done;
    size_t next, ended;
    struct page_slot slots[AT_ONCE];
};

static void send_next(struct page_slot *s);

static void page_came(void *ctx, struct cm_reply *r, size_t bytes)
{
    struct page_slot *s = ctx;
    struct pages *p = s->all;
    struct cm_page *page = &p->done[s->at];

    s->busy = false;
    page->status = r->status;
    page->bytes = bytes;
    page->took_ms = cm_loop_now_ms(cm_step_loop(p->step)) - s->began;
    page->title = cm_page_title(r->text);
    page->location = cm_strdup(r->location);
    page->problem = r->status == 0 ? cm_strdup(r->problem) : NULL;
    p->ended++;
    cm_progress(p->step, p->ended, p->items->count, "items");
    send_next(s);
}

static void send_next(struct page_slot *s)
{
    struct pages *p = s->all;
    int64_t now = cm_loop_now_ms(cm_step_loop(p->step)), left = cm_step_deadline(p->step);

    if (p->next == p->items->count)
        return;
    left = left == CM_NEVER || left - now > PAGE_MS ? PAGE_MS : left - now;
    s->at = p->next++;
    s->began = now;
    s->busy = true;
    cm_autofree char *guid = cm_http_escape(p->items->list[s->at].guid);
    cm_autofree char *path = cm_fmt("content/%s/", guid);
    cm_connect_page_soon(p->connect, path, left > 0 ? left : 1, page_came, s);
}

static bool all_ended(void *ctx)
{
    const struct pages *p = ctx;

    return p->ended == p->items->count;
}

int cm_pages_get(struct cm_step *step, struct cm_connect *c, const struct cm_items *items, struct cm_page **done,
                 struct cm_err **err)
{
    struct pages p = {.step = step, .connect = c, .items = items};

    p.done = cm_alloc((items->count + 1) * sizeof *p.done);
    for (size_t i = 0; i < AT_ONCE; i++) {
        p.slots[i].all = &p;
        send_next(&p.slots[i]);
    }
    enum cm_wait got = cm_loop_until(cm_step_loop(step), all_ended, &p, cm_step_deadline(step));
    if (got == CM_WAIT_READY) {
        *done = p.done;
        return 0;
    }
    for (size_t i = 0; i < AT_ONCE; i++)
        cm_connect_forget(c, &p.slots[i]);
    cm_pages_free(p.done, items->count);
    *done = NULL;
    if (got == CM_WAIT_CANCELLED)
        return cm_fail(err, CM_E_INTERRUPTED, "interrupted while looking at content");
    return cm_fail_passing(err, "%zu of %zu items were looked at within the step's limit", p.ended, items->count);
}

/* ---- GUIDs ---- */

void cm_guids_fini(struct cm_guids *g)
{
    for (size_t i = 0; i < g->count; i++)
        free(g->list[i]);
    free(g->list);
    memset(g, 0, sizeof *g);
}

struct guid_work {
    struct cm_guids *out;
    size_t cap;
};

static int take_guid(void *ctx, const json_t *item, struct cm_err **err)
{
    struct guid_work *w = ctx;
    const char *guid = cm_json_text(item, "guid", NULL);

    if (guid == NULL || w->out->count == GUIDS_MAX)
        return cm_fail(err, CM_E_FAILED, guid == NULL ? "an item of the content list has no GUID" : "too much content");
    w->out->list = cm_grow(w->out->list, &w->cap, w->out->count + 1, sizeof *w->out->list);
    w->out->list[w->out->count++] = cm_strdup(guid);
    return 0;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int cm_guids_get(struct cm_step *step, struct cm_connect *c, struct cm_guids *out, struct cm_err **err)
{
    struct guid_work w = {.out = out};
    unsigned char sum[32];

    memset(out, 0, sizeof *out);
    if (cm_connect_each(step, c, "v1/content", take_guid, &w, err) < 0) {
        cm_guids_fini(out);
        return -1;
    }
    if (out->count > 1)
        qsort(out->list, out->count, sizeof *out->list, compare);
    struct cm_sha *s = cm_sha_new();
    for (size_t i = 0; i < out->count; i++) {
        cm_sha_add(s, out->list[i], strlen(out->list[i]));
        cm_sha_add(s, "\n", 1);
    }
    cm_sha_end(s, sum);
    cm_hex(sum, sizeof sum, out->sha256);
    return 0;
}
