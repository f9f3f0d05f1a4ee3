/* actions/content.h: the lists of content that steps hand to each other as artifacts.
 *
 * inventory.jsonl: one item a line, as the API gave it, reduced to the members used, with "owner" (user name) and "tags" (names).
 * priority.csv: guid,path,title,visits,why; a person may edit it before the downtime. runtimes.csv: image_found (none, other
 * version),owner,guid,title,r,python,quarto,image,r_given,python_given,quarto_given ("given": what it runs on there). baseline.json: {"at", "server", "total", "guids_sha256", "items": [{"guid",
 * "title", "path", "status", "bytes", "took_ms", "page_title"?, "location"?, "problem"?}], "guids": […]}. build.csv: guid,title,state
 * (built, failed, gone, skipped, left),error. validation.json: {"same", "differs", "gone", "not_visible", "on_kubernetes", "elsewhere",
 * "items": [{"guid", "title", "path", "result" (same, differs, gone, not-visible), "before", "now", "how"?, "job", "rendered"?}]}. */
#ifndef CM_ACTIONS_CONTENT_H
#define CM_ACTIONS_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include <cm/action.h>

#include "adapters/connect.h"

struct cm_item { char *guid, *path, *title, *why; long visits; };
struct cm_items { struct cm_item *list; size_t count; };

int cm_items_read(struct cm_step *step, struct cm_items *out, struct cm_err **err);     /* priority.csv on record, in its order */
void cm_items_fini(struct cm_items *i);
/* From CSV text with a header line that names `guid` (separator ',' or ';', a BOM and CRLF are fine, further columns too; the
 * first of equal GUIDs counts). `name` stands in errors. */
int cm_items_parse(const char *text, size_t bytes, const char *name, struct cm_items *out, struct cm_err **err);
/* One CSV field, quoted where RFC 4180 asks for it. Titles are their authors' words, and people open these files in a spreadsheet: what
 * that would take for a formula gets an apostrophe (base/text.h), which our readers take off. */
void cm_csv_field(FILE *f, const char *text);
/* Each line of inventory.jsonl. */
int cm_inventory_each(struct cm_step *step, int (*each)(void *ctx, const json_t *item, struct cm_err **err), void *ctx,
                      struct cm_err **err);

/* The server an action asks by its parameter `server`: "source" or "target". The client lives with the outside. */
int cm_content_server(struct cm_step *step, struct cm_connect **out, struct cm_err **err);
#define CM_PARAM_SERVER(def) { "server", CM_T_STRING, "\"" def "\"", "Which server is asked: source (the old one) or target." }

/* The beginning of an item's page: what a person would see, as far as a key without a browser can tell. */
struct cm_page {
    long status;                 /* 0: no answer */
    char *title;                 /* of an HTML page; NULL */
    char *location;              /* redirect target; NULL */
    char *problem;               /* why there was no answer; NULL */
    size_t bytes;
    int64_t took_ms;
};
/* Get content/GUID/ of each item, a few at a time, in order; done[i] belongs to items->list[i]. Caller frees with
 * cm_pages_free. A page that does not answer in time is a result, no error. */
int cm_pages_get(struct cm_step *step, struct cm_connect *c, const struct cm_items *items, struct cm_page **done,
                 struct cm_err **err);
void cm_pages_free(struct cm_page *pages, size_t count);
/* The text of <title>, white space folded; caller frees; NULL: none. */
char *cm_page_title(const char *html);

/* All GUIDs of a server, sorted, and their digest (hex of SHA-256 over the sorted GUIDs, a newline behind each). */
struct cm_guids { char **list; size_t count; char sha256[65]; };
int cm_guids_get(struct cm_step *step, struct cm_connect *c, struct cm_guids *out, struct cm_err **err);
void cm_guids_fini(struct cm_guids *g);

#endif
