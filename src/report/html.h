/* report/html.h: one HTML file that needs nothing else, made of blocks (parts.h): no font, no request; light, dark and on paper. Its only
 * script is in the page, named by its digest in the page's own policy, so that nothing else runs even if an escape were forgotten. Without
 * scripts every row still reads. */
#ifndef CM_REPORT_HTML_H
#define CM_REPORT_HTML_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* Text from anywhere; what would be a mark is escaped, control characters are replaced. */
void cm_html_text(FILE *out, const char *text);
/* verdict: class of the lead, "good", "bad" or "". contents: with a table of contents. report: what pictures are drawn of; NULL: none. */
void cm_html_document(FILE *out, const char *title, const json_t *blocks, const char *verdict, bool contents, const json_t *report);

/* The page's style and its script, ended by NULL: report/html_style.c, report/html_script.c. */
extern const char *const cm_html_style[], *const cm_html_script[];

/* Inline SVG with a title, for eyes; the same facts stand in a table below it. report/pictures.c. */
void cm_picture_stages(FILE *out, const json_t *report);
void cm_picture_builds(FILE *out, const json_t *report);

#endif
