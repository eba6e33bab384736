#include "models/ranker_recipe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct line {
    char *text;
    size_t used;
} line;

static void put(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(line *l, const char *format, ...)
{
    const size_t room = MR_RANKER_TEXT_BYTES - l->used;
    va_list arguments;
    va_start(arguments, format);
    const int written = vsnprintf(l->text + l->used, room, format, arguments);
    va_end(arguments);
    if (written > 0)
        l->used += (size_t)written < room ? (size_t)written : room - 1;
}

static void put_sequence(line *l, const mr_covisitation_options *o)
{
    put(l, "sequence length=%.3g scale=%.3g back=%.3g c=%.3g age=%.3g",
        (double)o->length_exponent, (double)o->query_scale, (double)o->backward,
        (double)o->column_exponent, (double)o->age_scale);
}

static void put_signal(line *l, const mr_ranker_recipe *r, mr_signal signal)
{
    switch (signal) {
    case MR_SIGNAL_ENCODER:
        put(l, "encoder d=%u epochs=%u tau=%.3g dropout=%.3g", r->encoder.dimension,
            r->encoder.epochs, (double)r->encoder.temperature,
            (double)r->encoder.dropout);
        return;
    case MR_SIGNAL_SEQUENCE: put_sequence(l, &r->sequence); return;
    case MR_SIGNAL_SESSION_KNN:
        put(l, "session_knn scale=%.3g length=%.3g back=%.3g age=%.3g",
            (double)r->session_knn.query_scale, (double)r->session_knn.length_exponent,
            (double)r->session_knn.backward, (double)r->session_knn.age_scale);
        return;
    case MR_SIGNAL_REPEAT:
        put(l, "repeat fading=%.3g span=%u", (double)r->repeat.fading, r->repeat.span);
        return;
    case MR_SIGNAL_POPULAR: put(l, "popular fade=%.3g", (double)r->popular_fade); return;
    case MR_SIGNAL_CONTENT:
    case MR_SIGNAL_ROWS:
    case MR_SIGNALS: put(l, "%s", mr_signal_name(signal)); return;
    }
}

static void put_choice(line *l, const mr_ranker_choice *choice)
{
    put(l, choice->repeats_allowed ? ", repeats" : ", no repeats");
    if (choice->single != MR_SIGNALS)
        return;
    put(l, "; weights");
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
        if (choice->weights[f] != 0.0F)
            put(l, " %s=%.3g", mr_rank_feature_name((mr_rank_feature)f),
                (double)choice->weights[f]);
}

void mr_ranker_recipe_text(const mr_ranker_recipe *recipe,
                           char ret_text[MR_RANKER_TEXT_BYTES])
{
    line l = {.text = ret_text};
    const char *between = "";
    ret_text[0] = '\0';
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        if (!recipe->uses[s])
            continue;
        put(&l, "%s", between);
        put_signal(&l, recipe, (mr_signal)s);
        between = " + ";
    }
    put_choice(&l, &recipe->choice);
    if (recipe->newcomers_max == 0)
        return;
    put(&l, "; up to %u elements: %s", recipe->newcomers_max,
        mr_ranker_choice_name(&recipe->newcomers));
    put_choice(&l, &recipe->newcomers);
}

bool mr_ranker_recipe_asks(const mr_ranker_recipe *recipe, mr_signal signal)
{
    const mr_signal single = recipe->choice.single;
    const mr_signal of_newcomers =
        recipe->newcomers_max > 0 ? recipe->newcomers.single : single;
    return recipe->uses[signal] && (single == MR_SIGNALS || single == signal ||
                                    of_newcomers == MR_SIGNALS || of_newcomers == signal);
}

const char *mr_ranker_choice_name(const mr_ranker_choice *choice)
{
    return choice->single == MR_SIGNALS ? "blend" : mr_signal_name(choice->single);
}
