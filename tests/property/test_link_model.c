/*
 * Links against their promise: nobody can tell that a user was a visitor first.
 *
 * Random people browse under anonymous ids, then log in, on one to eight partitions.  Links are
 * delivered late, twice and after crashes; shards go back to old checkpoints at any moment.  Once
 * nothing moves any more, the order-free dump must be that of the same events under the user ids
 * from the start in one shard that knows of no links, and the whole dump that of a replay.
 */
#include "tests/link_world.h"
#include "tests/rounds.h"
#include "tests/small_pages.h"

#include <stdio.h>

enum { PEOPLE = 25, IDS_A_PERSON = 11, ITEMS = 30, EVENTS = 1500, ROUNDS = 24 };

typedef struct person {
    char user[16];
    char visitors[IDS_A_PERSON][24];
    size_t visitor; /* the anonymous id in use         */
    bool is_known;  /* it has been seen with the user  */
} person;

static char item_names[ITEMS][16];

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64, Marsaglia 2003 */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint64_t below(uint64_t *state, uint64_t bound)
{
    return next_random(state) % bound;
}

static void name_people(person *people)
{
    for (int i = 0; i < PEOPLE; i++) {
        people[i] = (person){0};
        (void)snprintf(people[i].user, sizeof(people[i].user), "user%d", i);
        for (int v = 0; v < IDS_A_PERSON; v++)
            (void)snprintf(people[i].visitors[v], sizeof(people[i].visitors[v]),
                           v % 4 == 3 ? "user%d\t\"%d" : "visitor%d-%d", i, v);
    }
    for (int i = 0; i < ITEMS; i++)
        (void)snprintf(item_names[i], sizeof(item_names[i]), "i\\%d", i);
}

static mr_event random_event(uint64_t *random, int64_t time_ms)
{
    static const uint8_t types[] = {
        MR_EVENT_VIEW,   MR_EVENT_VIEW,     MR_EVENT_VIEW, MR_EVENT_CART_ADD,
        MR_EVENT_SEARCH, MR_EVENT_PURCHASE, MR_EVENT_RATE, MR_EVENT_WISHLIST,
        MR_EVENT_REFUND, MR_EVENT_CLICK};
    static const char *const orders[] = {"", "o1", "o2", "o3"};
    mr_event event = test_event((mr_event_type)types[below(random, sizeof(types))], NULL,
                                item_names[below(random, ITEMS)], time_ms);
    event.quantity = (int64_t)below(random, 400);
    event.value_minor = (int64_t)below(random, 100000);
    event.order_id = mr_text_from(orders[below(random, 4)]);
    event.rating_centi = 300;
    return event;
}

/* The event as it comes, and as it would have come from somebody known from the start.  An id
 * that has been given to its user is not used alone again; a new device brings a new one. */
static void name_event(person *p, uint64_t *random, mr_event *seen, mr_event *known)
{
    const mr_text user = mr_text_from(p->user);
    if (p->is_known && p->visitor + 1 < IDS_A_PERSON && below(random, 6) == 0) {
        p->visitor++;
        p->is_known = false;
    }
    const mr_text visitor = mr_text_from(p->visitors[p->visitor]);
    if (!p->is_known && below(random, 5) != 0) {
        seen->anonymous_id = visitor;
    } else {
        seen->user_id = user;
        if (!p->is_known || below(random, 2) == 0)
            seen->anonymous_id = visitor;
        p->is_known = true;
    }
    known->user_id = user;
}

/* Who never logs in stays a visitor, and so does the last device of who did not there. */
static void forget_unknown(const person *people, mr_event *known, const size_t *who,
                           const mr_event *seen, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const person *p = &people[who[i]];
        if (!p->is_known && seen[i].user_id.length == 0 &&
            mr_text_is(seen[i].anonymous_id, p->visitors[p->visitor])) {
            known[i].user_id = (mr_text){0};
            known[i].anonymous_id = seen[i].anonymous_id;
        }
    }
}

/* Something happens in a partition, as it may between any two events. */
static void stir(world *w, uint64_t *random)
{
    const uint32_t p = (uint32_t)below(random, w->part_count);
    world_part *part = &w->parts[p];
    switch (below(random, 8)) {
    case 0: (void)world_send(w, p, below(random, 5), below(random, 3) > 0); break;
    case 1: world_save(w, p); break;
    case 2:
        if (below(random, 4) == 0)
            world_crash(w, p);
        break;
    default: world_read(part, part->shard, 1 + below(random, 40));
    }
}

static void replay_hash(const world *w, char ret_hex[MR_SHA256_HEX_BYTES])
{
    mr_shard *shards[WORLD_PARTS_MAX];
    for (uint32_t p = 0; p < w->part_count; p++) {
        const mr_shard_options options = {.plan = w->plan,
                                          .hash_key = &w->key,
                                          .topic = "events",
                                          .partition = p,
                                          .is_replay = true};
        assert_ok(mr_shard_create(&options, &shards[p]));
        world_read(&w->parts[p], shards[p], SIZE_MAX / 2);
        assert_int_equal(mr_shard_links_waiting(shards[p]), 0);
        mr_shard_check(shards[p]);
    }
    assert_ok(mr_canonical_hash((const mr_shard *const *)shards, w->part_count,
                                MR_TIME_NONE, MR_DUMP_ALL, ret_hex));
    for (uint32_t p = 0; p < w->part_count; p++)
        mr_shard_destroy(shards[p]);
}

static void known_hash(const mr_plan *plan, const mr_event *events, size_t count,
                       char ret_hex[MR_SHA256_HEX_BYTES])
{
    mr_shard *shard = test_shard(plan, 0);
    for (size_t i = 0; i < count; i++)
        test_apply(shard, events[i]);
    assert_ok(mr_canonical_hash((const mr_shard *const *)&shard, 1, MR_TIME_NONE,
                                MR_DUMP_ORDER_FREE, ret_hex));
    mr_shard_destroy(shard);
}

static void count_links(const world *w, mr_link_counters *sum)
{
    for (uint32_t p = 0; p < w->part_count; p++) {
        mr_link_counters counters;
        mr_shard_link_counters_get(w->parts[p].shard, &counters);
        sum->merged += counters.merged;
        sum->dropped += counters.dropped;
        sum->refused += counters.refused;
        sum->lines_moved_in += counters.lines_moved_in;
        sum->lines_moved_out += counters.lines_moved_out;
    }
}

static void one_round(uint64_t seed, uint32_t parts, mr_link_counters *sum)
{
    static mr_event seen[EVENTS];
    static mr_event known[EVENTS];
    static size_t who[EVENTS];
    person people[PEOPLE];
    world w;
    uint64_t random = seed * 0x9e3779b97f4a7c15ULL + 1;
    int64_t now_ms = START_MS;
    name_people(people);
    world_begin(&w, parts);
    for (size_t i = 0; i < EVENTS; i++) {
        /* Apart by days at times, out of order by minutes: never so late that it is left out. */
        now_ms += (int64_t)below(&random, below(&random, 50) == 0 ? 4 * DAY_MS : HOUR_MS);
        who[i] = below(&random, below(&random, PEOPLE) + 1);
        seen[i] = random_event(&random, now_ms - (int64_t)below(&random, 5 * MINUTE_MS));
        known[i] = seen[i];
        name_event(&people[who[i]], &random, &seen[i], &known[i]);
        world_append_event(&w, seen[i]);
        for (uint64_t times = below(&random, 4); times > 0; times--)
            stir(&w, &random);
    }
    world_settle(&w);
    forget_unknown(people, known, who, seen, EVENTS);

    char actual[MR_SHA256_HEX_BYTES];
    char expected[MR_SHA256_HEX_BYTES];
    world_hash(&w, MR_DUMP_ORDER_FREE, actual);
    known_hash(w.plan, known, EVENTS, expected);
    if (strcmp(actual, expected) != 0)
        fail_msg("seed %d on %u partitions: another state", (int)seed, parts);
    world_hash(&w, MR_DUMP_ALL, actual);
    replay_hash(&w, expected);
    if (strcmp(actual, expected) != 0)
        fail_msg("seed %d on %u partitions: a replay differs", (int)seed, parts);
    count_links(&w, sum);
    world_end(&w);
}

static void test_a_user_is_as_if_known_from_the_start(void **state)
{
    (void)state;
    mr_link_counters sum = {0};
    const uint64_t step = (uint64_t)test_step();
    for (uint64_t seed = 1; seed <= ROUNDS; seed += step)
        one_round(seed, 1 + (uint32_t)(seed % WORLD_PARTS_MAX), &sum);
    assert_int_equal(sum.lines_moved_in, sum.lines_moved_out);
    assert_int_equal(sum.refused, 0);
    assert_in_range(sum.merged, 20 * ROUNDS / step,
                    UINT32_MAX); /* it was about something */
    assert_in_range(sum.dropped, 5 * ROUNDS / step, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_user_is_as_if_known_from_the_start),
    };
    test_take_small_pages();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
