#include "bench/interaction_data.h"

#include "bench/bench.h"
#include "models/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GOWALLA_USERS = 29858,
    GOWALLA_ITEMS = 40981,
    GOWALLA_PAIRS_MAX = 1000000,
    SHAPE_USERS = 138000,
    SHAPE_ITEMS = 27000,
    SHAPE_DRAWN = 21700000, /* pairs that come out twice are one */
    USER_LEAST = 20,
    SEED = 1,
};

static void make(mr_triple *triples, size_t count, uint32_t rows, uint32_t columns,
                 mr_sparse_matrix *ret_users)
{
    mr_bench_must(
        mr_sparse_matrix_from_triples(triples, count, rows, columns, false, ret_users),
        "matrix");
    free(triples);
    (void)printf("# matrix %u x %u, %llu pairs\n", rows, columns,
                 (unsigned long long)mr_sparse_matrix_count(ret_users));
}

bool mr_interaction_data_gowalla(mr_sparse_matrix *ret_users)
{
    char path[1024];
    const char *data = getenv("MILLRACE_DATA");
    (void)snprintf(path, sizeof(path), "%s/gowalla/train.txt", data != NULL ? data : ".");
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    mr_triple *triples = mr_bench_have(malloc(GOWALLA_PAIRS_MAX * sizeof(*triples)));
    char *line = NULL;
    size_t capacity = 0;
    size_t count = 0;
    while (getline(&line, &capacity, file) > 0) {
        char *rest = line;
        const uint32_t user = (uint32_t)strtoul(line, &rest, 10);
        for (char *at = rest;; at = rest) {
            const uint32_t item = (uint32_t)strtoul(at, &rest, 10);
            if (rest == at || count == GOWALLA_PAIRS_MAX)
                break;
            triples[count++] = (mr_triple){.row = user, .column = item};
        }
    }
    free(line);
    (void)fclose(file);
    make(triples, count, GOWALLA_USERS, GOWALLA_ITEMS, ret_users);
    return true;
}

/* The first item whose share of the mass, with all before it, reaches `uniform`. */
static uint32_t item_at(const double *shares, double uniform)
{
    uint32_t low = 0;
    uint32_t high = SHAPE_ITEMS - 1;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (shares[middle] < uniform)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void mr_interaction_data_ml20m_shape(mr_sparse_matrix *ret_users)
{
    double *shares = mr_bench_have(malloc(SHAPE_ITEMS * sizeof(*shares)));
    double *counts = mr_bench_have(malloc(SHAPE_USERS * sizeof(*counts)));
    mr_triple *triples = mr_bench_have(malloc(SHAPE_DRAWN * sizeof(*triples)));
    double mass = 0.0;
    double drawn = 0.0;
    for (uint32_t i = 0; i < SHAPE_ITEMS; i++)
        shares[i] = mass += pow((double)i + 301.0, -1.5);
    for (uint32_t i = 0; i < SHAPE_ITEMS; i++)
        shares[i] /= mass;
    for (uint32_t u = 0; u < SHAPE_USERS; u++)
        drawn += counts[u] = USER_LEAST + exp(4.0 + 1.1 * mr_random_normal(SEED, u));
    size_t count = 0;
    for (uint32_t u = 0; u < SHAPE_USERS; u++) {
        const double own = fmin(counts[u] * SHAPE_DRAWN / drawn, SHAPE_ITEMS / 4.0);
        for (uint32_t n = 0; n < (uint32_t)own && count < SHAPE_DRAWN; n++, count++)
            triples[count] = (mr_triple){
                .row = u, .column = item_at(shares, mr_random_uniform(SEED + 1, count))};
    }
    free(shares);
    free(counts);
    make(triples, count, SHAPE_USERS, SHAPE_ITEMS, ret_users);
}
