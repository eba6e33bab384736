/*
 * Links: an anonymous profile moves to the user it turned out to be.
 *
 * The first event that shows a user together with an anonymous id not among the last eight noted
 * for that user makes the shard ask for the anonymous profile: a request, to the partition where
 * that id's events are.  That shard takes the profile out of its row and sends it on as the answer,
 * to the user's partition, where it is merged.  Both are control records of the event log, so that
 * a replay finds every move where it happened.  Each shard numbers what it sends; the shard that
 * reads keeps one mark for each that sends and drops what is not above it: sending twice does no
 * harm, and whatever is sent of one partition must arrive in order.
 *
 * Numbers, marks and noted ids are log state.  What waits to be sent is delivery state, like
 * alerts: it lies in the checkpoint, may go out once that is durable, and leaves when acknowledged.
 *
 * Units      Times in ms since the epoch.
 * Ownership  The shard's; links are lent for the visitor's call.
 * Threads    The shard's owner.
 * Cost       Noting: a look at eight numbers an event that shows both ids.  Pending: a profile
 *            written as JSON for each answer that waits.
 */
#ifndef MR_FEATURES_LINK_H
#define MR_FEATURES_LINK_H

#include "core/event.h"
#include "features/shard.h"

enum {
    MR_LINKS_WAITING_MAX =
        1 << 20, /* then applying answers MR_ERR_FULL until some are sent */
    MR_LINK_NOTED_MAX = 8,
};

/* Of the log, and in the checkpoint. */
typedef struct mr_link_counters {
    uint64_t requested; /* new pairs of ids                                            */
    uint64_t answered;  /* profiles sent on                                            */
    uint64_t merged;    /* profiles taken in                                           */
    uint64_t dropped;   /* second copies                                               */
    uint64_t refused;   /* answers without a readable profile, or of too many events;
                           they changed nothing                                        */
    uint64_t lines_moved_out;
    uint64_t lines_moved_in;
} mr_link_counters;

void mr_shard_link_counters_get(const mr_shard *shard, mr_link_counters *ret_counters);

/* The number of the newest link this shard has decided on. */
uint64_t mr_shard_link_sequence(const mr_shard *shard);

/* Return false to stop. */
typedef bool mr_link_visitor(void *context, const mr_link *link);

/* What waits to be sent, in order of the sequence.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_shard_links_pending(const mr_shard *shard,
                                             mr_link_visitor *visitor, void *context);
size_t mr_shard_links_waiting(const mr_shard *shard);

/* Everything up to and including `sequence` is in the log. */
void mr_shard_links_acknowledge(mr_shard *shard, uint64_t sequence);

#endif
