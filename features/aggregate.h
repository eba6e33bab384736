/*
 * Aggregate: one way to sum up events, and everything that is done with what it keeps.
 *
 * A plan names aggregates; the rest of the engine asks this table.  Each kind says how an event
 * is applied, how two profiles become one, what a checkpoint and a profile on its way hold, and
 * what a reader sees: an aggregate is one file, aggregate_NAME.c, and a line here.  What looks at
 * a window of days keeps nothing of its own: it reads a day series (features/profile.h).
 *
 * Units      As features/profile.h.
 * Ownership  Rows are the store's, lists lie in the pool, texts in the name tables.
 * Threads    Owner-only; the table is constant.
 * Cost       One indirect call an event and operation.
 */
#ifndef MR_FEATURES_AGGREGATE_H
#define MR_FEATURES_AGGREGATE_H

#include "core/json.h"
#include "features/profile.h"

/* An event on its way into a row. */
typedef struct mr_applying {
    const mr_plan *plan;
    mr_block_pool *pool;
    const mr_names *names;
    const mr_row *row;
    const mr_event *event;
    int64_t day;           /* of it, 0 .. UINT32_MAX */
    uint32_t item;         /* or MR_ID_NONE */
    const uint32_t *words; /* by field */
    mr_profile_effect effect;
} mr_applying;

/* A row whose events join those of another, which keeps its own. */
typedef struct mr_merging {
    mr_block_pool *pool;
    const mr_names *names;
    mr_row into;
    mr_row from;
    int64_t into_newest_ms; /* before the heads were merged */
} mr_merging;

/* A row being read, one operation after the other. */
typedef struct mr_reading {
    const mr_plan *plan;
    const mr_block_pool *pool;
    const mr_names *names; /* NULL: no text is asked for */
    mr_row row;
    int64_t at_ms;
    int64_t at_day; /* of the plan's zone */
    const mr_operation *operation;
    mr_value *values;
    size_t count; /* of values */
} mr_reading;

/* The number of the event's word in a field of words, or MR_ID_NONE. */
static inline uint32_t mr_applying_word(const mr_applying *applying, mr_of of)
{
    return applying->words[of - MR_OF_CATEGORY];
}

/* The next value, of the type of its column. */
void mr_reading_number(mr_reading *reading, int64_t number);
void mr_reading_text(mr_reading *reading, int64_t number, mr_text text);

/* Where a profile on its way is written to, and read from. */
typedef struct mr_link_writing {
    const mr_block_pool *pool;
    const mr_names *names;
    mr_row row;
    mr_json_writer json;
} mr_link_writing;

typedef struct mr_link_reading {
    const mr_plan *plan;
    mr_block_pool *pool;
    const mr_names *names;
    mr_row row;
    mr_json_value *root;
} mr_link_reading;

/* An array of numbers, the shape most of it has. */
void mr_link_put_numbers(mr_link_writing *w, const int64_t *numbers, size_t count);
bool mr_link_is_array(mr_json_value *value, size_t most);

typedef struct mr_aggregate_kind {
    const char *name; /* in a plan */
    mr_order order;
    bool is_list;      /* any number of rows, not one */
    bool zero_is_none; /* its number is left out of a profile on its way when it is 0 */
    uint32_t number_bytes;  /* in the row, when it reads no series */
    uint32_t element_bytes; /* of its list; 0: it has none */
    uint32_t spill_bytes; /* of a block for numbers that have outgrown the row; 0: none */
    mr_value_type type;   /* of its one column, unless an amount's; see columns */
    size_t column_count;  /* 0: one, "value" */
    mr_feature_column columns[MR_FEATURE_COLUMNS_MAX];

    /* NULL where nothing is kept in the row. */
    void (*apply)(mr_applying *applying, const mr_step *step);
    void (*merge)(const mr_merging *merging, const mr_operation *operation);
    void (*encode)(const mr_operation *operation, const mr_block_pool *pool, mr_row row,
                   mr_buffer *buffer);
    mr_status (*decode)(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                        mr_reader *reader);
    void (*write_json)(mr_link_writing *w, const mr_operation *operation);
    bool (*read_json)(const mr_link_reading *r, const mr_operation *operation,
                      mr_json_value *value); /* false: it is not what we write */

    /* NULL where nothing is spilled. */
    bool (*has_spilled)(mr_row row, const mr_operation *operation);
    void (*free_spill)(mr_block_pool *pool, mr_row row, const mr_operation *operation);

    void (*read)(mr_reading *reading);
} mr_aggregate_kind;

extern const mr_aggregate_kind mr_aggregate_kinds[MR_AGGREGATES];

static inline const mr_aggregate_kind *mr_operation_kind(const mr_operation *operation)
{
    return &mr_aggregate_kinds[operation->spec.aggregate];
}

/* The list holds `count` elements from now on; they may have been its own, copied. */
void mr_list_replace(mr_block_pool *pool, mr_list *list, const void *elements,
                     size_t count, size_t element_bytes);

/* What an event adds to a sum, and whether it has that field at all. */
int64_t mr_amount_of(const mr_event *event, mr_of of);
bool mr_has_amount(const mr_event *event, mr_of of);

/* Sums wrap: only then are they the same in any order, whatever the amounts. */
static inline void mr_add_wrapping(int64_t *sum, int64_t amount)
{
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)amount);
}

/* A number in its sign's zigzag, so that small magnitudes of either become small varints. */
static inline void mr_put_signed(mr_buffer *buffer, int64_t value)
{
    const uint64_t zigzag = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    if (zigzag < 0x80 && buffer->length < buffer->capacity && !buffer->failed)
        buffer->bytes[buffer->length++] = (uint8_t)zigzag;
    else
        mr_buffer_put_varint(buffer, zigzag);
}

/* The one-byte case in line: most numbers of a profile are small. */
static inline uint64_t mr_get_varint(mr_reader *reader)
{
    if (reader->position < reader->length && reader->bytes[reader->position] < 0x80)
        return reader->bytes[reader->position++];
    return mr_reader_varint(reader);
}

static inline int64_t mr_get_signed(mr_reader *reader)
{
    const uint64_t value = mr_get_varint(reader);
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static inline void mr_put_varint(mr_buffer *buffer, uint64_t value)
{
    if (value < 0x80 && buffer->length < buffer->capacity && !buffer->failed)
        buffer->bytes[buffer->length++] = (uint8_t)value;
    else
        mr_buffer_put_varint(buffer, value);
}

/* ---- the kinds (aggregate_NAME.c), for the table alone ---- */

#define MR_AGGREGATE_FUNCTIONS(name)                                                     \
    void mr_##name##_apply(mr_applying *applying, const mr_step *step);                  \
    void mr_##name##_merge(const mr_merging *merging, const mr_operation *operation);    \
    void mr_##name##_encode(const mr_operation *operation, const mr_block_pool *pool,    \
                            mr_row row, mr_buffer *buffer);                              \
    mr_status mr_##name##_decode(const mr_operation *operation, mr_block_pool *pool,     \
                                 mr_row row, mr_reader *reader);                         \
    void mr_##name##_write_json(mr_link_writing *w, const mr_operation *operation);      \
    bool mr_##name##_read_json(const mr_link_reading *r, const mr_operation *operation,  \
                               mr_json_value *value);                                    \
    void mr_##name##_read(mr_reading *reading)

MR_AGGREGATE_FUNCTIONS(pair);
MR_AGGREGATE_FUNCTIONS(distinct);
MR_AGGREGATE_FUNCTIONS(last_times);
MR_AGGREGATE_FUNCTIONS(day_bitmap);
MR_AGGREGATE_FUNCTIONS(hours);
MR_AGGREGATE_FUNCTIONS(recent_items);
MR_AGGREGATE_FUNCTIONS(fading_top);
MR_AGGREGATE_FUNCTIONS(session);
MR_AGGREGATE_FUNCTIONS(period_bitmap);
MR_AGGREGATE_FUNCTIONS(sketch);
MR_AGGREGATE_FUNCTIONS(points);
MR_AGGREGATE_FUNCTIONS(growth);
MR_AGGREGATE_FUNCTIONS(rating);

bool mr_hours_has_spilled(mr_row row, const mr_operation *operation);
void mr_hours_free_spill(mr_block_pool *pool, mr_row row, const mr_operation *operation);

/* Whether the list names only words that there are. */
bool mr_fading_top_is_sound(const mr_operation *operation, const mr_block_pool *pool,
                            mr_row row, uint32_t words);

/* The history of a profile on its way, which is read last: items get their numbers.
 * MR_ERR_CORRUPT when it is none, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_history_read_json(const mr_link_reading *r);

/* Of one number each, and what reads them. */
void mr_count_apply(mr_applying *applying, const mr_step *step);
void mr_sum_apply(mr_applying *applying, const mr_step *step);
void mr_first_time_apply(mr_applying *applying, const mr_step *step);
void mr_last_time_apply(mr_applying *applying, const mr_step *step);
void mr_count_merge(const mr_merging *merging, const mr_operation *operation);
void mr_sum_merge(const mr_merging *merging, const mr_operation *operation);
void mr_first_time_merge(const mr_merging *merging, const mr_operation *operation);
void mr_last_time_merge(const mr_merging *merging, const mr_operation *operation);
void mr_count_encode(const mr_operation *operation, const mr_block_pool *pool, mr_row row,
                     mr_buffer *buffer);
mr_status mr_count_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                          mr_reader *reader);
void mr_number_encode(const mr_operation *operation, const mr_block_pool *pool,
                      mr_row row, mr_buffer *buffer);
mr_status mr_number_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                           mr_reader *reader);
void mr_count_write_json(mr_link_writing *w, const mr_operation *operation);
void mr_number_write_json(mr_link_writing *w, const mr_operation *operation);
void mr_time_write_json(mr_link_writing *w, const mr_operation *operation);
bool mr_count_read_json(const mr_link_reading *r, const mr_operation *operation,
                        mr_json_value *value);
bool mr_sum_read_json(const mr_link_reading *r, const mr_operation *operation,
                      mr_json_value *value);
bool mr_time_read_json(const mr_link_reading *r, const mr_operation *operation,
                       mr_json_value *value);
void mr_count_read(mr_reading *reading);
void mr_sum_read(mr_reading *reading);
void mr_time_read(mr_reading *reading);

/* Of the head, of a series, of other features. */
void mr_events_read(mr_reading *reading);
void mr_first_seen_read(mr_reading *reading);
void mr_last_seen_read(mr_reading *reading);
void mr_sessions_read(mr_reading *reading);
void mr_fading_sum_read(mr_reading *reading);
void mr_fading_mean_read(mr_reading *reading);
void mr_rfm_read(mr_reading *reading);
void mr_expression_read(mr_reading *reading);
void mr_history_top_read(mr_reading *reading);
void mr_tier_read(mr_reading *reading);
void mr_lifecycle_read(mr_reading *reading);

#endif
