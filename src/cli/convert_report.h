/* cli/convert_report.h: what both conversions share: reading a file or standard input, putting the result where it belongs, and telling
 * the account and the findings to people. stdout carries the result only. */
#ifndef CM_CLI_CONVERT_REPORT_H
#define CM_CLI_CONVERT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "cli/options.h"

/* "-" is standard input. *text is owned by the caller. */
int cm_convert_read(const char *path, char **text, size_t *bytes, struct cm_err **err);
/* The name that messages give to this argument. */
const char *cm_convert_name(const char *path);
/* The result, unless --json carries it: to --output ("-" is stdout), else to stdout. Never over the file that it was made from. */
int cm_convert_put(const struct cm_invocation *in, const char *text, struct cm_err **err);
/* One row of the account, and how many were left out as plain. */
void cm_convert_row(const json_t *row);
void cm_convert_kept(size_t kept);
/* --json: {"result", "account", "findings", "commands"} on stdout, one row of the account after the other. commands NULL: none. */
void cm_convert_json_begin(const char *result);
void cm_convert_json_row(const json_t *row, bool first);
void cm_convert_json_end(const json_t *findings, const json_t *commands);
/* What stops comes first, then questions, then warnings. */
void cm_convert_findings(const json_t *findings);

#endif
