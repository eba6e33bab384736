#include "app/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

mr_lock_kind mr_state_lock_kind(const mr_config *config)
{
    const bool owns_all = config->log.mode == 0 && config->log.assigned[0] == '\0';
    return owns_all ? MR_LOCK_ALONE : MR_LOCK_SHARED;
}

mr_status mr_state_lock_take(const mr_config *config, mr_lock_kind kind,
                             int *ret_descriptor, mr_error *ret_error)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s/lock", config->state.path,
                   config->log.topic);
    const int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(errno));
    if (flock(descriptor, (kind == MR_LOCK_ALONE ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) {
        *ret_descriptor = descriptor;
        return MR_OK;
    }
    const int reason = errno;
    (void)close(descriptor);
    if (reason != EWOULDBLOCK)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", path,
                            strerror(reason));
    return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                        "%s is held: another process owns this state; stop it, or give "
                        "this one another state.path",
                        path);
}
