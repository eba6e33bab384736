#include "models/content_terms.h"

#include "core/assert.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum kind {
    LETTER, /* of a script with blanks, or a digit                   */
    BLANK,  /* blanks, punctuation, symbols, bytes that are no UTF-8 */
    DENSE,  /* a letter of a script without blanks                   */
} kind;

/* Ascending; what stands in no range is a LETTER.  ASCII is not in here. */
static const struct {
    uint32_t first;
    uint32_t last;
    kind kind;
} RANGES[] = {
    {0x80, 0xA9, BLANK},      {0xAB, 0xB4, BLANK},     {0xB6, 0xB9, BLANK},
    {0xBB, 0xBF, BLANK},      {0xD7, 0xD7, BLANK},     {0xF7, 0xF7, BLANK},
    {0x0E00, 0x0EFF, DENSE},  {0x1000, 0x109F, DENSE}, {0x1780, 0x17FF, DENSE},
    {0x2000, 0x2BFF, BLANK},  {0x2E80, 0x2FDF, DENSE}, {0x3000, 0x3004, BLANK},
    {0x3005, 0x3007, DENSE},  {0x3008, 0x3020, BLANK}, {0x3021, 0x302F, DENSE},
    {0x3030, 0x3030, BLANK},  {0x3031, 0x312F, DENSE}, {0x31A0, 0x33FF, DENSE},
    {0x3400, 0x4DBF, DENSE},  {0x4E00, 0x9FFF, DENSE}, {0xE000, 0xF8FF, BLANK},
    {0xF900, 0xFAFF, DENSE},  {0xFE10, 0xFE6F, BLANK}, {0xFF00, 0xFF0F, BLANK},
    {0xFF1A, 0xFF20, BLANK},  {0xFF3B, 0xFF40, BLANK}, {0xFF5B, 0xFF65, BLANK},
    {0xFF66, 0xFF9F, DENSE},  {0xFFF0, 0xFFFF, BLANK}, {0x1F000, 0x1FAFF, BLANK},
    {0x20000, 0x3FFFF, DENSE}};

static bool is_ascii_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static mr_text trim(mr_text text)
{
    while (text.length > 0 && is_ascii_blank(text.bytes[text.length - 1]))
        text.length--;
    while (text.length > 0 && is_ascii_blank(text.bytes[0])) {
        text.bytes++;
        text.length--;
    }
    return text;
}

static mr_text from(mr_text text, uint32_t position)
{
    return (mr_text){.bytes = text.bytes + position, .length = text.length - position};
}

/* Append in lower case. */
static mr_status put_lower(mr_buffer *buffer, mr_text text)
{
    for (uint32_t i = 0; i < text.length; i++)
        mr_buffer_put_u8(buffer, (uint8_t)lower(text.bytes[i]));
    return mr_buffer_status(buffer);
}

static mr_text text_of(const mr_buffer *buffer)
{
    return (mr_text){.bytes = (const char *)buffer->bytes,
                     .length = (uint32_t)buffer->length};
}

/* ---- free text ---- */

static kind kind_of_code(uint32_t code)
{
    for (size_t r = 0; r < sizeof(RANGES) / sizeof(RANGES[0]); r++)
        if (code <= RANGES[r].last)
            return code >= RANGES[r].first ? RANGES[r].kind : LETTER;
    return LETTER;
}

/* What stands at the beginning of `text`, which is not empty, and how long it is. */
static kind kind_of(mr_text text, uint32_t *ret_bytes)
{
    static const uint8_t LEAD_BITS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const uint32_t bytes = mr_text_utf8_sequence(text);
    *ret_bytes = bytes > 0 ? bytes : 1;
    if (bytes == 0)
        return BLANK;
    const char first = text.bytes[0];
    if (bytes == 1)
        return (first >= 'a' && first <= 'z') || (first >= '0' && first <= '9') ? LETTER
                                                                                : BLANK;
    uint32_t code = (uint8_t)first & LEAD_BITS[bytes];
    for (uint32_t i = 1; i < bytes; i++)
        code = code << 6 | ((uint8_t)text.bytes[i] & 0x3FU);
    return kind_of_code(code);
}

/* Where the run of letters of one kind ends that begins with `first_bytes` of that kind. */
static uint32_t run_length(mr_text text, kind run, uint32_t first_bytes)
{
    uint32_t length = first_bytes;
    uint32_t bytes = 0;
    while (length < text.length && kind_of(from(text, length), &bytes) == run)
        length += bytes;
    return length;
}

/* Pairs of neighbours; a letter that stands alone is a term by itself. */
static mr_status visit_pairs(mr_text run, mr_content_term_visitor *visitor, void *context)
{
    uint32_t left = mr_text_utf8_sequence(run);
    if (left == run.length)
        return visitor(context, run);
    while (left < run.length) {
        const uint32_t right = mr_text_utf8_sequence(from(run, left));
        MR_TRY(visitor(context, (mr_text){.bytes = run.bytes, .length = left + right}));
        run = from(run, left);
        left = right;
    }
    return MR_OK;
}

static mr_status visit_words(mr_text text, mr_buffer *buffer,
                             mr_content_term_visitor *visitor, void *context)
{
    MR_TRY(put_lower(buffer, text));
    mr_text rest = text_of(buffer);
    while (rest.length > 0) {
        uint32_t bytes = 0;
        const kind run = kind_of(rest, &bytes);
        if (run != BLANK) {
            bytes = run_length(rest, run, bytes);
            const mr_text word = {.bytes = rest.bytes, .length = bytes};
            MR_TRY(run == DENSE ? visit_pairs(word, visitor, context)
                                : visitor(context, word));
        }
        rest = from(rest, bytes);
    }
    return MR_OK;
}

/* ---- paths and names ---- */

/* Levels are joined anew, so that blanks and the kind of separator make no difference; an empty
 * level is none. */
static mr_status visit_levels(mr_text text, mr_buffer *buffer,
                              mr_content_term_visitor *visitor, void *context)
{
    uint32_t begin = 0;
    for (uint32_t i = 0; i <= text.length; i++) {
        if (i < text.length && text.bytes[i] != '>' && text.bytes[i] != '/')
            continue;
        const mr_text level =
            trim((mr_text){.bytes = text.bytes + begin, .length = i - begin});
        begin = i + 1;
        if (level.length == 0)
            continue;
        if (buffer->length > 0)
            mr_buffer_put_u8(buffer, '>');
        MR_TRY(put_lower(buffer, level));
        MR_TRY(visitor(context, text_of(buffer)));
    }
    return MR_OK;
}

mr_status mr_content_terms(mr_content_field field, mr_text text, mr_buffer *buffer,
                           mr_content_term_visitor *visitor, void *context)
{
    MR_ASSERT(field < MR_CONTENT_FIELDS);
    mr_buffer_clear(buffer);
    text = trim(text);
    if (text.length == 0)
        return MR_OK;
    if (field == MR_CONTENT_CATEGORY)
        return visit_levels(text, buffer, visitor, context);
    if (field == MR_CONTENT_TITLE || field == MR_CONTENT_TEXT)
        return visit_words(text, buffer, visitor, context);
    MR_TRY(put_lower(buffer, text));
    return visitor(context, text_of(buffer));
}
