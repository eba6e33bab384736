#include "bench/child.h"

#include "bench/bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static mr_status find_in(const char *folder, size_t length, const char *name,
                         char *ret_path)
{
    const int written =
        snprintf(ret_path, MR_CHILD_PATH_BYTES, "%.*s/%s", (int)length, folder, name);
    return written > 0 && written < MR_CHILD_PATH_BYTES && access(ret_path, X_OK) == 0
               ? MR_OK
               : MR_ERR_NOT_FOUND;
}

mr_status mr_child_find(const char *name, char ret_path[MR_CHILD_PATH_BYTES])
{
    const char *peers = getenv("MILLRACE_PEERS");
    const char *path = getenv("PATH");
    if (peers != NULL && find_in(peers, strlen(peers), name, ret_path) == MR_OK)
        return MR_OK;
    while (path != NULL && *path != '\0') {
        const size_t length = strcspn(path, ":");
        if (find_in(path, length, name, ret_path) == MR_OK)
            return MR_OK;
        path += length + (path[length] == ':');
    }
    return find_in("/usr/sbin", strlen("/usr/sbin"), name, ret_path);
}

void mr_child_sibling(const char *name, char ret_path[MR_CHILD_PATH_BYTES])
{
    char own[MR_CHILD_PATH_BYTES] = "";
    const ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
    mr_bench_check(length > 0, "the path of this program");
    *strrchr(own, '/') = '\0';
    mr_bench_must(find_in(own, strlen(own), name, ret_path), name);
}

void mr_child_pin(pid_t pid, int core)
{
    cpu_set_t set;
    if (core == MR_CHILD_ANY_CORE)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    (void)sched_setaffinity(pid, sizeof(set), &set);
}

static _Noreturn void become(char *const *arguments, int core, const int input[2],
                             const int output[2])
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    mr_child_pin(0, core);
    (void)dup2(input[0], STDIN_FILENO);
    (void)dup2(output[1], STDOUT_FILENO);
    (void)execv(arguments[0], arguments);
    _exit(127);
}

mr_status mr_child_start(char *const *arguments, int core, mr_child *ret_child)
{
    int input[2];
    int output[2];
    if (pipe2(input, O_CLOEXEC) != 0)
        return MR_ERR_UNAVAILABLE;
    if (pipe2(output, O_CLOEXEC) != 0) {
        (void)close(input[0]);
        (void)close(input[1]);
        return MR_ERR_UNAVAILABLE;
    }
    const pid_t pid = fork();
    if (pid == 0)
        become(arguments, core, input, output);
    (void)close(input[0]);
    (void)close(output[1]);
    *ret_child = (mr_child){.pid = pid, .input = input[1], .output = output[0]};
    return pid > 0 ? MR_OK : MR_ERR_UNAVAILABLE;
}

bool mr_child_line(const mr_child *child, char *line, size_t bytes)
{
    size_t length = 0;
    char byte;
    while (length + 1 < bytes && read(child->output, &byte, 1) == 1) {
        if (byte == '\n') {
            line[length] = '\0';
            return true;
        }
        line[length++] = byte;
    }
    line[length] = '\0';
    return length > 0;
}

/* Fields 14 and 15 of /proc/PID/stat, counted from behind the name in parentheses [proc(5)]. */
double mr_child_cpu_seconds(pid_t pid)
{
    char path[64];
    char line[1024] = "";
    unsigned long user = 0;
    unsigned long system = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    const bool is_read = file != NULL && fgets(line, sizeof(line), file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    const char *fields = strrchr(line, ')');
    mr_bench_check(is_read && fields != NULL &&
                       sscanf(fields + 1,
                              " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                              &user, &system) == 2,
                   path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

int mr_child_wait(mr_child *child)
{
    int status = 0;
    (void)close(child->input);
    const pid_t ended = waitpid(child->pid, &status, 0);
    (void)close(child->output);
    return ended == child->pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int mr_child_stop(mr_child *child)
{
    (void)kill(child->pid, SIGTERM);
    return mr_child_wait(child);
}

uint16_t mr_child_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof(address);
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mr_bench_check(descriptor >= 0 &&
                       bind(descriptor, (struct sockaddr *)&address, bytes) == 0 &&
                       getsockname(descriptor, (struct sockaddr *)&address, &bytes) == 0,
                   "a free port");
    (void)close(descriptor);
    return ntohs(address.sin_port);
}
