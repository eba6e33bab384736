/* Target: mr_decoder_decode() of the segment dialect; invariants in decode_target.h. */
#include "tests/fuzz/decode_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static decode_target target;
    static decode_target native;
    if (target.decoder == NULL) {
        decode_target_open(&target, MR_DIALECT_SEGMENT, NULL);
        decode_target_open(&native, MR_DIALECT_NATIVE, NULL);
    }
    decode_target_check(&target, &native, data, size);
    return 0;
}
