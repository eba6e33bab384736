#include "models/interactions.h"

#include "core/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* A number above this in a file is a mistake, not a catalogue. */
static const uint32_t NUMBER_MAX = 1000000000;

mr_status mr_interactions_check(const mr_interactions *interactions, mr_error *ret_error)
{
    if (interactions->users == 0 || interactions->items == 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "interactions: no users or no items");
    if (interactions->ptr[0] != 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "interactions: rows do not start at 0");
    for (uint32_t u = 0; u < interactions->users; u++) {
        if (interactions->ptr[u + 1] < interactions->ptr[u])
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "interactions: user %" PRIu32 " ends before it begins",
                                u);
        for (uint64_t e = interactions->ptr[u]; e < interactions->ptr[u + 1]; e++) {
            if (interactions->item[e] >= interactions->items)
                return mr_error_set(ret_error, MR_ERR_INVALID,
                                    "interactions: user %" PRIu32 " has item %" PRIu32
                                    " of %" PRIu32,
                                    u, interactions->item[e], interactions->items);
            if (interactions->weight != NULL &&
                !(interactions->weight[e] > 0.0F && isfinite(interactions->weight[e])))
                return mr_error_set(
                    ret_error, MR_ERR_INVALID,
                    "interactions: user %" PRIu32 " has a weight not above 0", u);
        }
    }
    return MR_OK;
}

mr_status mr_interactions_matrix(const mr_interactions *interactions,
                                 mr_sparse_matrix *ret_matrix)
{
    return mr_sparse_matrix_from_rows(interactions->ptr, interactions->item, NULL,
                                      interactions->users, interactions->items,
                                      ret_matrix);
}

/* ---- the text file ---- */

typedef struct scanner {
    const char *at;
    const char *end;
    uint64_t line;
} scanner;

static void skip_blanks(scanner *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\r'))
        scan->at++;
}

static bool at_line_end(const scanner *scan)
{
    return scan->at == scan->end || *scan->at == '\n';
}

static mr_status read_number(scanner *scan, uint32_t *ret_number)
{
    uint32_t number = 0;
    const char *first = scan->at;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9'; scan->at++) {
        number = number * 10 + (uint32_t)(*scan->at - '0');
        if (number > NUMBER_MAX)
            return MR_ERR_CORRUPT;
    }
    if (scan->at == first)
        return MR_ERR_CORRUPT;
    *ret_number = number;
    return MR_OK;
}

static mr_status append(mr_interaction_file *file, size_t *capacity, uint32_t user,
                        uint32_t item)
{
    if (file->count == *capacity) {
        const size_t larger = *capacity > 0 ? *capacity * 2 : 4096;
        mr_triple *pairs = realloc(file->pairs, larger * sizeof(*pairs));
        if (pairs == NULL)
            return MR_ERR_NO_MEMORY;
        file->pairs = pairs;
        *capacity = larger;
    }
    file->pairs[file->count++] = (mr_triple){.row = user, .column = item, .value = 1.0F};
    return MR_OK;
}

static mr_status read_line(scanner *scan, mr_interaction_file *file, size_t *capacity)
{
    uint32_t user = 0;
    skip_blanks(scan);
    if (at_line_end(scan))
        return MR_OK;
    MR_TRY(read_number(scan, &user));
    file->users = user + 1 > file->users ? user + 1 : file->users;
    for (skip_blanks(scan); !at_line_end(scan); skip_blanks(scan)) {
        uint32_t item = 0;
        MR_TRY(read_number(scan, &item));
        file->items = item + 1 > file->items ? item + 1 : file->items;
        MR_TRY(append(file, capacity, user, item));
    }
    return MR_OK;
}

mr_status mr_interaction_file_read(const char *path, mr_interaction_file *ret_file,
                                   mr_error *ret_error)
{
    mr_file_map map = {0};
    mr_interaction_file file = {0};
    size_t capacity = 0;
    MR_TRY(mr_file_map_open(path, &map, ret_error));
    const char *text = map.data;
    scanner scan = {.at = text, .end = text + map.bytes, .line = 1};
    mr_status status = MR_OK;
    while (scan.at < scan.end && status == MR_OK) {
        status = read_line(&scan, &file, &capacity);
        if (status == MR_OK && scan.at < scan.end) {
            scan.at++;
            scan.line++;
        }
    }
    mr_file_map_close(&map);
    if (status != MR_OK) {
        mr_interaction_file_deinit(&file);
        return mr_error_set(ret_error, status,
                            "%s:%" PRIu64 ": not a line of numbers `user item item ...`",
                            path, scan.line);
    }
    *ret_file = file;
    return MR_OK;
}

void mr_interaction_file_deinit(mr_interaction_file *file)
{
    free(file->pairs);
    *file = (mr_interaction_file){0};
}
