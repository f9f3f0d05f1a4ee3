/* values/launcher_work.h: what the parts of the Launcher conversion share (values/launcher*.c); not for others.
 *
 * What is to be put somewhere is a tree of pieces: maps and lists that we make, and at their ends either lines of the user's own file
 * (moved with their comments, only shifted) or values that had to be made anew. The same tree gives the lines to insert and the value
 * that the proof expects. */
#ifndef CM_VALUES_LAUNCHER_WORK_H
#define CM_VALUES_LAUNCHER_WORK_H

#include <stdint.h>

#include "base/mem.h"
#include "base/yaml.h"
#include "values/config.h"
#include "values/edit.h"
#include "values/launcher.h"

enum cm_piece_kind { CM_PIECE_MAP, CM_PIECE_LIST, CM_PIECE_LINES, CM_PIECE_VALUE };

struct cm_piece {                        /* there may be one for each line of a file: small on purpose */
    enum cm_piece_kind kind : 8;
    bool wins;                           /* over what stands there already */
    bool texts;                          /* value: what the node, which is none of the file's own, reads as by cm_yaml_texts */
    int32_t indent;                      /* lines: column of the key or the dash, from 0 */
    const char *key;                     /* NULL: an item of a list */
    struct cm_piece **kids;              /* map, list */
    uint32_t count, cap;
    uint32_t *named;                     /* map: numbers of kids, by a hash of their keys; NULL: it has few */
    uint32_t named_size;
    uint32_t head;                       /* lines of a pair: the byte behind its key */
    struct cm_extent at;                 /* lines: where they stand in the source */
    json_t *value;                       /* value: what it says; owned by the arena. NULL: what the node says */
    const struct cm_yaml *node;          /* lines: the value in the source; value: where it was in flow style, else NULL */
    const char *comment;                 /* lines to stand above it, newline-ended, without indent; NULL */
    const char *behind;                  /* a comment behind the key of a map; NULL */
};

struct cm_span { uint32_t begin, end; };

struct cm_launcher_work {
    const struct cm_launcher_wish *wish;
    struct cm_launcher_result *out;
    struct cm_arena *arena;              /* lives as long as the result, whose rows are in it */
    struct cm_arena *pieces;             /* until all of them are written */
    struct cm_yaml_doc *doc;
    struct cm_yaml *root;                /* the map with the chart's values: the file's own, or one below it (cm_values_below) */
    json_t *whole;                       /* changed keys of the file's root: values of place holders (values/edit.h) */
    json_t *expected;                    /* the same of `root`; borrowed from `whole`, or it */
    const char *below;                   /* the key that `root` stands below; NULL: it is the file's */
    bool said;                           /* `below` is wish->at: several keys, with dots between them */
    struct cm_edits *edits;
    unsigned char *gone;                 /* a bit for each byte of the source: at the keys of pairs that leave */
    struct cm_yaml_doc *read[2];         /* YAML that stood in a string, until all is proved */
    json_t *anchors;                     /* how often each name is given; in the arena; NULL: not counted yet */
    struct cm_piece *top;                /* what is added to the file's root */
    struct cm_span *moved;               /* what stands elsewhere from now on; sorted once it is looked at */
    size_t moved_count, moved_cap;
    bool moved_sorted;
    unsigned char *taken;                /* a bit for each byte of the source: at the comments that were taken along */
    const char *pending;                 /* comments of a map that dissolves, for the next piece */
    const char *service_account, *namespace;   /* names; NULL: none was given, or it is no text */
    bool account_moved;                  /* a service account has its place already, be it a text or not */
    int step;                            /* see cm_launcher_step; 0: not looked for yet */
    int lists;                           /* the same of lists, plus one */
    const char *renamed;                 /* the section of config that became Kubernetes; NULL */
    struct cm_err **err;
};

/* launcher_piece.c: the tree. All of it lives in w->pieces. */
struct cm_piece *cm_piece_map(struct cm_launcher_work *w, struct cm_piece *in, const char *key);      /* the kid of that key; made when missing */
struct cm_piece *cm_piece_list(struct cm_launcher_work *w, struct cm_piece *in, const char *key);
struct cm_piece *cm_piece_path(struct cm_launcher_work *w, struct cm_piece *in, const char *dotted);  /* maps below maps */
struct cm_piece *cm_piece_value(struct cm_launcher_work *w, struct cm_piece *in, const char *key, json_t *taken);
/* The i-th pair of a user's map, under another key perhaps; its lines where it has lines of its own, else its value. */
struct cm_piece *cm_piece_pair(struct cm_launcher_work *w, struct cm_piece *in, const char *key, const struct cm_yaml *map, size_t i);
/* A value that is made of this node by cm_yaml_texts when it is written: a list of that key, or (NULL) any item. */
struct cm_piece *cm_piece_texts(struct cm_launcher_work *w, struct cm_piece *in, const char *key, const struct cm_yaml *node);
/* A piece that exists, as the last kid of another one as well. */
void cm_piece_adopt(struct cm_launcher_work *w, struct cm_piece *in, struct cm_piece *p);
/* The kid of that key; NULL: none. */
struct cm_piece *cm_piece_kid(const struct cm_piece *in, const char *key);
bool cm_piece_has(const struct cm_piece *in, const char *key);
struct cm_piece *cm_piece_item(struct cm_launcher_work *w, struct cm_piece *in, const struct cm_yaml *list, size_t i);
/* The container of content; made, as the last of the list, when missing. */
struct cm_piece *cm_piece_content(struct cm_launcher_work *w, struct cm_piece *pod_spec);
/* Moved lines, or a value, as pairs or items that can be put beside others; false: it is one scalar. */
bool cm_piece_open(struct cm_launcher_work *w, struct cm_piece *p);
/* A list of that key to append to: a new one, or a user's list item by item; NULL: what is there cannot be opened. */
struct cm_piece *cm_piece_open_list(struct cm_launcher_work *w, struct cm_piece *in, const char *key);
json_t *cm_piece_json(struct cm_launcher_work *w, const struct cm_piece *p);          /* new reference */
json_t *cm_piece_expected(struct cm_launcher_work *w, const struct cm_piece *p);      /* for the proof; new reference */
void cm_piece_write(struct cm_launcher_work *w, const struct cm_piece *p, long indent, struct cm_str *out);

/* As in edit.h, looked for once. */
int cm_launcher_step(struct cm_launcher_work *w);
bool cm_launcher_lists_indented(struct cm_launcher_work *w);

/* launcher_place.c: putting pieces into the file, taking pairs out of it. */
int cm_place(struct cm_launcher_work *w, struct cm_piece *kids_of, struct cm_yaml *map, json_t *json, const char *path);
void cm_take_out(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i);     /* only noted; cm_remove does it */
/* Remove what was noted below this map; a map of which nothing stays goes with its key. */
int cm_remove(struct cm_launcher_work *w, struct cm_yaml *map, json_t *in, const char *key);      /* the map is in[key] */
/* What stays of a map, for the proof. New reference. */
json_t *cm_pruned(struct cm_launcher_work *w, const struct cm_yaml *map);
bool cm_all_gone(const struct cm_launcher_work *w, const struct cm_yaml *map);

/* Does the i-th pair leave, or all that is in it? Does anything below the map leave? */
bool cm_goes(const struct cm_launcher_work *w, const struct cm_yaml *map, size_t i);
bool cm_is_gone(const struct cm_launcher_work *w, const struct cm_yaml *key);       /* cm_take_out was told */
bool cm_something_gone(const struct cm_launcher_work *w, const struct cm_yaml *map);
/* Maps and lists of ours meet maps and lists of the user's; else -1 with its place. */
int cm_place_fits(struct cm_launcher_work *w, const struct cm_piece *p, const struct cm_yaml *there, const char *path);
/* What stands there already and stays says something else than ours. */
void cm_place_conflict(struct cm_launcher_work *w, const struct cm_yaml *there, const char *path);

/* launcher_flow.c: maps and lists in flow style, written again. */
/* A value as lines in block style: behind "key:" (begins with a line break) or " scalar\n"; and as an item of a list. */
void cm_flow_write(struct cm_launcher_work *w, const struct cm_yaml *n, long indent, struct cm_str *out);
void cm_flow_write_item(struct cm_launcher_work *w, const struct cm_yaml *item, long indent, struct cm_str *out);
/* What stays of a map in flow style, in flow style; with `name` (NULL: none) having this value. */
void cm_flow_pruned(struct cm_launcher_work *w, const struct cm_yaml *map, const char *name, const char *value, struct cm_str *out);
/* Ours (a map or list) and a user's, put together as a new kid of `in`; the user's wins where both say something different. */
struct cm_piece *cm_flow_join(struct cm_launcher_work *w, struct cm_piece *in, struct cm_piece *ours, const struct cm_yaml *theirs,
                              const char *path);

/* launcher_safe.c: -1: something in these two (NULL: not there) cannot be edited safely, told with its place. */
int cm_launcher_safe(struct cm_launcher_work *w, const struct cm_yaml *launcher, const struct cm_yaml *settings);

/* launcher_keys.c: what stands below `launcher`; config.Launcher, the i-th pair of `config`. */
int cm_launcher_keys(struct cm_launcher_work *w, struct cm_yaml *launcher);
int cm_launcher_settings(struct cm_launcher_work *w, struct cm_yaml *config, size_t i);
/* launcher_map.c: templateValues and its places. */
int cm_launcher_template_values(struct cm_launcher_work *w, struct cm_yaml *values);
/* launcher_podspec.c: the pod's own part: containers, security contexts. */
int cm_launcher_pod(struct cm_launcher_work *w, struct cm_yaml *pod);
/* launcher_profiles.c */
int cm_launcher_profiles(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i);
/* launcher_images.c: images into executionEnvironments. */
int cm_launcher_images(struct cm_launcher_work *w, struct cm_yaml *launcher, size_t i);

/* launcher_account.c: what is said lives in the conversion's arena, or for ever. target NULL: nowhere. */
struct cm_launcher_more *cm_launcher_more_new(const char *name);
void cm_launcher_more_free(struct cm_launcher_more *m);
struct cm_arena *cm_launcher_arena(const struct cm_launcher_more *m);
void cm_launcher_account(struct cm_launcher_result *r, bool rows_only);      /* all was said */
/* What an object in the cluster is called by this value; NULL: by nothing, or it is no text. */
const char *cm_launcher_name(const struct cm_yaml *value);
void cm_launcher_row(struct cm_launcher_work *w, const struct cm_yaml *at, const char *setting, const char *target, enum cm_fate fate,
                     const char *reason);
/* The same for one of many keys: setting and target, which all of them share, go on with a dot and the key (copied; NULL: they are whole). */
void cm_launcher_row_below(struct cm_launcher_work *w, const struct cm_yaml *at, const char *setting, const char *target, const char *key,
                           enum cm_fate fate, const char *reason);
/* launcher.c. The i-th pair of a map moves to `target`, its row says so; where something before it took the place, it is left out, and that is
 * said (false). below: as for a row. */
bool cm_launcher_move(struct cm_launcher_work *w, struct cm_piece *in, const char *key, const struct cm_yaml *map, size_t i,
                      const char *setting, const char *target, const char *below);
void cm_launcher_keep_doc(struct cm_launcher_work *w, struct cm_yaml_doc *taken);    /* one of each key that may hold YAML in a string */
void cm_launcher_finding(struct cm_launcher_work *w, const struct cm_yaml *at, const char *verdict, const char *id, const char *seen,
                         const char *remedy);
struct cm_piece *cm_launcher_job(struct cm_launcher_work *w);        /* defaultResourceJobBase */
struct cm_piece *cm_launcher_service(struct cm_launcher_work *w);
struct cm_piece *cm_launcher_backend(struct cm_launcher_work *w);    /* backends.kubernetes */
bool cm_yaml_is_empty(const struct cm_yaml *node);                   /* null, "", {}, [] */
bool cm_yaml_is_false(const struct cm_yaml *node);                   /* false as helm reads it */
bool cm_yaml_is_true(const struct cm_yaml *node);

/* launcher_comments.c: comments of what leaves. Lines are newline-ended and without indent; what is waiting comes first (w->pending). */
/* The comment lines above a pair; the comment behind its key, without line end; both, for a piece that takes its place. NULL: none. */
const char *cm_comments_above(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i);
const char *cm_comment_behind(struct cm_launcher_work *w, const struct cm_yaml *key, const struct cm_yaml *value);
const char *cm_comments_of(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i);
/* These bytes of the source stand elsewhere from now on; begin == end: what stood there was moved without its lines. */
void cm_comments_move(struct cm_launcher_work *w, size_t begin, size_t end);
/* The i-th pair leaves (its extent): comment lines in it that nobody took along, as lines to stand in its place. "": none; or nothing of it
 * was moved, and its comments go with it. */
const char *cm_comments_left(struct cm_launcher_work *w, const struct cm_yaml *map, size_t i, const struct cm_extent *at);

#endif
