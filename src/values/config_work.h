/* values/config_work.h: what the parts of the conversion of gcfg to values share (values/config*.c); not for others.
 *
 * The settings of the source are put together in groups, one for each name; a group gets one decision; each setting gets a row of
 * the account. Texts of the result live in one arena that goes with it. */
#ifndef CM_VALUES_CONFIG_WORK_H
#define CM_VALUES_CONFIG_WORK_H

#include <stdint.h>

#include "base/mem.h"
#include "values/config.h"
#include "values/index.h"
#include "values/settings.h"

enum cm_config_where { CM_TO_NOWHERE, CM_TO_CONFIG, CM_TO_ENV };

/* Many of these at once: a file of a hundred thousand lines is converted in little memory, so indices are 32 bits wide, and names that
 * can be put together again are. */
typedef uint32_t cm_config_at;
#define CM_NO_SETTING UINT32_MAX

struct cm_config_group {
    const struct cm_setting *known;      /* NULL: not in the table, nor is its section */
    const char *reason;
    const char *target;                  /* NULL: "config." and the name, where it goes to config */
    const char *value;                   /* the one value, or what it was changed to; NULL for a list */
    const char *note;                    /* a comment of ours above it in the output; NULL */
    char *comment;                       /* the source's comments, without what may be a secret; arena; NULL */
    cm_config_at section;                /* index */
    cm_config_at first, last;            /* settings of the source, chained by cm_config_more.next */
    cm_config_at live;                   /* first setting that still counts: a later one replaced those before it */
    cm_config_at next_in_section;
    unsigned exact : 1;
    unsigned as_list : 1;
    unsigned empty_list : 1;             /* a bare key at the end: a list without members */
    unsigned based : 1;                  /* the base gives it: its comments are the base's */
    unsigned fate : 4, where : 4;        /* enum cm_fate, enum cm_config_where */
};

struct cm_config_section {
    const char *name, *sub;
    const char *title;                   /* 'RPackageRepository "CRAN"', as in the gcfg and as YAML key */
    cm_config_at first, last;            /* groups */
    char *comment;                       /* lines above its header */
};

struct cm_config_env {                   /* one entry that pod.env gets */
    const char *name;
    const char *value;                   /* NULL: from the Secret */
    const char *secret_key;
    const char *note;
};

struct cm_base_value { const struct cm_yaml_doc *doc; const struct cm_yaml *node, *section; const char *file; };

struct cm_config_more {
    struct cm_arena *arena;
    struct cm_config_row *rows;          /* of the unit's variables and of the chart's own values; settings' rows are made when asked */
    size_t row_count, row_cap;
    struct cm_config_section *sections;
    size_t section_count, section_cap;
    struct cm_config_group *groups;
    size_t group_count;
    struct cm_config_env *env;
    size_t env_count, env_cap;
    char *secret_name;
    json_t *secrets;
    cm_config_at *next;                  /* per setting of the source: the next one of its group */
    cm_config_at *group_of;
    struct cm_str name, said;            /* for the row handed out last */
    const struct cm_gcfg *gcfg;          /* the source; borrowed: it must live as long as the result is merged */
    char *tail;                          /* comments at the source's end */
};

struct cm_config_work {
    const struct cm_config_wish *wish;
    struct cm_config_result *out;
    struct cm_config_more *m;
    struct cm_index *group_index, *section_index, *base_index, *env_index;
    struct cm_base_value *base;          /* settings of the base by name: base_index holds the number */
    size_t base_count, base_cap;
    const struct cm_yaml *base_env, *base_mounts;        /* pod.env and pod.volumeMounts in force; NULL */
    const struct cm_yaml_doc *env_doc, *mounts_doc;
    const char *env_file, *mounts_file;
    const char *data_path;               /* where the pod sees the shared storage */
    size_t untold;                       /* findings that were one too many */
    const char *old_data_dir;            /* the source's, or its default */
};

/* config_base.c: what the user's values say already. */
void cm_config_base_read(struct cm_config_work *w);
const struct cm_base_value *cm_config_base_find(const struct cm_config_work *w, const char *section, const char *sub, const char *key);
/* The section's spelling in the base; NULL: it is not there. */
const char *cm_config_base_section(const struct cm_config_work *w, const char *section, const char *sub);
bool cm_config_base_has_env(const struct cm_config_work *w, const char *variable);
/* "values.yaml:12:5" where pod.volumeMounts covers this path; NULL: it does not. Arena text. */
const char *cm_config_base_mount(const struct cm_config_work *w, const char *path);
/* The decoded values of a base setting, as Connect would read them from what the chart renders; an array of strings. New
 * reference. */
json_t *cm_config_base_values(const struct cm_base_value *v);
char *cm_config_place(struct cm_config_work *w, const struct cm_base_value *v);

/* config_rules.c: the decision for one group, by its value. */
void cm_config_judge(struct cm_config_work *w, struct cm_config_group *g);
/* Where the pod would look for this path: NULL when nothing is to be done, else why a person is asked. */
const char *cm_config_path_problem(struct cm_config_work *w, const char *path, const char **covered);

/* config_url.c: URLs in values. */
struct cm_url_seen {
    char *stripped;          /* without any password; owned */
    bool had_password;
    char *password;          /* the first one, as it is written; owned, wiped; NULL: none */
    bool local;              /* localhost, loopback, a socket: no pod reaches it */
    char *path;              /* a file named in a parameter (sslrootcert=…) or by file:; owned; NULL */
};
bool cm_url_look(const char *text, struct cm_url_seen *out);     /* false: no URL */
void cm_url_seen_fini(struct cm_url_seen *u);

/* config_comments.c: comments of the source, without secrets. The scrubber lives in the arena. */
struct cm_config_scrubber;
struct cm_config_scrubber *cm_config_scrubber_new(struct cm_config_work *w);
char *cm_config_comment_add(struct cm_config_work *w, const struct cm_config_scrubber *s, char *before, const char *comment);

/* config_env.c: pod.env: secrets, the unit's variables. */
void cm_config_env_secret(struct cm_config_work *w, struct cm_config_group *g, const char *variable);
void cm_config_env_unit(struct cm_config_work *w);
const char *cm_config_env_name(struct cm_config_work *w, const struct cm_config_group *g);
void cm_config_env_add(struct cm_config_work *w, const char *name, const char *value, const char *secret_key, const char *note);

/* config_account.c */
void cm_config_finding(struct cm_config_work *w, const char *verdict, const char *id, const char *remedy, const char *fmt, ...)
    CM_PRINTF(5, 6);
/* One finding for those that were not told one by one. */
void cm_config_untold(struct cm_config_work *w);
void cm_config_add_row(struct cm_config_work *w, const struct cm_config_row *row);
void cm_config_count_rows(struct cm_config_work *w);
void cm_config_chart_rows(struct cm_config_work *w);
/* Its key as the documents spell it, or as the source does where it comes first. */
const char *cm_config_key(const struct cm_config_more *m, const struct cm_config_group *g);
/* "Section.Key" of a group; arena text. */
const char *cm_config_label(const struct cm_config_more *m, const struct cm_config_group *g);
/* The id of a finding on one setting: "config.WORD.Section.Key"; arena text. */
const char *cm_config_id(struct cm_config_work *w, const char *word, const struct cm_config_group *g);

/* config_write.c: the YAML text. */
void cm_config_write(struct cm_config_work *w);
/* The lines of one group below its section, at this indent. */
void cm_config_write_group(const struct cm_config_more *m, const struct cm_config_group *g, struct cm_str *out, int indent);
/* All that one section adds; with_title: below its key. */
void cm_config_write_section(const struct cm_config_more *m, const struct cm_config_section *s, struct cm_str *out, int indent,
                             bool with_title);
/* The items of pod.env at this indent, ours only. */
void cm_config_write_env(const struct cm_config_more *m, struct cm_str *out, int indent);

#endif
