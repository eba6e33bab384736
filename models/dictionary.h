/*
 * Dictionary: the items a model knows, by index and by id.
 *
 * Two arrays on disk: the ids' UTF-8 bytes one after the other, and n + 1 offsets.  Over the
 * versions of a model ids are only ever appended, so an index that a cache holds keeps its
 * meaning.  The way from an id to its index is a hash table built when the files are opened,
 * keyed with bytes nobody can foresee: ids come from strangers.
 *
 * Units      Indices are u32.
 * Ownership  A dictionary owns its mappings and its table; ids are lent.
 * Threads    Immutable once open.
 * Cost       Opening: one hash an id.  Find: one probe, about 30 ns.
 */
#ifndef MR_MODELS_DICTIONARY_H
#define MR_MODELS_DICTIONARY_H

#include "core/id_table.h"
#include "core/status.h"
#include "core/text.h"

#include <stdint.h>

typedef struct mr_dictionary mr_dictionary;

enum { MR_DICTIONARY_ID_BYTES_MAX = 1024 };

/*
 * Write `count` distinct ids.  MR_ERR_INVALID for an id that is empty, too long or not UTF-8,
 * or stands there twice; MR_ERR_UNAVAILABLE; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_dictionary_write(const char *bytes_path,
                                          const char *offsets_path, const mr_text *ids,
                                          uint32_t count, mr_error *ret_error);

/* MR_ERR_CORRUPT for offsets that do not ascend or ids that mr_dictionary_write() refuses. */
MR_MUST_USE mr_status mr_dictionary_open(const char *bytes_path, const char *offsets_path,
                                         mr_dictionary **ret_dictionary,
                                         mr_error *ret_error);
void mr_dictionary_destroy(mr_dictionary *dictionary); /* NULL allowed */

uint32_t mr_dictionary_count(const mr_dictionary *dictionary);
mr_text mr_dictionary_id(const mr_dictionary *dictionary, uint32_t index); /* lends */

/* The index, or MR_ID_NONE. */
uint32_t mr_dictionary_find(const mr_dictionary *dictionary, mr_text id);

#endif
