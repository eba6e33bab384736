#include "app/link_letters.h"

#include "ingest/control_record.h"

typedef struct collecting {
    const mr_log *events;
    const mr_buffer *control_key;
    mr_letter_box *box;
    mr_buffer value;
    uint64_t sequence;
    mr_status status;
} collecting;

static mr_status put_letter(collecting *c, const mr_link *link)
{
    const mr_text key = link->profile.length == 0 ? link->anonymous_id : link->user_id;
    const mr_control_record record = {.kind = MR_CONTROL_LINK, .link = *link};
    uint8_t header[MR_CONTROL_HEADER_BYTES];
    mr_buffer_clear(&c->value);
    MR_TRY(mr_control_encode(&record, mr_log_topic(c->events), c->control_key->bytes,
                             c->control_key->length, key, &c->value, header));
    const mr_log_header headers[] = {
        {MR_TEXT(MR_CONTROL_HEADER), {(const char *)header, sizeof(header)}}};
    const mr_log_entry entry = {
        .partition = mr_log_partition_of(c->events, key),
        .key = key,
        .value = {(const char *)c->value.bytes, (uint32_t)c->value.length},
        .headers = headers,
        .header_count = 1,
        .time_ms = link->time_ms, /* a log of the past stays one of the past */
    };
    return mr_letter_box_put(c->box, &entry);
}

static bool collect(void *context, const mr_link *link)
{
    collecting *c = context;
    if (c->box->count == MR_LINK_LETTERS_MAX || c->box->bytes > MR_LINK_LETTERS_BYTES_MAX)
        return false;
    c->status = put_letter(c, link);
    if (c->status == MR_OK)
        c->sequence = link->sequence;
    return c->status == MR_OK;
}

mr_status mr_link_letters_collect(const mr_shard *shard, const mr_log *events,
                                  const mr_buffer *control_key, mr_letter_box *box,
                                  uint64_t *ret_sequence)
{
    collecting c = {.events = events, .control_key = control_key, .box = box};
    mr_letter_box_clear(box);
    mr_status status = mr_shard_links_pending(shard, collect, &c);
    if (status == MR_OK)
        status = c.status;
    mr_buffer_deinit(&c.value);
    MR_TRY(status);
    *ret_sequence = c.sequence;
    return MR_OK;
}
