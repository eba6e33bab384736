/*
 * Child: a peer or a server run beside a benchmark, and its CPU time.
 *
 * It is started with both ends in our hands: its standard input ends when we do, and the kernel
 * ends it when we die, so nothing is left running.  A peer is looked for in $MILLRACE_PEERS, then
 * on the PATH, then in /usr/sbin.
 *
 * Units      CPU in seconds, user and system, of all threads.
 * Ownership  The struct is the caller's; stop() ends the process and closes the pipes.
 * Threads    The main thread, which must outlive the child.
 * Cost       One file of /proc read an asking; its ticks are 10 ms.
 */
#ifndef MR_BENCH_CHILD_H
#define MR_BENCH_CHILD_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct mr_child {
    pid_t pid;
    int input;  /* write end of its standard input */
    int output; /* read end of its standard output */
} mr_child;

enum { MR_CHILD_PATH_BYTES = 1024, MR_CHILD_ANY_CORE = -1 };

/* The path of a program, or MR_ERR_NOT_FOUND. */
MR_MUST_USE mr_status mr_child_find(const char *name, char ret_path[MR_CHILD_PATH_BYTES]);

/* The path of a program built beside this one. */
void mr_child_sibling(const char *name, char ret_path[MR_CHILD_PATH_BYTES]);

/* Run arguments[0] on the core of that number.  Its standard error is ours. */
MR_MUST_USE mr_status mr_child_start(char *const *arguments, int core,
                                     mr_child *ret_child);

/* The next line it prints, without the newline; false at the end of its output. */
bool mr_child_line(const mr_child *child, char *line, size_t bytes);

/* What a process has used so far. */
double mr_child_cpu_seconds(pid_t pid);

/* SIGTERM and wait; returns its exit status, or -1. */
int mr_child_stop(mr_child *child);

/* Wait for one that ends by itself. */
int mr_child_wait(mr_child *child);

/* This process on the core of that number. */
void mr_child_pin(pid_t pid, int core);

/* A port of the loopback interface that was free a moment ago. */
uint16_t mr_child_free_port(void);

#endif
