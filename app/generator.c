#include "app/generator.h"

#include "app/generator_poison.h"
#include "models/random.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEPT = 4096, /* records that can come a second time */
    PICKS_MAX = 16,
    EDGE_INVERSE = 8, /* one time in so many lies at the very edge of its range */
    RESTAMPED_INVERSE = 8,
    LATE_KINDS = 8,
    MISSED_MAX = 64, /* late records that wait for a partition's first watermark */
};

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)
#define LATENESS_MS (10 * MINUTE_MS)
#define SHORT_HORIZON_MS (60 * MINUTE_MS)
#define LONG_HORIZON_MS (7 * DAY_MS)
#define YEAR_MS (365 * DAY_MS)
#define NO_TIME INT64_MIN

/* Numbers of the generator's own events: none of the shop's reaches them. */
#define LATE_NUMBERS (UINT64_C(1) << 62)
#define STRANGERS (UINT32_C(1) << 31)

/* Independent series of random numbers. */
typedef enum series { CHANGES = 1, NOISE, SERIES } series;

typedef enum addition { DUPLICATE, LATE, POISON, ADDITIONS } addition;

/* A record that was applied and can come again. */
typedef struct kept_record {
    mr_shop_event event;
    mr_buffer value;
    int64_t event_ms; /* as it was applied */
    uint32_t partition;
} kept_record;

struct mr_generator {
    mr_generator_options options;
    char *topic;
    mr_record_style style;
    mr_shop *shop;
    uint64_t made; /* of the clean stream */
    uint64_t drawn[SERIES];
    uint32_t owed[ADDITIONS]; /* before the next clean record */
    uint32_t poison_rows;
    uint64_t late_made;
    int64_t now_ms;
    int64_t *clock_ms; /* by partition: the largest time applied */
    kept_record kept[KEPT];
    uint32_t kept_count;
    uint32_t newest; /* of kept, always sure to be within every horizon */
    mr_buffer value;
    char user_id[MR_SHOP_ID_BYTES_MAX];
    char anonymous_id[MR_SHOP_ID_BYTES_MAX];
    char event_id[MR_RECORD_EVENT_ID_BYTES];
    uint8_t header[MR_CONTROL_HEADER_BYTES];
};

static uint64_t draw(mr_generator *g, series which)
{
    return mr_random_bits(g->options.shop.seed + (uint64_t)which * UINT64_C(0x51ed2701),
                          g->drawn[which]++);
}

static bool happens(mr_generator *g, series which, double share)
{
    return (double)(draw(g, which) >> 11) * 0x1p-53 < share;
}

/* From `least` to `most`, often one of the two. */
static int64_t draw_between(mr_generator *g, series which, int64_t least, int64_t most)
{
    const uint64_t bits = draw(g, which);
    if (bits % EDGE_INVERSE == 0)
        return (bits >> 32 & 1) != 0 ? least : most;
    return least + (int64_t)((bits >> 8) % (uint64_t)(most - least + 1));
}

mr_status mr_generator_create(const mr_generator_options *options,
                              mr_generator **ret_generator)
{
    mr_generator *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return MR_ERR_NO_MEMORY;
    g->options = *options;
    g->style = (mr_record_style){.dialect = options->dialect,
                                 .about_bytes = options->about_bytes,
                                 .seed = options->shop.seed ^ UINT64_C(0x1d5)};
    g->topic = strdup(options->topic);
    g->clock_ms = malloc(options->partitions * sizeof(*g->clock_ms));
    mr_status status = g->topic != NULL && g->clock_ms != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK)
        status = mr_shop_create(&options->shop, &g->shop);
    if (status != MR_OK) {
        mr_generator_destroy(g);
        return status;
    }
    for (uint32_t p = 0; p < options->partitions; p++)
        g->clock_ms[p] = NO_TIME;
    while (mr_poison_row_at(options->dialect, g->poison_rows) != NULL)
        g->poison_rows++;
    *ret_generator = g;
    return MR_OK;
}

void mr_generator_destroy(mr_generator *g)
{
    if (g == NULL)
        return;
    for (uint32_t i = 0; i < KEPT; i++)
        mr_buffer_deinit(&g->kept[i].value);
    mr_buffer_deinit(&g->value);
    mr_shop_destroy(g->shop);
    free(g->clock_ms);
    free(g->topic);
    free(g);
}

const mr_shop *mr_generator_shop(const mr_generator *generator)
{
    return generator->shop;
}

const char *mr_fate_name(mr_fate fate)
{
    static const char *const names[MR_FATES] = {"applied", "duplicate", "late", "poison"};
    return (unsigned)fate < MR_FATES ? names[fate] : NULL;
}

/* -- time ---------------------------------------------------------------------------------- */

static bool is_long(mr_event_type type)
{
    return type == MR_EVENT_PURCHASE || type == MR_EVENT_REFUND ||
           type == MR_EVENT_RATE || type == MR_EVENT_REVIEW ||
           type == MR_EVENT_CART_ADD || type == MR_EVENT_CART_REMOVE;
}

/* Behind this a record of the partition is late; NO_TIME: there is none yet. */
static int64_t floor_ms(const mr_generator *g, uint32_t partition, mr_event_type type)
{
    const int64_t clock_ms = g->clock_ms[partition];
    if (clock_ms == NO_TIME)
        return NO_TIME;
    return clock_ms - LATENESS_MS - (is_long(type) ? LONG_HORIZON_MS : SHORT_HORIZON_MS);
}

/* The time as the engine takes it from a record of now. */
static int64_t taken_ms(const mr_generator *g, const mr_shop_event *event)
{
    const int64_t most_ms = g->now_ms + MR_CLAMP_AHEAD_MS;
    if (mr_record_is_untimed(event))
        return g->now_ms;
    return event->time_ms < most_ms ? event->time_ms : most_ms;
}

/* -- records ------------------------------------------------------------------------------- */

static mr_text user_id_of(mr_generator *g, const mr_shop_event *event)
{
    if (event->person == MR_SHOP_NOBODY)
        return (mr_text){0};
    return (mr_text){g->user_id, mr_shop_user_id(event->person, g->user_id)};
}

static mr_text anonymous_id_of(mr_generator *g, const mr_shop_event *event)
{
    if (event->visitor == MR_SHOP_NOBODY)
        return (mr_text){0};
    return (mr_text){g->anonymous_id,
                     mr_shop_visitor_id(g->shop, event->visitor, g->anonymous_id)};
}

/* Everything about the record but its value and its fate. */
static mr_generated describe(mr_generator *g, const mr_shop_event *event)
{
    const mr_text user_id = user_id_of(g, event);
    const mr_text key = user_id.length > 0 ? user_id : anonymous_id_of(g, event);
    return (mr_generated){
        .key = key,
        .partition = mr_log_partition_among(g->options.partitions, key),
        .time_ms = g->now_ms,
        .lines = event->line_count > 0 ? event->line_count : 1,
        .person = event->person,
        .visitor = event->visitor,
        .event_id = mr_record_event_id(&g->style, event->number, g->event_id),
        .event_ms = taken_ms(g, event),
        .is_clamped = !mr_record_is_untimed(event) &&
                      event->time_ms > g->now_ms + MR_CLAMP_AHEAD_MS,
    };
}

static mr_status write_value(mr_generator *g, const mr_shop_event *event,
                             mr_generated *record)
{
    mr_buffer_clear(&g->value);
    mr_record_write(&g->style, event, user_id_of(g, event), anonymous_id_of(g, event),
                    &g->value);
    record->value = (mr_text){(const char *)g->value.bytes, (uint32_t)g->value.length};
    return mr_buffer_status(&g->value);
}

static mr_status keep(mr_generator *g, const mr_shop_event *event,
                      const mr_generated *record)
{
    /* The newest is put where it can be found; whoever it drives out was picked by lot. */
    const uint32_t at =
        g->kept_count < KEPT ? g->kept_count++ : (uint32_t)(draw(g, NOISE) % KEPT);
    kept_record *kept = &g->kept[at];
    kept->event = *event;
    kept->event_ms = record->event_ms;
    kept->partition = record->partition;
    mr_buffer_clear(&kept->value);
    mr_buffer_put_text(&kept->value, record->value);
    g->newest = at;
    return mr_buffer_status(&kept->value);
}

/* -- the clean stream ---------------------------------------------------------------------- */

/* Somewhere between too late and the watermark. */
static void put_behind(mr_generator *g, mr_shop_event *event)
{
    const mr_generated record = describe(g, event);
    const int64_t least_ms = floor_ms(g, record.partition, event->type);
    const int64_t watermark_ms = g->clock_ms[record.partition] - LATENESS_MS;
    const uint64_t bits = draw(g, CHANGES);
    if (least_ms == NO_TIME || mr_record_is_untimed(event))
        return;
    const int64_t room = watermark_ms - least_ms;
    event->time_ms = bits % EDGE_INVERSE == 0
                         ? least_ms
                         : watermark_ms - 1 - (int64_t)((bits >> 8) % (uint64_t)room);
}

/* Clocks that run ahead, and units mixed up. */
static void put_ahead(mr_generator *g, mr_shop_event *event)
{
    const uint64_t bits = draw(g, CHANGES);
    switch (bits % 5) {
    case 0: event->time_ms *= 1000; return;
    case 1: event->time_ms *= 1000000; return;
    case 2: event->time_ms = g->now_ms + MR_CLAMP_AHEAD_MS + 1; return;
    case 3:
        event->time_ms = g->now_ms + YEAR_MS * (int64_t)(1 + (bits >> 8) % 50);
        return;
    default:
        event->time_ms = g->now_ms + MR_CLAMP_AHEAD_MS + (int64_t)(bits >> 40);
        return;
    }
}

static mr_status make_clean(mr_generator *g, mr_generated *ret_record)
{
    mr_shop_event event;
    MR_TRY(mr_shop_next(g->shop, &event));
    g->now_ms = event.now_ms;
    g->made++;
    if (happens(g, CHANGES, g->options.disorder))
        put_behind(g, &event);
    else if (happens(g, CHANGES, g->options.future) && !mr_record_is_untimed(&event))
        put_ahead(g, &event);

    mr_generated record = describe(g, &event);
    int64_t *clock_ms = &g->clock_ms[record.partition];
    record.is_behind = *clock_ms != NO_TIME && record.event_ms < *clock_ms - LATENESS_MS;
    MR_TRY(write_value(g, &event, &record));
    if (record.event_ms > *clock_ms)
        *clock_ms = record.event_ms;
    if (g->options.duplicates > 0.0 || g->options.late > 0.0)
        MR_TRY(keep(g, &event, &record));
    *ret_record = record;
    return MR_OK;
}

/* -- additions ----------------------------------------------------------------------------- */

/* A record of before that would now be late, or would not; NULL: none was found. */
static const kept_record *pick(mr_generator *g, bool is_late)
{
    for (int i = 0; i < PICKS_MAX; i++) {
        const kept_record *kept = &g->kept[draw(g, NOISE) % g->kept_count];
        const int64_t now_late_ms = floor_ms(g, kept->partition, kept->event.type);
        const int64_t least_ms = taken_ms(g, &kept->event) < kept->event_ms
                                     ? taken_ms(g, &kept->event)
                                     : kept->event_ms;
        if (is_late ? taken_ms(g, &kept->event) < now_late_ms : least_ms >= now_late_ms)
            return kept;
    }
    return NULL;
}

static void repeat(mr_generator *g, const kept_record *kept, mr_generated *ret_record)
{
    *ret_record = describe(g, &kept->event);
    ret_record->value =
        (mr_text){(const char *)kept->value.bytes, (uint32_t)kept->value.length};
}

/* The same bytes again, or a sender who tries again with another time and another type. */
static mr_status make_duplicate(mr_generator *g, mr_generated *ret_record)
{
    const kept_record *kept = pick(g, false);
    if (kept == NULL)
        kept = &g->kept[g->newest];
    if (draw(g, NOISE) % RESTAMPED_INVERSE != 0) {
        repeat(g, kept, ret_record);
    } else {
        mr_shop_event event = kept->event;
        event.variety = draw(g, NOISE);
        event.time_ms = g->now_ms;
        event.now_ms = g->now_ms;
        event.type = is_long(event.type) ? MR_EVENT_VIEW : MR_EVENT_CART_ADD;
        event.is_adjustment = false;
        event.rating = 0;
        event.line_count = 1;
        *ret_record = describe(g, &event);
        MR_TRY(write_value(g, &event, ret_record));
    }
    ret_record->fate = MR_FATE_DUPLICATE;
    return MR_OK;
}

/* An event nobody has seen, of somebody who may be new, under two ids that nobody has linked. */
static mr_shop_event invent(mr_generator *g)
{
    static const mr_event_type types[] = {MR_EVENT_VIEW, MR_EVENT_PURCHASE,
                                          MR_EVENT_SEARCH, MR_EVENT_CART_ADD};
    const uint64_t bits = draw(g, NOISE);
    mr_shop_event event = {
        .number = LATE_NUMBERS + g->late_made,
        .variety = draw(g, NOISE),
        .now_ms = g->now_ms,
        .person = (uint32_t)((bits >> 8) % g->options.shop.users),
        .visitor = bits % EDGE_INVERSE == 0
                       ? STRANGERS + (uint32_t)g->late_made % STRANGERS
                       : MR_SHOP_NOBODY,
        .line_count = 1,
        .lines = {{.item = 0, .quantity = 1, .price_minor = 100000}},
        .type = types[bits >> 4 & 3],
    };
    g->late_made++;
    return event;
}

static mr_status make_late(mr_generator *g, mr_generated *ret_record)
{
    const uint64_t kind = draw(g, NOISE) % LATE_KINDS;
    const kept_record *kept = kind < LATE_KINDS / 2 ? pick(g, true) : NULL;
    if (kept != NULL) {
        repeat(g, kept, ret_record);
        ret_record->fate = MR_FATE_LATE;
        return MR_OK;
    }
    mr_shop_event event = invent(g);
    const mr_generated first = describe(g, &event);
    const int64_t floor = floor_ms(g, first.partition, event.type);
    if (floor == NO_TIME)
        return MR_ERR_NOT_FOUND;
    if (mr_record_is_untimed(&event))
        event.variety++;
    event.time_ms = kind == LATE_KINDS - 1
                        ? g->now_ms / 1000 /* seconds, not ms */
                        : floor - 1 - draw_between(g, NOISE, 0, 30 * DAY_MS);
    if (event.time_ms < 0)
        event.time_ms = 0;
    *ret_record = describe(g, &event);
    ret_record->fate = MR_FATE_LATE;
    return write_value(g, &event, ret_record);
}

static mr_status make_poison(mr_generator *g, mr_generated *ret_record)
{
    const uint64_t variety = draw(g, NOISE);
    const mr_shop_event event = {
        .person = (uint32_t)((variety >> 8) % g->options.shop.users),
        .visitor = MR_SHOP_NOBODY,
    };
    mr_generated record = describe(g, &event);
    const bool may_fix = g->clock_ms[record.partition] != NO_TIME;
    const mr_poison_row *row =
        mr_poison_row_at(g->options.dialect, draw(g, NOISE) % g->poison_rows);
    if (!may_fix && !mr_poison_row_may_be_first(row))
        row = mr_poison_row_at(g->options.dialect, 0);

    mr_made_poison made;
    mr_buffer_clear(&g->value);
    MR_TRY(mr_poison_make(row, g->options.dialect, record.key, g->topic, variety,
                          &g->value, &made));
    record.value = (mr_text){(const char *)g->value.bytes, (uint32_t)g->value.length};
    record.fate = MR_FATE_POISON;
    record.reason = made.reason;
    record.lines = 0;
    record.person = record.visitor = MR_SHOP_NOBODY;
    record.event_id = (mr_text){0};
    if (made.has_header) {
        memcpy(g->header, made.header, sizeof(g->header));
        record.header =
            (mr_log_header){.name = MR_TEXT(MR_CONTROL_HEADER),
                            .value = {(const char *)g->header, sizeof(g->header)}};
        record.header_count = 1;
    }
    *ret_record = record;
    return MR_OK;
}

static void owe(mr_generator *g)
{
    g->owed[DUPLICATE] += happens(g, NOISE, g->options.duplicates);
    g->owed[LATE] += happens(g, NOISE, g->options.late);
    g->owed[POISON] += happens(g, NOISE, g->options.poison);
}

mr_status mr_generator_next(mr_generator *g, mr_generated *ret_record)
{
    if (g->owed[POISON] > 0) {
        g->owed[POISON]--;
        return make_poison(g, ret_record);
    }
    if (g->owed[DUPLICATE] > 0) {
        g->owed[DUPLICATE]--;
        return make_duplicate(g, ret_record);
    }
    if (g->owed[LATE] > 0) {
        g->owed[LATE]--;
        const mr_status status = make_late(g, ret_record);
        if (status != MR_ERR_NOT_FOUND)
            return status;
        g->owed[LATE] += g->owed[LATE] < MISSED_MAX; /* once there is a watermark */
    }
    if (g->made == g->options.events)
        return MR_ERR_NOT_FOUND;
    MR_TRY(make_clean(g, ret_record));
    owe(g);
    return MR_OK;
}
