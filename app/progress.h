/*
 * Progress: how far long work is, for a person or for a pipe.
 *
 * On a terminal a bar that is redrawn in place (share, rate, time left); elsewhere a plain line
 * every few seconds.  Always on standard error, so that standard output can be piped.
 *
 * Units      Whatever `unit` names.
 * Ownership  A plain value; strings are borrowed until the end.
 * Threads    Owner-only.
 * Cost       A clock read a call; a write at most ten times a second.
 */
#ifndef MR_APP_PROGRESS_H
#define MR_APP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_progress {
    const char *label;
    const char *unit;
    uint64_t total; /* 0: unknown */
    int64_t start_ns;
    int64_t drawn_ns;
    bool terminal;
} mr_progress;

void mr_progress_begin(mr_progress *ret_progress, const char *label, const char *unit,
                       uint64_t total);
void mr_progress_update(mr_progress *progress, uint64_t done);

/* Draws the last state and ends the line; returns the seconds it took. */
double mr_progress_end(mr_progress *progress, uint64_t done);

#endif
