/*
 * Beginning: the note that a partition has begun, and of which topic.
 *
 * A checkpoint says where a partition stands; that there ought to be one must be known where the
 * checkpoints are not.  So a small file beside the partition's directory, durable once its
 * generation 0 is, names the topic's id and how many partitions it had, and the log remembers
 * that its group has read.  With both, a lost directory, damaged generations, a topic that was
 * made anew or has other partitions is an error with a way out, never a silent first start.
 *
 *     STATE/TOPIC/p00003.json      {"format":1,"topic_id":"<16 hex digits>","partitions":6}
 *
 * Units      None.
 * Ownership  Plain values.
 * Threads    Any; one writer a partition, its owner.
 * Cost       A file read when a partition is taken over.
 */
#ifndef MR_APP_BEGINNING_H
#define MR_APP_BEGINNING_H

#include "app/config.h"
#include "core/status.h"
#include "ingest/log.h"

enum { MR_BEGINNING_FORMAT = 1 };

typedef struct mr_beginning {
    uint64_t topic_id; /* 0: not known, and then not compared */
    uint32_t partitions;
} mr_beginning;

/* MR_ERR_NOT_FOUND; MR_ERR_CORRUPT when it does not parse; MR_ERR_INVALID when a newer program
 * wrote it. */
MR_MUST_USE mr_status mr_beginning_read(const mr_config *config, uint32_t partition,
                                        mr_beginning *ret_beginning, mr_error *ret_error);

/* Durably; MR_ERR_UNAVAILABLE. */
MR_MUST_USE mr_status mr_beginning_write(const mr_config *config, uint32_t partition,
                                         const mr_beginning *beginning,
                                         mr_error *ret_error);

/* Whether the operator's `begin_anew` ("", "all" or "0,3") names the partition. */
bool mr_beginning_is_anew(const char *begin_anew, uint32_t partition);

/* MR_ERR_INVALID when it is none of those. */
MR_MUST_USE mr_status mr_beginning_check_anew(const char *begin_anew,
                                              mr_error *ret_error);

/* At start, all partitions of `log` at once: MR_ERR_INVALID when one began while the topic had
 * another number of partitions. */
MR_MUST_USE mr_status mr_beginning_check_partitions(const mr_config *config,
                                                    const mr_log *log,
                                                    mr_error *ret_error);

/*
 * Before restoring: MR_ERR_INVALID when the partition began on another topic of this name, unless
 * `begin_anew` names it: then `ret_anew` is true, and its checkpoints mean nothing.
 */
MR_MUST_USE mr_status mr_beginning_check_topic(const mr_config *config, const mr_log *log,
                                               uint32_t partition, const char *begin_anew,
                                               bool *ret_anew, mr_error *ret_error);

/*
 * After restoring gave nothing (`restored` is why): MR_OK when the partition may begin.
 *
 * MR_ERR_NOT_FOUND or MR_ERR_CORRUPT with the ways out when it has run before.
 */
MR_MUST_USE mr_status mr_beginning_check_first(const mr_config *config, mr_log *log,
                                               uint32_t partition, const char *begin_anew,
                                               mr_status restored, mr_error *ret_error);

#endif
