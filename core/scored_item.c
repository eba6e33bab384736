#include "core/scored_item.h"

#include <stddef.h>

static const char *const source_names[MR_SOURCE_KINDS] = {
    [MR_SOURCE_ITEM_ITEM] = "item_item", [MR_SOURCE_IALS] = "ials",
    [MR_SOURCE_BLEND] = "blend",         [MR_SOURCE_POPULAR] = "popular",
    [MR_SOURCE_TRENDING] = "trending",   [MR_SOURCE_SESSION] = "session",
    [MR_SOURCE_CONTENT] = "content",     [MR_SOURCE_REPEAT] = "repeat",
    [MR_SOURCE_PINNED] = "pinned",
};

const char *mr_source_name(mr_source source)
{
    return (unsigned)source < MR_SOURCE_KINDS ? source_names[source] : NULL;
}
