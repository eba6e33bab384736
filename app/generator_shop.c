#include "app/generator_shop.h"

#include "app/rank_law.h"
#include "models/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSION_SECONDS = 30, /* about how long until the same session goes on */
    SESSIONS_MAX = 65536,
    STEPS_LEAST = 3,
    STEPS_MORE = 18,
    LOGIN_AT = 3, /* steps before the end, so that some events follow with both ids */
    SILENT_INVERSE = 8,        /* one anonymous person in so many never says a name */
    OTHER_DEVICE_INVERSE = 16, /* who did comes back without, elsewhere */
    DEVICES_MAX = 200,
    ORDERS_KEPT = 256,
    DELAY_MS_MAX = 2000, /* between the event and its record */
    PRICE_LEAST_MINOR = 99,
    PRICE_MORE_MINOR = 20000,
    MANY_INVERSE = 8, /* one line in so many is of several pieces */
    MANY_MOST = 12,
    ODD_INVERSE = 61, /* one id in so many is odd, see `odd` */
    TRIES_MAX = 64,   /* of a rejection that ends after 1.1 on average */
};

typedef struct session {
    uint32_t person;
    uint32_t visitor;
    uint32_t number;
    uint32_t item; /* looked at last */
    uint32_t cart_count;
    mr_shop_line cart[MR_SHOP_LINES_MAX];
    uint16_t steps_left;
} session;

typedef struct person {
    uint32_t visitor; /* of who never says their name; MR_SHOP_NOBODY: none yet */
    uint8_t devices;
} person;

typedef struct visitor {
    uint32_t person;
    bool is_known;
    bool is_twin; /* its id is its person's user id */
} visitor;

typedef struct order {
    uint64_t number;
    uint32_t person;
    mr_shop_line line;
} order;

struct mr_shop {
    mr_shop_options options;
    mr_rank_law user_law;
    mr_rank_law item_law;
    uint64_t drawn;
    uint64_t events;
    uint64_t orders;
    uint64_t now_us; /* since the start */
    uint64_t gap_us_max;
    session *sessions;
    uint32_t session_count;
    uint32_t sessions_begun;
    person *people;
    visitor *visitors;
    uint32_t visitor_count;
    uint32_t visitor_capacity;
    order kept[ORDERS_KEPT]; /* of people with a name */
    uint32_t kept_count;
};

/* What programs stumble over: escapes, quotes, NUL, a mark that turns the writing round, four
 * bytes, a byte order mark, a blank, a letter with a loose accent. */
static const struct odd {
    const char *bytes;
    uint32_t length;
} odd[] = {
    {"\t", 1},
    {"\"'", 2},
    {"\\", 1},
    {"\n", 1},
    {"\0", 1},
    {"\xe2\x80\xae", 3},
    {"\xf0\x9f\x98\x80", 4},
    {"\xef\xbb\xbf", 3},
    {" ", 1},
    {"e\xcc\x81", 3},
};

enum { ODD_KINDS = sizeof(odd) / sizeof(odd[0]), TWIN_KIND = ODD_KINDS };

static uint64_t draw(mr_shop *shop)
{
    return mr_random_bits(shop->options.seed, shop->drawn++);
}

static uint32_t draw_below(mr_shop *shop, uint32_t bound)
{
    return (uint32_t)(draw(shop) % bound);
}

/* From 0. */
static uint32_t draw_rank(mr_shop *shop, const mr_rank_law *law)
{
    uint32_t rank = 1;
    for (int i = 0; i < TRIES_MAX; i++) {
        if (mr_rank_law_draw(law, (double)(draw(shop) >> 11) * 0x1p-53, &rank))
            break;
    }
    return rank - 1;
}

mr_status mr_shop_create(const mr_shop_options *options, mr_shop **ret_shop)
{
    mr_shop *shop = calloc(1, sizeof(*shop));
    if (shop == NULL)
        return MR_ERR_NO_MEMORY;
    shop->options = *options;
    shop->user_law = mr_rank_law_of(options->users, options->zipf);
    shop->item_law = mr_rank_law_of(options->items, options->zipf);
    shop->gap_us_max = (uint64_t)(2e6 / options->rate);
    const double open = options->rate * SESSION_SECONDS;
    shop->session_count = open >= SESSIONS_MAX ? SESSIONS_MAX
                          : open > 1.0         ? (uint32_t)open
                                               : 1;
    shop->sessions = calloc(shop->session_count, sizeof(*shop->sessions));
    shop->people = malloc(options->users * sizeof(*shop->people));
    if (shop->sessions == NULL || shop->people == NULL) {
        mr_shop_destroy(shop);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < options->users; i++)
        shop->people[i] = (person){.visitor = MR_SHOP_NOBODY};
    *ret_shop = shop;
    return MR_OK;
}

void mr_shop_destroy(mr_shop *shop)
{
    if (shop == NULL)
        return;
    free(shop->sessions);
    free(shop->people);
    free(shop->visitors);
    free(shop);
}

/* -- who ----------------------------------------------------------------------------------- */

static uint64_t nature(const mr_shop *shop, uint32_t number)
{
    return mr_random_bits(~shop->options.seed, number);
}

static bool begins_anonymous(const mr_shop *shop, uint32_t number)
{
    return (double)(nature(shop, number) >> 11) * 0x1p-53 < shop->options.anonymous;
}

static bool is_silent(const mr_shop *shop, uint32_t number)
{
    return nature(shop, number) % SILENT_INVERSE == 0;
}

static mr_status add_visitor(mr_shop *shop, uint32_t number, uint32_t *ret_visitor)
{
    if (shop->visitor_count == shop->visitor_capacity) {
        const uint32_t capacity =
            shop->visitor_capacity > 0 ? 2 * shop->visitor_capacity : 1024;
        visitor *grown = realloc(shop->visitors, capacity * sizeof(*grown));
        if (grown == NULL)
            return MR_ERR_NO_MEMORY;
        shop->visitors = grown;
        shop->visitor_capacity = capacity;
    }
    shop->visitors[shop->visitor_count] = (visitor){
        .person = number,
        .is_twin = number % ODD_INVERSE == TWIN_KIND && shop->people[number].devices == 0,
    };
    shop->people[number].devices++;
    *ret_visitor = shop->visitor_count++;
    return MR_OK;
}

static mr_status open_session(mr_shop *shop, session *s)
{
    const uint32_t number = draw_rank(shop, &shop->user_law);
    person *who = &shop->people[number];
    *s = (session){
        .person = number,
        .visitor = MR_SHOP_NOBODY,
        .number = shop->sessions_begun++,
        .steps_left = (uint16_t)(STEPS_LEAST + draw_below(shop, STEPS_MORE)),
    };
    s->item = draw_rank(shop, &shop->item_law);
    if (!begins_anonymous(shop, number))
        return MR_OK;
    if (is_silent(shop, number)) {
        if (who->visitor == MR_SHOP_NOBODY)
            MR_TRY(add_visitor(shop, number, &who->visitor));
        s->visitor = who->visitor;
        return MR_OK;
    }
    const bool is_elsewhere = draw_below(shop, OTHER_DEVICE_INVERSE) == 0;
    if (who->devices == 0 || (is_elsewhere && who->devices < DEVICES_MAX))
        return add_visitor(shop, number, &s->visitor);
    return MR_OK;
}

uint32_t mr_shop_visitors(const mr_shop *shop)
{
    return shop->visitor_count;
}

uint32_t mr_shop_visitor_person(const mr_shop *shop, uint32_t number)
{
    return shop->visitors[number].person;
}

bool mr_shop_visitor_is_known(const mr_shop *shop, uint32_t number)
{
    return shop->visitors[number].is_known;
}

static uint32_t write_id(char prefix, uint32_t number, uint32_t kind, char *ret_id)
{
    int length = snprintf(ret_id, MR_SHOP_ID_BYTES_MAX, "%c%u", prefix, number);
    if (kind < ODD_KINDS) {
        memcpy(ret_id + length, odd[kind].bytes, odd[kind].length);
        length += (int)odd[kind].length;
        ret_id[length++] = 'z';
    }
    return (uint32_t)length;
}

uint32_t mr_shop_user_id(uint32_t number, char *ret_id)
{
    return write_id('u', number, number % ODD_INVERSE, ret_id);
}

uint32_t mr_shop_visitor_id(const mr_shop *shop, uint32_t number, char *ret_id)
{
    if (number < shop->visitor_count && shop->visitors[number].is_twin)
        return mr_shop_user_id(shop->visitors[number].person, ret_id);
    return write_id('v', number, number % ODD_INVERSE, ret_id);
}

/* -- what ---------------------------------------------------------------------------------- */

static mr_shop_line line_of(mr_shop *shop, uint32_t item)
{
    const uint64_t bits = draw(shop);
    const bool is_many = bits % MANY_INVERSE == 0;
    return (mr_shop_line){
        .item = item,
        .quantity = is_many ? 2 + (uint32_t)(bits >> 32) % MANY_MOST : 1,
        .price_minor =
            PRICE_LEAST_MINOR + (uint32_t)(nature(shop, item) % PRICE_MORE_MINOR),
    };
}

static void put_line(mr_shop_event *event, mr_shop_line line)
{
    event->lines[0] = line;
    event->line_count = 1;
}

static void keep_order(mr_shop *shop, const mr_shop_event *event)
{
    if (event->visitor != MR_SHOP_NOBODY)
        return;
    const uint32_t at = shop->kept_count < ORDERS_KEPT ? shop->kept_count++
                                                       : draw_below(shop, ORDERS_KEPT);
    shop->kept[at] =
        (order){.number = event->order, .person = event->person, .line = event->lines[0]};
}

static void buy(mr_shop *shop, session *s, mr_shop_event *event)
{
    event->type = MR_EVENT_PURCHASE;
    event->order = ++shop->orders;
    if (s->cart_count == 0)
        s->cart[s->cart_count++] = line_of(shop, s->item);
    memcpy(event->lines, s->cart, sizeof(s->cart));
    event->line_count = s->cart_count;
    s->cart_count = 0;
    keep_order(shop, event);
}

static void put_into_cart(mr_shop *shop, session *s, mr_shop_event *event)
{
    event->type = MR_EVENT_CART_ADD;
    put_line(event, line_of(shop, s->item));
    if (s->cart_count < MR_SHOP_LINES_MAX)
        s->cart[s->cart_count++] = event->lines[0];
}

static void look(mr_shop *shop, session *s, mr_shop_event *event)
{
    s->item = draw_rank(shop, &shop->item_law);
    put_line(event, line_of(shop, s->item));
    event->lines[0].quantity = 1;
}

/* Somebody comes back to an order of before: not whose session it is. */
static void go_back(mr_shop *shop, mr_shop_event *event)
{
    const order *kept = &shop->kept[draw_below(shop, shop->kept_count)];
    event->person = kept->person;
    event->visitor = MR_SHOP_NOBODY;
    event->order = event->type == MR_EVENT_REFUND ? kept->number : 0;
    put_line(event, kept->line);
    if (event->type != MR_EVENT_REFUND) {
        event->lines[0].quantity = 1;
        event->rating = (uint16_t)(1 + draw_below(shop, 5));
    }
}

/* In a thousand. */
static const struct habit {
    uint16_t below;
    uint8_t type;
} habits[] = {
    {480, MR_EVENT_VIEW},     {600, MR_EVENT_CART_ADD},   {620, MR_EVENT_CART_REMOVE},
    {650, MR_EVENT_WISHLIST}, {690, MR_EVENT_SEARCH},     {720, MR_EVENT_LIST_VIEW},
    {780, MR_EVENT_CLICK},    {810, MR_EVENT_IMPRESSION}, {830, MR_EVENT_CHECKOUT},
    {910, MR_EVENT_PURCHASE}, {925, MR_EVENT_REFUND},     {955, MR_EVENT_RATE},
    {970, MR_EVENT_REVIEW},   {980, MR_EVENT_SHARE},      {985, MR_EVENT_REDEEM},
    {995, MR_EVENT_CUSTOM},   {1000, MR_EVENT_LOGIN},
};

static mr_event_type draw_type(mr_shop *shop)
{
    const uint32_t dice = draw_below(shop, 1000);
    size_t i = 0;
    while (habits[i].below <= dice)
        i++;
    return (mr_event_type)habits[i].type;
}

static void act(mr_shop *shop, session *s, mr_shop_event *event)
{
    event->type = draw_type(shop);
    switch (event->type) {
    case MR_EVENT_PURCHASE: buy(shop, s, event); return;
    case MR_EVENT_CART_ADD: put_into_cart(shop, s, event); return;
    case MR_EVENT_CART_REMOVE:
        put_line(event,
                 s->cart_count > 0 ? s->cart[--s->cart_count] : line_of(shop, s->item));
        return;
    case MR_EVENT_REFUND:
    case MR_EVENT_RATE:
    case MR_EVENT_REVIEW:
        if (shop->kept_count > 0) {
            go_back(shop, event);
            return;
        }
        event->type = MR_EVENT_VIEW;
        look(shop, s, event);
        return;
    case MR_EVENT_CUSTOM:
        event->is_adjustment = draw_below(shop, 2) == 0;
        put_line(event, line_of(shop, s->item));
        return;
    case MR_EVENT_VIEW:
    case MR_EVENT_CLICK:
    case MR_EVENT_IMPRESSION:
    case MR_EVENT_WISHLIST:
    case MR_EVENT_SHARE: look(shop, s, event); return;
    default: return; /* no item */
    }
}

/* Under which ids the next event of a session is sent; true when this one is the log-in. */
static bool settle_identity(mr_shop *shop, session *s, mr_shop_event *event)
{
    event->person = s->person;
    event->visitor = s->visitor;
    if (s->visitor == MR_SHOP_NOBODY)
        return false;
    visitor *who = &shop->visitors[s->visitor];
    const bool says_who =
        !who->is_known && s->steps_left == LOGIN_AT && !is_silent(shop, s->person);
    if (says_who)
        who->is_known = true;
    if (!who->is_known)
        event->person = MR_SHOP_NOBODY;
    else if (!says_who && (event->variety >> 40 & 1) != 0)
        event->visitor = MR_SHOP_NOBODY;
    return says_who;
}

mr_status mr_shop_next(mr_shop *shop, mr_shop_event *ret_event)
{
    shop->now_us += shop->gap_us_max > 0 ? draw(shop) % (shop->gap_us_max + 1) : 0;
    session *s = &shop->sessions[draw_below(shop, shop->session_count)];
    if (s->steps_left == 0)
        MR_TRY(open_session(shop, s));

    mr_shop_event event = {
        .number = shop->events++,
        .variety = draw(shop),
        .now_ms = shop->options.start_ms + (int64_t)(shop->now_us / 1000),
        .session = s->number,
    };
    event.time_ms = event.now_ms - (int64_t)draw_below(shop, DELAY_MS_MAX);
    if (settle_identity(shop, s, &event))
        event.type = (event.variety & 1) != 0 ? MR_EVENT_LOGIN : MR_EVENT_IDENTIFY;
    else
        act(shop, s, &event);
    s->steps_left--;
    *ret_event = event;
    return MR_OK;
}
