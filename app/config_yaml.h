/*
 * YAML as JSON: a part of the configuration that is read by a parser of JSON.
 *
 * What a request says as JSON, the configuration says as YAML.  The subtree is written out as JSON
 * and goes to the same parser, so that there is one set of rules and one set of messages; a path
 * that the parser names in an error is found again in the YAML for its line.
 *
 * Plain scalars are what they look like: true and false, null and ~, JSON's numbers; all others,
 * and all in quotes, are texts.
 *
 * Units      Lines count from 1.
 * Ownership  Borrows the document.
 * Threads    Owner-only.
 * Cost       Start-up only.
 */
#ifndef MR_APP_CONFIG_YAML_H
#define MR_APP_CONFIG_YAML_H

#include "core/json.h"
#include "core/status.h"
#include "core/text.h"

#include <stddef.h>

struct yaml_document_s;
struct yaml_node_s;

/* A document of a file, to be deleted by yaml_document_delete().  MR_ERR_NOT_FOUND without the
 * file; MR_ERR_INVALID with file and line for what is not YAML; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_yaml_load(const char *path, struct yaml_document_s *ret_document,
                                   mr_error *ret_error);

/* The text of a scalar; empty for anything else and for NULL. */
mr_text mr_yaml_text(const struct yaml_node_s *node);

/* Append the node.  MR_ERR_INVALID with the reason for one that is too deep or too large (aliases
 * can make it so), or whose keys are not texts; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_yaml_to_json(struct yaml_document_s *document,
                                      const struct yaml_node_s *node, mr_buffer *json,
                                      mr_error *ret_error);

/* The line of what `path` leads to from `node`, "rules.boost[0].by"; of what it last came past
 * where it does not lead further. */
size_t mr_yaml_line_of(struct yaml_document_s *document, const struct yaml_node_s *node,
                       mr_text path);

#endif
