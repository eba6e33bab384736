#include "app/checkpoint_diff.h"

#include "features/canonical_dump.h"

#include <stdlib.h>
#include <string.h>

/* A dump's lines, without their ends, by their bytes.  The lines of one user then stand together:
 * no id contains a TAB. */
typedef struct line_set {
    mr_buffer text;
    mr_text *lines;
    size_t count;
} line_set;

static void deinit(line_set *set)
{
    mr_buffer_deinit(&set->text);
    free(set->lines);
}

static mr_status put_lines(void *context, mr_text lines)
{
    mr_buffer *text = context;
    mr_buffer_put_text(text, lines);
    return mr_buffer_status(text);
}

static int compare_lines(const void *left, const void *right)
{
    return mr_text_compare(*(const mr_text *)left, *(const mr_text *)right);
}

static mr_status split(line_set *set)
{
    const char *text = (const char *)set->text.bytes;
    size_t count = 0;
    for (size_t i = 0; i < set->text.length; i++)
        count += text[i] == '\n';
    set->lines = calloc(count + 1, sizeof(*set->lines));
    if (set->lines == NULL)
        return MR_ERR_NO_MEMORY;
    for (const char *line = text; set->count < count; set->count++) {
        const char *end = memchr(line, '\n', set->text.length - (size_t)(line - text));
        set->lines[set->count] = (mr_text){line, (uint32_t)(end - line)};
        line = end + 1;
    }
    qsort(set->lines, count, sizeof(*set->lines), compare_lines);
    return MR_OK;
}

static mr_status dump(const mr_shard *shard, int64_t at_ms, line_set *set)
{
    if (shard == NULL)
        return MR_OK;
    MR_TRY(mr_canonical_dump(&shard, 1, at_ms, MR_DUMP_ALL, put_lines, &set->text));
    return split(set);
}

/* Up to and with the first TAB: whose line it is. */
static mr_text owner_of(mr_text line)
{
    const char *tab = memchr(line.bytes, '\t', line.length);
    return tab != NULL ? (mr_text){line.bytes, (uint32_t)(tab - line.bytes) + 1} : line;
}

static bool is_counter(mr_text line)
{
    return line.length > 2 && memcmp(line.bytes, "\\s\t", 3) == 0;
}

static bool is_user(mr_text owner)
{
    return !mr_text_is(owner, "\\s\t") && !mr_text_is(owner, "\\p\t");
}

typedef struct comparing {
    mr_checkpoint_difference *difference;
    uint64_t lines_left;
} comparing;

static void note(comparing *c, char sign, mr_text line)
{
    mr_checkpoint_difference *d = c->difference;
    d->lines++;
    if (!is_counter(line) && c->lines_left == 0)
        return;
    mr_buffer *text = is_counter(line) ? &d->counter_lines : &d->shown;
    if (!is_counter(line))
        c->lines_left--;
    mr_buffer_put_u8(text, (uint8_t)sign);
    mr_buffer_put_text(text, line);
    mr_buffer_put_u8(text, '\n');
}

/* The lines of one owner: [*i, …) of `set`. */
static size_t group_end(const line_set *set, size_t i)
{
    const mr_text owner = owner_of(set->lines[i]);
    while (i < set->count && mr_text_equal(owner_of(set->lines[i]), owner))
        i++;
    return i;
}

static bool compare_group(comparing *c, const line_set *a, size_t i, size_t a_end,
                          const line_set *b, size_t j, size_t b_end)
{
    const uint64_t before = c->difference->lines;
    while (i < a_end || j < b_end) {
        const int order = i == a_end   ? 1
                          : j == b_end ? -1
                                       : compare_lines(&a->lines[i], &b->lines[j]);
        if (order < 0)
            note(c, '-', a->lines[i]);
        else if (order > 0)
            note(c, '+', b->lines[j]);
        i += order <= 0;
        j += order >= 0;
    }
    return c->difference->lines != before;
}

static void compare_sets(comparing *c, const line_set *a, const line_set *b)
{
    size_t i = 0;
    size_t j = 0;
    while (i < a->count || j < b->count) {
        const mr_text first = i < a->count ? owner_of(a->lines[i]) : (mr_text){0};
        const mr_text second = j < b->count ? owner_of(b->lines[j]) : (mr_text){0};
        const int order = i == a->count   ? 1
                          : j == b->count ? -1
                                          : compare_lines(&first, &second);
        const size_t a_end = order <= 0 ? group_end(a, i) : i;
        const size_t b_end = order >= 0 ? group_end(b, j) : j;
        const bool differs = compare_group(c, a, i, a_end, b, j, b_end);
        if (is_user(order <= 0 ? first : second)) {
            c->difference->users_only_a += order < 0;
            c->difference->users_only_b += order > 0;
            c->difference->users_changed += order == 0 && differs;
        }
        i = a_end;
        j = b_end;
    }
}

/* The later one's newest event: a window that only time has moved is no difference. */
static int64_t common_time(const mr_shard *a, const mr_shard *b)
{
    const int64_t first = a != NULL ? mr_shard_newest_ms(a) : MR_TIME_NONE;
    const int64_t second = b != NULL ? mr_shard_newest_ms(b) : MR_TIME_NONE;
    return first > second ? first : second;
}

mr_status mr_checkpoint_diff(const mr_shard *a, const mr_shard *b, uint64_t lines_max,
                             mr_checkpoint_difference *ret_difference)
{
    line_set sets[2] = {{.lines = NULL}, {.lines = NULL}};
    mr_checkpoint_difference difference = {.lines = 0};
    const int64_t at_ms = common_time(a, b);
    mr_status status = dump(a, at_ms, &sets[0]);
    if (status == MR_OK)
        status = dump(b, at_ms, &sets[1]);
    if (status == MR_OK) {
        comparing c = {&difference, lines_max};
        compare_sets(&c, &sets[0], &sets[1]);
        status = mr_buffer_status(&difference.counter_lines);
    }
    if (status == MR_OK)
        status = mr_buffer_status(&difference.shown);
    deinit(&sets[0]);
    deinit(&sets[1]);
    if (status != MR_OK) {
        mr_checkpoint_difference_deinit(&difference);
        return status;
    }
    *ret_difference = difference;
    return MR_OK;
}

void mr_checkpoint_difference_deinit(mr_checkpoint_difference *difference)
{
    mr_buffer_deinit(&difference->counter_lines);
    mr_buffer_deinit(&difference->shown);
    *difference = (mr_checkpoint_difference){.lines = 0};
}
