/*
 * Shop model: a recommender's directory for benchmarks, made without training what takes long.
 *
 * Sessions wander through a catalogue whose items are met by Zipf's law; what counts them
 * (item-item, co-visitation, session neighbours, repeats, popularity) is built from them, the
 * tables of factors are drawn around some hundred centres, as trained ones lie.  So each look-up
 * touches what it would touch in a shop; the lists themselves mean nothing.
 *
 * Units      Items by index.
 * Ownership  open() makes a directory below $TMPDIR and opens it; close() removes it.
 * Threads    One.
 * Cost       A million items: half a minute and 1.5 GB of disk.
 */
#ifndef MR_BENCH_SHOP_MODEL_H
#define MR_BENCH_SHOP_MODEL_H

#include "models/recommender.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_SHOP_DIRECTORY_BYTES = 256, MR_SHOP_HISTORY_MAX = 48 };

typedef struct mr_shop_model {
    mr_recommender *recommender;
    char directory[MR_SHOP_DIRECTORY_BYTES];
    uint32_t items;
} mr_shop_model;

/* The blend of item-item, iALS (d = 64) and popularity; with a ranker, that and all that order
 * says, an encoder (d = 128) among it. */
void mr_shop_model_open(uint32_t items, bool has_ranker, mr_shop_model *ret_model);
void mr_shop_model_close(mr_shop_model *model);

/* The history of a user, newest first; returns its length, 4 … MR_SHOP_HISTORY_MAX. */
size_t mr_shop_history(const mr_shop_model *model, uint32_t user,
                       mr_model_history_item ret_history[MR_SHOP_HISTORY_MAX]);

#endif
