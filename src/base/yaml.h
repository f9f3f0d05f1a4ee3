/* base/yaml.h: a YAML file as a tree with places, read with libyaml. For plans, runbooks, and users' values files.
 *
 * One document, valid UTF-8, depth at most 64, no duplicate keys in a mapping: anything else is an error with its place.
 * Every node knows line and column (from 1) and the bytes it covers in the source, so that an edit can be a byte range
 * (values/edit.h). No emitter: a user's file is never rewritten from the tree. */
#ifndef CM_BASE_YAML_H
#define CM_BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/err.h>
#include <cm/str.h>

enum cm_yaml_type { CM_YAML_SCALAR, CM_YAML_MAP, CM_YAML_LIST, CM_YAML_ALIAS };

struct cm_yaml_properties {            /* what few nodes have */
    const char *anchor, *tag;          /* NULL: none */
    uint32_t body;                     /* first byte behind both */
};

/* A node; all of them live in the document, and there are many: small on purpose. A scalar has no room behind `properties`. */
struct cm_yaml {
    enum cm_yaml_type type : 2;
    bool plain : 1;                    /* scalar without quotes, in block or flow: may be typed by YAML 1.1 rules */
    bool flow : 1;                     /* [..] or {..} */
    uint32_t count : 28;               /* of list items or map pairs; else 0 */
    uint32_t text_bytes;               /* of a collection 0 */
    union {
        char *text;                    /* scalar: decoded; alias: its name */
        struct cm_yaml **keys;         /* map; of a list NULL */
    };
    uint32_t line, column;             /* of its first byte, from 1; column counts code points */
    uint32_t begin, end;               /* bytes in the source, end exclusive; a block collection ends after its last
                                          child's last byte, never inside trailing comments; a block scalar (| or >)
                                          ends behind its last line break; begin is at the anchor or tag, if any */
    struct cm_yaml *parent;
    const struct cm_yaml_properties *properties;        /* NULL: neither anchor nor tag */
    union {
        struct cm_yaml **items;        /* list items or map values */
        struct cm_yaml *target;        /* alias: the node it stands for; never an alias, never NULL */
    };
};

static inline const char *cm_yaml_anchor(const struct cm_yaml *n) { return n->properties ? n->properties->anchor : NULL; }
static inline const char *cm_yaml_tag(const struct cm_yaml *n) { return n->properties ? n->properties->tag : NULL; }
/* The first byte behind anchor and tag; its first without them. */
static inline uint32_t cm_yaml_body(const struct cm_yaml *n) { return n->properties ? n->properties->body : n->begin; }

struct cm_yaml_doc;

/* Parse; `name` stands in errors ("plan.yaml:3:7: …"). The source is copied. CM_E_USAGE on a fault of the text. */
struct cm_yaml_doc *cm_yaml_parse(const char *text, size_t bytes, const char *name, struct cm_err **err);
/* The same of a text that ends with a NUL and outlives the document, without a copy. */
struct cm_yaml_doc *cm_yaml_parse_in_place(const char *text, size_t bytes, const char *name, struct cm_err **err);
struct cm_yaml_doc *cm_yaml_load(const char *path, struct cm_err **err);      /* at most 64 MiB */
void cm_yaml_free(struct cm_yaml_doc *doc);
const char *cm_yaml_name(const struct cm_yaml_doc *doc);
const char *cm_yaml_source(const struct cm_yaml_doc *doc, size_t *bytes);
bool cm_yaml_crlf(const struct cm_yaml_doc *doc);                             /* does its first line end in CRLF? */
struct cm_yaml *cm_yaml_root(const struct cm_yaml_doc *doc);                  /* NULL: an empty document */
/* From now on the root is the map at this dotted path below it, as if there were nothing else in the file; places stay those of the file.
 * No map there: an empty document. */
void cm_yaml_begin_at(struct cm_yaml_doc *doc, const char *path);
void cm_yaml_begin_below(struct cm_yaml_doc *doc, const char *key); /* the same for one key, which may hold dots */
struct cm_yaml *cm_yaml_get(const struct cm_yaml *map, const char *key);      /* NULL: not a map, or no such key */
struct cm_yaml *cm_yaml_key(const struct cm_yaml *map, const char *key);      /* the key's own node, for its place */
/* The number of its pair; SIZE_MAX: not a map, or no such key. All three take about as long in a map of many keys as in one of few. */
size_t cm_yaml_index(const struct cm_yaml *map, const char *key);
/* The value of a key as YAML's readers see it: through aliases and merge keys (<<), a map's own keys first. Never an alias; NULL: none. */
const struct cm_yaml *cm_yaml_reach(const struct cm_yaml *map, const char *key);
/* The node as JSON, typed as helm's reader types plain scalars (YAML 1.1 booleans, null, ints, floats; big numbers stay
 * exact as strings where a double would lose digits). Aliases are followed. New reference. */
json_t *cm_yaml_json(const struct cm_yaml_doc *doc, const struct cm_yaml *node);
/* The same, but numbers are the text they were: the version 1.10 is not 1.1. Keys are as they are written, and there are no merge keys. */
json_t *cm_yaml_texts(const struct cm_yaml *node);
static inline void cm_yaml_cleanup(struct cm_yaml_doc **d) { cm_yaml_free(*d); }
#define cm_autoyaml CM_CLEANUP(cm_yaml_cleanup) struct cm_yaml_doc *

/* Problems collected, so that all are said at once. */
struct cm_problems { struct cm_str text; size_t count; };
#define CM_PROBLEMS { CM_STR(CM_STR_PAGE), 0 }
/* Adds "name:line:column: message"; node NULL: no place. */
void cm_problem(struct cm_problems *p, const struct cm_yaml_doc *doc, const struct cm_yaml *node, const char *fmt, ...)
    CM_PRINTF(4, 5);
int cm_problems_end(struct cm_problems *p, struct cm_err **err);   /* 0: none. -1: CM_E_USAGE with all of them; frees */

#endif
