#include "app/published_rows.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const mr_published_set sets[] = {
    {.protocol = "lightgcn",
     .name = "Gowalla",
     .source = "published rows",
     .counts = {{"users", 29858}, {"items", 40981}, {"train", 810128}, {"test", 217242}},
     .metrics = {"recall@20", "ndcg@20"},
     .rows = {{"ItemCF", {.1570, .1214}},
              {"MF-BPR", {.1627, .1378}},
              {"EASE", {.1765, .1467}},
              {"LightGCN", {.1820, .1547}},
              {"GF-CF", {.1849, .1518}},
              {"UltraGCN", {.1862, .1580}},
              {"SimpleX", {.1872, .1557}}}},
    {.protocol = "lightgcn",
     .name = "MovieLens-1M",
     .source = "published rows (the last two: own runs)",
     .counts = {{"users", 6022}, {"items", 3043}, {"train", 796244}, {"test", 99455}},
     .metrics = {"recall@20", "ndcg@20"},
     .rows = {{"LightGCN", {.2576, .2427}},
              {"UltraGCN", {.2787, .2642}},
              {"SimpleX", {.2802, .2670}},
              {"popular", {.1161, .1176}},
              {"item kNN, cosine", {.2284, 0}}}},
    {.protocol = "lightgcn",
     .name = "Last.fm",
     .source = "own runs, none are published",
     .counts = {{"users", 1885}, {"items", 17388}, {"train", 64315}, {"test", 18321}},
     .metrics = {"recall@20", "ndcg@20"},
     .rows = {{"popular", {.1076, .1011}}, {"item kNN", {.2279, .2351}}}},
    {.protocol = "sequence",
     .name = "Beauty",
     .source = "published rows (they mask what the user has)",
     .counts = {{"users", 22363}, {"items", 12101}},
     .metrics = {"hr@5", "hr@10", "hr@20", "ndcg@5", "ndcg@10", "ndcg@20"},
     .rows = {{"SASRec", {0, 0, .0901, 0, 0, 0}},
              {"ICLRec", {.0500, .0744, .1058, .0326, .0403, .0483}}}},
    {.protocol = "sequence",
     .name = "Toys and Games",
     .source = "published rows (they mask what the user has)",
     .counts = {{"users", 19412}, {"items", 11924}},
     .metrics = {"hr@5", "hr@10", "hr@20", "ndcg@5", "ndcg@10", "ndcg@20"},
     .rows = {{"SASRec", {0, 0, .0957, 0, 0, 0}},
              {"ICLRec", {.0598, .0834, .1138, .0404, .0480, .0557}}}},
    {.protocol = "session",
     .name = "Diginetica",
     .source = "published rows",
     .counts = {{"sessions", 186670}, {"items", 43097}, {"test", 60858}},
     .metrics = {"hr@20", "mrr@20"},
     .rows = {{"POP", {.0089, .0020}},
              {"S-POP", {.2106, .1368}},
              {"GRU4Rec", {.2945, .0833}},
              {"Item-kNN", {.3575, .1157}},
              {"NARM", {.4970, .1617}},
              {"SR-GNN", {.5073, .1759}},
              {"GCE-GNN", {.5422, .1904}}}},
    {.protocol = "session",
     .name = "YooChoose, 100k clicks",
     .source = "prototypes of the published models",
     .counts = {{"sessions", 17794}, {"test_sessions", 3416}, {"items", 2933}},
     .metrics = {"hr@20", "mrr@20"},
     .rows = {{"SR", {.619, .348}},
              {"VS-kNN", {.681, .356}},
              {"VS-kNN + SR", {.691, .368}}}},
    {.protocol = "basket",
     .name = "Ta-Feng",
     .source = "published rows",
     .counts = {{"users", 13858}, {"items", 11997}},
     .metrics = {"recall@10", "ndcg@10", "phr@10"},
     .rows = {{"G-Top", {.0803, .0842, .2489}},
              {"P-Top", {.1072, .0906, 0}},
              {"GP-Top", {.1215, .0985, 0}},
              {"TIFU-kNN", {.1251, .1011, 0}}}},
};

static bool has(const mr_report_value *data, size_t count, const mr_report_value *value)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(data[i].name, value->name) == 0)
            return fabs(data[i].value - value->value) < 0.5;
    return false;
}

const mr_published_set *mr_published_find(const char *protocol,
                                          const mr_report_value *data, size_t count)
{
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        bool same = strcmp(sets[s].protocol, protocol) == 0;
        for (size_t c = 0; c < MR_PUBLISHED_COUNTS_MAX; c++)
            same = same && (sets[s].counts[c].name == NULL ||
                            has(data, count, &sets[s].counts[c]));
        if (same)
            return &sets[s];
    }
    return NULL;
}
