/*
 * Decode native: the canonical event as JSON, its fields under their canonical names.
 *
 *     {"type": "purchase", "user_id": "u1", "time": "2026-11-21T08:26:00Z", "order_id": "o7",
 *      "items": [{"item_id": "a", "quantity": 2, "price": "2.55"}, {"item_id": "b", "price": 4}]}
 *
 * Line fields stand at the top, or in `items` (or `lines`), one object a line.  Unknown keys are
 * left alone.  docs/EVENTS.md has the whole list.
 *
 * Units      Amounts are decimals in the currency's major unit; `time` is ms or RFC 3339.
 * Ownership  As ingest/decoder.h.
 * Threads    Owner-only.
 * Cost       About 0.4 us for an event of 350 bytes.
 */
#ifndef MR_INGEST_DECODE_NATIVE_H
#define MR_INGEST_DECODE_NATIVE_H

#include "ingest/decode_json.h"

typedef struct mr_native_tables {
    mr_json_table event; /* private */
    mr_json_table line;  /* private */
} mr_native_tables;

void mr_native_tables_init(mr_native_tables *ret_tables);

/* Append the events of a checked message to the output. */
MR_MUST_USE mr_poison mr_native_decode(const mr_native_tables *tables, yyjson_val *root,
                                       mr_decode_output *output);

/* Does the message have the shape of this dialect: a canonical type and a canonical user? */
bool mr_native_matches(yyjson_val *root);

#endif
