/* report/items.h: content items as the report has them, in words for people: their kind, whether somebody has to do something about
 * them, and what. Used for the table, the groups of failures and the owners' pages; nobody else includes it. */
#ifndef CM_REPORT_ITEMS_H
#define CM_REPORT_ITEMS_H

#include <jansson.h>

/* "Shiny application" of "rmd-shiny" …; the mode itself where it is not known. NULL stays NULL. */
const char *cm_item_kind(const char *app_mode);

/* What it runs on now, where that is another version than before: "R 4.4.3, Quarto 1.6.42"; "": not on record. Caller frees. */
char *cm_item_runtime_given(const json_t *item);

/* Judges an item by its other members: "attention" is act, look or none, "changed" what happened to it and "to_do" what its owner has to
 * do, both sentences or null. Sets the three members. */
void cm_item_judge(json_t *item);

/* How long builds took: {count, seconds, median, p90, longest, bars: [{from, to, count}]}, lengths in seconds; null: none was built. */
json_t *cm_items_build_times(const json_t *items);
/* Failures of one cause together, the biggest group first: [{cause, what, items: [guid]}]; what: build, answer or gone. */
json_t *cm_items_failures(const json_t *items);
/* [{owner, items, act, look, file}], by name; file: of the owner's page, below report.owners. Items without an owner are not in it. */
json_t *cm_items_owners(const json_t *items);

#endif
