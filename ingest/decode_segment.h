/*
 * Decode Segment: the messages of Segment's HTTP API and of what speaks it.
 *
 * track events of the e-commerce specification v2, and their v1 names, become the canonical
 * types; any other track event, a page, a screen or a group is `custom` under its name.
 * identify and alias are `identify`.  Products of `properties.products` are lines.
 *
 * The time is `timestamp`; without it `receivedAt` (or the record's log time) minus
 * (`sentAt` - `originalTimestamp`), which takes the sender's wrong clock out
 * [Segment, Spec: Common Fields]; without these `originalTimestamp`, then the log time.
 *
 * Units      Amounts are decimals in the currency's major unit.
 * Ownership  As ingest/decoder.h.
 * Threads    Owner-only.
 * Cost       As decode_native.
 */
#ifndef MR_INGEST_DECODE_SEGMENT_H
#define MR_INGEST_DECODE_SEGMENT_H

#include "ingest/decode_json.h"

typedef struct mr_segment_tables {
    mr_json_table message;    /* private */
    mr_json_table properties; /* private */
    mr_json_table context;    /* private */
    mr_json_table product;    /* private */
} mr_segment_tables;

void mr_segment_tables_init(mr_segment_tables *ret_tables);

MR_MUST_USE mr_poison mr_segment_decode(const mr_segment_tables *tables, yyjson_val *root,
                                        mr_decode_output *output);

/* Does the message have the shape of this dialect: a call's name and a camelCase id? */
bool mr_segment_matches(yyjson_val *root);

#endif
