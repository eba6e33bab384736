#include "app/generator_manifest.h"

#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct profile_sums {
    uint64_t records;
    uint64_t lines;
    uint64_t sum;
    uint64_t exclusive_or;
} profile_sums;

typedef struct partition_sums {
    uint64_t records[MR_FATES];
    uint64_t lines[MR_FATES];
    uint64_t behind;
    uint64_t clamped;
    int64_t newest_ms; /* INT64_MIN: none */
} partition_sums;

struct mr_manifest {
    mr_generator_options options;
    uint64_t reasons[MR_POISON_KINDS];
    partition_sums *partitions;
    profile_sums *users;
    profile_sums *visitors;
    uint32_t visitor_capacity;
};

mr_status mr_manifest_create(const mr_generator_options *options,
                             mr_manifest **ret_manifest)
{
    mr_manifest *manifest = calloc(1, sizeof(*manifest));
    if (manifest == NULL)
        return MR_ERR_NO_MEMORY;
    manifest->options = *options;
    manifest->options.topic = NULL; /* it was lent */
    manifest->partitions = calloc(options->partitions, sizeof(*manifest->partitions));
    manifest->users = calloc(options->shop.users, sizeof(*manifest->users));
    if (manifest->partitions == NULL || manifest->users == NULL) {
        mr_manifest_destroy(manifest);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t p = 0; p < options->partitions; p++)
        manifest->partitions[p].newest_ms = INT64_MIN;
    *ret_manifest = manifest;
    return MR_OK;
}

void mr_manifest_destroy(mr_manifest *manifest)
{
    if (manifest == NULL)
        return;
    free(manifest->partitions);
    free(manifest->users);
    free(manifest->visitors);
    free(manifest);
}

uint64_t mr_manifest_hash(mr_text text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < text.length; i++)
        hash = (hash ^ (uint8_t)text.bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static mr_status reserve_visitor(mr_manifest *manifest, uint32_t visitor)
{
    if (visitor < manifest->visitor_capacity)
        return MR_OK;
    const uint32_t capacity = visitor < 1024 ? 2048 : 2 * visitor;
    profile_sums *grown =
        reallocarray(manifest->visitors, capacity, sizeof(*manifest->visitors));
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    memset(grown + manifest->visitor_capacity, 0,
           (capacity - manifest->visitor_capacity) * sizeof(*grown));
    manifest->visitors = grown;
    manifest->visitor_capacity = capacity;
    return MR_OK;
}

mr_status mr_manifest_add(mr_manifest *manifest, const mr_generated *record)
{
    partition_sums *partition = &manifest->partitions[record->partition];
    partition->records[record->fate]++;
    partition->lines[record->fate] += record->lines;
    partition->clamped += record->is_clamped;
    if (record->fate == MR_FATE_POISON)
        manifest->reasons[record->reason]++;
    if (record->fate != MR_FATE_APPLIED)
        return MR_OK;
    partition->behind += record->is_behind;
    if (record->event_ms > partition->newest_ms)
        partition->newest_ms = record->event_ms;
    profile_sums *profile;
    if (record->person != MR_SHOP_NOBODY) {
        profile = &manifest->users[record->person];
    } else {
        MR_TRY(reserve_visitor(manifest, record->visitor));
        profile = &manifest->visitors[record->visitor];
    }
    const uint64_t hash = mr_manifest_hash(record->event_id);
    profile->records++;
    profile->lines += record->lines;
    profile->sum += hash;
    profile->exclusive_or ^= hash;
    return MR_OK;
}

uint64_t mr_manifest_records(const mr_manifest *manifest, mr_fate fate)
{
    uint64_t sum = 0;
    for (uint32_t p = 0; p < manifest->options.partitions; p++)
        sum += manifest->partitions[p].records[fate];
    return sum;
}

uint64_t mr_manifest_lines(const mr_manifest *manifest, mr_fate fate)
{
    uint64_t sum = 0;
    for (uint32_t p = 0; p < manifest->options.partitions; p++)
        sum += manifest->partitions[p].lines[fate];
    return sum;
}

/* -- as JSON ------------------------------------------------------------------------------- */

static void put_hash(mr_json_writer *writer, const char *key, uint64_t hash)
{
    char hex[17];
    (void)snprintf(hex, sizeof(hex), "%016" PRIx64, hash);
    mr_json_key(writer, key);
    mr_json_put_string(writer, hex);
}

static void put_options(const mr_generator_options *options, mr_json_writer *writer)
{
    const struct {
        const char *key;
        double value;
    } shares[] = {
        {"zipf", options->shop.zipf}, {"anonymous", options->shop.anonymous},
        {"rate", options->shop.rate}, {"disorder", options->disorder},
        {"future", options->future},  {"duplicates", options->duplicates},
        {"late", options->late},      {"poison", options->poison},
    };
    mr_json_key(writer, "options");
    mr_json_begin_object(writer);
    mr_json_member_uint(writer, "seed", options->shop.seed);
    mr_json_member_uint(writer, "users", options->shop.users);
    mr_json_member_uint(writer, "items", options->shop.items);
    mr_json_member_uint(writer, "events", options->events);
    mr_json_member_uint(writer, "partitions", options->partitions);
    mr_json_member_uint(writer, "bytes", options->about_bytes);
    mr_json_key(writer, "dialect");
    mr_json_put_string(writer, mr_dialect_name(options->dialect));
    mr_json_key(writer, "start_ms");
    mr_json_put_int(writer, options->shop.start_ms);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        mr_json_key(writer, shares[i].key);
        mr_json_put_double(writer, shares[i].value);
    }
    mr_json_end_object(writer);
}

static void put_fates(const partition_sums *sums, mr_json_writer *writer)
{
    uint64_t records = 0;
    for (int fate = 0; fate < MR_FATES; fate++) {
        mr_json_member_uint(writer, mr_fate_name((mr_fate)fate), sums->records[fate]);
        records += sums->records[fate];
    }
    mr_json_member_uint(writer, "records", records);
    mr_json_member_uint(writer, "late_applied", sums->behind);
    mr_json_member_uint(writer, "clamped", sums->clamped);
    mr_json_member_uint(writer, "lines_applied", sums->lines[MR_FATE_APPLIED]);
    mr_json_member_uint(writer, "lines_duplicate", sums->lines[MR_FATE_DUPLICATE]);
    mr_json_member_uint(writer, "lines_late", sums->lines[MR_FATE_LATE]);
}

static void put_totals(const mr_manifest *manifest, mr_json_writer *writer)
{
    partition_sums total = {.behind = 0};
    for (uint32_t p = 0; p < manifest->options.partitions; p++) {
        const partition_sums *partition = &manifest->partitions[p];
        for (int fate = 0; fate < MR_FATES; fate++) {
            total.records[fate] += partition->records[fate];
            total.lines[fate] += partition->lines[fate];
        }
        total.behind += partition->behind;
        total.clamped += partition->clamped;
    }
    mr_json_key(writer, "totals");
    mr_json_begin_object(writer);
    put_fates(&total, writer);
    mr_json_end_object(writer);
    mr_json_key(writer, "reasons");
    mr_json_begin_object(writer);
    for (int reason = 0; reason < MR_POISON_KINDS; reason++)
        if (manifest->reasons[reason] > 0)
            mr_json_member_uint(writer, mr_poison_name((mr_poison)reason),
                                manifest->reasons[reason]);
    mr_json_end_object(writer);
}

static void put_partitions(const mr_manifest *manifest, mr_json_writer *writer)
{
    mr_json_key(writer, "partitions");
    mr_json_begin_array(writer);
    for (uint32_t p = 0; p < manifest->options.partitions; p++) {
        mr_json_begin_object(writer);
        mr_json_member_uint(writer, "partition", p);
        put_fates(&manifest->partitions[p], writer);
        mr_json_key(writer, "newest_ms");
        if (manifest->partitions[p].newest_ms != INT64_MIN)
            mr_json_put_int(writer, manifest->partitions[p].newest_ms);
        else
            mr_json_put_null(writer);
        mr_json_end_object(writer);
    }
    mr_json_end_array(writer);
}

static void put_profile(mr_text id, bool is_anonymous, mr_text known_as,
                        const profile_sums *sums, mr_json_writer *writer)
{
    mr_json_begin_object(writer);
    mr_json_key(writer, "id");
    mr_json_put_text(writer, id);
    mr_json_key(writer, "anonymous");
    mr_json_put_bool(writer, is_anonymous);
    if (known_as.length > 0) {
        mr_json_key(writer, "known_as");
        mr_json_put_text(writer, known_as);
    }
    mr_json_member_uint(writer, "records", sums->records);
    mr_json_member_uint(writer, "lines", sums->lines);
    put_hash(writer, "sum", sums->sum);
    put_hash(writer, "xor", sums->exclusive_or);
    mr_json_end_object(writer);
}

static void put_profiles(const mr_manifest *manifest, const mr_shop *shop,
                         mr_json_writer *writer)
{
    char id[MR_SHOP_ID_BYTES_MAX];
    char user_id[MR_SHOP_ID_BYTES_MAX];
    mr_json_key(writer, "profiles");
    mr_json_begin_array(writer);
    for (uint32_t i = 0; i < manifest->options.shop.users; i++) {
        if (manifest->users[i].records > 0)
            put_profile((mr_text){id, mr_shop_user_id(i, id)}, false, (mr_text){0},
                        &manifest->users[i], writer);
    }
    const uint32_t visitors = mr_shop_visitors(shop) < manifest->visitor_capacity
                                  ? mr_shop_visitors(shop)
                                  : manifest->visitor_capacity;
    for (uint32_t i = 0; i < visitors; i++) {
        mr_text known_as = {0};
        if (manifest->visitors[i].records == 0)
            continue;
        if (mr_shop_visitor_is_known(shop, i))
            known_as = (mr_text){
                user_id, mr_shop_user_id(mr_shop_visitor_person(shop, i), user_id)};
        put_profile((mr_text){id, mr_shop_visitor_id(shop, i, id)}, true, known_as,
                    &manifest->visitors[i], writer);
    }
    mr_json_end_array(writer);
}

void mr_manifest_write(const mr_manifest *manifest, const mr_generator *generator,
                       mr_buffer *buffer)
{
    mr_json_writer writer = mr_json_writer_of(buffer);
    mr_json_begin_object(&writer);
    mr_json_member_uint(&writer, "format", 1);
    put_options(&manifest->options, &writer);
    put_totals(manifest, &writer);
    put_partitions(manifest, &writer);
    mr_json_key(&writer, "hash");
    mr_json_put_string(&writer, "fnv1a64");
    put_profiles(manifest, mr_generator_shop(generator), &writer);
    mr_json_end_object(&writer);
    mr_buffer_put_u8(buffer, '\n');
}
