/*
 * Status: the one vocabulary of failure.
 *
 * Everything that can fail returns an mr_status.  A code tells the caller what to do next;
 * where it happened and why goes into an mr_error, which start-up calls and file readers
 * fill in for a person to read.  ret_* results are written only on MR_OK.
 *
 * Units      None.
 * Ownership  An mr_error is the caller's; the message is copied into it.
 * Threads    Any: nothing here is shared.
 * Cost       Codes are free.  An error message is formatted only on failure.
 */
#ifndef MR_CORE_STATUS_H
#define MR_CORE_STATUS_H

typedef enum mr_status {
    MR_OK = 0,
    MR_ERR_INVALID,   /* an argument or the configuration is wrong: fix it             */
    MR_ERR_CORRUPT,   /* outside data does not parse: count it, skip it or fall back   */
    MR_ERR_FULL,      /* something bounded has no room: drain it, or pause             */
    MR_ERR_NO_MEMORY, /* the allocator refused: give up what was being started         */
    MR_ERR_UNAVAILABLE, /* disk, broker or cache did not do it: back off and retry       */
    MR_ERR_NOT_FOUND, /* what was asked for does not exist: an answer, not a fault     */
    MR_ERR_STALE,     /* a newer owner has taken over: stop writing                    */
    MR_ERR_GAP,       /* the log no longer holds the offset: an operator must choose   */
} mr_status;

enum { MR_ERROR_MESSAGE_BYTES = 256 };

typedef struct mr_error {
    char message[MR_ERROR_MESSAGE_BYTES]; /* NUL-terminated, cut when longer */
} mr_error;

#define MR_MUST_USE __attribute__((warn_unused_result))

/* A static lower-case name, "not found"; never NULL. */
const char *mr_status_name(mr_status status);

/*
 * Write the message (NULL `error` allowed) and hand `status` back, so that a failing
 * function can say `return mr_error_set(error, MR_ERR_CORRUPT, "%s: ...", path);`.
 */
mr_status mr_error_set(mr_error *error, mr_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Hand a failure on to our own caller as it is. */
#define MR_TRY(call)                                                                     \
    do {                                                                                 \
        const mr_status mr_try_result = (call);                                          \
        if (mr_try_result != MR_OK)                                                      \
            return mr_try_result;                                                        \
    } while (0)

#endif
