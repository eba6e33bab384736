/*
 * Encoder plan: who is touched by one batch of the encoder's training.
 *
 * A batch adds to an item's gradient wherever the item stands: as a negative, as a target, as an
 * input.  The plan turns that around: for every item touched once or more the list of its
 * appearances, always in the order negatives, targets, inputs.  The gradient of a row is then
 * summed by one worker in a fixed order, and no copies have to be merged.
 *
 * Units      An appearance is a number: below `negatives` a negative, from there on `batch` targets,
 *            then inputs, oldest first within their example.
 * Ownership  The plan owns its arrays; examples borrow the sequences.
 * Threads    One caller makes it; any readers after.
 * Cost       4 bytes an item of the catalogue; about 10 ns an appearance.
 */
#ifndef MR_MODELS_ENCODER_PLAN_H
#define MR_MODELS_ENCODER_PLAN_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Guess `target` from the `length` items in front of it. */
typedef struct mr_encoder_example {
    const uint32_t *prefix;
    uint32_t length; /* 1 … MR_ENCODER_LENGTH_MAX */
    uint32_t target;
} mr_encoder_example;

typedef struct mr_encoder_plan {
    uint32_t items;     /* of the catalogue */
    uint32_t batch;     /* examples         */
    uint32_t negatives; /* shared by them   */

    mr_encoder_example *examples; /* [batch]                                      */
    uint32_t *negative;           /* [negatives]: items                           */
    uint32_t *input_first;        /* [batch + 1]: inputs of example b start here  */
    uint32_t *input_example;      /* [inputs]                                     */

    uint32_t rows;            /* items touched, in order of first appearance  */
    uint32_t *row_item;       /* [rows]                                       */
    uint32_t *row_first;      /* [rows + 1]                                   */
    uint32_t *row_appearance; /* [row_first[rows]]                            */
    uint32_t *row_of;         /* [appearances]                                */
    uint32_t *slot;           /* [items]: row + 1 of an item touched, else 0  */
} mr_encoder_plan;

/* MR_ERR_NO_MEMORY, the plan then to be deinited. */
MR_MUST_USE mr_status mr_encoder_plan_init(mr_encoder_plan *ret_plan, uint32_t items,
                                           uint32_t batch, uint32_t negatives);
void mr_encoder_plan_deinit(mr_encoder_plan *plan);

/* Plan the batch that stands in `examples` and `negative`. */
void mr_encoder_plan_make(mr_encoder_plan *plan);

#endif
