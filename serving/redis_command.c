#include "serving/redis_command.h"

#include <string.h>

const mr_redis_command_name mr_redis_command_names[MR_REDIS_COMMANDS] = {
    [MR_REDIS_ASKING] = {"ASKING", NULL},
    [MR_REDIS_AUTH] = {"AUTH", NULL},
    [MR_REDIS_CLUSTER_SLOTS] = {"CLUSTER", "SLOTS"},
    [MR_REDIS_EVAL] = {"EVAL", NULL},
    [MR_REDIS_EVALSHA] = {"EVALSHA", NULL},
    [MR_REDIS_MGET] = {"MGET", NULL},
    [MR_REDIS_ROLE] = {"ROLE", NULL},
    [MR_REDIS_SELECT] = {"SELECT", NULL},
    [MR_REDIS_SENTINEL_MASTER] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME"},
    [MR_REDIS_UNLINK] = {"UNLINK", NULL},
    [MR_REDIS_GETRANGE] = {"GETRANGE", NULL},
    [MR_REDIS_SET] = {"SET", NULL},
};

enum { DIGITS_MAX = 20, FRAME_BYTES_MAX = 2 * (DIGITS_MAX + 3) };

/* "<mark><number>\r\n" at `to`; where it ends. */
static char *write_length(char *to, char mark, size_t number)
{
    char digits[DIGITS_MAX];
    int count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *to++ = mark;
    while (count > 0)
        *to++ = digits[--count];
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

void mr_redis_put_argument(mr_buffer *out, mr_text argument)
{
    const size_t before = out->length;
    char *start = mr_buffer_extend(out, FRAME_BYTES_MAX + argument.length);
    if (start == NULL)
        return;
    char *end = write_length(start, '$', argument.length);
    if (argument.length > 0)
        memcpy(end, argument.bytes, argument.length);
    end += argument.length;
    *end++ = '\r';
    *end++ = '\n';
    out->length = before + (size_t)(end - start);
}

void mr_redis_put_number(mr_buffer *out, int64_t number)
{
    char digits[DIGITS_MAX + 1];
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        digits[--at] = '-';
    mr_redis_put_argument(out, (mr_text){digits + at, (uint32_t)(sizeof(digits) - at)});
}

void mr_redis_put_command(mr_buffer *out, mr_redis_command command, size_t arguments)
{
    const mr_redis_command_name *name = &mr_redis_command_names[command];
    const size_t before = out->length;
    char *start = mr_buffer_extend(out, FRAME_BYTES_MAX);
    if (start == NULL)
        return;
    const char *end =
        write_length(start, '*', 1 + (size_t)(name->subcommand != NULL) + arguments);
    out->length = before + (size_t)(end - start);
    mr_redis_put_argument(out, mr_text_from(name->word));
    if (name->subcommand != NULL)
        mr_redis_put_argument(out, mr_text_from(name->subcommand));
}
