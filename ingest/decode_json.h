/*
 * Decode JSON: the door of the JSON dialects to yyjson.
 *
 * A message is copied into the batch's arena and parsed there in place, so that texts are views
 * that live as long as the batch; the parser's own values lie in a fixed block that is used again
 * for each message.  Numbers stay text: money is never a binary fraction, and "5" and 5 are the
 * same.  What is found is put into a draft by tables of names.
 *
 * Units      Sizes in bytes.
 * Ownership  A document is lent until the next parse; texts until the arena is reset.
 * Threads    Owner-only.
 * Cost       A copy and one parse; a look at every key.  No allocation in steady state.
 */
#ifndef MR_INGEST_DECODE_JSON_H
#define MR_INGEST_DECODE_JSON_H

#include "ingest/decode_draft.h"

typedef struct yyjson_val yyjson_val; /* of yyjson, which only decode_*.c see */

typedef struct mr_json_parser mr_json_parser;

mr_json_parser *mr_json_parser_create(void);         /* NULL when out of memory */
void mr_json_parser_destroy(mr_json_parser *parser); /* NULL allowed */

/*
 * Parse one object, checked: strict UTF-8, at most MR_EVENT_DEPTH_MAX levels, no key twice.
 * `output->status` is set when memory runs out.
 */
MR_MUST_USE mr_poison mr_json_parser_parse(mr_json_parser *parser, mr_text message,
                                           mr_decode_output *output,
                                           yyjson_val **ret_root);

/* A name in a message and the mr_text, or the yyjson_val *, it goes to. */
typedef struct mr_json_field {
    const char *name;
    uint16_t offset; /* in the dialect's own struct, which begins with an mr_draft */
    bool is_node;    /* an object or array, kept as it is                          */
} mr_json_field;

enum { MR_JSON_NAME_BYTES_MAX = 31, MR_JSON_FIELDS_MAX = 48 };

/* Fields ordered by the length of their names: few are compared for a key. */
typedef struct mr_json_table {
    uint8_t first[MR_JSON_NAME_BYTES_MAX + 2]; /* private */
    mr_json_field fields[MR_JSON_FIELDS_MAX];  /* private */
} mr_json_table;

void mr_json_table_init(mr_json_table *ret_table, const mr_json_field *fields,
                        size_t count);

/*
 * Put every known field of `object` (NULL allowed) where the table says.  Strings and numbers
 * are texts; null is absent.  MR_POISON_BAD_ID when a text field is of another kind.
 */
MR_MUST_USE mr_poison mr_json_table_take(const mr_json_table *table, yyjson_val *object,
                                         void *target);

/*
 * Emit one event a line: `lines` is an array of objects read by `table` into an mr_draft_line;
 * NULL or empty gives one event with the draft's own line.
 *
 * A line without category or brand has the draft's.  When no line has a price or a value, the
 * order's whole value is the first line's, so that revenue is never lost.
 */
MR_MUST_USE mr_poison mr_json_emit_lines(const mr_draft *draft, mr_event_type type,
                                         const mr_json_table *table, yyjson_val *lines,
                                         mr_decode_output *output);

#endif
