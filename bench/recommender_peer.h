/*
 * Recommender peer: implicit and FAISS, run by bench/peer_recommenders.py on our data.
 *
 * $MILLRACE_PEER_PYTHON names a Python that has them (`pip install implicit faiss-cpu`); else
 * `python/bin/python3` under $MILLRACE_PEERS, else the python3 on the PATH.  Data goes through
 * a directory of .npy files that is made by open and removed by close.
 *
 * Units      Seconds.
 * Ownership  The struct is the caller's.
 * Threads    The main thread.
 * Cost       That of the job, and a second to start.
 */
#ifndef MR_BENCH_RECOMMENDER_PEER_H
#define MR_BENCH_RECOMMENDER_PEER_H

#include "models/dense.h"
#include "models/sparse_matrix.h"

#include <stdbool.h>

enum { MR_PEER_LINE_BYTES = 1024, MR_PEER_DIRECTORY_BYTES = 256, MR_PEER_WORDS_MAX = 8 };

typedef struct mr_recommender_peer {
    char directory[MR_PEER_DIRECTORY_BYTES];
    char line[MR_PEER_LINE_BYTES]; /* the last it printed */
} mr_recommender_peer;

void mr_recommender_peer_open(mr_recommender_peer *ret_peer);
void mr_recommender_peer_close(mr_recommender_peer *peer);

void mr_recommender_peer_give_matrix(const mr_recommender_peer *peer,
                                     const mr_sparse_matrix *matrix);
void mr_recommender_peer_give_table(const mr_recommender_peer *peer, const char *name,
                                    const mr_dense *table);

/* Run `job` with further words, NULL-terminated; false when the peer is not there. */
bool mr_recommender_peer_run(mr_recommender_peer *peer, const char *job,
                             const char *const *words);

/* A number of the line: `key` with its quotes. */
double mr_recommender_peer_number(const mr_recommender_peer *peer, const char *key);

/* A table it wrote. */
mr_dense mr_recommender_peer_take_table(const mr_recommender_peer *peer,
                                        const char *name);

#endif
