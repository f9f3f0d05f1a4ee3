/* values/quote.h: writing YAML by hand: scalars that every YAML reader gives back, comments, and JSON as a block of lines.
 * What is written here is new text of ours; a user's file is edited by values/edit.h. Does not: parse. */
#ifndef CM_VALUES_QUOTE_H
#define CM_VALUES_QUOTE_H

#include <stdbool.h>

#include <jansson.h>

#include <cm/str.h>

/* May this text stand as a mapping key or value without quotes, for YAML 1.1 and 1.2 readers alike, and stay a string? */
bool cm_yaml_plain_safe(const char *text);
/* The text as a key: bare where cm_yaml_plain_safe, else quoted. */
void cm_yaml_add_key(struct cm_str *out, const char *key);
/* A comment of several lines: each "INDENT# line", whatever marker (';' or '#') it had. Characters that would end the comment
 * for a YAML reader are replaced. */
void cm_yaml_add_comment(struct cm_str *out, const char *comment, int indent);
/* A JSON value as YAML block lines at this indent. After "key:" for a map or list (begins with a newline), or " scalar\n". */
void cm_yaml_add_value(struct cm_str *out, const json_t *value, int indent);
/* A JSON value on one line, in flow style. */
void cm_yaml_add_flow(struct cm_str *out, const json_t *value);
/* Is every character fit for a gcfg line inside the chart's ConfigMap (a YAML block scalar)? A line break of Unicode, a control
 * character or a byte order mark is not: the rendered manifest could not be read. */
bool cm_manifest_safe(const char *text);
/* May it stand in pod.env? The chart prints that with helm's toYaml, which gives nothing at all, for the whole list, when one value
 * has DEL, a C1 control or a non-character, and breaks lines at Unicode's line breaks (tried with helm 3.18). C0 controls pass. "<no value>" does not: helm removes it. */
bool cm_env_safe(const char *text);

#endif
