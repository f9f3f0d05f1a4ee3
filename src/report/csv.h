/* report/csv.h: reading the tables that steps left as artifacts (RFC 4180: quotes doubled, newlines inside quotes, CRLF allowed; what is no formula
 * for a spreadsheet by an apostrophe is read without it). */
#ifndef CM_REPORT_CSV_H
#define CM_REPORT_CSV_H

#include <jansson.h>

/* [{column: text}] by the names in the first line; rows that are shorter lack the members. Text that is not UTF-8 is left out. New
 * reference, never NULL. */
json_t *cm_csv_rows(const char *text);

#endif
