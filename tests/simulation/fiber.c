#include "tests/simulation/fiber.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifdef FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_BYTES = 1 << 20, STACKS_KEPT_MAX = 32 };

struct fiber {
    ucontext_t context;
    ucontext_t back; /* whoever resumed it */
    fiber *resumer;  /* NULL: the thread itself */
    void *stack;
    void (*run)(void *context);
    void *argument;
    bool is_finished;
    /* What AddressSanitizer wants to know of a switch. */
    void *fake_stack;
    void *back_fake_stack;
    const void *back_stack;
    size_t back_stack_bytes;
};

static fiber *current;

/* Stacks are used again: mapping one costs more than a short run does. */
static void *kept_stacks[STACKS_KEPT_MAX];
static int kept_count;

static void *take_stack(void)
{
    if (kept_count > 0)
        return kept_stacks[--kept_count];
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        abort();
    return stack;
}

static void give_stack(void *stack)
{
    if (kept_count < STACKS_KEPT_MAX)
        kept_stacks[kept_count++] = stack;
    else
        (void)munmap(stack, STACK_BYTES);
}

static void enter(fiber *self)
{
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(&self->back_fake_stack, self->stack, STACK_BYTES);
#else
    (void)self;
#endif
}

static void entered(fiber *self)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, &self->back_stack,
                                    &self->back_stack_bytes);
#else
    (void)self;
#endif
}

static void leave(fiber *self)
{
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(self->is_finished ? NULL : &self->fake_stack,
                                   self->back_stack, self->back_stack_bytes);
#else
    (void)self;
#endif
}

static void left(fiber *self)
{
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(self->back_fake_stack, NULL, NULL);
#else
    (void)self;
#endif
}

static void start(void)
{
    fiber *self = current;
    entered(self);
    self->run(self->argument);
    self->is_finished = true;
    current = self->resumer;
    leave(self);
    (void)setcontext(&self->back);
}

fiber *fiber_create(void (*run)(void *context), void *context)
{
    fiber *self = calloc(1, sizeof(*self));
    if (self == NULL || getcontext(&self->context) != 0)
        abort();
    self->run = run;
    self->argument = context;
    self->stack = take_stack();
    self->context.uc_stack.ss_sp = self->stack;
    self->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&self->context, start, 0);
    return self;
}

void fiber_destroy(fiber *self)
{
    if (self == NULL)
        return;
    if (!self->is_finished)
        abort(); /* what it owns would leak */
    give_stack(self->stack);
    free(self);
}

void fiber_resume(fiber *self)
{
    if (self->is_finished)
        return;
    self->resumer = current;
    current = self;
    enter(self);
    if (swapcontext(&self->back, &self->context) != 0)
        abort();
    left(self);
}

bool fiber_is_finished(const fiber *self)
{
    return self->is_finished;
}

void fiber_yield(void)
{
    fiber *self = current;
    if (self == NULL)
        return;
    current = self->resumer;
    leave(self);
    if (swapcontext(&self->context, &self->back) != 0)
        abort();
    entered(self);
}
