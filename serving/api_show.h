/*
 * API show: how an item looks in an answer.
 *
 * The caller says by `fields` which members of the catalogue it wants; every call that lists
 * items writes them here, so that an item looks the same wherever it is shown.
 *
 * Units      None.
 * Ownership  Writes into the caller's answer.
 * Threads    Any: pure functions.
 * Cost       Some appends.
 */
#ifndef MR_SERVING_API_SHOW_H
#define MR_SERVING_API_SHOW_H

#include "core/json.h"
#include "serving/candidate.h"
#include "serving/catalogue.h"
#include "serving/item_fields.h"

/* Everything but what nothing says. */
#define MR_API_SHOW_ALL (MR_FIELDS_DEFAULT | MR_FIELD_OF_STOCK | MR_FIELD_OF_ATTRIBUTES)

/* id and those fields (of item_fields.h) that the catalogue has, as members of the object that
 * was begun. */
void mr_api_show_item(mr_json_writer *writer, mr_text id, const mr_catalogue_item *item,
                      uint32_t fields);

/* {"color":["red","blue"],"size":"M"} as the member `attributes`, when there are any. */
void mr_api_show_attributes(mr_json_writer *writer, const mr_catalogue_item *item);

void mr_api_show_score(mr_json_writer *writer, float score, uint8_t source);

/* Why the item is there: {"because":[…],"text":…}, as the member `reason`. */
void mr_api_show_reason(mr_json_writer *writer, const mr_candidate *item,
                        const mr_catalogue *catalogue);

/* A member of text; left out when there is none. */
void mr_api_show_text(mr_json_writer *writer, const char *name, mr_text text);
void mr_api_show_string(mr_json_writer *writer, const char *name, const char *value);
void mr_api_show_number(mr_json_writer *writer, const char *name, int64_t value);
void mr_api_show_flag(mr_json_writer *writer, const char *name, bool value);

#endif
