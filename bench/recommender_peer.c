#include "bench/recommender_peer.h"

#include "bench/bench.h"
#include "bench/child.h"
#include "core/file.h"
#include "models/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = MR_PEER_DIRECTORY_BYTES + 64, ABSENT = 3 };

void mr_recommender_peer_open(mr_recommender_peer *ret_peer)
{
    const char *root = getenv("TMPDIR");
    *ret_peer = (mr_recommender_peer){0};
    (void)snprintf(ret_peer->directory, sizeof(ret_peer->directory),
                   "%s/millrace-peer-XXXXXX", root != NULL ? root : "/tmp");
    mr_bench_have(mkdtemp(ret_peer->directory));
}

void mr_recommender_peer_close(mr_recommender_peer *peer)
{
    mr_bench_must(mr_directory_remove(peer->directory, NULL), "the peer's files");
}

static void path_of(const mr_recommender_peer *peer, const char *name,
                    char ret_path[PATH_BYTES])
{
    (void)snprintf(ret_path, PATH_BYTES, "%s/%s", peer->directory, name);
}

static void give(const mr_recommender_peer *peer, const char *name, mr_npy_type type,
                 uint32_t dimensions, const uint64_t *shape, const void *data,
                 size_t row_bytes)
{
    char path[PATH_BYTES];
    path_of(peer, name, path);
    mr_bench_must(mr_npy_write(path, type, dimensions, shape, data, row_bytes, NULL),
                  path);
}

void mr_recommender_peer_give_matrix(const mr_recommender_peer *peer,
                                     const mr_sparse_matrix *matrix)
{
    const uint64_t rows[2] = {(uint64_t)matrix->rows + 1, 1};
    const uint64_t pairs[2] = {mr_sparse_matrix_count(matrix), 1};
    give(peer, "ptr.npy", MR_NPY_U8, 1, rows, matrix->ptr, sizeof(uint64_t));
    give(peer, "index.npy", MR_NPY_U4, 1, pairs, matrix->index, sizeof(uint32_t));
}

void mr_recommender_peer_give_table(const mr_recommender_peer *peer, const char *name,
                                    const mr_dense *table)
{
    const uint64_t shape[2] = {table->rows, table->columns};
    give(peer, name, MR_NPY_F4, 2, shape, table->values, table->stride * sizeof(float));
}

static bool find_python(char ret_path[MR_CHILD_PATH_BYTES])
{
    const char *named = getenv("MILLRACE_PEER_PYTHON");
    if (named == NULL)
        return mr_child_find("python/bin/python3", ret_path) == MR_OK ||
               mr_child_find("python3", ret_path) == MR_OK;
    (void)snprintf(ret_path, MR_CHILD_PATH_BYTES, "%s", named);
    return access(named, X_OK) == 0;
}

bool mr_recommender_peer_run(mr_recommender_peer *peer, const char *job,
                             const char *const *words)
{
    static char python[MR_CHILD_PATH_BYTES];
    static char program[MR_CHILD_PATH_BYTES];
    char *arguments[MR_PEER_WORDS_MAX + 5] = {python, program, (char *)(uintptr_t)job,
                                              peer->directory};
    const char *source = getenv("MILLRACE_SOURCE");
    (void)snprintf(program, sizeof(program), "%s/bench/peer_recommenders.py",
                   source != NULL ? source : ".");
    if (access(program, R_OK) != 0 || !find_python(python))
        return false;
    for (int w = 0; words[w] != NULL; w++) {
        mr_bench_check(w < MR_PEER_WORDS_MAX, "few words for a peer");
        arguments[4 + w] = (char *)(uintptr_t)words[w];
    }
    mr_child child;
    mr_bench_must(mr_child_start(arguments, MR_CHILD_ANY_CORE, &child), python);
    char line[MR_PEER_LINE_BYTES];
    while (mr_child_line(&child, line, sizeof(line)))
        memcpy(peer->line, line, sizeof(line));
    const int status = mr_child_wait(&child);
    if (status == ABSENT)
        return false;
    mr_bench_check(status == 0, "the peer's program");
    (void)printf("# peer %s %s\n", job, peer->line);
    return true;
}

double mr_recommender_peer_number(const mr_recommender_peer *peer, const char *key)
{
    const char *found = strstr(peer->line, key);
    mr_bench_check(found != NULL, key);
    return strtod(found + strlen(key) + 1, NULL); /* past the colon */
}

mr_dense mr_recommender_peer_take_table(const mr_recommender_peer *peer, const char *name)
{
    char path[PATH_BYTES];
    mr_npy npy;
    mr_dense table;
    path_of(peer, name, path);
    mr_bench_must(mr_npy_open(path, MR_NPY_F4, 2, &npy, NULL), path);
    mr_bench_must(mr_dense_init(&table, npy.shape[0], npy.shape[1]), path);
    for (size_t r = 0; r < table.rows; r++)
        memcpy(mr_dense_row(&table, r), (const float *)npy.data + r * table.columns,
               table.columns * sizeof(float));
    mr_npy_close(&npy);
    return table;
}
