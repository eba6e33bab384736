/*
 * How many different ones there were: exact while they are few, an estimate from then on.
 *
 * Up to `length` hashes are kept, ascending.  One more and they become the 2^sketch registers of
 * a HyperLogLog, a byte each: the first bits of a hash choose the register, which keeps the
 * largest number of leading zeros, and one, of the rest.  Either form is a function of the set.
 * The estimate is Ertl's improved raw estimator ("New cardinality estimation algorithms for
 * HyperLogLog sketches", 2017): no tables, no switch between ranges, relative standard error
 * 1.04 / sqrt(2^sketch).  It adds, multiplies, divides and takes square roots, which IEEE 754
 * rounds in one way, so that every machine reads the same number.
 */
#include "features/aggregate.h"

#include "features/words.h"

#include <math.h>
#include <string.h>

enum { MARKS_MAX = 2 * MR_SHARD_HISTORY_MAX, IS_EXACT = 0, IS_SKETCH = 1 };

static const double ALPHA = 0.72134752044448170; /* 1 / (2 ln 2) */

static size_t register_count(const mr_feature_spec *spec)
{
    return (size_t)1 << spec->sketch;
}

/* Registers lie in the list as 64-bit elements. */
static size_t register_elements(const mr_feature_spec *spec)
{
    return register_count(spec) / sizeof(uint64_t);
}

static void raise_register(uint8_t *registers, uint8_t precision, uint64_t hash)
{
    const uint64_t rest = hash << precision | (UINT64_C(1) << (precision - 1));
    const uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    uint8_t *place = &registers[hash >> (64 - precision)];
    *place = rank > *place ? rank : *place;
}

/* The list becomes registers that have seen its marks. */
static void make_sketch(mr_block_pool *pool, const mr_feature_spec *spec, mr_list *list)
{
    uint64_t elements[MR_SKETCH_BYTES_MAX / sizeof(uint64_t)];
    const uint64_t *marks = mr_list_elements(pool, list);
    memset(elements, 0, register_count(spec));
    for (size_t i = 0; i < list->count; i++)
        raise_register((uint8_t *)elements, spec->sketch, marks[i]);
    mr_list_replace(pool, list, elements, register_elements(spec), sizeof(*elements));
}

static size_t place_of(const uint64_t *marks, size_t count, uint64_t mark)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (marks[middle] < mark)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add(mr_block_pool *pool, const mr_feature_spec *spec, int64_t *form,
                mr_list *list, uint64_t mark)
{
    if (*form == IS_EXACT) {
        const uint64_t *marks = mr_list_elements(pool, list);
        const size_t place = place_of(marks, list->count, mark);
        if (place < list->count && marks[place] == mark)
            return;
        if (list->count < spec->length) {
            uint64_t *gap = mr_list_insert(pool, list, place, sizeof(mark));
            *gap = mark;
            return;
        }
        make_sketch(pool, spec, list);
        *form = IS_SKETCH;
    }
    raise_register(mr_list_elements(pool, list), spec->sketch, mark);
}

void mr_sketch_apply(mr_applying *applying, const mr_step *step)
{
    const mr_text id = mr_event_text(applying->event, (mr_of)step->of);
    if (id.length == 0)
        return;
    add(applying->pool, &applying->plan->operations[step->operation].spec,
        mr_row_number(*applying->row, step->number_offset),
        mr_row_list(*applying->row, step->list_offset),
        mr_hash_bytes(id.bytes, id.length));
}

void mr_sketch_merge(const mr_merging *merging, const mr_operation *operation)
{
    const mr_feature_spec *spec = &operation->spec;
    int64_t *form = mr_row_number(merging->into, operation->number_offset);
    mr_list *list = mr_row_list(merging->into, operation->list_offset);
    const mr_list *added = mr_row_list(merging->from, operation->list_offset);
    if (*mr_row_number(merging->from, operation->number_offset) == IS_EXACT) {
        for (size_t i = 0; i < added->count; i++)
            add(merging->pool, spec, form, list,
                ((const uint64_t *)mr_list_elements(merging->pool, added))[i]);
        return;
    }
    if (*form == IS_EXACT)
        make_sketch(merging->pool, spec, list);
    *form = IS_SKETCH;
    uint8_t *registers = mr_list_elements(merging->pool, list);
    const uint8_t *others = mr_list_elements(merging->pool, added);
    for (size_t i = 0; i < register_count(spec); i++)
        registers[i] = others[i] > registers[i] ? others[i] : registers[i];
}

void mr_sketch_encode(const mr_operation *operation, const mr_block_pool *pool,
                      mr_row row, mr_buffer *buffer)
{
    const int64_t form = *mr_row_number(row, operation->number_offset);
    const mr_list *list = mr_row_list(row, operation->list_offset);
    const uint64_t *marks = mr_list_elements(pool, list);
    mr_put_varint(buffer, (uint64_t)form);
    if (form == IS_SKETCH) {
        mr_buffer_put(buffer, marks, register_count(&operation->spec));
        return;
    }
    mr_put_varint(buffer, list->count);
    for (size_t i = 0; i < list->count; i++)
        mr_buffer_put_u64(buffer, marks[i]);
}

static bool are_registers(const uint8_t *registers, const mr_feature_spec *spec)
{
    for (size_t i = 0; i < register_count(spec); i++) {
        if (registers[i] > 64 - spec->sketch + 1)
            return false;
    }
    return true;
}

static mr_status decode_registers(const mr_operation *operation, mr_block_pool *pool,
                                  mr_row row, const uint8_t *registers)
{
    uint64_t elements[MR_SKETCH_BYTES_MAX / sizeof(uint64_t)];
    const mr_feature_spec *spec = &operation->spec;
    if (registers == NULL || !are_registers(registers, spec))
        return MR_ERR_CORRUPT;
    memcpy(elements, registers, register_count(spec));
    mr_list_replace(pool, mr_row_list(row, operation->list_offset), elements,
                    register_elements(spec), sizeof(*elements));
    *mr_row_number(row, operation->number_offset) = IS_SKETCH;
    return MR_OK;
}

mr_status mr_sketch_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                           mr_reader *reader)
{
    mr_list *list = mr_row_list(row, operation->list_offset);
    const uint64_t form = mr_get_varint(reader);
    if (form == IS_SKETCH)
        return decode_registers(
            operation, pool, row,
            mr_reader_bytes(reader, register_count(&operation->spec)));
    const uint64_t count = mr_get_varint(reader);
    if (form != IS_EXACT || count > operation->spec.length)
        return MR_ERR_CORRUPT;
    uint64_t before = 0;
    mr_list_start(pool, list, (size_t)count, sizeof(uint64_t));
    for (size_t i = 0; i < (size_t)count; i++) {
        const uint64_t mark = mr_reader_u64(reader);
        if (i > 0 && mark <= before)
            return MR_ERR_CORRUPT;
        uint64_t *place = mr_list_insert(pool, list, i, sizeof(*place));
        *place = before = mark;
    }
    return MR_OK;
}

void mr_sketch_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const bool is_sketch = *mr_row_number(w->row, operation->number_offset) == IS_SKETCH;
    const mr_list *list = mr_row_list(w->row, operation->list_offset);
    const uint8_t *registers = mr_list_elements(w->pool, list);
    mr_json_begin_object(&w->json);
    mr_json_key(&w->json, is_sketch ? "registers" : "ids");
    if (is_sketch) {
        mr_json_begin_array(&w->json);
        for (size_t i = 0; i < register_count(&operation->spec); i++)
            mr_json_put_uint(&w->json, registers[i]);
        mr_json_end_array(&w->json);
    } else {
        mr_link_put_numbers(w, mr_list_elements(w->pool, list), list->count);
    }
    mr_json_end_object(&w->json);
}

static bool read_registers(const mr_link_reading *r, const mr_operation *operation,
                           mr_json_value *value)
{
    uint8_t registers[MR_SKETCH_BYTES_MAX];
    const size_t count = register_count(&operation->spec);
    if (!mr_json_is_array(value) || mr_json_count(value) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        if (!mr_json_int_within(mr_json_at(value, i), 0, UINT8_MAX, &number))
            return false;
        registers[i] = (uint8_t)number;
    }
    return decode_registers(operation, r->pool, r->row, registers) == MR_OK;
}

bool mr_sketch_read_json(const mr_link_reading *r, const mr_operation *operation,
                         mr_json_value *value)
{
    mr_json_value *ids = mr_json_get(value, "ids");
    mr_list *list = mr_row_list(r->row, operation->list_offset);
    if (ids == NULL)
        return read_registers(r, operation, mr_json_get(value, "registers"));
    if (!mr_link_is_array(ids, operation->spec.length))
        return false;
    for (size_t i = 0; i < mr_json_count(ids); i++) {
        int64_t hash;
        if (!mr_json_int_within(mr_json_at(ids, i), INT64_MIN, INT64_MAX, &hash))
            return false;
        add(r->pool, &operation->spec, mr_row_number(r->row, operation->number_offset),
            list, (uint64_t)hash);
    }
    return true;
}

/* sigma(x) = x + sum of x^(2^k) 2^(k-1), k from 1. */
static double sigma(double x)
{
    double weight = 1.0;
    double sum = x;
    for (double before = -1.0; sum > before; weight += weight) {
        before = sum;
        x *= x;
        sum += x * weight;
    }
    return sum;
}

/* tau(x) = (1 - x - sum of (1 - x^(2^-k))^2 2^-k, k from 1) / 3. */
static double tau(double x)
{
    double weight = 1.0;
    double sum = 1.0 - x;
    if (x <= 0.0 || x >= 1.0)
        return 0.0;
    for (double before = 2.0; sum < before;) {
        before = sum;
        x = sqrt(x);
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
    }
    return sum / 3.0;
}

static int64_t estimate(const uint8_t *registers, const mr_feature_spec *spec)
{
    const int most = 64 - spec->sketch;
    const double m = (double)register_count(spec);
    uint32_t counts[66] = {0};
    for (size_t i = 0; i < register_count(spec); i++)
        counts[registers[i]]++;
    if (counts[0] == register_count(spec))
        return 0;
    double sum = m * tau(1.0 - (double)counts[most + 1] / m);
    for (int rank = most; rank >= 1; rank--)
        sum = 0.5 * (sum + (double)counts[rank]);
    sum += m * sigma((double)counts[0] / m);
    return (int64_t)(ALPHA * m * m / sum + 0.5);
}

void mr_sketch_read(mr_reading *reading)
{
    const mr_operation *operation = reading->operation;
    const mr_list *list = mr_row_list(reading->row, operation->list_offset);
    const bool is_sketch =
        *mr_row_number(reading->row, operation->number_offset) == IS_SKETCH;
    mr_reading_number(reading, is_sketch ? estimate(mr_list_elements(reading->pool, list),
                                                    &operation->spec)
                                         : list->count);
}
