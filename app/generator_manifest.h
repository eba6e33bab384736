/*
 * Generator manifest: what must be found once a generated stream has been read.
 *
 * Totals by what becomes of records, by partition and by profile.  A profile's applied records
 * are summed three ways: their number, the sum and the exclusive or of a public hash of their event
 * ids.  Whoever counts the same of what was applied sees lost, doubled and foreign records apart.
 *
 * Units      Records, and lines (events of a record).
 * Ownership  The manifest owns its tables; it borrows nothing.
 * Threads    Owner-only.
 * Cost       About 20 ns a record; 32 bytes a profile.
 */
#ifndef MR_APP_GENERATOR_MANIFEST_H
#define MR_APP_GENERATOR_MANIFEST_H

#include "app/generator.h"

typedef struct mr_manifest mr_manifest;

/* MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_manifest_create(const mr_generator_options *options,
                                         mr_manifest **ret_manifest);
void mr_manifest_destroy(mr_manifest *manifest); /* NULL allowed */

/* MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_manifest_add(mr_manifest *manifest, const mr_generated *record);

uint64_t mr_manifest_records(const mr_manifest *manifest, mr_fate fate);
uint64_t mr_manifest_lines(const mr_manifest *manifest, mr_fate fate);

/* Append it as one JSON object: docs/FORMATS.md, "Generated stream". */
void mr_manifest_write(const mr_manifest *manifest, const mr_generator *generator,
                       mr_buffer *buffer);

/* FNV-1a, 64 bits  [Fowler, Noll and Vo 1991]. */
uint64_t mr_manifest_hash(mr_text text);

#endif
