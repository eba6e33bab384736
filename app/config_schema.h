/*
 * Configuration schema: every key there is, with its kind, default and bounds, as one table.
 *
 * The reader, the environment, `config check` and the test that compares docs/CONFIGURATION.md
 * all walk this table; a new key is a new row.
 *
 * Units      As the kinds say: durations in ms, sizes in bytes.
 * Ownership  Static data.
 * Threads    Any.
 * Cost       None.
 */
#ifndef MR_APP_CONFIG_SCHEMA_H
#define MR_APP_CONFIG_SCHEMA_H

#include "app/config.h"

typedef enum mr_field_kind {
    MR_FIELD_TEXT,     /* char *                                          */
    MR_FIELD_SECRET,   /* char *, a reference: file:PATH or env:NAME      */
    MR_FIELD_WORD,     /* int64_t, the position in `words`                */
    MR_FIELD_INTEGER,  /* int64_t                                         */
    MR_FIELD_DURATION, /* int64_t, ms                                     */
    MR_FIELD_SIZE,     /* int64_t, bytes                                  */
} mr_field_kind;

typedef struct mr_config_field {
    const char *section;
    const char *key;
    mr_field_kind kind;
    size_t offset;        /* in mr_config */
    const char *fallback; /* as it would be written in the file */
    const char *words;    /* MR_FIELD_WORD: "file|kafka" */
    int64_t least;
    int64_t most;
} mr_config_field;

extern const mr_config_field mr_config_fields[];
extern const size_t mr_config_field_count;

/* The row, or NULL. */
const mr_config_field *mr_config_field_find(mr_text section, mr_text key);

/* Whether any row has this section (or it is `placements`). */
bool mr_config_section_known(mr_text section);

/*
 * Put `value` into its place in `config`.  MR_ERR_INVALID with what would be right in
 * `ret_error`; `config` is then unchanged.
 */
MR_MUST_USE mr_status mr_config_field_set(const mr_config_field *field, mr_config *config,
                                          mr_text value, mr_error *ret_error);

#endif
