/*
 * Candidate: an item on its way to an answer.
 *
 * Whoever proposes it fills in id, score and source; the rules add what the catalogue says of it,
 * so that whoever writes the answer need not look it up again.
 *
 * Units      Scores are larger for better items, comparable within one list only.
 * Ownership  Borrows its texts and its item.
 * Threads    A value.
 * Cost       48 bytes.
 */
#ifndef MR_SERVING_CANDIDATE_H
#define MR_SERVING_CANDIDATE_H

#include "core/scored_item.h"
#include "core/text.h"
#include "serving/catalogue_item.h"

#include <stdint.h>

typedef struct mr_candidate {
    mr_text item_id;
    mr_text because; /* the history item that carried most of the score; may be empty */
    const mr_catalogue_item
        *item; /* by the rules; NULL: the catalogue does not have it */
    float score;
    uint8_t source; /* mr_source */
} mr_candidate;

#endif
