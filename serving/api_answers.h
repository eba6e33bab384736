/*
 * API answers: what the calls answer with, as tables for the document.
 *
 * Answers are written by the handlers; these rows say what may stand in them.  A test holds
 * the one against the other with thousands of generated requests.
 *
 * Units      As in the answers: prices in major units, times as RFC 3339.
 * Ownership  Static.
 * Threads    Any.
 * Cost       None.
 */
#ifndef MR_SERVING_API_ANSWERS_H
#define MR_SERVING_API_ANSWERS_H

#include "serving/api_schema.h"

extern const mr_schema mr_answer_problem;
extern const mr_schema mr_answer_item;
extern const mr_schema mr_answer_recommendations;
extern const mr_schema mr_answer_neighbours;
extern const mr_schema mr_answer_list;
extern const mr_schema mr_answer_new;
extern const mr_schema mr_answer_found;
extern const mr_schema mr_answer_rank;
extern const mr_schema mr_answer_batch;
extern const mr_schema mr_answer_written;
extern const mr_schema mr_answer_items_written;
extern const mr_schema mr_answer_events;
extern const mr_schema mr_answer_placements;
extern const mr_schema mr_answer_profile;
extern const mr_schema mr_answer_alerts;
extern const mr_schema mr_answer_overview;
extern const mr_schema mr_answer_counted;
extern const mr_schema mr_answer_trends;
extern const mr_schema mr_answer_audiences;
extern const mr_schema mr_answer_members;
extern const mr_schema mr_answer_health;
extern const mr_schema mr_answer_readiness;
extern const mr_schema mr_answer_document;

#endif
