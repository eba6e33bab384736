/*
 * Generator shop: what people do in an invented shop, one event after the other.
 *
 * About thirty seconds' worth of sessions are open at a time; each step one of them goes on: it
 * looks at something, puts it into the cart, buys the cart as an order of several lines, and
 * ends.  Who comes and what is looked at follows Zipf's law.  Refunds, ratings and reviews go
 * back to orders of before.  Some people begin anonymous and say who they are at the end of
 * their session; their anonymous id is not used alone afterwards.
 *
 * Everything is drawn from one seed by counting, so that the same options give the same events.
 *
 * Units      Times in ms since the epoch; prices in minor units; shares from 0 to 1.
 * Ownership  The shop owns its people; an event is a plain value.
 * Threads    Owner-only.
 * Cost       About 100 ns an event; 8 bytes a person, 8 an anonymous session.
 */
#ifndef MR_APP_GENERATOR_SHOP_H
#define MR_APP_GENERATOR_SHOP_H

#include "core/event.h"

#include <stdbool.h>

enum { MR_SHOP_LINES_MAX = 6, MR_SHOP_ID_BYTES_MAX = 48 };

#define MR_SHOP_NOBODY UINT32_MAX

typedef struct mr_shop_options {
    uint64_t seed;
    uint32_t users;
    uint32_t items;
    double zipf;      /* exponent, of users and of items          */
    double anonymous; /* share of people who begin without a name */
    double rate;      /* events a second of event time            */
    int64_t start_ms;
} mr_shop_options;

typedef struct mr_shop_line {
    uint32_t item;
    uint32_t quantity;
    uint32_t price_minor;
} mr_shop_line;

/* One event as it happened; how it is written is generator_record.h's. */
typedef struct mr_shop_event {
    uint64_t number;  /* from 0; the event's id comes from it               */
    uint64_t variety; /* random bits for whoever writes it                  */
    int64_t now_ms;   /* when it arrives                                    */
    int64_t time_ms;  /* when it happened                                   */
    uint64_t order;   /* 0: none                                            */
    uint32_t person;  /* of the user id; MR_SHOP_NOBODY: there is none      */
    uint32_t visitor; /* of the anonymous id; MR_SHOP_NOBODY: there is none */
    uint32_t session;
    uint32_t line_count; /* 0: none; one: at the top; more: a list */
    mr_shop_line lines[MR_SHOP_LINES_MAX];
    uint16_t rating; /* 1 to 5; 0: none */
    mr_event_type type;
    bool is_adjustment; /* of a custom event: its one line is taken off */
} mr_shop_event;

typedef struct mr_shop mr_shop;

/* MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_shop_create(const mr_shop_options *options, mr_shop **ret_shop);
void mr_shop_destroy(mr_shop *shop); /* NULL allowed */

/* The next event.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_shop_next(mr_shop *shop, mr_shop_event *ret_event);

/* Anonymous ids used so far are those of the visitors below this number. */
uint32_t mr_shop_visitors(const mr_shop *shop);

/* The person behind a visitor, whether or not they have said so. */
uint32_t mr_shop_visitor_person(const mr_shop *shop, uint32_t visitor);

/* Have they said so? */
bool mr_shop_visitor_is_known(const mr_shop *shop, uint32_t visitor);

/* Write a user id or an anonymous id, at most MR_SHOP_ID_BYTES_MAX bytes; returns its length.
 * One in a few dozen is of the kind that programs stumble over. */
uint32_t mr_shop_user_id(uint32_t person, char *ret_id);
uint32_t mr_shop_visitor_id(const mr_shop *shop, uint32_t visitor, char *ret_id);

#endif
