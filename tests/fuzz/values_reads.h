/* Does YAML that we wrote read as it should? Asked of our reader, and of libyaml by itself, whose documents share no code with it. */
#ifndef CM_TESTS_FUZZ_VALUES_READS_H
#define CM_TESTS_FUZZ_VALUES_READS_H

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <yaml.h>

#include "base/yaml.h"
#include "refusal.h"

/* Of our reader's, without aliases. */
static inline bool same_tree(const struct cm_yaml *a, const struct cm_yaml *b)
{
    bool same = a->type == b->type && a->plain == b->plain && a->count == b->count && a->text_bytes == b->text_bytes;
    same = same && (!a->text_bytes || memcmp(a->text, b->text, a->text_bytes) == 0);
    for (size_t i = 0; same && i < a->count; i++)
        same = (!a->keys || same_tree(a->keys[i], b->keys[i])) && same_tree(a->items[i], b->items[i]);
    return same;
}

static inline void same_node(yaml_document_t *d, int number, const struct cm_yaml *n)
{
    const yaml_node_t *theirs = yaml_document_get_node(d, number);
    must(theirs != NULL);
    if (n->type == CM_YAML_SCALAR) {
        must(theirs->type == YAML_SCALAR_NODE && theirs->data.scalar.length == n->text_bytes);
        must(memcmp(theirs->data.scalar.value, n->text, n->text_bytes) == 0);
    } else if (n->type == CM_YAML_LIST) {
        must(theirs->type == YAML_SEQUENCE_NODE);
        must((size_t)(theirs->data.sequence.items.top - theirs->data.sequence.items.start) == n->count);
        for (size_t i = 0; i < n->count; i++)
            same_node(d, theirs->data.sequence.items.start[i], n->items[i]);
    } else {
        must(n->type == CM_YAML_MAP && theirs->type == YAML_MAPPING_NODE); /* an alias is never written */
        must((size_t)(theirs->data.mapping.pairs.top - theirs->data.mapping.pairs.start) == n->count);
        for (size_t i = 0; i < n->count; i++) {
            same_node(d, theirs->data.mapping.pairs.start[i].key, n->keys[i]);
            same_node(d, theirs->data.mapping.pairs.start[i].value, n->items[i]);
        }
    }
}

static inline void agree(const struct cm_yaml_doc *ours, const char *text)
{
    yaml_parser_t parser;
    yaml_document_t theirs;
    must(ours && yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    must(yaml_parser_load(&parser, &theirs));
    same_node(&theirs, 1, cm_yaml_root(ours));
    yaml_document_delete(&theirs);
    yaml_parser_delete(&parser);
}

/* wanted: the reference is taken. */
static inline void reads_as(const char *text, json_t *wanted)
{
    cm_autoyaml ours = cm_yaml_parse(text, strlen(text), "written", NULL);
    must(ours && wanted && cm_yaml_root(ours));
    cm_autojson read = cm_yaml_json(ours, cm_yaml_root(ours));
    must(json_equal(read, wanted));
    json_decref(wanted);
    agree(ours, text);
}

#endif
