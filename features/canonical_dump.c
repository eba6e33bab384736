#include "features/canonical_dump.h"

#include "core/assert.h"
#include "features/canonical_partials.h"

#include <stdlib.h>
#include <string.h>

enum { FLUSH_BYTES = 1 << 16 };

typedef struct user_row {
    mr_text id;
    uint32_t shard;
    uint32_t row;
    bool is_anonymous;
} user_row;

typedef struct user_dump {
    mr_dump *dump;
    const user_row *user;
    mr_status status;
} user_dump;

void mr_dump_escaped(mr_dump *dump, mr_text text)
{
    uint32_t start = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        const char *escape = NULL;
        switch (text.bytes[i]) {
        case '\\': escape = "\\\\"; break;
        case '\t': escape = "\\t"; break;
        case '\n': escape = "\\n"; break;
        case '\r': escape = "\\r"; break;
        default: continue;
        }
        mr_buffer_put(&dump->lines, text.bytes + start, i - start);
        mr_buffer_put(&dump->lines, escape, 2);
        start = i + 1;
    }
    if (text.length > start)
        mr_buffer_put(&dump->lines, text.bytes + start, text.length - start);
}

void mr_dump_text(mr_dump *dump, mr_text text)
{
    mr_buffer_put_u8(&dump->lines, '\t');
    mr_dump_escaped(dump, text);
}

void mr_dump_number(mr_dump *dump, int64_t number)
{
    mr_buffer_put_u8(&dump->lines, '\t');
    mr_buffer_put_decimal(&dump->lines, number);
}

void mr_dump_time(mr_dump *dump, int64_t time_ms)
{
    if (time_ms == MR_TIME_NONE)
        mr_dump_text(dump, MR_TEXT("-"));
    else
        mr_dump_number(dump, time_ms);
}

static mr_status flush(mr_dump *dump)
{
    MR_TRY(mr_buffer_status(&dump->lines));
    const mr_text lines = {.bytes = (const char *)dump->lines.bytes,
                           .length = (uint32_t)dump->lines.length};
    if (lines.length > 0)
        MR_TRY(dump->writer(dump->context, lines));
    mr_buffer_clear(&dump->lines);
    return MR_OK;
}

mr_status mr_dump_end_line(mr_dump *dump)
{
    mr_buffer_put_u8(&dump->lines, '\n');
    return dump->lines.length >= FLUSH_BYTES || dump->lines.failed ? flush(dump) : MR_OK;
}

static void begin_user_line(mr_dump *dump, const user_row *user)
{
    if (user->is_anonymous)
        mr_buffer_put_text(&dump->lines, MR_TEXT("\\a"));
    mr_dump_escaped(dump, user->id);
}

static bool is_dumped(const mr_dump *dump, mr_order order)
{
    return dump->kind == MR_DUMP_ALL || order == MR_ORDER_FREE;
}

static void dump_feature(void *context, const mr_feature *feature, const mr_value *values,
                         size_t row_count)
{
    user_dump *user = context;
    mr_dump *dump = user->dump;
    if (user->status != MR_OK || !is_dumped(dump, feature->order))
        return;
    begin_user_line(dump, user->user);
    mr_dump_text(dump, mr_text_from(feature->name));
    for (size_t row = 0; row < row_count; row++) {
        for (size_t column = 0; column < feature->column_count; column++) {
            const mr_value *value = &values[row * feature->column_count + column];
            if (!is_dumped(dump, feature->columns[column].order))
                continue;
            if (value->type == MR_VALUE_EVENT || value->type == MR_VALUE_ITEM ||
                value->type == MR_VALUE_WORD)
                mr_dump_text(dump, value->text);
            else
                mr_dump_number(dump, value->number);
        }
    }
    user->status = mr_dump_end_line(dump);
}

static mr_status dump_user(mr_dump *dump, const user_row *user)
{
    const mr_shard *shard = dump->shards[user->shard];
    user_dump context = {.dump = dump, .user = user};
    mr_shard_profile_visit(shard, user->row, dump->at_ms, dump_feature, &context);
    MR_TRY(context.status);
    if (dump->kind != MR_DUMP_ALL)
        return MR_OK;
    const mr_row_head *head = mr_shard_row(shard, user->row).head;
    begin_user_line(dump, user);
    mr_buffer_put_text(&dump->lines, MR_TEXT("\t@record"));
    mr_dump_number(dump, head->offset);
    mr_dump_number(dump, head->applied_ms);
    return mr_dump_end_line(dump);
}

static int compare_users(const void *a, const void *b)
{
    const user_row *x = a;
    const user_row *y = b;
    const int order = mr_text_compare(x->id, y->id);
    if (order != 0)
        return order;
    if (x->is_anonymous != y->is_anonymous)
        return x->is_anonymous ? 1 : -1;
    return (x->shard > y->shard) - (x->shard < y->shard);
}

static mr_status dump_users(mr_dump *dump)
{
    size_t room = 1;
    for (size_t s = 0; s < dump->shard_count; s++)
        room += mr_shard_user_count(dump->shards[s]);
    user_row *users = malloc(room * sizeof(*users));
    if (users == NULL)
        return MR_ERR_NO_MEMORY;
    size_t count = 0;
    for (size_t s = 0; s < dump->shard_count; s++) {
        const mr_shard *shard = dump->shards[s];
        for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
            if (!mr_shard_is_empty(shard, row))
                users[count++] =
                    (user_row){.id = mr_shard_user_id(shard, row),
                               .shard = (uint32_t)s,
                               .row = row,
                               .is_anonymous = mr_shard_is_anonymous(shard, row)};
        }
    }
    qsort(users, count, sizeof(*users), compare_users);
    mr_status status = MR_OK;
    for (size_t i = 0; i < count && status == MR_OK; i++)
        status = dump_user(dump, &users[i]);
    free(users);
    return status;
}

static mr_status check_shards(const mr_shard *const *shards, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (mr_plan_hash(shards[i]->plan) != mr_plan_hash(shards[0]->plan) ||
            strcmp(shards[i]->topic, shards[0]->topic) != 0)
            return MR_ERR_INVALID;
        for (size_t j = 0; j < i; j++) {
            if (shards[i]->partition == shards[j]->partition)
                return MR_ERR_INVALID;
        }
    }
    return MR_OK;
}

/* The largest event time; 0 when no shard has seen an event. */
static int64_t newest_of(const mr_shard *const *shards, size_t count)
{
    int64_t newest_ms = 0;
    for (size_t i = 0; i < count; i++) {
        if (shards[i]->newest_ms > newest_ms)
            newest_ms = shards[i]->newest_ms;
    }
    return newest_ms;
}

static mr_status dump_all(mr_dump *dump)
{
    MR_TRY(dump_users(dump));
    MR_TRY(mr_dump_trending(dump));
    MR_TRY(mr_dump_commerce(dump));
    MR_TRY(mr_dump_exposures(dump));
    MR_TRY(mr_dump_sales(dump));
    if (dump->kind == MR_DUMP_ALL)
        MR_TRY(mr_dump_counters(dump));
    return flush(dump);
}

mr_status mr_canonical_dump(const mr_shard *const *shards, size_t count, int64_t at_ms,
                            mr_dump_kind kind, mr_dump_writer *writer, void *context)
{
    MR_TRY(check_shards(shards, count));
    mr_dump dump = {.shards = shards,
                    .shard_count = count,
                    .at_ms = at_ms == MR_TIME_NONE ? newest_of(shards, count) : at_ms,
                    .kind = kind,
                    .writer = writer,
                    .context = context};
    const mr_status status = dump_all(&dump);
    mr_buffer_deinit(&dump.lines);
    return status;
}

static mr_status add_to_hash(void *context, mr_text lines)
{
    mr_sha256_add(context, lines.bytes, lines.length);
    return MR_OK;
}

mr_status mr_canonical_hash(const mr_shard *const *shards, size_t count, int64_t at_ms,
                            mr_dump_kind kind, char ret_hex[MR_SHA256_HEX_BYTES])
{
    mr_sha256 *sha = mr_sha256_create();
    if (sha == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status =
        mr_canonical_dump(shards, count, at_ms, kind, add_to_hash, sha);
    if (status == MR_OK)
        mr_sha256_hex(sha, ret_hex);
    mr_sha256_destroy(sha);
    return status;
}
