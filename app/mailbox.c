#include "app/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

typedef struct letter {
    mr_mailbox_answer *answer;
    void *question;
    struct letter *next;
    mr_status status;
    bool taken; /* the owner is answering it: the asker must wait for `done` */
    bool done;
} letter;

struct mr_mailbox {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    letter *first;
    letter **last;
    bool closed;
    _Atomic int waiting;
    void (*rouse)(void *context);
    void *rouse_context;
};

mr_status mr_mailbox_create(mr_mailbox **ret_mailbox)
{
    mr_mailbox *mailbox = calloc(1, sizeof(*mailbox));
    if (mailbox == NULL)
        return MR_ERR_NO_MEMORY;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&mailbox->lock, NULL);
    (void)pthread_cond_init(&mailbox->answered, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    mailbox->last = &mailbox->first;
    *ret_mailbox = mailbox;
    return MR_OK;
}

void mr_mailbox_destroy(mr_mailbox *mailbox)
{
    if (mailbox == NULL)
        return;
    (void)pthread_cond_destroy(&mailbox->answered);
    (void)pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

void mr_mailbox_rouse_by(mr_mailbox *mailbox, void (*rouse)(void *context), void *context)
{
    mailbox->rouse = rouse;
    mailbox->rouse_context = context;
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000L;
    }
    return deadline;
}

/* Under the lock: take a letter nobody has begun to answer out of the queue. */
static void withdraw(mr_mailbox *mailbox, const letter *unwanted)
{
    for (letter **link = &mailbox->first; *link != NULL; link = &(*link)->next) {
        if (*link != unwanted)
            continue;
        *link = unwanted->next;
        if (mailbox->last == &unwanted->next)
            mailbox->last = link;
        return;
    }
}

mr_status mr_mailbox_ask(mr_mailbox *mailbox, mr_mailbox_answer *answer, void *question,
                         int timeout_ms)
{
    const struct timespec deadline = deadline_in(timeout_ms);
    letter mine = {.answer = answer, .question = question, .status = MR_ERR_UNAVAILABLE};

    (void)pthread_mutex_lock(&mailbox->lock);
    if (!mailbox->closed) {
        *mailbox->last = &mine;
        mailbox->last = &mine.next;
        /* The owner looks at the count without the lock; the lock it then takes orders the
         * letter itself, so relaxed is enough here. */
        atomic_fetch_add_explicit(&mailbox->waiting, 1, memory_order_relaxed);
        if (mailbox->rouse != NULL) {
            (void)pthread_mutex_unlock(&mailbox->lock);
            mailbox->rouse(mailbox->rouse_context);
            (void)pthread_mutex_lock(&mailbox->lock);
        }
        while (!mine.done) {
            const int late = mine.taken
                                 ? pthread_cond_wait(&mailbox->answered, &mailbox->lock)
                                 : pthread_cond_timedwait(&mailbox->answered,
                                                          &mailbox->lock, &deadline);
            if (late != 0 && !mine.done && !mine.taken) {
                withdraw(mailbox, &mine);
                break;
            }
        }
        atomic_fetch_sub_explicit(&mailbox->waiting, 1, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&mailbox->lock);
    return mine.status;
}

void mr_mailbox_serve(mr_mailbox *mailbox, void *owner)
{
    if (atomic_load_explicit(&mailbox->waiting, memory_order_relaxed) == 0)
        return; /* a letter that comes this instant is seen after the next batch */

    (void)pthread_mutex_lock(&mailbox->lock);
    while (mailbox->first != NULL) {
        letter *next = mailbox->first;
        mailbox->first = next->next;
        if (mailbox->first == NULL)
            mailbox->last = &mailbox->first;
        next->taken = true;
        (void)pthread_mutex_unlock(&mailbox->lock);
        const mr_status status = next->answer(owner, next->question);
        (void)pthread_mutex_lock(&mailbox->lock);
        next->status = status;
        next->done = true;
        (void)pthread_cond_broadcast(&mailbox->answered);
    }
    (void)pthread_mutex_unlock(&mailbox->lock);
}

void mr_mailbox_close(mr_mailbox *mailbox)
{
    (void)pthread_mutex_lock(&mailbox->lock);
    mailbox->closed = true;
    for (letter *each = mailbox->first; each != NULL; each = each->next)
        each->done = true;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    (void)pthread_cond_broadcast(&mailbox->answered);
    (void)pthread_mutex_unlock(&mailbox->lock);
}
