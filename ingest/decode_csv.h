/*
 * Decode CSV: one line of a well-known file a record.
 *
 * A profile fixes the columns and what a line means; the header is checked once, when a file is
 * produced, and is not part of the records.  Quoting is RFC 4180's.
 *
 *     online-retail      InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
 *     cdnow              customer_id date number_of_cds dollar_value, by blanks; the sample's file
 *                        has its own number for the customer in second place
 *     retailrocket       timestamp,visitorid,event,itemid,transactionid
 *     yoochoose-clicks   session,timestamp,item,category
 *     yoochoose-buys     session,timestamp,item,price,quantity
 *     taobao             user_id,item_id,category_id,behavior,timestamp
 *     movielens          user,item,rating,timestamp, by commas, tabs or "::"
 *
 * online-retail: a line without CustomerID is the invoice's (`invoice:<InvoiceNo>`), never a
 * customer's.  An InvoiceNo with C in front is a refund of |quantity|; any other line with a
 * negative quantity or a price that is not positive is custom `adjustment`, with its sign.  So
 * purchases - refunds + adjustments is the sum of quantity x price over all lines, each rounded
 * half to even to the minor unit.
 *
 * Units      As core/event.h.  Times of the files are taken as UTC.
 * Ownership  As ingest/decoder.h.
 * Threads    Pure functions; a profile is static.
 * Cost       One pass over the line.
 */
#ifndef MR_INGEST_DECODE_CSV_H
#define MR_INGEST_DECODE_CSV_H

#include "ingest/decode_draft.h"

typedef struct mr_csv_profile mr_csv_profile;

/* NULL when there is no profile of that name. */
const mr_csv_profile *mr_csv_profile_find(const char *name);
const char *mr_csv_profile_name(const mr_csv_profile *profile);

/* "online-retail, cdnow, …", for messages. */
const char *mr_csv_profile_names(void);

MR_MUST_USE mr_poison mr_csv_decode(const mr_csv_profile *profile, mr_text line,
                                    mr_decode_output *output);

/*
 * Is `line`, the first of a file, the header this profile expects?
 *
 * MR_ERR_NOT_FOUND when it is data: files of this profile may come without a header.
 * MR_ERR_INVALID names the column that is missing or out of place.
 */
MR_MUST_USE mr_status mr_csv_header_check(const mr_csv_profile *profile, mr_text line,
                                          mr_error *ret_error);

typedef struct mr_csv_item {
    mr_text item_id;
    mr_text title;
    mr_text category;
    int64_t price_minor; /* 0 when the line has none */
} mr_csv_item;

enum { MR_CSV_LINE_BYTES_MAX = MR_EVENT_RECORD_BYTES_MAX };

/*
 * What the line says of its item, for a catalogue; texts borrow from the line or from `arena`.
 *
 * MR_ERR_NOT_FOUND when the profile, or the line, has no title, category or price of an item.
 */
MR_MUST_USE mr_status mr_csv_catalogue(const mr_csv_profile *profile, mr_text line,
                                       mr_arena *arena, mr_csv_item *ret_item);

#endif
