/*
 * Time zone table: a zone by its name, from the machine's tables.
 *
 * The C library knows the rules; it is asked for the offset day by day, and to the second around
 * each change, from 1970 to 2106.
 *
 * Units      As features/time_zone.h.
 * Ownership  The caller's value.
 * Threads    The main thread alone, before others: the library's zone is changed and put back.
 * Cost       Some 20 ms.
 */
#ifndef MR_APP_TIME_ZONE_TABLE_H
#define MR_APP_TIME_ZONE_TABLE_H

#include "core/status.h"
#include "core/text.h"
#include "features/time_zone.h"

/* "UTC" is the all-zero one.  MR_ERR_NOT_FOUND for a name that this machine has no table of. */
MR_MUST_USE mr_status mr_time_zone_find(mr_text name, mr_time_zone *ret_zone,
                                        mr_error *ret_error);

#endif
