#!/usr/bin/env python3
"""The peers of bench_ials, bench_item_item and bench_top_k: implicit and FAISS, one job a call.

    python peer_recommenders.py als DIRECTORY COLUMNS D EPOCHS ALPHA REGULARISATION THREADS
    python peer_recommenders.py items DIRECTORY COLUMNS K THREADS REPEATS
    python peer_recommenders.py flat DIRECTORY K REPEATS CORE

DIRECTORY holds the matrix (ptr.npy, index.npy) or the tables (items.npy, queries.npy), and takes
what is compared afterwards: factors or the indices found.  The last line printed is JSON, times in
seconds, the best of the repeats.  `pip install implicit faiss-cpu`; without them it exits with 3.  `cpu_s` and the times of
`flat` are CPU seconds.
"""
import json
import os
import sys
import time

job, directory = sys.argv[1:3]
# implicit and FAISS thread by OpenMP, so their BLAS must not; FAISS's wheel has a BLAS that does
# not know today's processors, and runs at a tenth of its speed until told of one it knows.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"  # a thread that waits shall not look busy
if job == "flat":
    os.environ["OMP_NUM_THREADS"] = "1"
    if os.environ.get("OPENBLAS_CORETYPE") != sys.argv[5]:
        os.environ["OPENBLAS_CORETYPE"] = sys.argv[5]
        os.execv(sys.executable, [sys.executable] + sys.argv)

try:
    import numpy as np
    if job == "flat":
        import faiss
    else:
        import scipy.sparse as sp
        from implicit.als import AlternatingLeastSquares
        from implicit.nearest_neighbours import CosineRecommender, ItemItemRecommender
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(3)


def at(name):
    return os.path.join(directory, name)


def matrix(columns):
    ptr = np.load(at("ptr.npy")).astype(np.int64)
    index = np.load(at("index.npy")).astype(np.int32)
    return sp.csr_matrix((np.ones(len(index), np.float32), index, ptr), shape=(len(ptr) - 1, columns))


def als(columns, d, epochs, alpha, regularisation, threads):
    took, cpu = [], []
    model = AlternatingLeastSquares(factors=int(d), alpha=float(alpha), regularization=float(regularisation),
                                    iterations=int(epochs), num_threads=int(threads), use_cg=True,
                                    calculate_training_loss=False, random_state=1, dtype=np.float32)
    users = matrix(int(columns))

    def note(epoch, seconds, loss):
        took.append(seconds)
        cpu.append(time.process_time())

    model.fit(users, show_progress=False, callback=note)
    np.save(at("user_factors.npy"), np.ascontiguousarray(model.user_factors, np.float32))
    np.save(at("item_factors.npy"), np.ascontiguousarray(model.item_factors, np.float32))
    return {"epoch_s": min(took), "cpu_s": min(b - a for a, b in zip(cpu, cpu[1:]))}


def items(columns, k, threads, repeats):
    users = matrix(int(columns)).astype(np.float64)
    best = {}
    for name, kind in (("plain", ItemItemRecommender), ("cosine", CosineRecommender)):
        for _ in range(int(repeats)):
            model = kind(K=int(k), num_threads=int(threads))
            start, cpu = time.perf_counter(), time.process_time()
            model.fit(users, show_progress=False)
            took = {name + "_s": time.perf_counter() - start, name + "_cpu_s": time.process_time() - cpu}
            best.update({key: min(best.get(key, value), value) for key, value in took.items()})
    return best


def flat(k, repeats, core):
    table, queries = np.load(at("items.npy")), np.load(at("queries.npy"))
    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = 20
    index = faiss.IndexFlatIP(table.shape[1])
    index.add(table)
    one, many = [], []
    for repeat in range(int(repeats)):
        for q in range(20):
            query = queries[q:q + 1].copy()
            start = time.thread_time()
            index.search(query, int(k))
            one.append(time.thread_time() - start)
        start = time.thread_time()
        _, found = index.search(queries, int(k))
        many.append(time.thread_time() - start)
    np.save(at("found.npy"), found.astype(np.int64))
    return {"one_s": min(one), "batch_s": min(many), "version": faiss.__version__}


print(json.dumps({"als": als, "items": items, "flat": flat}[job](*sys.argv[3:])))
