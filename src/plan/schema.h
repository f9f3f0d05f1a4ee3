/* plan/schema.h: the plan's keys as one table, and its JSON Schema (draft 2020-12). */
#ifndef CM_PLAN_SCHEMA_H
#define CM_PLAN_SCHEMA_H

#include <stdint.h>

#include <jansson.h>

enum cm_plan_type {
    CM_P_MAP, CM_P_STRING, CM_P_PATH, CM_P_BOOL, CM_P_INT, CM_P_DURATION, CM_P_LIST_STRING, CM_P_LIST_PATH, CM_P_LIST_DURATION,
    CM_P_SECRET,        /* {env:} | {file:} | {command: []} */
    CM_P_COMMAND,       /* argv: list of strings */
    CM_P_TIME,          /* "2026-12-05 22:00" or RFC 3339 */
    CM_P_ENUM,          /* `values`: words parted by '|' */
    CM_P_STRING_OR_LIST, CM_P_FREE_MAP, CM_P_SCALAR,
    CM_P_LIST_ENUM,     /* list of words of `values` */
    CM_P_URL,           /* http:// or https://, without a user; or a word of `values` */
    CM_P_NAME,          /* of a Kubernetes object or a Helm release: lower case, digits, '-', '.'; at most `max` bytes */
    CM_P_PROGRAM,       /* a name looked up in PATH, or a path when it has a '/' */
    CM_P_REMOTE_PATH,   /* absolute path on the old server */
    CM_P_CHART,         /* repo/name or oci://…; beginning with '.', '/' or '~': a path */
    CM_P_HOSTS          /* list of host names, each once */
};

struct cm_plan_key {
    const char *path;          /* "source.hosts"; "*" stands for any name: "steps.*.by" */
    enum cm_plan_type type;
    const char *def;           /* default as YAML text; NULL: none */
    const char *values;        /* CM_P_ENUM: "tool|hand|command" */
    int64_t min, max;          /* CM_P_INT and lists' length; both 0: no range */
    const char *required;      /* NULL, or why it is needed */
    const char *help;          /* a sentence */
    const char *derived;       /* where its value comes from when the plan does not say it; NULL: from nowhere */
};
extern const struct cm_plan_key cm_plan_keys[];        /* ended by path NULL */

/* The key `name` directly below `pattern` ("" is the top; a pattern is a key's `path`), "*" matching any name; NULL: unknown. */
const struct cm_plan_key *cm_plan_key_under(const char *pattern, const char *name);

/* The schema; `with` of known actions is added by cli, which knows them. New reference. */
json_t *cm_plan_schema(void);

#endif
