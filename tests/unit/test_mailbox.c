/*
 * Mailbox: one owner thread serves while askers post, give up, or find it closed.  An asker that
 * leaves early must never be answered afterwards: its letter was on its stack.
 */
#include "app/mailbox.h"
#include "tests/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { ASKERS = 4, QUESTIONS = 500, LONG_MS = 20000 };

typedef struct owner {
    mr_mailbox *mailbox;
    int64_t profile;
    int roused; /* only the owner touches it */
    _Atomic bool stop;
    _Atomic bool is_answering;
    _Atomic bool go_on;
} owner;

static void pause_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

static void *serve(void *context)
{
    owner *o = context;
    while (!atomic_load(&o->stop))
        mr_mailbox_serve(o->mailbox, o);
    return NULL;
}

static int open_owner(void **state)
{
    owner *o = calloc(1, sizeof(*o));
    assert_non_null(o);
    assert_ok(mr_mailbox_create(&o->mailbox));
    *state = o;
    return 0;
}

static int close_owner(void **state)
{
    owner *o = *state;
    mr_mailbox_destroy(o->mailbox);
    free(o);
    return 0;
}

/* Adds the question to the owner's sum and reports the sum. */
static mr_status add(void *context, void *question)
{
    owner *o = context;
    o->profile += *(int64_t *)question;
    *(int64_t *)question = o->profile;
    return MR_OK;
}

static mr_status refuse(void *context, void *question)
{
    (void)context;
    (void)question;
    return MR_ERR_NOT_FOUND;
}

static void *ask_many(void *context)
{
    owner *o = context;
    size_t failed = 0;
    for (int i = 0; i < QUESTIONS; i++) {
        int64_t one = 1;
        failed += mr_mailbox_ask(o->mailbox, add, &one, LONG_MS) != MR_OK;
        failed += one < 1 || one > (int64_t)ASKERS * QUESTIONS;
    }
    return (void *)failed;
}

static void test_answers_run_one_at_a_time_on_the_owner(void **state)
{
    owner *o = *state;
    pthread_t owner_thread;
    pthread_t askers[ASKERS];
    assert_int_equal(pthread_create(&owner_thread, NULL, serve, o), 0);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&askers[i], NULL, ask_many, o), 0);
    for (int i = 0; i < ASKERS; i++) {
        void *failed = NULL;
        (void)pthread_join(askers[i], &failed);
        assert_null(failed);
    }
    atomic_store(&o->stop, true);
    (void)pthread_join(owner_thread, NULL);
    assert_int_equal(o->profile, ASKERS * QUESTIONS); /* no update was lost */
}

static void test_the_answers_status_comes_back(void **state)
{
    owner *o = *state;
    pthread_t owner_thread;
    assert_int_equal(pthread_create(&owner_thread, NULL, serve, o), 0);
    assert_int_equal(mr_mailbox_ask(o->mailbox, refuse, NULL, LONG_MS), MR_ERR_NOT_FOUND);
    atomic_store(&o->stop, true);
    (void)pthread_join(owner_thread, NULL);
}

static void rouse(void *context)
{
    owner *o = context;
    o->roused++;
    mr_mailbox_serve(o->mailbox, o); /* nobody else does */
}

static void test_an_owner_who_waits_for_something_else_is_roused_by_each_letter(
    void **state)
{
    owner *o = *state;
    int64_t question = 3;
    mr_mailbox_rouse_by(o->mailbox, rouse, o);
    assert_ok(mr_mailbox_ask(o->mailbox, add, &question, LONG_MS));
    assert_int_equal(question, 3);
    assert_ok(mr_mailbox_ask(o->mailbox, add, &question, LONG_MS));
    assert_int_equal(o->roused, 2);
}

static void test_a_letter_taken_back_is_never_answered(void **state)
{
    owner *o = *state;
    int64_t first = 1;
    int64_t second = 2;
    assert_int_equal(mr_mailbox_ask(o->mailbox, add, &first, 1), MR_ERR_UNAVAILABLE);
    assert_int_equal(mr_mailbox_ask(o->mailbox, add, &second, 1), MR_ERR_UNAVAILABLE);
    mr_mailbox_serve(o->mailbox, o);
    assert_int_equal(o->profile, 0);
    assert_int_equal(first, 1);
}

static mr_status answer_slowly(void *context, void *question)
{
    owner *o = context;
    atomic_store(&o->is_answering, true);
    while (!atomic_load(&o->go_on))
        pause_ms(1);
    *(int64_t *)question = 42;
    return MR_OK;
}

static void *let_go_on(void *context)
{
    owner *o = context;
    while (!atomic_load(&o->is_answering))
        pause_ms(1);
    pause_ms(60); /* well past the asker's time-out */
    atomic_store(&o->go_on, true);
    return NULL;
}

static void test_an_asker_waits_out_an_answer_that_has_begun(void **state)
{
    owner *o = *state;
    pthread_t owner_thread;
    pthread_t releaser;
    int64_t answer = 0;
    assert_int_equal(pthread_create(&owner_thread, NULL, serve, o), 0);
    assert_int_equal(pthread_create(&releaser, NULL, let_go_on, o), 0);
    const mr_status status = mr_mailbox_ask(o->mailbox, answer_slowly, &answer, 30);
    if (status == MR_OK) /* else the owner was slower than the time-out to begin at all */
        assert_int_equal(answer, 42);
    else
        atomic_store(&o->is_answering, true);
    atomic_store(&o->stop, true);
    (void)pthread_join(releaser, NULL);
    (void)pthread_join(owner_thread, NULL);
    assert_true(status == MR_OK || answer == 0);
}

static void *close_soon(void *context)
{
    pause_ms(30);
    mr_mailbox_close(context);
    return NULL;
}

static void test_closing_refuses_who_waits_and_who_comes(void **state)
{
    owner *o = *state;
    pthread_t closer;
    int64_t one = 1;
    assert_int_equal(pthread_create(&closer, NULL, close_soon, o->mailbox), 0);
    assert_int_equal(mr_mailbox_ask(o->mailbox, add, &one, LONG_MS), MR_ERR_UNAVAILABLE);
    (void)pthread_join(closer, NULL);
    assert_int_equal(mr_mailbox_ask(o->mailbox, add, &one, LONG_MS), MR_ERR_UNAVAILABLE);
    mr_mailbox_serve(o->mailbox, o);
    assert_int_equal(o->profile, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_run_one_at_a_time_on_the_owner,
                                        open_owner, close_owner),
        cmocka_unit_test_setup_teardown(test_the_answers_status_comes_back, open_owner,
                                        close_owner),
        cmocka_unit_test_setup_teardown(
            test_an_owner_who_waits_for_something_else_is_roused_by_each_letter,
            open_owner, close_owner),
        cmocka_unit_test_setup_teardown(test_a_letter_taken_back_is_never_answered,
                                        open_owner, close_owner),
        cmocka_unit_test_setup_teardown(test_an_asker_waits_out_an_answer_that_has_begun,
                                        open_owner, close_owner),
        cmocka_unit_test_setup_teardown(test_closing_refuses_who_waits_and_who_comes,
                                        open_owner, close_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
