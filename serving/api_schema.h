/*
 * API schema: what a request may say, and what an answer says, as tables.
 *
 * A table has a row a member: its name, kind, bounds, meaning and, for requests, where in a
 * struct it goes.  One reader fills the struct from the query or from the JSON body, so that
 * both forms of a call understand the same and are refused with the same words; openapi.c
 * writes the document from the very rows.  What a table does not name is refused by its name.
 *
 * Units      Bounds of texts in bytes, of lists in elements.
 * Ownership  Tables are static.  What is read borrows from the query, the JSON document and
 *            the arena.
 * Threads    Any: pure functions.
 * Cost       Query: parameters x rows compares of lengths.  Body: members x rows.
 */
#ifndef MR_SERVING_API_SCHEMA_H
#define MR_SERVING_API_SCHEMA_H

#include "core/arena.h"
#include "core/json.h"
#include "core/status.h"
#include "core/text.h"
#include "serving/problem.h"
#include "serving/rule_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Those with a C type are read here; the others are for what somebody else reads or writes. */
typedef enum mr_field_kind {
    MR_FIELD_TEXT,       /* mr_text of least..most bytes           */
    MR_FIELD_ID,         /* mr_text of 1..128 bytes                */
    MR_FIELD_IDS,        /* mr_text_list of least..most ids        */
    MR_FIELD_INTEGER,    /* int64_t in least..most                 */
    MR_FIELD_FLAG,       /* bool                                   */
    MR_FIELD_WORD,       /* uint32_t, the word's index             */
    MR_FIELD_VALUES,     /* mr_json_value *: an array of least..most things of `schema` */
    MR_FIELD_TEXTS,      /* a text, or an array of at most `most`  */
    MR_FIELD_NUMBER,     /* in least..most                         */
    MR_FIELD_DECIMAL,    /* a number, or decimal text; not negative */
    MR_FIELD_WORDS,      /* one of the words, or an array of some  */
    MR_FIELD_TIME,       /* RFC 3339                               */
    MR_FIELD_MOMENT,     /* RFC 3339, or ms since the epoch        */
    MR_FIELD_ATTRIBUTES, /* {"color":["red","blue"],"size":"M"}; in a query attr.color=red */
    MR_FIELD_OBJECT,     /* of `schema`                            */
    MR_FIELD_OBJECTS,    /* an array of these                      */
    MR_FIELD_TAG,        /* an id, or a number written out as one  */
    MR_FIELD_ANY,
} mr_field_kind;

enum {
    MR_IN_QUERY = 1,
    MR_IN_BODY = 2,
    MR_REQUIRED = 4,       /* of a request: must be given; of an answer: always there */
    MR_NULLABLE = 8,       /* may be null                                             */
    MR_LENIENT = 16,       /* VALUES: each element is judged by itself                */
    MR_ABOVE_LEAST = 32,   /* numbers: `least` itself is too small                    */
    MR_BELOW_MOST = 64,    /* numbers: `most` itself is too large                     */
    MR_BY_RULES = 128,     /* read by rules_json.h into an mr_rule_wishes             */
    MR_MAY_BE_BLANK = 512, /* an empty text in it says nothing                      */
    MR_AS_IT_IS = 256,     /* mr_json_value *, whatever it is; NULL: not given        */
};

enum {
    MR_SCHEMA_FIELDS_MAX = 64,
    MR_SCHEMA_PATH_BYTES = 96,
};

typedef struct mr_text_list {
    const mr_text *texts;
    size_t count;
} mr_text_list;

/* Which items are wanted, in which order, and what is shown of them. */
typedef struct mr_rule_wishes {
    mr_rule_set set;
    uint32_t fields; /* of item_fields.h; 0: not said */
} mr_rule_wishes;

typedef struct mr_schema mr_schema;

typedef struct mr_field {
    const char *name;
    mr_field_kind kind;
    unsigned flags;
    size_t offset; /* in the request's struct */
    int64_t least, most;
    const char *const *words; /* NULL at the end */
    const mr_schema *schema;
    const char *about;
    const char *pattern; /* of a text, for the document; NULL: none */
    const char *example; /* JSON; NULL: none                        */
} mr_field;

struct mr_schema {
    const char *name; /* of the document's component */
    const mr_field *fields;
    size_t field_count;
    bool is_open;          /* of an answer: may hold more than the table says */
    bool is_empty_refused; /* at least one of its members must be given */
    const char *about;
};

/* The first members of a schema of a table. */
#define MR_SCHEMA(text, table)                                                           \
    .name = (text), .fields = (table), .field_count = sizeof(table) / sizeof((table)[0])

typedef struct mr_query_parameter {
    mr_text name;
    mr_text value;
    bool used;
} mr_query_parameter;

enum { MR_API_QUERY_MAX = 64 };

typedef struct mr_query {
    mr_query_parameter parameters[MR_API_QUERY_MAX];
    size_t count;
} mr_query;

/* What reading needs, and which came: bit i stands for field i of the table. */
typedef struct mr_schema_reader {
    mr_arena *arena;
    mr_field_error *error;
    uint64_t given;
} mr_schema_reader;

/*
 * Decode "a=b&c=d", where '+' is a space [WHATWG URL, urlencoded parsing].  MR_ERR_INVALID with
 * the error set; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_query_parse(mr_text text, mr_arena *arena, mr_query *ret_query,
                                     mr_field_error *error);

/*
 * Fill `*request`, whose members keep what they hold where nothing is given.  MR_ERR_INVALID
 * with the error set; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_schema_read_query(const mr_schema *schema, mr_query *query,
                                           mr_schema_reader *reader, void *request);

/* As above from a JSON object; `path` stands before the names in errors: "requests[3]" or "". */
MR_MUST_USE mr_status mr_schema_read_object(const mr_schema *schema,
                                            mr_json_value *object, const char *path,
                                            mr_schema_reader *reader, void *request);

/* "a.b", or "b" without a path; cut where it does not fit. */
void mr_schema_path(const char *path, mr_text name, char ret_path[MR_SCHEMA_PATH_BYTES]);

/* MR_ERR_INVALID, naming `field`, unless 1..128 bytes of UTF-8. */
MR_MUST_USE mr_status mr_schema_check_id(const char *field, mr_text id,
                                         mr_field_error *error);

#endif
