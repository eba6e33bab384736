/*
 * Parsed by precedence climbing into a program for a stack; the text in one way is written beside it.
 */
#include "features/expression.h"

#include "core/assert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum operation {
    STEP_NUMBER = 0,
    STEP_NAME,
    STEP_OR,
    STEP_AND,
    STEP_NOT,
    STEP_EQUAL,
    STEP_UNEQUAL,
    STEP_LESS,
    STEP_LESS_EQUAL,
    STEP_GREATER,
    STEP_GREATER_EQUAL,
    STEP_ADD,
    STEP_SUBTRACT,
    STEP_MULTIPLY,
    STEP_DIVIDE,
    STEP_NEGATE,
    STEP_MIN,
    STEP_MAX,
    STEP_COALESCE,
    STEP_HAS,
} operation;

typedef struct step {
    operation operation;
    uint32_t name; /* place among the names */
    double number;
} step;

struct mr_expression {
    step steps[MR_EXPRESSION_STEPS_MAX];
    size_t step_count;
    uint32_t names[MR_EXPRESSION_NAMES_MAX]; /* what the resolver said */
    size_t name_count;
    mr_buffer text;
};

/* ---- reading ---- */

typedef struct parser {
    mr_text rest;
    const char *begin;
    mr_expression *out;
    mr_expression_resolver *resolver;
    void *context;
    mr_error *error;
    int depth;
} parser;

static mr_status complain(const parser *p, const char *what)
{
    return mr_error_set(p->error, MR_ERR_INVALID, "character %zu: %s",
                        (size_t)(p->rest.bytes - p->begin) + 1, what);
}

static void skip_blanks(parser *p)
{
    while (p->rest.length > 0 && (p->rest.bytes[0] == ' ' || p->rest.bytes[0] == '\t' ||
                                  p->rest.bytes[0] == '\n')) {
        p->rest.bytes++;
        p->rest.length--;
    }
}

static void advance(parser *p, uint32_t bytes)
{
    p->rest.bytes += bytes;
    p->rest.length -= bytes;
    skip_blanks(p);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters, digits and dots, a letter first; empty when no word begins here. */
static mr_text word_at(const parser *p)
{
    uint32_t length = 0;
    while (length < p->rest.length && (is_letter(p->rest.bytes[length]) ||
                                       (length > 0 && (is_digit(p->rest.bytes[length]) ||
                                                       p->rest.bytes[length] == '.'))))
        length++;
    return (mr_text){p->rest.bytes, length};
}

/* A sign, or a word that stands alone. */
static bool take(parser *p, const char *token)
{
    const uint32_t length = (uint32_t)strlen(token);
    if (is_letter(token[0])) {
        if (!mr_text_is(word_at(p), token))
            return false;
    } else if (p->rest.length < length || memcmp(p->rest.bytes, token, length) != 0) {
        return false;
    }
    advance(p, length);
    return true;
}

static mr_status emit(parser *p, step made)
{
    if (p->out->step_count == MR_EXPRESSION_STEPS_MAX)
        return complain(p, "is too long");
    p->out->steps[p->out->step_count++] = made;
    return MR_OK;
}

static mr_status read_or(parser *p);

static mr_status expect(parser *p, const char *token)
{
    char what[32];
    (void)snprintf(what, sizeof(what), "expected '%s'", token);
    return take(p, token) ? MR_OK : complain(p, what);
}

static mr_status read_name(parser *p, mr_text name)
{
    char what[96];
    uint32_t number;
    size_t place = 0;
    if (!p->resolver(p->context, name, &number)) {
        (void)snprintf(what, sizeof(what), "there is no %.*s",
                       name.length < 64 ? (int)name.length : 64, name.bytes);
        return complain(p, what);
    }
    while (place < p->out->name_count && p->out->names[place] != number)
        place++;
    if (place == MR_EXPRESSION_NAMES_MAX)
        return complain(p, "has too many different names");
    if (place == p->out->name_count)
        p->out->names[p->out->name_count++] = number;
    MR_TRY(emit(p, (step){.operation = STEP_NAME, .name = (uint32_t)place}));
    mr_buffer_put_text(&p->out->text, name);
    advance(p, name.length);
    return MR_OK;
}

static mr_status read_number(parser *p)
{
    uint32_t length = 0;
    double number = 0.0;
    while (length < p->rest.length &&
           (is_digit(p->rest.bytes[length]) || p->rest.bytes[length] == '.'))
        length++;
    const mr_text text = {p->rest.bytes, length};
    if (length == 0)
        return complain(p, p->rest.length == 0 ? "ends too early" : "is not understood");
    if (mr_text_to_double(text, &number) != MR_OK)
        return complain(p, "is no number");
    MR_TRY(emit(p, (step){.operation = STEP_NUMBER, .number = number}));
    mr_buffer_put_text(&p->out->text, text);
    advance(p, length);
    return MR_OK;
}

static const struct {
    const char *name;
    operation operation;
    int arguments;
} functions[] = {{"min", STEP_MIN, 2},
                 {"max", STEP_MAX, 2},
                 {"coalesce", STEP_COALESCE, 2},
                 {"has", STEP_HAS, 1}};

/* Whether the word is a function's: then a parenthesis follows. */
static bool is_call(const parser *p, mr_text word)
{
    uint32_t at = word.length;
    while (at < p->rest.length && p->rest.bytes[at] == ' ')
        at++;
    return at < p->rest.length && p->rest.bytes[at] == '(';
}

static mr_status read_call(parser *p, mr_text word)
{
    for (size_t f = 0; f < sizeof(functions) / sizeof(functions[0]); f++) {
        if (!mr_text_is(word, functions[f].name))
            continue;
        advance(p, word.length);
        MR_TRY(expect(p, "("));
        mr_buffer_printf(&p->out->text, "%s(", functions[f].name);
        MR_TRY(read_or(p));
        if (functions[f].arguments == 2) {
            MR_TRY(expect(p, ","));
            mr_buffer_put_u8(&p->out->text, ',');
            MR_TRY(read_or(p));
        }
        MR_TRY(expect(p, ")"));
        mr_buffer_put_u8(&p->out->text, ')');
        return emit(p, (step){.operation = functions[f].operation});
    }
    return complain(p, "there are min, max, coalesce and has");
}

static mr_status read_value(parser *p)
{
    const mr_text word = word_at(p);
    if (take(p, "(")) {
        MR_TRY(read_or(p));
        return expect(p, ")");
    }
    if (word.length == 0)
        return read_number(p);
    return is_call(p, word) ? read_call(p, word) : read_name(p, word);
}

typedef mr_status side(parser *p);

/* An operator that stands in front, any number of times, else the operand; nesting is bounded here. */
static mr_status read_prefix(parser *p, const char *token, const char *written,
                             operation operation_, side *operand)
{
    if (++p->depth > MR_EXPRESSION_DEPTH_MAX)
        return complain(p, "is nested too deeply");
    mr_status status;
    if (take(p, token)) {
        mr_buffer_put_text(&p->out->text, mr_text_from(written));
        status = read_prefix(p, token, written, operation_, operand);
        mr_buffer_put_u8(&p->out->text, ')');
        if (status == MR_OK)
            status = emit(p, (step){.operation = operation_});
    } else {
        status = operand(p);
    }
    p->depth--;
    return status;
}

/* What binds closer than all operators of two sides. */
static mr_status read_sign(parser *p)
{
    return read_prefix(p, "-", "(-", STEP_NEGATE, read_value);
}

typedef struct binary {
    const char *token;
    operation operation;
} binary;

/* The first that stands here: of two that begin alike the longer one comes first, "<=" before "<". */
static bool take_binary(parser *p, const binary *operators, size_t count,
                        const binary **ret_taken)
{
    for (size_t i = 0; i < count; i++) {
        if (take(p, operators[i].token)) {
            *ret_taken = &operators[i];
            return true;
        }
    }
    return false;
}

/* Put a parenthesis in front of what was written from `from` on. */
static void enclose(mr_buffer *text, size_t from)
{
    mr_buffer_put_u8(text, ' ');
    if (text->failed)
        return;
    memmove(text->bytes + from + 1, text->bytes + from, text->length - from - 1);
    text->bytes[from] = '(';
}

/* Left to right: `a - b - c` is `(a - b) - c`. */
static mr_status read_chain(parser *p, side *operand, const binary *operators,
                            size_t count, bool chains)
{
    const size_t from = p->out->text.length;
    const binary *taken;
    MR_TRY(operand(p));
    while (take_binary(p, operators, count, &taken)) {
        enclose(&p->out->text, from);
        mr_buffer_printf(&p->out->text, is_letter(taken->token[0]) ? "~%s~" : "%s",
                         strcmp(taken->token, "==") == 0 ? "=" : taken->token);
        MR_TRY(operand(p));
        mr_buffer_put_u8(&p->out->text, ')');
        MR_TRY(emit(p, (step){.operation = taken->operation}));
        if (!chains)
            break;
    }
    return MR_OK;
}

static mr_status read_product(parser *p)
{
    static const binary operators[] = {{"*", STEP_MULTIPLY}, {"/", STEP_DIVIDE}};
    return read_chain(p, read_sign, operators, 2, true);
}

static mr_status read_sum(parser *p)
{
    static const binary operators[] = {{"+", STEP_ADD}, {"-", STEP_SUBTRACT}};
    return read_chain(p, read_product, operators, 2, true);
}

static mr_status read_comparison(parser *p)
{
    static const binary operators[] = {
        {"<=", STEP_LESS_EQUAL}, {">=", STEP_GREATER_EQUAL}, {"!=", STEP_UNEQUAL},
        {"==", STEP_EQUAL},      {"=", STEP_EQUAL},          {"<", STEP_LESS},
        {">", STEP_GREATER}};
    return read_chain(p, read_sum, operators, 7, false);
}

static mr_status read_not(parser *p)
{
    return read_prefix(p, "not", "(not~", STEP_NOT, read_comparison);
}

static mr_status read_and(parser *p)
{
    static const binary operators[] = {{"and", STEP_AND}};
    return read_chain(p, read_not, operators, 1, true);
}

static mr_status read_or(parser *p)
{
    static const binary operators[] = {{"or", STEP_OR}};
    return read_chain(p, read_and, operators, 1, true);
}

/* '~' is a blank that a word of a plan's text may hold. */
static mr_status read_all(parser *p, char *copy)
{
    for (uint32_t i = 0; i < p->rest.length; i++)
        copy[i] = p->rest.bytes[i] == '~' ? ' ' : p->rest.bytes[i];
    p->rest.bytes = copy;
    p->begin = copy;
    skip_blanks(p);
    MR_TRY(read_or(p));
    if (p->rest.length > 0)
        return complain(p, "is not understood; expected an operator or the end");
    return mr_buffer_status(&p->out->text);
}

mr_status mr_expression_parse(mr_text text, mr_expression_resolver *resolver,
                              void *context, mr_expression **ret_expression,
                              mr_error *ret_error)
{
    if (text.length > MR_EXPRESSION_BYTES_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "is longer than %d bytes",
                            MR_EXPRESSION_BYTES_MAX);
    mr_expression *expression = calloc(1, sizeof(*expression));
    char copy[MR_EXPRESSION_BYTES_MAX];
    if (expression == NULL)
        return MR_ERR_NO_MEMORY;
    parser p = {.rest = text,
                .out = expression,
                .resolver = resolver,
                .context = context,
                .error = ret_error};
    const mr_status status = read_all(&p, copy);
    if (status != MR_OK) {
        mr_expression_destroy(expression);
        return status;
    }
    *ret_expression = expression;
    return MR_OK;
}

void mr_expression_destroy(mr_expression *expression)
{
    if (expression == NULL)
        return;
    mr_buffer_deinit(&expression->text);
    free(expression);
}

size_t mr_expression_names(const mr_expression *expression, const uint32_t **ret_numbers)
{
    *ret_numbers = expression->names;
    return expression->name_count;
}

mr_text mr_expression_text(const mr_expression *expression)
{
    return (mr_text){(const char *)expression->text.bytes,
                     (uint32_t)expression->text.length};
}

/* ---- evaluating ---- */

static const double MISSING = (double)NAN;

static bool is_yes(double value)
{
    return !isnan(value) && value != 0.0;
}

static double finite_or_missing(double value)
{
    return isfinite(value) ? value : MISSING;
}

static double least(double a, double b)
{
    return isnan(a) || isnan(b) ? MISSING : a < b ? a : b;
}

static double largest(double a, double b)
{
    return isnan(a) || isnan(b) ? MISSING : a > b ? a : b;
}

/* Comparisons with NaN are false, but for !=, which a missing value is not. */
static double of_two(operation operation_, double a, double b)
{
    switch (operation_) {
    case STEP_OR: return is_yes(a) || is_yes(b);
    case STEP_AND: return is_yes(a) && is_yes(b);
    case STEP_EQUAL: return a == b;
    case STEP_UNEQUAL: return a < b || a > b;
    case STEP_LESS: return a < b;
    case STEP_LESS_EQUAL: return a <= b;
    case STEP_GREATER: return a > b;
    case STEP_GREATER_EQUAL: return a >= b;
    case STEP_ADD: return finite_or_missing(a + b);
    case STEP_SUBTRACT: return finite_or_missing(a - b);
    case STEP_MULTIPLY: return finite_or_missing(a * b);
    case STEP_DIVIDE: return finite_or_missing(a / b);
    case STEP_MIN: return least(a, b);
    case STEP_MAX: return largest(a, b);
    case STEP_COALESCE: return isnan(a) ? b : a;
    default: MR_ASSERT(false); return MISSING;
    }
}

static double of_one(operation operation_, double a)
{
    switch (operation_) {
    case STEP_NOT: return !is_yes(a);
    case STEP_NEGATE: return -a;
    case STEP_HAS: return !isnan(a);
    default: MR_ASSERT(false); return MISSING;
    }
}

double mr_expression_value(const mr_expression *expression, const double *values)
{
    double stack[MR_EXPRESSION_STEPS_MAX];
    size_t height = 0;
    for (size_t i = 0; i < expression->step_count; i++) {
        const step *at = &expression->steps[i];
        switch (at->operation) {
        case STEP_NUMBER: stack[height++] = at->number; break;
        case STEP_NAME: stack[height++] = values[at->name]; break;
        case STEP_NOT:
        case STEP_NEGATE:
        case STEP_HAS:
            stack[height - 1] = of_one(at->operation, stack[height - 1]);
            break;
        default:
            height--;
            stack[height - 1] = of_two(at->operation, stack[height - 1], stack[height]);
        }
    }
    MR_ASSERT(height == 1);
    return stack[0];
}
