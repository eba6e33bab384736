/*
 * API requests: the tables of the calls' parameters and bodies, each beside its handler.
 *
 * Units      None.
 * Ownership  Static.
 * Threads    Any.
 * Cost       None.
 */
#ifndef MR_SERVING_API_REQUESTS_H
#define MR_SERVING_API_REQUESTS_H

#include "serving/api_schema.h"

extern const mr_schema mr_api_batch_schema;      /* api_batch.c       */
extern const mr_schema mr_api_rank_schema;       /* api_rank.c        */
extern const mr_schema mr_api_search_schema;     /* api_items.c       */
extern const mr_schema mr_api_neighbours_schema; /* api_items.c       */
extern const mr_schema mr_api_trending_schema;   /* api_popular.c     */
extern const mr_schema mr_api_popular_schema;
extern const mr_schema mr_api_new_schema;
extern const mr_schema mr_api_item_schema; /* api_item_writes.c */
extern const mr_schema mr_api_item_patch_schema;
extern const mr_schema mr_api_items_schema;
extern const mr_schema mr_api_events_schema; /* api_events.c      */
extern const mr_schema mr_api_alerts_schema; /* api_alerts.c      */
extern const mr_schema mr_api_churn_alerts_schema;
extern const mr_schema mr_api_activity_schema; /* api_analytics.c   */
extern const mr_schema mr_api_retention_schema;
extern const mr_schema mr_api_funnels_schema;
extern const mr_schema mr_api_revenue_schema;
extern const mr_schema mr_api_trends_schema;
extern const mr_schema mr_api_associations_schema;
extern const mr_schema mr_api_attribution_schema;
extern const mr_schema mr_api_quality_schema;
extern const mr_schema mr_api_members_schema;

#endif
