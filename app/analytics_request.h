/*
 * Analytics request: a question as it was put in words, to the API or on the command line.
 *
 * Units      As app/analytics.h.
 * Ownership  Texts are borrowed.
 * Threads    Any.
 * Cost       A parse of some words.
 */
#ifndef MR_APP_ANALYTICS_REQUEST_H
#define MR_APP_ANALYTICS_REQUEST_H

#include "app/analytics.h"
#include "serving/backend.h"

/* MR_ERR_INVALID: "steps: 'look' is no event type". */
MR_MUST_USE mr_status mr_analytics_query_of(const mr_analytics_request *request,
                                            mr_analytics_query *ret_query,
                                            mr_error *ret_error);

/* Answer it: the one way in for all kinds, associations among them. */
MR_MUST_USE mr_status mr_analytics_answer(mr_census *census,
                                          const mr_analytics_request *request,
                                          mr_json_writer *writer, mr_error *ret_error);

#endif
