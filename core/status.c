#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *mr_status_name(mr_status status)
{
    switch (status) {
    case MR_OK: return "ok";
    case MR_ERR_INVALID: return "invalid";
    case MR_ERR_CORRUPT: return "corrupt";
    case MR_ERR_FULL: return "full";
    case MR_ERR_NO_MEMORY: return "no memory";
    case MR_ERR_UNAVAILABLE: return "unavailable";
    case MR_ERR_NOT_FOUND: return "not found";
    case MR_ERR_STALE: return "stale";
    case MR_ERR_GAP: return "gap";
    }
    return "unknown";
}

mr_status mr_error_set(mr_error *error, mr_status status, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
        va_end(arguments);
    }
    return status;
}
