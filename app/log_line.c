#include "app/log_line.h"

#include "core/clock.h"
#include "core/text.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 1024 };

static _Atomic bool quiet;

__attribute__((format(printf, 2, 0))) static void write_line(const char *level,
                                                             const char *format,
                                                             va_list arguments)
{
    char line[LINE_BYTES_MAX];
    char now[MR_TIME_TEXT_BYTES];
    mr_time_to_text(mr_clock_wall_ms(mr_clock_system()), now);
    int length = snprintf(line, sizeof(line), "time=%s level=%s ", now, level);
    length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, arguments);
    if (length > LINE_BYTES_MAX - 2)
        length = LINE_BYTES_MAX - 2;
    line[length++] = '\n';
    /* One write, so that lines of several threads do not mix; a log that cannot be written
     * must not stop the engine. */
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return;
}

void mr_log_info(const char *format, ...)
{
    if (atomic_load_explicit(&quiet, memory_order_relaxed)) /* a flag set once at start */
        return;
    va_list arguments;
    va_start(arguments, format);
    write_line("info", format, arguments);
    va_end(arguments);
}

void mr_log_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line("warn", format, arguments);
    va_end(arguments);
}

void mr_log_quiet(void)
{
    atomic_store_explicit(&quiet, true, memory_order_relaxed);
}
