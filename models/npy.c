#include "models/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MAGIC_BYTES = 6,
    HEADER_BYTES_MAX = 4096,
    WRITTEN_HEADER_BYTES = 128, /* the prefix included; a multiple of the alignment */
};

static const char MAGIC[] = "\x93NUMPY";

static const struct {
    const char *code;
    size_t bytes;
} TYPES[MR_NPY_TYPES] = {
    {"<f4", 4}, {"|u1", 1}, {"<u4", 4}, {"<u8", 8}, {"<i8", 8},
};

/* ---- writing ---- */

static void make_header(char header[WRITTEN_HEADER_BYTES], mr_npy_type type,
                        uint32_t dimensions, const uint64_t *shape)
{
    char text[WRITTEN_HEADER_BYTES];
    const int length =
        dimensions == 1
            ? snprintf(text, sizeof(text),
                       "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64
                       ",), }",
                       TYPES[type].code, shape[0])
            : snprintf(text, sizeof(text),
                       "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64
                       ", %" PRIu64 "), }",
                       TYPES[type].code, shape[0], shape[1]);
    const size_t text_bytes = WRITTEN_HEADER_BYTES - 10;
    memset(header, ' ', WRITTEN_HEADER_BYTES);
    memcpy(header, MAGIC, MAGIC_BYTES);
    header[6] = 1;
    header[7] = 0;
    header[8] = (char)(text_bytes & 0xFF);
    header[9] = (char)(text_bytes >> 8);
    memcpy(header + 10, text, (size_t)length);
    header[WRITTEN_HEADER_BYTES - 1] = '\n';
}

static mr_status write_rows(int descriptor, const char *data, size_t rows,
                            size_t bytes_a_row, size_t distance)
{
    if (distance == bytes_a_row)
        return mr_file_write_all(descriptor, data, rows * bytes_a_row);
    for (size_t row = 0; row < rows; row++)
        MR_TRY(mr_file_write_all(descriptor, data + row * distance, bytes_a_row));
    return MR_OK;
}

mr_status mr_npy_write(const char *path, mr_npy_type type, uint32_t dimensions,
                       const uint64_t *shape, const void *data, size_t row_bytes,
                       mr_error *ret_error)
{
    char header[WRITTEN_HEADER_BYTES];
    if (dimensions < 1 || dimensions > MR_NPY_DIMENSIONS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "%s: %u dimensions", path,
                            dimensions);
    const size_t bytes_a_row = TYPES[type].bytes * (dimensions == 2 ? shape[1] : 1);
    make_header(header, type, dimensions, shape);
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: cannot create: %s", path,
                            strerror(errno));
    mr_status status = mr_file_write_all(descriptor, header, sizeof(header));
    if (status == MR_OK)
        status = write_rows(descriptor, data, shape[0], bytes_a_row,
                            row_bytes > 0 ? row_bytes : bytes_a_row);
    if (status == MR_OK && fsync(descriptor) != 0)
        status = MR_ERR_UNAVAILABLE;
    if (close(descriptor) != 0)
        status = MR_ERR_UNAVAILABLE;
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "%s: cannot write: %s", path,
                            strerror(errno));
    return MR_OK;
}

/* ---- reading ---- */

/* The text after "'key':" in the header, blanks skipped; NULL when the key is absent. */
static const char *value_of(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (at == NULL)
        return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':')
        at++;
    return at;
}

static bool read_count(const char **at, uint64_t *ret_count)
{
    uint64_t count = 0;
    const char *first = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (count > UINT64_MAX / 10 - 1)
            return false;
        count = count * 10 + (uint64_t)(**at - '0');
    }
    *ret_count = count;
    return *at != first;
}

/* "(12,)" or "(12, 3)" */
static bool read_shape(const char *at, uint32_t dimensions, uint64_t *ret_shape)
{
    ret_shape[1] = 1;
    if (*at++ != '(')
        return false;
    for (uint32_t d = 0; d < dimensions; d++) {
        if (!read_count(&at, &ret_shape[d]))
            return false;
        while (*at == ',' || *at == ' ')
            at++;
    }
    return *at == ')';
}

/* Where the header's text begins and how long it is; false when this is no such file. */
static bool find_header(const mr_file_map *map, size_t *ret_begin, size_t *ret_bytes)
{
    const uint8_t *bytes = map->data;
    if (map->bytes < 12 || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return false;
    if (bytes[6] == 1) {
        *ret_begin = 10;
        *ret_bytes = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    } else if (bytes[6] == 2) {
        *ret_begin = 12;
        *ret_bytes = (size_t)bytes[8] | (size_t)bytes[9] << 8 | (size_t)bytes[10] << 16 |
                     (size_t)bytes[11] << 24;
    } else {
        return false;
    }
    return *ret_bytes < HEADER_BYTES_MAX && *ret_begin + *ret_bytes <= map->bytes;
}

static const char *parse(const mr_file_map *map, mr_npy *npy)
{
    char header[HEADER_BYTES_MAX];
    size_t begin = 0;
    size_t length = 0;
    if (!find_header(map, &begin, &length))
        return "not an npy file of version 1 or 2";
    memcpy(header, (const char *)map->data + begin, length);
    header[length] = '\0';
    const char *code = value_of(header, "'descr'");
    const char *order = value_of(header, "'fortran_order'");
    const char *shape = value_of(header, "'shape'");
    if (code == NULL || order == NULL || shape == NULL)
        return "header lacks descr, fortran_order or shape";
    if (code[0] != '\'' || strncmp(code + 1, TYPES[npy->type].code, 3) != 0 ||
        code[4] != '\'')
        return "elements of another type";
    if (strncmp(order, "False", 5) != 0)
        return "Fortran order";
    if (!read_shape(shape, npy->dimensions, npy->shape))
        return "another number of dimensions";
    const size_t start = begin + length;
    if (start % MR_NPY_ALIGN_BYTES != 0)
        return "data not aligned to 64 bytes";
    const size_t available = (map->bytes - start) / TYPES[npy->type].bytes;
    if (npy->shape[1] != 0 && npy->shape[0] > available / npy->shape[1])
        return "truncated";
    if (start + npy->shape[0] * npy->shape[1] * TYPES[npy->type].bytes != map->bytes)
        return "longer or shorter than its shape";
    npy->data = (const char *)map->data + start;
    return NULL;
}

mr_status mr_npy_open(const char *path, mr_npy_type type, uint32_t dimensions,
                      mr_npy *ret_npy, mr_error *ret_error)
{
    mr_npy npy = {.type = type, .dimensions = dimensions};
    MR_TRY(mr_file_map_open(path, &npy.map, ret_error));
    const char *problem = parse(&npy.map, &npy);
    if (problem != NULL) {
        mr_npy_close(&npy);
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "%s: %s (wanted '%s', %u-d)", path,
                            problem, TYPES[type].code, dimensions);
    }
    *ret_npy = npy;
    return MR_OK;
}

void mr_npy_close(mr_npy *npy)
{
    mr_file_map_close(&npy->map);
    *npy = (mr_npy){0};
}
