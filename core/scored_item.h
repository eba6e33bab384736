/*
 * Scored item: what models hand to serving.
 *
 * Items are named by their index in the model's dictionary, which is append-only over versions,
 * so that a cached index keeps its meaning when the model is replaced.
 *
 * Units      Scores are float32, larger is better, comparable within one list only.
 * Ownership  Plain values.
 * Threads    Any.
 * Cost       16 bytes.
 */
#ifndef MR_CORE_SCORED_ITEM_H
#define MR_CORE_SCORED_ITEM_H

#include <stdint.h>

/* Who proposed the item.  Written to cached values as numbers: append only. */
typedef enum mr_source {
    MR_SOURCE_NONE = 0,
    MR_SOURCE_ITEM_ITEM = 1,
    MR_SOURCE_IALS = 2,
    MR_SOURCE_BLEND = 3,
    MR_SOURCE_POPULAR = 4,
    MR_SOURCE_TRENDING = 5,
    MR_SOURCE_SESSION = 6,
    MR_SOURCE_CONTENT = 7,
    MR_SOURCE_REPEAT = 8,
    MR_SOURCE_PINNED = 9,
    MR_SOURCE_KINDS = 10,
} mr_source;

#define MR_ITEM_NONE UINT32_MAX

typedef struct mr_scored_item {
    uint32_t item; /* index in the model's dictionary */
    float score;
    uint32_t because; /* the history item that carried most of it, or MR_ITEM_NONE */
    uint8_t source;   /* mr_source */
} mr_scored_item;

/* "item_item"; NULL for a number that is no source. */
const char *mr_source_name(mr_source source);

#endif
