/*
 * Log line: what the program says about itself, one line a fact.
 *
 *     time=2026-11-21T08:26:00.123Z level=info event=checkpoint partition=3 generation=12
 *
 * Only app/ logs: stages return what happened.  A line never holds a user id, a secret or an
 * event's content.
 *
 * Units      In the names of the fields.
 * Ownership  Nothing is kept.
 * Threads    Any; a line is one write.
 * Cost       One write to standard error.
 */
#ifndef MR_APP_LOG_LINE_H
#define MR_APP_LOG_LINE_H

/* `format` gives "event=… field=…". */
void mr_log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void mr_log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Only warnings from now on: commands whose output a person reads. */
void mr_log_quiet(void);

#endif
