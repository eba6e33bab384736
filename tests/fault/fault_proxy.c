/*
 * Fault proxy: a TCP connection to a server, with the faults of a network on it.
 *
 * The kernels that tests run on seldom have netem, and a real server seldom cuts a reply in its middle when asked to:
 * this program stands between a client and a server, and does what it is told on its standard input, one command a
 * line.  Each is answered by a line on standard output, "ok" or what is wrong.  It ends with its standard input.
 * One thread and one poll(); settings hold for what is read after them, on old and new connections alike.
 */
#include "byte_queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LINKS_MAX = 512,
    READ_BYTES = 64 * 1024,
    COMMAND_BYTES_MAX = 256,
    WORDS_MAX = 4,
    SLICES_A_SECOND = 100, /* of a throttled direction */
};

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

static const char manual[] =
    "usage: fault_proxy [--port PORT] HOST:PORT\n"
    "\n"
    "Listens on a free port (or PORT) of 127.0.0.1, prints \"listening PORT\" and "
    "forwards each\n"
    "connection to HOST:PORT (an IPv4 address).  Reads commands from standard input:\n"
    "\n"
    "  pass                        no fault any more; what was held goes on its way\n"
    "  delay up|down MS [JITTER]   every byte to (up) or from (down) the server comes MS "
    "later,\n"
    "                              and up to JITTER ms more\n"
    "  throttle up|down BYTES      so many bytes a second on each connection; 0: no "
    "limit\n"
    "  blackhole                   accept, read, and let nothing through in either "
    "direction\n"
    "  refuse                      refuse new connections, reset those there are\n"
    "  reset                       reset all connections, once\n"
    "  cut up|down BYTES           reset each connection after so many more bytes\n"
    "  target HOST:PORT            for new connections; those there are stay where they "
    "are\n"
    "  stats                       answers: links N accepted N up BYTES down BYTES\n"
    "\n"
    "Each command is answered by one line.  The program ends with its standard input.\n";

/* Of one direction; all zero: as it comes. */
typedef struct fault {
    int64_t delay_ns;
    int64_t jitter_ns;
    int64_t bytes_a_second; /* 0: no limit */
    int64_t cut_bytes;      /* of each connection; -1: never */
    uint64_t cut_number;    /* which cut command: a connection counts from it on */
} fault;

typedef enum direction { UP, DOWN, DIRECTIONS } direction;

typedef struct flow {
    byte_queue queue;
    int64_t free_ns; /* a throttled direction writes nothing before */
    int64_t cut_left;
    uint64_t cut_number;
    bool has_ended; /* its source will send no more */
    bool is_shut;   /* and its sink knows         */
} flow;

typedef struct pair {
    int client;
    int server;
    bool is_connected; /* to the server */
    bool is_dead;
    flow flows[DIRECTIONS];
} pair;

typedef struct proxy {
    struct sockaddr_in target;
    struct sockaddr_in address;
    int listener; /* -1: refused */
    bool is_hole;
    fault faults[DIRECTIONS];
    pair pairs[LINKS_MAX];
    size_t count;
    uint64_t accepted;
    uint64_t bytes[DIRECTIONS];
    uint64_t random;
    char command[COMMAND_BYTES_MAX];
    size_t command_length;
    bool is_ending;
} proxy;

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* xorshift64 [Marsaglia 2003]. */
static int64_t random_below(proxy *self, int64_t bound)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return bound > 0 ? (int64_t)(self->random % (uint64_t)bound) : 0;
}

/* ---- Sockets ---- */

static bool make_ready(int descriptor)
{
    const int on = 1;
    const int flags = fcntl(descriptor, F_GETFL);
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
}

static int listen_on(struct sockaddr_in *address)
{
    const int on = 1;
    socklen_t length = sizeof(*address);
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return -1;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(descriptor, (struct sockaddr *)address, length) == 0 &&
        listen(descriptor, LINKS_MAX) == 0 &&
        getsockname(descriptor, (struct sockaddr *)address, &length) == 0)
        return descriptor;
    (void)close(descriptor);
    return -1;
}

/* Closed so that the other side sees a reset, not an end. */
static void close_with_reset(int descriptor)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(descriptor);
}

static bool parse_address(const char *text, struct sockaddr_in *ret_address)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    char *end;
    const unsigned long port = strtoul(colon + 1, &end, 10);
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return end != colon + 1 && *end == '\0' && port > 0 && port <= UINT16_MAX &&
           inet_pton(AF_INET, host, &ret_address->sin_addr) == 1;
}

/* ---- Pairs ---- */

static void kill_pair(pair *link)
{
    if (link->is_dead)
        return;
    close_with_reset(link->client);
    close_with_reset(link->server);
    byte_queue_clear(&link->flows[UP].queue);
    byte_queue_clear(&link->flows[DOWN].queue);
    link->is_dead = true;
}

static void kill_all(proxy *self)
{
    for (size_t i = 0; i < self->count; i++)
        kill_pair(&self->pairs[i]);
}

static void bury_the_dead(proxy *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (!self->pairs[i].is_dead)
            self->pairs[kept++] = self->pairs[i];
    }
    self->count = kept;
}

static void add_pair(proxy *self, int client)
{
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server < 0 || !make_ready(client) || !make_ready(server) ||
        (connect(server, (struct sockaddr *)&self->target, sizeof(self->target)) != 0 &&
         errno != EINPROGRESS)) {
        close_with_reset(client);
        if (server >= 0)
            (void)close(server);
        return;
    }
    self->pairs[self->count++] = (pair){.client = client, .server = server};
    self->accepted++;
}

static void accept_all(proxy *self)
{
    while (self->count < LINKS_MAX) {
        const int client = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            return;
        add_pair(self, client);
    }
}

/* ---- Bytes ---- */

static int source_of(const pair *link, direction way)
{
    return way == UP ? link->client : link->server;
}

static int sink_of(const pair *link, direction way)
{
    return way == UP ? link->server : link->client;
}

static void read_into(proxy *self, pair *link, direction way)
{
    static uint8_t bytes[READ_BYTES];
    flow *stream = &link->flows[way];
    const fault *f = &self->faults[way];
    const ssize_t got = recv(source_of(link, way), bytes, sizeof(bytes), 0);
    if (got == 0) {
        stream->has_ended = true;
    } else if (got > 0) {
        const int64_t due_ns = now_ns() + f->delay_ns + random_below(self, f->jitter_ns);
        if (!byte_queue_put(&stream->queue, bytes, (size_t)got, due_ns))
            kill_pair(link);
    } else if (errno != EAGAIN && errno != EINTR) {
        kill_pair(link);
    }
}

/* How many bytes may be written now; 0: the connection is to be cut. */
static int64_t most_now(const proxy *self, flow *stream, direction way)
{
    const fault *f = &self->faults[way];
    int64_t most = READ_BYTES;
    if (f->bytes_a_second > 0) {
        most = f->bytes_a_second / SLICES_A_SECOND;
        most = most > 0 ? most : 1;
    }
    if (f->cut_bytes < 0)
        return most;
    if (stream->cut_number != f->cut_number) {
        stream->cut_number = f->cut_number;
        stream->cut_left = f->cut_bytes;
    }
    return most < stream->cut_left ? most : stream->cut_left;
}

static void write_out(proxy *self, pair *link, direction way, int64_t now)
{
    flow *stream = &link->flows[way];
    const fault *f = &self->faults[way];
    while (!link->is_dead && stream->free_ns <= now) {
        size_t length;
        const int64_t most = most_now(self, stream, way);
        const uint8_t *bytes =
            byte_queue_peek(&stream->queue, now, (size_t)most, &length);
        if (bytes == NULL)
            break;
        if (most == 0) {
            kill_pair(link);
            return;
        }
        const ssize_t sent = send(sink_of(link, way), bytes, length, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR)
                kill_pair(link);
            return;
        }
        byte_queue_drop(&stream->queue, (size_t)sent);
        self->bytes[way] += (uint64_t)sent;
        stream->cut_left -= sent;
        if (f->bytes_a_second > 0)
            stream->free_ns = now + (int64_t)sent * NS_PER_S / f->bytes_a_second;
    }
    if (stream->has_ended && !stream->is_shut && stream->queue.first == NULL) {
        (void)shutdown(sink_of(link, way), SHUT_WR);
        stream->is_shut = true;
    }
    if (link->flows[UP].is_shut && link->flows[DOWN].is_shut)
        kill_pair(link);
}

/* ---- Commands ---- */

static void go_on(proxy *self)
{
    self->is_hole = false;
    for (int way = 0; way < DIRECTIONS; way++)
        self->faults[way] =
            (fault){.cut_bytes = -1, .cut_number = self->faults[way].cut_number};
}

static bool parse_way(const char *word, direction *ret_way)
{
    *ret_way = strcmp(word, "down") == 0 ? DOWN : UP;
    return *ret_way == DOWN || strcmp(word, "up") == 0;
}

static bool parse_number(const char *word, int64_t *ret_number)
{
    char *end;
    errno = 0;
    *ret_number = strtoll(word, &end, 10);
    return end != word && *end == '\0' && errno == 0 && *ret_number >= 0 &&
           *ret_number <= INT32_MAX;
}

/* What is wrong; NULL when all is well. */
static const char *set_fault(proxy *self, char **words, size_t count)
{
    direction way;
    int64_t number;
    int64_t jitter = 0;
    if (count < 3 || !parse_way(words[1], &way) || !parse_number(words[2], &number) ||
        (count == 4 && !parse_number(words[3], &jitter)))
        return "needs up or down, and a number";
    fault *f = &self->faults[way];
    if (strcmp(words[0], "delay") == 0) {
        f->delay_ns = number * NS_PER_MS;
        f->jitter_ns = jitter * NS_PER_MS;
    } else if (strcmp(words[0], "throttle") == 0) {
        f->bytes_a_second = number;
    } else if (strcmp(words[0], "cut") == 0) {
        f->cut_bytes = number;
        f->cut_number++;
    } else {
        return "unknown command";
    }
    return NULL;
}

static const char *stop_listening(proxy *self)
{
    if (self->listener >= 0)
        (void)close(self->listener);
    self->listener = -1;
    kill_all(self);
    return NULL;
}

static const char *start_listening(proxy *self)
{
    if (self->listener < 0)
        self->listener = listen_on(&self->address);
    return self->listener >= 0 ? NULL : "the port is taken";
}

static const char *obey(proxy *self, char **words, size_t count)
{
    if (count == 1 && strcmp(words[0], "pass") == 0) {
        go_on(self);
        return start_listening(self);
    }
    if (count == 1 && strcmp(words[0], "blackhole") == 0) {
        self->is_hole = true;
        return NULL;
    }
    if (count == 1 && strcmp(words[0], "refuse") == 0)
        return stop_listening(self);
    if (count == 1 && strcmp(words[0], "reset") == 0) {
        kill_all(self);
        return NULL;
    }
    if (count == 2 && strcmp(words[0], "target") == 0)
        return parse_address(words[1], &self->target) ? NULL : "needs HOST:PORT";
    return set_fault(self, words, count);
}

static void command(proxy *self, char *line)
{
    char *words[WORDS_MAX + 1];
    char *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(line, " \r", &rest); word != NULL && count <= WORDS_MAX;
         word = strtok_r(NULL, " \r", &rest))
        words[count++] = word;
    if (count == 1 && strcmp(words[0], "stats") == 0) {
        (void)printf("links %zu accepted %llu up %llu down %llu\n", self->count,
                     (unsigned long long)self->accepted,
                     (unsigned long long)self->bytes[UP],
                     (unsigned long long)self->bytes[DOWN]);
    } else {
        const char *wrong = count == 0 || count > WORDS_MAX ? "unknown command"
                                                            : obey(self, words, count);
        (void)printf("%s\n", wrong == NULL ? "ok" : wrong);
    }
    (void)fflush(stdout);
}

static void read_commands(proxy *self)
{
    const ssize_t got = read(STDIN_FILENO, self->command + self->command_length,
                             sizeof(self->command) - 1 - self->command_length);
    if (got <= 0) {
        self->is_ending = got == 0 || errno != EINTR;
        return;
    }
    self->command_length += (size_t)got;
    self->command[self->command_length] = '\0';
    char *line = self->command;
    for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
        *end = '\0';
        command(self, line);
        line = end + 1;
    }
    self->command_length -= (size_t)(line - self->command);
    memmove(self->command, line, self->command_length);
    if (self->command_length == sizeof(self->command) - 1)
        self->command_length = 0; /* no command is so long */
}

/* ---- The loop ---- */

static bool wants_to_read(const pair *link, direction way)
{
    const flow *stream = &link->flows[way];
    return !stream->has_ended && stream->queue.bytes < BYTE_QUEUE_BYTES_MAX &&
           (way == UP || link->is_connected);
}

static int64_t due_ns_of(const proxy *self, const pair *link, direction way)
{
    const flow *stream = &link->flows[way];
    const int64_t due_ns = byte_queue_due_ns(&stream->queue);
    if (self->is_hole || (way == UP && !link->is_connected) || due_ns == INT64_MAX)
        return INT64_MAX;
    return due_ns > stream->free_ns ? due_ns : stream->free_ns;
}

/* Readable: what can be read.  Writable: what is due and would be written, or a connection that is being made. */
static short events_of(const proxy *self, const pair *link, int descriptor, int64_t now)
{
    const bool is_client = descriptor == link->client;
    const direction in = is_client ? UP : DOWN;
    const direction out = is_client ? DOWN : UP;
    short events = 0;
    if (wants_to_read(link, in))
        events |= POLLIN;
    if (due_ns_of(self, link, out) <= now || (!is_client && !link->is_connected))
        events |= POLLOUT;
    return events;
}

static void finish_connect(pair *link)
{
    int error = 0;
    socklen_t length = sizeof(error);
    if (getsockopt(link->server, SOL_SOCKET, SO_ERROR, &error, &length) != 0 ||
        error != 0)
        kill_pair(link);
    else
        link->is_connected = true;
}

static void serve(proxy *self, pair *link, const struct pollfd *polled)
{
    const short bad = POLLERR | POLLNVAL;
    if (!link->is_connected && (polled[1].revents & (POLLOUT | POLLERR | POLLHUP)) != 0)
        finish_connect(link);
    if (link->is_dead)
        return;
    if (((polled[0].revents | polled[1].revents) & bad) != 0) {
        kill_pair(link);
        return;
    }
    if ((polled[0].revents & (POLLIN | POLLHUP)) != 0 && wants_to_read(link, UP))
        read_into(self, link, UP);
    if (!link->is_dead && (polled[1].revents & (POLLIN | POLLHUP)) != 0 &&
        wants_to_read(link, DOWN))
        read_into(self, link, DOWN);
    const int64_t now = now_ns();
    for (int way = 0; way < DIRECTIONS && !link->is_dead && !self->is_hole; way++) {
        if (way == DOWN || link->is_connected)
            write_out(self, link, (direction)way, now);
    }
}

static void turn(proxy *self)
{
    static struct pollfd polled[2 + 2 * LINKS_MAX];
    const int64_t now = now_ns();
    int64_t next_ns = now + NS_PER_S;
    const size_t count = self->count;
    polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = self->listener, .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        const pair *link = &self->pairs[i];
        polled[2 + 2 * i] = (struct pollfd){
            .fd = link->client, .events = events_of(self, link, link->client, now)};
        polled[3 + 2 * i] = (struct pollfd){
            .fd = link->server, .events = events_of(self, link, link->server, now)};
        for (int way = 0; way < DIRECTIONS; way++) {
            const int64_t due_ns = due_ns_of(self, link, (direction)way);
            if (due_ns > now && due_ns < next_ns)
                next_ns = due_ns;
        }
    }
    const int64_t wait_ns = next_ns - now;
    const struct timespec wait = {.tv_sec = wait_ns / NS_PER_S,
                                  .tv_nsec = wait_ns % NS_PER_S};
    if (ppoll(polled, 2 + 2 * count, &wait, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        serve(self, &self->pairs[i], &polled[2 + 2 * i]);
    if (self->listener >= 0 && (polled[1].revents & POLLIN) != 0)
        accept_all(self);
    if (polled[0].revents != 0)
        read_commands(self);
    bury_the_dead(self);
}

static int wrong_usage(void)
{
    (void)fputs(manual, stderr);
    return 2;
}

int main(int count, char **words)
{
    static proxy self;
    int64_t port = 0;
    if (count == 2 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0)) {
        (void)fputs(manual, stdout);
        return 0;
    }
    if (count == 4 && strcmp(words[1], "--port") == 0) {
        if (!parse_number(words[2], &port) || port > UINT16_MAX)
            return wrong_usage();
        words += 2;
        count -= 2;
    }
    if (count != 2 || !parse_address(words[1], &self.target))
        return wrong_usage();
    (void)signal(SIGPIPE, SIG_IGN);
    self.random = (uint64_t)now_ns() | 1;
    go_on(&self);
    self.address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    self.listener = listen_on(&self.address);
    if (self.listener < 0) {
        (void)fprintf(stderr, "fault_proxy: cannot listen on port %lld: %s\n",
                      (long long)port, strerror(errno));
        return 1;
    }
    (void)printf("listening %u\n", ntohs(self.address.sin_port));
    (void)fflush(stdout);
    while (!self.is_ending)
        turn(&self);
    kill_all(&self);
    return 0;
}
