#include "features/trending_rank.h"

#include "core/assert.h"

#include <math.h>
#include <stdlib.h>

enum {
    SHARE_MAGIC = 0x4854524d, /* "MRTH" */
    SHARE_VERSION = 2,        /* 1 has no categories */
    SHARE_END_BYTES = 4,
};

typedef struct published {
    mr_text item_id;
    mr_trending_counts counts;
} published;

void mr_trending_counts_add(mr_trending_counts *sum, const mr_trending_counts *other)
{
    sum->hot += other->hot;
    sum->popular += other->popular;
    sum->before += other->before;
    sum->ever += other->ever;
}

mr_status mr_trending_rank_init(mr_trending_rank *ret_rank, size_t capacity)
{
    *ret_rank = (mr_trending_rank){.capacity = capacity};
    ret_rank->entries = calloc(capacity + 1, sizeof(*ret_rank->entries));
    return ret_rank->entries != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

void mr_trending_rank_deinit(mr_trending_rank *rank)
{
    free(rank->entries);
    *rank = (mr_trending_rank){0};
}

/* < 0: `a` stands before `b`. */
static int compare_ranked(const void *a, const void *b)
{
    const mr_trending_entry *x = &((const mr_ranked *)a)->entry;
    const mr_trending_entry *y = &((const mr_ranked *)b)->entry;
    if (x->score > y->score)
        return -1;
    if (x->score < y->score)
        return 1;
    return mr_text_compare(x->item_id, y->item_id);
}

static void sift_down(mr_trending_rank *rank)
{
    size_t parent = 0;
    for (;;) {
        size_t worst = 2 * parent + 1;
        if (worst >= rank->count)
            return;
        if (worst + 1 < rank->count &&
            compare_ranked(&rank->entries[worst + 1], &rank->entries[worst]) > 0)
            worst++;
        if (compare_ranked(&rank->entries[worst], &rank->entries[parent]) <= 0)
            return;
        const mr_ranked swap = rank->entries[parent];
        rank->entries[parent] = rank->entries[worst];
        rank->entries[worst] = swap;
        parent = worst;
    }
}

static void sift_up(mr_trending_rank *rank, size_t child)
{
    while (child > 0) {
        const size_t parent = (child - 1) / 2;
        if (compare_ranked(&rank->entries[child], &rank->entries[parent]) <= 0)
            return;
        const mr_ranked swap = rank->entries[parent];
        rank->entries[parent] = rank->entries[child];
        rank->entries[child] = swap;
        child = parent;
    }
}

static mr_trending_entry entry_of(mr_trending_kind kind, mr_text item_id,
                                  const mr_trending_counts *counts)
{
    const uint64_t by_kind[MR_TRENDING_KINDS] = {
        [MR_TRENDING_HOT] = counts->hot,
        [MR_TRENDING_POPULAR] = counts->popular,
        [MR_TRENDING_RISING] = counts->hot,
        [MR_TRENDING_EVER] = counts->ever,
    };
    mr_trending_entry entry = {.item_id = item_id, .count = by_kind[kind]};
    entry.score = (double)entry.count;
    if (kind == MR_TRENDING_RISING) {
        const double expected = (double)counts->before;
        entry.score = ((double)counts->hot - expected) / sqrt(expected + 1.0);
    }
    return entry;
}

void mr_trending_rank_offer(mr_trending_rank *rank, mr_trending_kind kind,
                            mr_text item_id, const mr_trending_counts *counts,
                            uint32_t item)
{
    const mr_ranked offered = {.entry = entry_of(kind, item_id, counts), .item = item};
    if (offered.entry.score <= 0.0 || rank->capacity == 0)
        return;
    if (rank->count < rank->capacity) {
        rank->entries[rank->count] = offered;
        sift_up(rank, rank->count++);
        return;
    }
    if (compare_ranked(&offered, &rank->entries[0]) >= 0)
        return;
    rank->entries[0] = offered;
    sift_down(rank);
}

void mr_trending_rank_sort(mr_trending_rank *rank)
{
    qsort(rank->entries, rank->count, sizeof(*rank->entries), compare_ranked);
}

void mr_trending_rank_copy(const mr_trending_rank *rank, mr_trending_entry *ret_entries,
                           size_t *ret_count)
{
    for (size_t i = 0; i < rank->count; i++)
        ret_entries[i] = rank->entries[i].entry;
    *ret_count = rank->count;
}

void mr_trending_put_header(const mr_trending_header *header, uint32_t entries,
                            mr_buffer *buffer)
{
    mr_buffer_put_u32(buffer, SHARE_MAGIC);
    mr_buffer_put_u32(buffer, SHARE_VERSION);
    mr_buffer_put_u64(buffer, header->epoch);
    mr_buffer_put_i64(buffer, header->offset);
    mr_buffer_put_i64(buffer, header->watermark_ms);
    mr_buffer_put_i64(buffer, header->at_ms);
    mr_buffer_put_u32(buffer, header->partition);
    for (size_t kind = 0; kind < MR_TRENDING_KINDS; kind++)
        mr_buffer_put_u64(buffer, header->residual[kind]);
    mr_buffer_put_u32(buffer, entries);
}

void mr_trending_put_entry(mr_text item_id, const mr_trending_counts *counts,
                           mr_buffer *buffer)
{
    mr_buffer_put_u8(buffer, (uint8_t)item_id.length);
    mr_buffer_put_text(buffer, item_id);
    mr_buffer_put_varint(buffer, counts->hot);
    mr_buffer_put_varint(buffer, counts->popular);
    mr_buffer_put_varint(buffer, counts->before);
    mr_buffer_put_varint(buffer, counts->ever);
}

void mr_trending_put_end(mr_buffer *buffer, size_t start)
{
    if (!buffer->failed)
        mr_buffer_put_u32(buffer,
                          mr_crc32c(0, buffer->bytes + start, buffer->length - start));
}

/* Check the sum and read up to the entries. */
static mr_status open_share(mr_text encoded, mr_reader *ret_reader,
                            mr_trending_header *ret_header, bool *ret_has_categories)
{
    if (encoded.length <= SHARE_END_BYTES)
        return MR_ERR_CORRUPT;
    const size_t length = encoded.length - SHARE_END_BYTES;
    mr_reader end = mr_reader_of(encoded.bytes + length, SHARE_END_BYTES);
    if (mr_reader_u32(&end) != mr_crc32c(0, encoded.bytes, length))
        return MR_ERR_CORRUPT;

    mr_reader reader = mr_reader_of(encoded.bytes, length);
    if (mr_reader_u32(&reader) != SHARE_MAGIC)
        return MR_ERR_CORRUPT;
    const uint32_t version = mr_reader_u32(&reader);
    if (version < 1 || version > SHARE_VERSION)
        return MR_ERR_CORRUPT;
    mr_trending_header header = {.epoch = mr_reader_u64(&reader),
                                 .offset = mr_reader_i64(&reader)};
    header.watermark_ms = mr_reader_i64(&reader);
    header.at_ms = mr_reader_i64(&reader);
    header.partition = mr_reader_u32(&reader);
    for (size_t kind = 0; kind < MR_TRENDING_KINDS; kind++)
        header.residual[kind] = mr_reader_u64(&reader);
    if (reader.failed)
        return MR_ERR_CORRUPT;
    *ret_reader = reader;
    *ret_header = header;
    *ret_has_categories = version > 1;
    return MR_OK;
}

mr_status mr_trending_read_header(mr_text encoded, mr_trending_header *ret_header)
{
    mr_reader reader;
    bool has_categories;
    return open_share(encoded, &reader, ret_header, &has_categories);
}

static size_t published_max(mr_trending_subject subject)
{
    return MR_TRENDING_KINDS * (size_t)(subject == MR_TRENDING_ITEMS
                                            ? MR_TRENDING_PUBLISHED
                                            : MR_TRENDING_CATEGORIES_PUBLISHED);
}

/* One list of a share; `ret_entries` NULL: only how many. */
static mr_status read_list(mr_reader *reader, mr_trending_subject subject,
                           published *ret_entries, size_t *ret_count)
{
    const uint32_t count = mr_reader_u32(reader);
    if (reader->failed || count > published_max(subject))
        return MR_ERR_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t length = mr_reader_u8(reader);
        published entry = {.item_id = mr_reader_text(reader, length)};
        entry.counts.hot = mr_reader_varint(reader);
        entry.counts.popular = mr_reader_varint(reader);
        entry.counts.before = mr_reader_varint(reader);
        entry.counts.ever = mr_reader_varint(reader);
        if (ret_entries != NULL)
            ret_entries[i] = entry;
    }
    *ret_count = count;
    return mr_reader_status(reader);
}

static mr_status read_share(mr_text encoded, mr_trending_subject subject,
                            published *ret_entries, size_t *ret_count)
{
    mr_reader reader;
    mr_trending_header header;
    bool has_categories;
    size_t count;
    *ret_count = 0;
    MR_TRY(open_share(encoded, &reader, &header, &has_categories));
    for (int list = MR_TRENDING_ITEMS; list <= (int)has_categories; list++) {
        const bool is_asked = list == (int)subject;
        MR_TRY(read_list(&reader, (mr_trending_subject)list,
                         is_asked ? ret_entries : NULL, &count));
        if (is_asked)
            *ret_count = count;
    }
    return reader.position == reader.length ? MR_OK : MR_ERR_CORRUPT;
}

static int compare_ids(const void *a, const void *b)
{
    return mr_text_compare(((const published *)a)->item_id,
                           ((const published *)b)->item_id);
}

static void rank_sums(mr_trending_rank *rank, mr_trending_kind kind, published *entries,
                      size_t count)
{
    qsort(entries, count, sizeof(*entries), compare_ids);
    for (size_t i = 0; i < count;) {
        published sum = entries[i++];
        for (; i < count && mr_text_equal(entries[i].item_id, sum.item_id); i++)
            mr_trending_counts_add(&sum.counts, &entries[i].counts);
        mr_trending_rank_offer(rank, kind, sum.item_id, &sum.counts, 0);
    }
    mr_trending_rank_sort(rank);
}

mr_status mr_trending_merge(const mr_text *encoded, size_t count,
                            mr_trending_subject subject, mr_trending_kind kind, size_t k,
                            mr_trending_entry *ret_entries, size_t *ret_count)
{
    if (count > MR_TRENDING_PARTITIONS_MAX)
        return MR_ERR_INVALID;
    size_t room = 0;
    for (size_t i = 0; i < count; i++) {
        size_t read;
        MR_TRY(read_share(encoded[i], subject, NULL, &read));
        room += read;
    }
    mr_trending_rank rank;
    MR_TRY(mr_trending_rank_init(&rank, k));
    published *entries = calloc(room + 1, sizeof(*entries));
    mr_status status = entries != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    size_t total = 0;
    for (size_t i = 0; i < count && status == MR_OK; i++) {
        size_t read = 0;
        status = read_share(encoded[i], subject, entries + total, &read);
        total += read;
    }
    if (status == MR_OK) {
        rank_sums(&rank, kind, entries, total);
        mr_trending_rank_copy(&rank, ret_entries, ret_count);
    }
    free(entries);
    mr_trending_rank_deinit(&rank);
    return status;
}
