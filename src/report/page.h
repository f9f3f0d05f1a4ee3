/* report/page.h: how a page for people is put together, as headings, paragraphs, lists and tables: the blocks of parts.h. Used by the
 * report's pages and by the preview (cli), so that they look alike. */
#ifndef CM_REPORT_PAGE_H
#define CM_REPORT_PAGE_H

#include <stdbool.h>

#include <jansson.h>

#include <cm/err.h>

struct cm_page {
    json_t *blocks;
    const json_t *report;
    const char *zone;
};

/* kind: part heading subheading lead text pre picture */
void cm_page_say(struct cm_page *p, const char *kind, const char *fmt, ...) CM_PRINTF(3, 4);
/* A table with these columns, ended by NULL; borrowed. caption: what it shows, for those who hear it. */
json_t *cm_page_table(struct cm_page *p, const char *caption, const char *const *head);
void cm_page_row(json_t *table, ...);                              /* its cells as texts, ended by NULL */
void cm_page_number(json_t *table, int column);                    /* aligned and sorted by size */
void cm_page_state(json_t *table, int column);                     /* its word decides a mark and a colour */
void cm_page_big(json_t *table);                                   /* may have very many rows: with search and sorting */
void cm_page_list(struct cm_page *p, const json_t *texts);
/* Says `text` where there is none, and is true. */
bool cm_page_none(struct cm_page *p, const json_t *items, const char *text);

/* ---- small words; all callers free ---- */

char *cm_page_when(const struct cm_page *p, const json_t *at);             /* "" for null */
char *cm_page_when_exactly(const struct cm_page *p, const json_t *at);     /* with seconds */
char *cm_page_who(const char *who);                                        /* "login ann on laptop" of "ann@laptop" */
char *cm_page_took(const json_t *seconds);
char *cm_page_count(size_t n, const char *one, const char *many);          /* "1 item", "2 items" */

/* A stage's state for people: one in which a step failed is "failed", however many of its steps are still to come. */
const char *cm_page_stage_word(const json_t *stage);

/* "ODBC drivers: PostgreSQL; …": what content may have used of the old machine; "": nothing was found. Caller frees. report/beside.c */
char *cm_page_beside(const json_t *report);

void cm_page_ticket(struct cm_page *p);          /* report/ticket.c */
void cm_page_glance(struct cm_page *p);          /* report/glance.c: the first table of the ticket page */
void cm_page_technical(struct cm_page *p);       /* report/technical.c */

#endif
