#include "bench/streams_peer.h"

#include "bench/bench.h"
#include "bench/child.h"
#include "core/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 1024 };

static double number_after(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at == NULL ? 0.0 : strtod(at + strlen(key), NULL);
}

static double best_of(const mr_child *child)
{
    char line[LINE_BYTES];
    double best = 0.0;
    while (mr_child_line(child, line, sizeof(line))) {
        if (strstr(line, "\"guarantee\":\"exactly_once_v2\"") == NULL)
            continue;
        const double rate = number_after(line, "\"events_per_app_cpu_s\":");
        (void)printf("# peer %s\n", line);
        best = rate > best ? rate : best;
    }
    return best;
}

double mr_streams_peer_events_per_cpu_s(void)
{
    char program[MR_CHILD_PATH_BYTES];
    char tool[MR_CHILD_PATH_BYTES];
    if (mr_child_find("kstreams/run.sh", program) != MR_OK ||
        mr_child_find("mvn", tool) != MR_OK || mr_child_find("java", tool) != MR_OK)
        return 0.0;
    char root[256];
    const char *directory = getenv("TMPDIR");
    (void)snprintf(root, sizeof(root), "%s/millrace-peer-XXXXXX",
                   directory != NULL ? directory : "/tmp");
    mr_bench_have(mkdtemp(root));
    (void)setenv("REPEAT", "1", 0);
    char *const arguments[] = {program, "4000000", "1000000", "4", root, NULL};
    mr_child child;
    double best = 0.0;
    if (mr_child_start(arguments, MR_CHILD_ANY_CORE, &child) == MR_OK) {
        best = best_of(&child);
        if (mr_child_wait(&child) != 0)
            best = 0.0;
    }
    mr_bench_must(mr_directory_remove(root, NULL), "removing the peer's files");
    return best;
}
