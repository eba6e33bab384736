#include "app/progress.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { BAR_CELLS = 24 };
#define TERMINAL_PERIOD_NS INT64_C(100000000)
#define PLAIN_PERIOD_NS INT64_C(5000000000)

static int64_t now_ns(void)
{
    return mr_clock_monotonic_ns(mr_clock_system());
}

static void draw(const mr_progress *progress, uint64_t done, double seconds)
{
    const double rate = seconds > 0.0 ? (double)done / seconds : 0.0;
    char share[96] = "";
    if (progress->total > 0) {
        const double part =
            done >= progress->total ? 1.0 : (double)done / (double)progress->total;
        const int filled = (int)(part * BAR_CELLS);
        const double left = rate > 0.0 ? (double)(progress->total - done) / rate : 0.0;
        (void)snprintf(share, sizeof(share), "[%.*s%.*s] %3.0f %%  %.0f s left  ", filled,
                       "########################", BAR_CELLS - filled,
                       "........................", part * 100.0,
                       done >= progress->total ? 0.0 : left);
    }
    (void)fprintf(stderr, "%s%-22s %s%" PRIu64 " %s  %.0f %s/s%s",
                  progress->terminal ? "\r" : "", progress->label, share, done,
                  progress->unit, rate, progress->unit,
                  progress->terminal ? "\x1b[K" : "\n");
}

void mr_progress_begin(mr_progress *ret_progress, const char *label, const char *unit,
                       uint64_t total)
{
    const int64_t now = now_ns();
    *ret_progress = (mr_progress){.label = label,
                                  .unit = unit,
                                  .total = total,
                                  .start_ns = now,
                                  .drawn_ns = now,
                                  .terminal = isatty(STDERR_FILENO) == 1};
}

void mr_progress_update(mr_progress *progress, uint64_t done)
{
    const int64_t now = now_ns();
    const int64_t period = progress->terminal ? TERMINAL_PERIOD_NS : PLAIN_PERIOD_NS;
    if (now - progress->drawn_ns < period)
        return;
    progress->drawn_ns = now;
    draw(progress, done, (double)(now - progress->start_ns) / 1e9);
}

double mr_progress_end(mr_progress *progress, uint64_t done)
{
    const double seconds = (double)(now_ns() - progress->start_ns) / 1e9;
    draw(progress, done, seconds);
    if (progress->terminal)
        (void)fputc('\n', stderr);
    return seconds;
}
