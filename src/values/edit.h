/* values/edit.h: changing a user's YAML file by byte ranges, so that every byte that is not part of a change stays.
 *
 * The tree (base/yaml.h) says where things are; nothing is ever written from the tree. A change is proved before it is handed out: the
 * new text is parsed again and must be what the caller expects, and all other bytes must be the old ones. What cannot be edited safely
 * (anchors, aliases, tags, explicit keys) is refused with its place. Does not: write files. */
#ifndef CM_VALUES_EDIT_H
#define CM_VALUES_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <cm/err.h>

#include "base/yaml.h"

struct cm_edits;

struct cm_edits *cm_edits_new(const struct cm_yaml_doc *doc);       /* the document must outlive it */
void cm_edits_free(struct cm_edits *e);
/* Replace the bytes begin..end of the source. The text is copied. */
void cm_edit_replace(struct cm_edits *e, size_t begin, size_t end, const char *text);
/* Put lines in. Of insertions at one place the deeper ones come first (they end what is inside), then the earlier calls. depth: twice
 * the indent, and one more for items of a list, which may be flush with their key. */
void cm_edit_insert(struct cm_edits *e, size_t at, long depth, const char *lines);
/* The same with the file's own line breaks, and one before it where the line at `at` has none. */
void cm_edit_insert_lines(struct cm_edits *e, size_t at, long depth, const char *lines);
/* A scalar gets this decoded text: its own bytes stay when it has it already, else it is written in the style it had, where that
 * can hold the text. */
void cm_edit_set(struct cm_edits *e, const struct cm_yaml *scalar, const char *text);
/* The value of a pair becomes this YAML text of one line; also where there is none yet ("key:"). */
void cm_edit_value(struct cm_edits *e, const struct cm_yaml *value, const char *yaml);
/* Put it together and prove it, once. `changed` (borrowed; NULL: nothing) has the keys of the root whose values are to be other ones, with
 * these values, null for keys that are to be gone; all other keys must read as before, and all other bytes stay. Overlapping changes and a
 * failed proof are errors. Caller frees *text. */
int cm_edits_apply(struct cm_edits *e, const json_t *changed, char **text, size_t *bytes, struct cm_err **err);
/* For `changed`: stands for a node of the old tree that the new text has somewhere, whatever it holds. New reference. */
json_t *cm_edit_placeholder(const struct cm_yaml *node);
/* The same for what a node reads as, however it is written: flow style in block style, an alias in full, a key without its quotes. */
json_t *cm_edit_reading(const struct cm_yaml *node);
/* The same for what a node, of any tree, reads as by cm_yaml_texts. */
json_t *cm_edit_texts(const struct cm_yaml *node);
const struct cm_yaml *cm_edit_placeheld(const json_t *value);      /* its node in the old tree; NULL: it is no place holder of one */
/* A map or list to be changed one by one: all that is not said of a map is as it was, in its order; members of a list are place holders. New
 * reference. */
json_t *cm_edit_opened(const struct cm_yaml *node);
/* The member of an opened map, opened as well; taken from the node where there is none yet. Borrowed. */
json_t *cm_edit_open_key(json_t *in, const char *key, const struct cm_yaml *node);
json_t *cm_edit_open_item(json_t *in, size_t i, const struct cm_yaml *node);
/* The pair of a map (of the old tree or not) is to be gone; another name, where it stands. Not for the root's own keys. */
void cm_edit_drop_key(json_t *in, const char *key);
void cm_edit_rename_key(json_t *in, const char *from, const char *to);
/* A map has the pairs of these YAML lines as well, in their order; once for a map. Borrowed: they live until all is applied. */
void cm_edit_expect_lines(json_t *in, const char *lines);
bool cm_edits_none(const struct cm_edits *e);

/* Where a pair of a block map lies, in whole lines. */
struct cm_extent {
    uint32_t begin;        /* the first comment line right above it, or its own line */
    uint32_t line;         /* its own line */
    uint32_t end;          /* behind its last line, and behind comments below it that are indented deeper than its key */
};
/* -1: it does not stand on lines of its own (flow style, "? key"), told with its place. */
int cm_edit_pair(const struct cm_yaml_doc *doc, const struct cm_yaml *map, size_t i, struct cm_extent *out, struct cm_err **err);
/* All its keys begin their lines (so no "? key"); a map in flow style has none to look at. -1 with the place. */
int cm_edit_keys(const struct cm_yaml_doc *doc, const struct cm_yaml *map, struct cm_err **err);
/* The same for an item of a block list. */
int cm_edit_item(const struct cm_yaml_doc *doc, const struct cm_yaml *list, size_t i, struct cm_extent *out, struct cm_err **err);
/* Nothing in this tree has an anchor, an alias or a tag; else -1 with its place. */
int cm_edit_safe(const struct cm_yaml_doc *doc, const struct cm_yaml *node, struct cm_err **err);
/* No alias means this node, so that what is changed below it is changed nowhere else; else -1 with its place. */
int cm_edit_unshared(const struct cm_yaml_doc *doc, const struct cm_yaml *node, struct cm_err **err);
/* Where lines can be put behind the last pair of a block map, or behind the last item of a block list. */
int cm_edit_end(const struct cm_yaml_doc *doc, const struct cm_yaml *collection, size_t *at, struct cm_err **err);

/* The lines begin..end of the source, shifted by `by` columns; blank lines stay as they are. Adds a line end where the source's last
 * line has none. */
void cm_edit_shifted(const struct cm_yaml_doc *doc, size_t begin, size_t end, long by, struct cm_str *out);
size_t cm_edit_line_begin(const struct cm_yaml_doc *doc, size_t at);
size_t cm_edit_line_end(const struct cm_yaml_doc *doc, size_t at);      /* behind its line break */
/* The first byte of a line break that only YAML 1.1 takes for one (a lone CR, U+0085, U+2028, U+2029), or of a byte order mark inside of the
 * file; the source's length: there is none. */
size_t cm_edit_odd_break(const struct cm_yaml_doc *doc);
/* Text in block style (| or >): it ends behind its last line break. */
bool cm_edit_is_block_text(const struct cm_yaml_doc *doc, const struct cm_yaml *node);
/* Such a text that the blank lines behind it are part of (|+ or >+): no line can come, go or move right behind it. */
bool cm_edit_keeps_breaks(const struct cm_yaml_doc *doc, const struct cm_yaml *node);
/* These two look at the whole file. Columns that one level of this document is indented by (2 where it does not show). */
int cm_edit_step(const struct cm_yaml_doc *doc);
/* Are items of lists indented below their key (1), flush with it (0)? */
bool cm_edit_lists_indented(const struct cm_yaml_doc *doc);

#endif
