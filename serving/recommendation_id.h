/*
 * Recommendation id: what was shown, inside the name it is shown under.
 *
 * A click or purchase that carries the id can be joined to the placement, the model and
 * the source of the position it came from, on any node, with nothing stored.  A MAC under
 * the deployment's secret keeps strangers from inventing exposures.
 *
 *     "r_" base64url( version u8, n u8, placement u32, model u32, time 48 bit ms, page
 * u8, variant u8, sources 4 bits each, MAC 8 bytes )          little-endian
 *
 * Units      Times in ms since the Unix epoch.
 * Ownership  Plain values.
 * Threads    That of the signer.
 * Cost       One HMAC-SHA-256, about 1 us.
 */
#ifndef MR_SERVING_RECOMMENDATION_ID_H
#define MR_SERVING_RECOMMENDATION_ID_H

#include "core/status.h"
#include "core/text.h"
#include "serving/signed_text.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_RECOMMENDATION_ID_ITEMS_MAX = 100,
    MR_RECOMMENDATION_ID_TEXT_BYTES = 128, /* with its NUL; fits an event's field */
};

typedef struct mr_recommendation_id {
    uint32_t placement; /* mr_recommendation_placement_hash() */
    uint32_t model;     /* mr_model_hash(); 0 without a model */
    int64_t time_ms;
    uint8_t page;
    uint8_t variant;
    uint8_t count;
    uint8_t sources[MR_RECOMMENDATION_ID_ITEMS_MAX]; /* mr_source, one a position */
} mr_recommendation_id;

uint32_t mr_recommendation_placement_hash(mr_text placement);

/* NUL-terminated. */
MR_MUST_USE mr_status
mr_recommendation_id_write(mr_signer *signer, const mr_recommendation_id *id,
                           char ret_text[MR_RECOMMENDATION_ID_TEXT_BYTES]);

/* MR_ERR_CORRUPT for a text that is no id of this deployment. */
MR_MUST_USE mr_status mr_recommendation_id_read(mr_signer *signer, mr_text text,
                                                mr_recommendation_id *ret_id);

#endif
