/* values/gcfg.h: Connect's configuration file format (gcfg), read with its measured grammar, every setting with its place and
 * the comments above it. Section and key names compare case-insensitively, sub-section names exactly. */
#ifndef CM_VALUES_GCFG_H
#define CM_VALUES_GCFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cm/err.h>

/* A section's header as it stands somewhere; all settings behind it share it. */
struct cm_gcfg_header {
    char *section, *sub;             /* as spelled; sub NULL: none */
    const char *file;                /* name given to the parser; borrowed by the gcfg, lives as long */
    char *comment;                   /* the lines above it; NULL */
};
struct cm_gcfg_setting {             /* one for each line of a file perhaps: small on purpose */
    const struct cm_gcfg_header *in;
    char *key;                       /* as spelled */
    char *value;                     /* decoded; NULL: a bare key */
    char *comment;                   /* lines above it, with their ';' or '#', newline-separated; NULL */
    uint32_t value_bytes, line, column;
    bool from_environment;           /* a CONNECT_SECTION_KEY variable */
    char cut_at;                     /* ';' or '#' right behind the value, with text behind it, which is a comment; else NUL */
};
struct cm_gcfg { struct cm_gcfg_setting *list; size_t count; char **names; size_t name_count; struct cm_gcfg_more *more; };

struct cm_gcfg *cm_gcfg_new(void);
/* Read text behind what is there already (main file first, then -migration.gcfg). "file:line:column: …" on a fault. */
int cm_gcfg_add(struct cm_gcfg *g, const char *text, size_t bytes, const char *name, struct cm_err **err);
/* CONNECT_<SECTION>_<KEY> variables, "NAME=value" each, overriding; others are ignored. NULL-ended. */
int cm_gcfg_add_environment(struct cm_gcfg *g, const char *const *variables, struct cm_err **err);
void cm_gcfg_free(struct cm_gcfg *g);
/* The value in force: the last one wins, a bare key is "true". NULL: absent. sub NULL: none. */
const char *cm_gcfg_get(const struct cm_gcfg *g, const char *section, const char *sub, const char *key);
const struct cm_gcfg_setting *cm_gcfg_find(const struct cm_gcfg *g, const char *section, const char *sub, const char *key);
/* Boolean by gcfg's words (true yes on 1 / false no off 0). */
bool cm_gcfg_bool(const struct cm_gcfg *g, const char *section, const char *key, bool otherwise);

/* Of the first setting behind a section's header the lines above the header; NULL: none, or another one. */
const char *cm_gcfg_header_comment(const struct cm_gcfg *g, size_t i);
/* Comment lines behind the last setting of the last file; NULL: none. */
const char *cm_gcfg_tail(const struct cm_gcfg *g);
/* Section and key names compare like this. */
bool cm_gcfg_same_name(const char *a, const char *b);
/* One of gcfg's words for a boolean, any case. false: it is none of them. */
bool cm_gcfg_bool_word(const char *text, bool *value);

#endif
