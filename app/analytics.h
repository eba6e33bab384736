/*
 * Analytics: what a census says of activity, retention, funnels, stages of life and revenue.
 *
 * Every answer names its modes beside its numbers.  Retention and funnels of single event types are
 * read off histories, which keep the latest events of each type up to a quota: an answer says of how
 * many users one was full.
 *
 * Units      Periods and days of the plan's zone, as their first days; money in major units.
 * Ownership  Texts of a query are borrowed.
 * Threads    As app/census.h.
 * Cost       A walk over all users.
 */
#ifndef MR_APP_ANALYTICS_H
#define MR_APP_ANALYTICS_H

#include "app/audience.h"
#include "app/census.h"
#include "core/event.h"
#include "features/funnel.h"
#include "features/retention.h"
#include "features/sales.h"

typedef enum mr_analytics_kind {
    MR_ANALYTICS_ACTIVITY = 0,
    MR_ANALYTICS_LIFECYCLE,
    MR_ANALYTICS_RETENTION,
    MR_ANALYTICS_FUNNELS,
    MR_ANALYTICS_REVENUE,
    MR_ANALYTICS_KINDS,
} mr_analytics_kind;

typedef struct mr_analytics_query {
    mr_analytics_kind kind;
    mr_period period;
    size_t periods;   /* how many, up to the one of as_of; 0: the default */
    mr_text audience; /* empty: everybody */

    mr_activity_kind of; /* activity, lifecycle */
    mr_sales_by by;      /* revenue; MR_SALES_BYS: not parted */

    mr_retention_options retention; /* measure, clock, cohort, columns, brackets */
    mr_event_type start;            /* MR_EVENT_NONE: any event */
    mr_event_type back;             /* the same of the return   */

    mr_funnel_options funnel; /* its window in seconds */
    mr_event_type steps[MR_FUNNEL_STEPS_MAX];
} mr_analytics_query;

/* One JSON object.  MR_ERR_INVALID with what cannot be answered and why. */
MR_MUST_USE mr_status mr_analytics_write(mr_census *census,
                                         const mr_analytics_query *query,
                                         mr_json_writer *writer, mr_error *ret_error);

#endif
