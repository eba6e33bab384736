/*
 * Question: how much memory does a user's profile take, and each feature of the default plan?
 *
 *     bench_profile_memory [EVENTS [USERS]]    default: 3,000,000 and 100,000
 *
 * The generator's shop (app/generator.h), an event a second, a fifth of its people beginning
 * without a name, is decoded and applied to one shard.  A profile's bytes are its row, its place in the
 * index, and its blocks with their share of what the pool does not use, but for its history,
 * whose length the plan's quotas choose.
 */
#include "app/generator.h"
#include "bench/bench.h"
#include "features/plan_layout.h"
#include "features/shard_memory.h"
#include "ingest/decoder.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINES_MAX = MR_EVENT_LINES_MAX };

#define START_MS INT64_C(1767225600000)

typedef struct pipeline {
    mr_generator *generator;
    mr_decoder *decoder;
    mr_event_batch batch;
    mr_shard *shard;
} pipeline;

static void carry(pipeline *p)
{
    mr_generated made;
    int64_t offset = 0;
    mr_status status;
    while ((status = mr_generator_next(p->generator, &made)) == MR_OK) {
        const mr_log_record record = {
            .key = made.key,
            .value = made.value,
            .offset = offset++,
            .time_ms = made.time_ms,
        };
        mr_bench_must(mr_decoder_decode(p->decoder, 0, &record, 1, &p->batch), "decode");
        mr_bench_must(mr_shard_apply(p->shard, &p->batch), "apply");
        mr_shard_changed_clear(p->shard);
    }
    mr_bench_check(status == MR_ERR_NOT_FOUND, "the generator's end");
}

static void print_memory(const mr_shard *shard, const mr_plan *plan)
{
    mr_shard_memory memory;
    mr_shard_memory_get(shard, &memory);
    const double rows = (double)memory.rows;
    printf("profile_memory/profile users=%zu bytes_per_user=%.1f heads_and_index=%.1f "
           "rounding_and_long_ids=%.1f body_bytes=%u extra_bytes=%u\n",
           memory.rows, mr_shard_memory_of_a_profile(&memory),
           (double)memory.heads / rows, (double)memory.rest / rows, plan->body_bytes,
           plan->extra_bytes);
    for (size_t i = 0; i < mr_plan_feature_count(plan); i++) {
        if (memory.features[i] > 0)
            printf("profile_memory/%s bytes_per_user=%.1f\n",
                   mr_plan_feature(plan, i)->name, (double)memory.features[i] / rows);
    }
    printf("profile_memory/history bytes_per_user=%.1f\n", (double)memory.history / rows);
    (void)mr_bench_ratio("profile_bytes_generated", mr_shard_memory_of_a_profile(&memory),
                         400.0);
}

int main(int argc, char **argv)
{
    mr_bench_start(argv);
    const mr_generator_options options = {
        .shop = {.seed = 1,
                 .users = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100000,
                 .items = 20000,
                 .zipf = 1.0,
                 .anonymous = 0.2,
                 .rate = 1.0,
                 .start_ms = START_MS},
        .events = argc > 1 ? strtoul(argv[1], NULL, 10) : 3000000,
        .partitions = 1,
        .dialect = MR_DIALECT_NATIVE,
        .topic = "events",
    };
    const mr_decoder_options dialect = {.dialect = MR_DIALECT_NATIVE, .topic = "events"};
    mr_hash_key key;
    mr_plan *plan;
    pipeline p = {0};
    mr_hash_key_init(&key, "bench", 5);
    mr_bench_must(mr_plan_create_default(&plan), "plan");
    const mr_shard_options of_shard = {.plan = plan, .hash_key = &key, .topic = "events"};
    mr_bench_must(mr_generator_create(&options, &p.generator), "generator");
    mr_bench_must(mr_decoder_create(&dialect, &p.decoder, NULL), "decoder");
    mr_bench_must(mr_event_batch_init(&p.batch, LINES_MAX, 1), "batch");
    mr_bench_must(mr_shard_create(&of_shard, &p.shard), "shard");
    carry(&p);
    print_memory(p.shard, plan);
    mr_shard_destroy(p.shard);
    mr_event_batch_deinit(&p.batch);
    mr_decoder_destroy(p.decoder);
    mr_generator_destroy(p.generator);
    mr_plan_destroy(plan);
    return 0;
}
