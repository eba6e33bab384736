/*
 * Expressions: a table of what they come to and of what is no expression; and random ones, written with as
 * few parentheses as the rules of precedence need, against the tree they were written from.
 */
#include "features/expression.h"
#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAMES = 4, ROUNDS = 4000, TEXT_MAX = 900 };

static const char *const names[NAMES] = {"a", "b", "rfm.recency", "gone"};
static const double values[NAMES] = {6.0, -0.5, 30.0, (double)NAN};

static bool resolve(void *context, mr_text name, uint32_t *ret_number)
{
    (void)context;
    for (uint32_t i = 0; i < NAMES; i++) {
        if (mr_text_is(name, names[i])) {
            *ret_number = i;
            return true;
        }
    }
    return false;
}

static double value_of(const mr_expression *expression)
{
    const uint32_t *numbers;
    double given[NAMES];
    const size_t count = mr_expression_names(expression, &numbers);
    assert_true(count <= NAMES);
    for (size_t i = 0; i < count; i++)
        given[i] = values[numbers[i]];
    return mr_expression_value(expression, given);
}

static mr_expression *parse(const char *text)
{
    mr_expression *expression = NULL;
    mr_error error = {{0}};
    if (mr_expression_parse(mr_text_from(text), resolve, NULL, &expression, &error) !=
        MR_OK)
        fail_msg("%s: %s", text, error.message);
    return expression;
}

static void assert_same_number(const char *text, double value, double expected)
{
    if (isnan(expected) ? !isnan(value) : !(value == expected))
        fail_msg("%s is %f, not %f", text, value, expected);
}

/* What it comes to; what was written of it comes to the same, and is written the same again. */
static void check(const char *text, double expected)
{
    char written[2 * TEXT_MAX];
    mr_expression *expression = parse(text);
    assert_same_number(text, value_of(expression), expected);
    (void)snprintf(written, sizeof(written), "%.*s",
                   MR_TEXT_ARG(mr_expression_text(expression)));
    assert_null(strchr(written, ' '));
    mr_expression *again = parse(written);
    assert_same_number(written, value_of(again), expected);
    assert_true(mr_text_is(mr_expression_text(again), written));
    mr_expression_destroy(again);
    mr_expression_destroy(expression);
}

static void refuse(const char *text, const char *reason)
{
    mr_expression *expression = NULL;
    mr_error error = {{0}};
    assert_int_equal(
        mr_expression_parse(mr_text_from(text), resolve, NULL, &expression, &error),
        MR_ERR_INVALID);
    if (strcmp(error.message, reason) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", text, error.message, reason);
}

/* ---- trees ---- */

typedef struct tree {
    char text[TEXT_MAX];
    int level; /* of its outermost operator: what binds less needs parentheses around it */
    double value;
} tree;

enum { OR = 0, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, ATOM };

static const struct {
    const char *sign;
    int level;
} signs[] = {{"or", OR},        {"and", AND},       {"=", COMPARISON}, {"!=", COMPARISON},
             {"<", COMPARISON}, {"<=", COMPARISON}, {">", COMPARISON}, {">=", COMPARISON},
             {"+", SUM},        {"-", SUM},         {"*", PRODUCT},    {"/", PRODUCT}};

static bool is_yes(double value)
{
    return !isnan(value) && value != 0.0;
}

static double apply(const char *sign, double a, double b)
{
    const bool is_missing = isnan(a) || isnan(b);
    double result = (double)NAN;
    if (strcmp(sign, "or") == 0)
        return is_yes(a) || is_yes(b) ? 1.0 : 0.0;
    if (strcmp(sign, "and") == 0)
        return is_yes(a) && is_yes(b) ? 1.0 : 0.0;
    if (strcmp(sign, "=") == 0)
        return !is_missing && a == b ? 1.0 : 0.0;
    if (strcmp(sign, "!=") == 0)
        return !is_missing && a != b ? 1.0 : 0.0;
    if (strcmp(sign, "<") == 0)
        return !is_missing && a < b ? 1.0 : 0.0;
    if (strcmp(sign, "<=") == 0)
        return !is_missing && a <= b ? 1.0 : 0.0;
    if (strcmp(sign, ">") == 0)
        return !is_missing && a > b ? 1.0 : 0.0;
    if (strcmp(sign, ">=") == 0)
        return !is_missing && a >= b ? 1.0 : 0.0;
    if (strcmp(sign, "+") == 0)
        result = a + b;
    else if (strcmp(sign, "-") == 0)
        result = a - b;
    else if (strcmp(sign, "*") == 0)
        result = a * b;
    else
        result = a / b;
    return isfinite(result) ? result : (double)NAN;
}

static uint64_t draw(uint64_t *state, uint64_t bound)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (*state >> 33) % bound;
}

static void put(tree *out, const tree *part, int least)
{
    const bool needs = part->level < least;
    const size_t length = strlen(out->text);
    (void)snprintf(out->text + length, TEXT_MAX - length, "%s%s%s", needs ? "(" : "",
                   part->text, needs ? ")" : "");
}

static void put_sign(tree *out, const char *sign)
{
    const size_t length = strlen(out->text);
    (void)snprintf(out->text + length, TEXT_MAX - length, " %s ", sign);
}

static tree grow(uint64_t *state, int depth)
{
    tree out = {.level = ATOM};
    const uint64_t kind = depth == 0 ? draw(state, 2) : draw(state, 8);
    if (kind == 0) {
        out.value = (double)draw(state, 8) / 2.0;
        (void)snprintf(out.text, TEXT_MAX, "%g", out.value);
    } else if (kind == 1) {
        const uint64_t name = draw(state, NAMES);
        out.value = values[name];
        (void)snprintf(out.text, TEXT_MAX, "%s", names[name]);
    } else if (kind == 2) {
        const tree part = grow(state, depth - 1);
        out.level = SIGN;
        out.value = -part.value;
        (void)snprintf(out.text, TEXT_MAX, "-");
        put(&out, &part, SIGN);
    } else if (kind == 3) {
        const tree part = grow(state, depth - 1);
        out.level = NOT;
        out.value = is_yes(part.value) ? 0.0 : 1.0;
        (void)snprintf(out.text, TEXT_MAX, "not ");
        put(&out, &part, NOT);
    } else {
        const uint64_t sign = draw(state, sizeof(signs) / sizeof(signs[0]));
        const tree left = grow(state, depth - 1);
        const tree right = grow(state, depth - 1);
        const int level = signs[sign].level;
        out.level = level;
        out.value = apply(signs[sign].sign, left.value, right.value);
        put(&out, &left, level == COMPARISON ? level + 1 : level);
        put_sign(&out, signs[sign].sign);
        put(&out, &right, level + 1);
    }
    return out;
}

/* ---- tests ---- */

static void test_what_expressions_come_to(void **state)
{
    (void)state;
    const double missing = (double)NAN;
    check("1 + 2 * 3", 7.0);
    check("(1 + 2) * 3", 9.0);
    check("10 - 4 - 3", 3.0);
    check("-a * 2 - -1", -11.0);
    check("a / 4", 1.5);
    check("a / 0", missing);
    check("gone + 1", missing);
    check("gone < 1 or gone >= 1 or gone = gone", 0.0);
    check("gone != 1", 0.0);
    check("not gone", 1.0);
    check("not a > 7", 1.0);
    check("rfm.recency<=30 and a==6", 1.0);
    check("0 or 0 and 1 or 2", 1.0);
    check("min(a, 2) + max(b, -3)", 1.5);
    check("min(a, gone)", missing);
    check("coalesce(gone, a) - has(gone) + has(b)", 7.0);
    check("\n 1.5\t", 1.5);
    check("(1 < 2) = 1", 1.0);
}

static void test_what_is_none_says_where(void **state)
{
    (void)state;
    refuse("", "character 1: ends too early");
    refuse("a +", "character 4: ends too early");
    refuse("a b", "character 3: is not understood; expected an operator or the end");
    refuse("a < b < 3",
           "character 7: is not understood; expected an operator or the end");
    refuse("spend / orders", "character 1: there is no spend");
    refuse("(a", "character 3: expected ')'");
    refuse("min(a)", "character 6: expected ','");
    refuse("sum(a, b)", "character 1: there are min, max, coalesce and has");
    refuse("a & b", "character 3: is not understood; expected an operator or the end");
    refuse("1.2.3", "character 1: is no number");
    refuse("$", "character 1: is not understood");
}

static void test_what_is_too_much_is_refused(void **state)
{
    (void)state;
    char text[MR_EXPRESSION_BYTES_MAX + 8];
    memset(text, '(', 100);
    (void)snprintf(text + 100, sizeof(text) - 100, "a");
    refuse(text, "character 17: is nested too deeply");
    memset(text, '-', 100);
    refuse(text, "character 32: is nested too deeply");
    memset(text, ' ', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    refuse(text, "is longer than 1024 bytes");
    size_t length = 0;
    for (int i = 0; i < 70; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s1",
                                   i > 0 ? "+" : "");
    refuse(text, "character 130: is too long");
}

static void test_random_ones_mean_what_they_were_written_from(void **state)
{
    (void)state;
    uint64_t random = 1;
    size_t parsed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const tree made = grow(&random, 1 + round % 4);
        if (strlen(made.text) > TEXT_MAX - 8)
            continue;
        check(made.text, made.value);
        parsed++;
    }
    assert_true(parsed > ROUNDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_expressions_come_to),
        cmocka_unit_test(test_what_is_none_says_where),
        cmocka_unit_test(test_what_is_too_much_is_refused),
        cmocka_unit_test(test_random_ones_mean_what_they_were_written_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
