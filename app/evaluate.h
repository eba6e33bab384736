/*
 * Evaluate: what a protocol of `millrace evaluate` is made of.
 *
 * A protocol is a row of a table: its name, its words of help, the options it takes and those it
 * cannot do without, the models it knows, and a function.  The command (app/command_evaluate.c)
 * reads and checks the options, so that a protocol is told only what is meant for it.
 *
 * Units      None.
 * Ownership  Rows are static; values point into the command line.
 * Threads    The main thread.
 * Cost       Start-up only.
 */
#ifndef MR_APP_EVALUATE_H
#define MR_APP_EVALUATE_H

#include "app/command.h"

#include <stdbool.h>
#include <stdint.h>

/* Options with a value that a protocol can take; what they are called stands in
 * app/command_evaluate.c in the same order. */
typedef enum mr_evaluate_option {
    MR_EVALUATE_TRAIN = 0,
    MR_EVALUATE_VALID,
    MR_EVALUATE_TEST,
    MR_EVALUATE_DATA,
    MR_EVALUATE_ITEMS,
    MR_EVALUATE_USERS,
    MR_EVALUATE_SPLIT,
    MR_EVALUATE_HISTORY,
    MR_EVALUATE_FUTURE,
    MR_EVALUATE_TABLE,
    MR_EVALUATE_TARGET,
    MR_EVALUATE_POSITIVE,
    MR_EVALUATE_TRANSACTIONS,
    MR_EVALUATE_FORMAT,
    MR_EVALUATE_TRAIN_AT,
    MR_EVALUATE_TEST_AT,
    MR_EVALUATE_WINDOW_DAYS,
    MR_EVALUATE_FOLDS,
    MR_EVALUATE_MODEL,
    MR_EVALUATE_BUDGET,
    MR_EVALUATE_THREADS,
    MR_EVALUATE_SEED,
    MR_EVALUATE_OPTIONS,
} mr_evaluate_option;

/* A set of options. */
#define MR_EVALUATE_BIT(option) (UINT32_C(1) << MR_EVALUATE_##option)

typedef struct mr_evaluate_arguments {
    const char *values[MR_EVALUATE_OPTIONS]; /* NULL: not given */
    const char *model;                       /* "auto" when not given */
    uint32_t budget;                         /* 0: the model's default */
    uint32_t threads;                        /* 0: one a processor */
    uint64_t seed;
    bool json;
} mr_evaluate_arguments;

typedef struct mr_evaluate_protocol {
    const char *name;
    const char *help;    /* how it is called and what it is: lines of at most 90 */
    const char *example; /* the command line, cut by backslashes where it is long */
    uint32_t takes; /* MR_EVALUATE_BITs; model, budget, threads and seed are for all */
    uint32_t needs; /* of those */
    const char *const *models; /* what --model may be, NULL at the end */
    int (*run)(const mr_command *command, const mr_evaluate_arguments *arguments);
} mr_evaluate_protocol;

extern const mr_evaluate_protocol mr_evaluate_lightgcn;
extern const mr_evaluate_protocol mr_evaluate_sequence;
extern const mr_evaluate_protocol mr_evaluate_session;
extern const mr_evaluate_protocol mr_evaluate_basket;
extern const mr_evaluate_protocol mr_evaluate_ratings;
extern const mr_evaluate_protocol mr_evaluate_churn;

/* A line of progress on standard error; `context` is not looked at. */
void mr_evaluate_tell(void *context, const char *line);

#endif
