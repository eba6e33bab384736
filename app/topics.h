/*
 * Topics: the five logs of a deployment, opened as the configuration says.
 *
 * Events are read; the catalogue is read whole by every process; alerts, dead letters and late
 * records are written.  All lie in the same place, on a broker or in a directory.
 *
 * Units      None.
 * Ownership  mr_topics owns the logs; close it after every reader.
 * Threads    Opened and closed by one thread; the logs as ingest/log.h says.
 * Cost       Start-up only.
 */
#ifndef MR_APP_TOPICS_H
#define MR_APP_TOPICS_H

#include "app/config.h"
#include "ingest/decoder.h"
#include "ingest/log.h"

typedef struct mr_topics {
    mr_log *events;
    mr_log *catalogue;
    mr_log *alerts; /* one partition: its offset is the cursor readers keep */
    mr_log *dead_letters;
    mr_log *late;
} mr_topics;

typedef enum mr_topics_use {
    MR_TOPICS_OWN,   /* read and write all of them; local ones are locked           */
    MR_TOPICS_READ,  /* events and catalogue, nothing is made, locked or repaired   */
    MR_TOPICS_SERVE, /* the same and the alerts, all of them there; a broker's can be
                        appended to                                                */
} mr_topics_use;

/* MR_ERR_* of mr_log_open_*(); with READ a catalogue that is not there is left NULL. */
MR_MUST_USE mr_status mr_topics_open(const mr_config *config, mr_topics_use use,
                                     mr_topics *ret_topics, mr_error *ret_error);
void mr_topics_close(mr_topics *topics); /* an all-zero one is allowed */

/* One topic of the deployment by its name, to be closed by the caller. */
MR_MUST_USE mr_status mr_topic_open(const mr_config *config, mr_topics_use use,
                                    const char *topic, uint32_t partitions,
                                    mr_log **ret_log, mr_error *ret_error);

/* log.start as an absolute offset of `partition`. */
MR_MUST_USE mr_status mr_topics_start(const mr_config *config, mr_log *log,
                                      uint32_t partition, int64_t *ret_offset,
                                      mr_error *ret_error);

/* A decoder for one partition of the events, as log.format says.  `control_key` may be
 * empty: control records are then poison. */
MR_MUST_USE mr_status mr_topics_decoder(const mr_config *config,
                                        const mr_buffer *control_key,
                                        mr_decoder **ret_decoder, mr_error *ret_error);

#endif
