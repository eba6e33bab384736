/*
 * Plan reading, inside: what the files that read a plan's sections share.
 *
 * Units      As features/plan_read.h.
 * Ownership  Texts go to the reading's arena, which becomes the plan's.
 * Threads    Owner-only.
 * Cost       Start-up only.
 */
#ifndef MR_FEATURES_PLAN_READING_H
#define MR_FEATURES_PLAN_READING_H

#include "features/plan_layout.h"
#include "features/plan_read.h"

enum { MR_PLAN_NAME_BYTES_MAX = 48, MR_PLAN_TEXT_BYTES_MAX = 200 };

typedef struct mr_plan_reading {
    mr_arena *texts;
    mr_plan_fault *fault;
    mr_plan_settings settings;
    mr_feature_spec specs[MR_PLAN_FEATURES_MAX];
    const char *sections[MR_PLAN_FEATURES_MAX]; /* of the file; NULL: a default one */
    size_t places[MR_PLAN_FEATURES_MAX];        /* in that section                  */
    size_t count;
    const char *section; /* being read */
    size_t index;        /* in it      */
} mr_plan_reading;

/* "features[3].window", and what is wrong there; MR_ERR_INVALID. */
mr_status mr_plan_complain(mr_plan_reading *r, const char *member, const char *format,
                           ...) __attribute__((format(printf, 3, 4)));

MR_MUST_USE mr_status mr_plan_read_name(mr_plan_reading *r, mr_json_value *value,
                                        const char **ret_name);
MR_MUST_USE mr_status mr_plan_keep_text(mr_plan_reading *r, const char *member,
                                        mr_json_value *value, uint32_t most,
                                        const char **ret_text);

/* "7d", "2w". */
MR_MUST_USE mr_status mr_plan_read_days(mr_plan_reading *r, const char *member,
                                        mr_json_value *value, uint16_t *ret_days);

/* The spec of the default plan of that name, or NULL. */
const mr_feature_spec *mr_plan_default_named(const char *name);

/* Whether the reading has a feature of that name. */
bool mr_plan_is_read(const mr_plan_reading *r, const char *name);

/* What is said of a feature that says nothing: of one of the default plan its words, of any other
 * what it is made of.  Returns the unit. */
const char *mr_plan_words_of(const mr_feature_spec *spec,
                             char ret_meaning[MR_PLAN_TEXT_BYTES_MAX + 1]);

/* The same of a score or a tier. */
const char *mr_plan_meaning_of_score(const char *name);

/* How a plan's file names what is kept of an aggregate: "exact_to". */
const char *mr_plan_length_word(mr_aggregate aggregate);

/* Put a feature behind those there are; it is at the place being read. */
MR_MUST_USE mr_status mr_plan_add(mr_plan_reading *r, const mr_feature_spec *spec);

/* The sections segments and bots, into the plan; absent ones: those of the default plan. */
MR_MUST_USE mr_status mr_plan_read_segments(mr_plan_reading *r, mr_json_value *root,
                                            mr_plan *plan);

/* The sections scores, tiers and lifecycle; absent ones: those of the default plan, where the
 * features they read are there. */
MR_MUST_USE mr_status mr_plan_read_scores(mr_plan_reading *r, mr_json_value *root);

#endif
