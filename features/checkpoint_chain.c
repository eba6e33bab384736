/*
 * A shard out of the files of a generation: a base and the deltas on it.
 *
 * Files of another plan are read with that plan, which the file itself names, and the shard is
 * then migrated.
 */
#include "features/checkpoint_decode.h"
#include "features/checkpoint_reader.h"

#include <string.h>

static mr_status create_shard(const mr_checkpoint_header *header, const mr_plan *plan,
                              const mr_hash_key *hash_key, size_t memory_limit_bytes,
                              mr_shard **ret_shard)
{
    char topic[MR_SHARD_TOPIC_BYTES_MAX + 1] = {0};
    if (header->topic.length > 0)
        memcpy(topic, header->topic.bytes, header->topic.length);
    const mr_shard_options options = {.plan = plan,
                                      .hash_key = hash_key,
                                      .topic = topic,
                                      .partition = header->partition,
                                      .memory_limit_bytes = memory_limit_bytes};
    const mr_status status = mr_shard_create(&options, ret_shard);
    return status == MR_ERR_INVALID ? MR_ERR_CORRUPT : status;
}

/* The text in the first block. */
static mr_status parse_first_block(const mr_checkpoint_file *file,
                                   const mr_checkpoint_header *header, mr_plan **ret_plan)
{
    mr_checkpoint_reader *reader;
    uint32_t kind;
    mr_reader payload;
    MR_TRY(mr_checkpoint_reader_open(file->data, file->bytes, header, &reader));
    mr_status status = mr_checkpoint_reader_next(reader, &kind, &payload);
    if (status == MR_OK && kind != MR_BLOCK_PLAN)
        status = MR_ERR_CORRUPT;
    if (status == MR_OK) {
        const mr_text text = mr_reader_text(&payload, mr_reader_u32(&payload));
        status = mr_reader_status(&payload);
        if (status == MR_OK)
            status = mr_plan_parse(text, ret_plan);
    }
    mr_checkpoint_reader_close(reader);
    return status;
}

static mr_status plan_of_file(const mr_checkpoint_file *file,
                              const mr_checkpoint_header *header, mr_plan **ret_plan,
                              mr_error *ret_error)
{
    if (header->version > 1) {
        const mr_status status = parse_first_block(file, header, ret_plan);
        return status == MR_OK
                   ? MR_OK
                   : mr_error_set(ret_error, status, "block 0, the plan, is damaged");
    }
    const mr_text text = mr_plan_text_of_format_1();
    if (mr_hash_bytes(text.bytes, text.length) != header->plan_hash)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "written in format 1 with plan %016llx, which is not known: "
                            "rebuild by replay",
                            (unsigned long long)header->plan_hash);
    return mr_plan_parse(text, ret_plan);
}

/* Whether `next` was written on top of what `before` ends. */
static bool follows(const mr_checkpoint_header *before, const mr_checkpoint_header *next)
{
    return next->version == before->version && next->plan_hash == before->plan_hash &&
           next->partition == before->partition &&
           mr_text_equal(next->topic, before->topic) &&
           next->place.epoch == before->place.epoch &&
           next->place.base_generation == before->place.base_generation &&
           next->place.previous_generation == before->place.generation &&
           next->place.segment == before->place.segment + 1;
}

static mr_status decode_files(mr_shard *shard, const mr_checkpoint_file *files,
                              size_t count, mr_checkpoint_header *ret_last,
                              mr_error *ret_error)
{
    uint64_t events = 0;
    mr_checkpoint_header before = {0};
    for (size_t i = 0; i < count; i++) {
        mr_checkpoint_header header;
        uint32_t position;
        MR_TRY(
            mr_checkpoint_read_header(files[i].data, files[i].bytes, &header, ret_error));
        if (i == 0 ? header.place.segment != 0 : !follows(&before, &header))
            return mr_error_set(ret_error, MR_ERR_CORRUPT,
                                "file %zu of the generation is not the one that belongs "
                                "there",
                                i);
        const mr_status status =
            mr_checkpoint_decode_file(shard, &header, &files[i], &events, &position);
        if (status != MR_OK)
            return mr_error_set(ret_error, status,
                                "file %zu: block %u is damaged or does not fit (%s)", i,
                                position, mr_status_name(status));
        before = header;
    }
    *ret_last = before;
    return MR_OK;
}

/* With the plan the files were written with. */
static mr_status decode_with(const mr_checkpoint_file *files, size_t count,
                             const mr_checkpoint_header *first, const mr_plan *plan,
                             const mr_hash_key *hash_key, size_t memory_limit_bytes,
                             mr_shard **ret_shard, mr_checkpoint_header *ret_last,
                             mr_error *ret_error)
{
    mr_shard *shard = NULL;
    MR_TRY(create_shard(first, plan, hash_key, memory_limit_bytes, &shard));
    mr_status status = decode_files(shard, files, count, ret_last, ret_error);
    if (status == MR_OK)
        status = mr_shard_end_restore(shard);
    if (status != MR_OK) {
        mr_shard_destroy(shard);
        return status;
    }
    *ret_shard = shard;
    return MR_OK;
}

mr_status mr_checkpoint_decode_chain(const mr_checkpoint_file *files, size_t count,
                                     const mr_plan *plan, const mr_hash_key *hash_key,
                                     size_t memory_limit_bytes, mr_shard **ret_shard,
                                     mr_checkpoint_info *ret_info, mr_error *ret_error)
{
    mr_checkpoint_header header;
    mr_plan *former = NULL;
    mr_shard *shard = NULL;
    mr_shard *migrated = NULL;
    MR_TRY(mr_checkpoint_read_header(files[0].data, files[0].bytes, &header, ret_error));
    const mr_checkpoint_header first = header;
    if (first.plan_hash != mr_plan_hash(plan))
        MR_TRY(plan_of_file(&files[0], &first, &former, ret_error));
    mr_status status =
        decode_with(files, count, &first, former != NULL ? former : plan, hash_key,
                    memory_limit_bytes, &shard, &header, ret_error);
    if (status == MR_OK && former != NULL) {
        status = mr_shard_migrate(shard, plan, &migrated, ret_error);
        mr_shard_destroy(shard);
        shard = migrated;
    }
    mr_plan_destroy(former);
    MR_TRY(status);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += files[i].bytes;
    mr_checkpoint_info_from(&header, bytes, ret_info);
    *ret_shard = shard;
    return MR_OK;
}

mr_status mr_checkpoint_decode(const void *data, size_t bytes, const mr_plan *plan,
                               const mr_hash_key *hash_key, size_t memory_limit_bytes,
                               mr_shard **ret_shard, mr_checkpoint_info *ret_info,
                               mr_error *ret_error)
{
    const mr_checkpoint_file file = {data, bytes};
    return mr_checkpoint_decode_chain(&file, 1, plan, hash_key, memory_limit_bytes,
                                      ret_shard, ret_info, ret_error);
}
