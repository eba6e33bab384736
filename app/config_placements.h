/*
 * Placements of the configuration: read from YAML by the parser that reads requests.
 *
 * Units      None.
 * Ownership  The placements' texts and rules lie in the configuration's arena.
 * Threads    Start-up only.
 * Cost       Start-up only.
 */
#ifndef MR_APP_CONFIG_PLACEMENTS_H
#define MR_APP_CONFIG_PLACEMENTS_H

#include "app/config.h"

struct yaml_document_s;
struct yaml_node_s;

/* Read the mapping of names.  MR_ERR_INVALID with "file:line: placements.NAME.…: what is wrong";
 * MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_config_placements_read(struct yaml_document_s *document,
                                                const struct yaml_node_s *node,
                                                const char *file, mr_config *config,
                                                mr_error *ret_error);

/* Where none is configured: home, 20 items, whatever was bought. */
void mr_config_placements_default(mr_config *config);

#endif
