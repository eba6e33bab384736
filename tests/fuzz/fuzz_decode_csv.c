/*
 * Target: every CSV profile, its header check and its catalogue; the first byte chooses the
 * profile, the rest is the line.  Invariants in decode_target.h.
 */
#include "tests/fuzz/decode_target.h"

#include "ingest/decode_csv.h"

enum { PROFILES = 7 };

static const char *const names[PROFILES] = {
    "online-retail",  "cdnow",  "retailrocket", "yoochoose-clicks",
    "yoochoose-buys", "taobao", "movielens",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static decode_target targets[PROFILES];
    static decode_target native;
    static mr_arena *arena;
    if (native.decoder == NULL) {
        for (int i = 0; i < PROFILES; i++)
            decode_target_open(&targets[i], MR_DIALECT_CSV, names[i]);
        decode_target_open(&native, MR_DIALECT_NATIVE, NULL);
        arena = mr_arena_create(4096);
        MR_ASSERT(arena != NULL);
    }
    if (size == 0)
        return 0;
    const size_t number = data[0] % PROFILES;
    decode_target_check(&targets[number], &native, data + 1, size - 1);

    const mr_csv_profile *profile = mr_csv_profile_find(names[number]);
    const mr_text line = {.bytes = (const char *)data + 1,
                          .length = (uint32_t)(size - 1)};
    mr_error error;
    mr_csv_item item;
    const mr_status header = mr_csv_header_check(profile, line, &error);
    MR_ASSERT(header == MR_OK || header == MR_ERR_INVALID || header == MR_ERR_NOT_FOUND);
    mr_arena_reset(arena);
    if (mr_csv_catalogue(profile, line, arena, &item) == MR_OK)
        MR_ASSERT(item.price_minor >= 0);
    return 0;
}
