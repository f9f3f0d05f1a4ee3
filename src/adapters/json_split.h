/* adapters/json_split.h: a JSON array taken apart while it streams in, item by item, so that ten thousand pieces of content
 * are never held at once. Hostile input ends in an error, never in unbounded memory: an item is bounded in bytes and depth.
 *
 * Does not: know HTTP or Connect; accept anything but one array (white space around it is fine). */
#ifndef CM_ADAPTERS_JSON_SPLIT_H
#define CM_ADAPTERS_JSON_SPLIT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <cm/err.h>

struct cm_json_split;

/* `each` borrows the item; -1 from it (with err filled) ends the whole. item_max_bytes 0: 4 MiB. */
struct cm_json_split *cm_json_split_new(int (*each)(void *ctx, const json_t *item, struct cm_err **err), void *ctx,
                                        size_t item_max_bytes);
/* Feed the next bytes. -1: not an array of JSON values, too large, too deep, or `each` failed. */
int cm_json_split_feed(struct cm_json_split *s, const char *bytes, size_t n, struct cm_err **err);
/* The input is at its end: -1 when the array is not. */
int cm_json_split_end(struct cm_json_split *s, struct cm_err **err);
uint64_t cm_json_split_count(const struct cm_json_split *s);       /* items handed out so far */
void cm_json_split_free(struct cm_json_split *s);

#endif
