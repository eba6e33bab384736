#include "features/funnel.h"

/* Where a chain stands that has come to a step. */
typedef struct place {
    bool is_reached;
    int64_t anchor; /* time of its first step */
    int64_t time;   /* of this one            */
} place;

typedef struct funnel {
    const mr_funnel_options *options;
    place places[MR_FUNNEL_STEPS_MAX];
    size_t level;
    int64_t entered;
} funnel;

static void reach(funnel *f, size_t step, int64_t anchor, int64_t time)
{
    f->places[step] = (place){true, anchor, time};
    if (step + 1 > f->level) {
        f->level = step + 1;
        f->entered = anchor;
    }
}

static void drop_chains(funnel *f)
{
    for (size_t s = 0; s < MR_FUNNEL_STEPS_MAX; s++)
        f->places[s].is_reached = false;
}

static bool may_begin(const funnel *f, int64_t time)
{
    const place *first = &f->places[0];
    return !f->options->anchors_first || !first->is_reached ||
           time > first->anchor + f->options->window;
}

static bool may_follow(const funnel *f, size_t step, int64_t time)
{
    const place *before = &f->places[step - 1];
    return before->is_reached && time <= before->anchor + f->options->window &&
           (!f->options->strict_increase || time > before->time);
}

/* An event that is no step, or one whose step before has not been reached. */
static bool breaks_the_order(const funnel *f, const mr_funnel_event *event)
{
    if (!f->places[0].is_reached)
        return false;
    bool is_step = false;
    for (size_t s = 0; s < f->options->steps; s++) {
        if ((event->steps >> s & 1) == 0)
            continue;
        is_step = true;
        if (s > 0 && !f->places[s - 1].is_reached)
            return true;
    }
    return !is_step;
}

static bool is_a_second_time(const funnel *f, const mr_funnel_event *event)
{
    for (size_t s = 1; s < f->options->steps; s++) {
        if ((event->steps >> s & 1) != 0 && f->places[s].is_reached)
            return true;
    }
    return false;
}

static void take(funnel *f, const mr_funnel_event *event)
{
    /* From the last step, so that an event of two steps does not follow itself. */
    for (size_t s = f->options->steps; s > 0; s--) {
        const size_t step = s - 1;
        if ((event->steps >> step & 1) == 0)
            continue;
        if (step > 0 && may_follow(f, step, event->time))
            reach(f, step, f->places[step - 1].anchor, event->time);
        else if (step == 0 && may_begin(f, event->time)) {
            if (f->options->anchors_first)
                drop_chains(f);
            reach(f, 0, event->time, event->time);
        }
    }
}

size_t mr_funnel_level(const mr_funnel_options *options, const mr_funnel_event *events,
                       size_t count, int64_t *ret_entered)
{
    funnel f = {.options = options};
    for (size_t i = 0; i < count; i++) {
        if ((options->strict_order && breaks_the_order(&f, &events[i])) ||
            (options->strict_once && is_a_second_time(&f, &events[i])))
            break;
        take(&f, &events[i]);
    }
    if (ret_entered != NULL && f.level > 0)
        *ret_entered = f.entered;
    return f.level;
}
