/*
 * librdkafka's configuration: our defaults, the user's settings, and what the engine relies on.
 */
#include "ingest/log_kafka_internal.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* What a user may change. */
static const mr_log_setting defaults[] = {
    {"client.id", "millrace"},
    {"socket.keepalive.enable", "true"},
    {"reconnect.backoff.max.ms", "2000"},
};

static const mr_log_setting producer_defaults[] = {
    {"linger.ms", "5"},
    {"compression.type", "lz4"},
    {"message.timeout.ms", "30000"}, /* how long an append may wait for a broker */
};

/* A deep, bounded prefetch, and no second's pause when it is full. */
static const mr_log_setting consumer_defaults[] = {
    {"queued.min.messages", "200000"},
    {"queued.max.messages.kbytes", "65536"},
    {"fetch.queue.backoff.ms", "10"},
};

/* What the engine's promises rest on: another value is refused. */
static const mr_log_setting producer_fixed[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"partitioner", "murmur2_random"},
};

static const mr_log_setting consumer_fixed[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},
    {"isolation.level", "read_committed"},
    {"check.crcs", "true"},
    {"partition.assignment.strategy", "range"},
    {"allow.auto.create.topics", "false"},
};

#define COUNT(settings) (sizeof(settings) / sizeof((settings)[0]))

void mr_kafka_notes_init(mr_kafka_notes *notes)
{
    (void)pthread_mutex_init(&notes->lock, NULL);
}

void mr_kafka_notes_deinit(mr_kafka_notes *notes)
{
    (void)pthread_mutex_destroy(&notes->lock);
}

void mr_kafka_notes_put(mr_kafka_notes *notes, const char *text)
{
    (void)pthread_mutex_lock(&notes->lock);
    (void)snprintf(notes->text, sizeof(notes->text), "%s", text);
    (void)pthread_mutex_unlock(&notes->lock);
}

void mr_kafka_notes_get(mr_kafka_notes *notes, char ret_text[MR_KAFKA_TEXT_BYTES])
{
    (void)pthread_mutex_lock(&notes->lock);
    memcpy(ret_text, notes->text, sizeof(notes->text));
    (void)pthread_mutex_unlock(&notes->lock);
}

void mr_kafka_notes_say_away(mr_kafka_notes *notes, bool is_away)
{
    (void)pthread_mutex_lock(&notes->lock);
    notes->is_away = is_away;
    (void)pthread_mutex_unlock(&notes->lock);
}

/* Errors are told with the next poll: one may be from before the connection there is now. */
bool mr_kafka_notes_are_away(mr_kafka_notes *notes)
{
    (void)pthread_mutex_lock(&notes->lock);
    const bool is_away = notes->is_away && notes->connected_count == 0;
    (void)pthread_mutex_unlock(&notes->lock);
    return is_away;
}

static void on_log(const rd_kafka_t *client, int level, const char *facility,
                   const char *text)
{
    (void)facility;
    mr_kafka_notes *notes = rd_kafka_opaque(client);
    if (notes == NULL)
        return;
    atomic_fetch_add_explicit(&notes->log_lines, 1, memory_order_relaxed);
    if (level <= LOG_ERR)
        mr_kafka_notes_put(notes, text);
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    (void)client;
    mr_kafka_notes *notes = opaque;
    mr_kafka_notes_put(notes, reason);
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        mr_kafka_notes_say_away(notes, true);
}

/* FNV-1a [Fowler, Noll, Vo].  Not the id: a broker that we were told of gets one while it is connected. */
static uint64_t broker_of(const char *name, int port)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)(uint32_t)port;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return hash;
}

/* Under the lock: this broker's place among those that are connected, or the end of them. */
static size_t find_connected(const mr_kafka_notes *notes, uint64_t broker)
{
    size_t at = 0;
    while (at < notes->connected_count && notes->connected[at] != broker)
        at++;
    return at;
}

/*
 * Runs on any of the client's threads.  What else would tell that a broker is back, while nobody writes to the topic?
 */
static rd_kafka_resp_err_t on_broker_state(rd_kafka_t *client, int32_t id,
                                           const char *protocol, const char *name,
                                           int port, const char *state, void *opaque)
{
    (void)client;
    (void)id;
    (void)protocol;
    mr_kafka_notes *notes = opaque;
    const uint64_t broker = broker_of(name, port);
    (void)pthread_mutex_lock(&notes->lock);
    const size_t at = find_connected(notes, broker);
    const bool was_up = at < notes->connected_count;
    const bool is_up = strcmp(state, "UP") == 0;
    if (is_up && !was_up && at < MR_KAFKA_CONNECTED_MAX)
        notes->connected[notes->connected_count++] = broker;
    else if (!is_up && was_up)
        notes->connected[at] = notes->connected[--notes->connected_count];
    if (is_up)
        notes->is_away = false;
    (void)pthread_mutex_unlock(&notes->lock);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *client, const rd_kafka_conf_t *conf,
                                  void *opaque, char *reason, size_t reason_bytes)
{
    (void)conf;
    (void)reason;
    (void)reason_bytes;
    return rd_kafka_interceptor_add_on_broker_state_change(client, "millrace",
                                                           on_broker_state, opaque);
}

static mr_status put(rd_kafka_conf_t *conf, const mr_log_setting *setting,
                     mr_error *ret_error)
{
    char reason[160] = "";
    if (rd_kafka_conf_set(conf, setting->name, setting->value, reason, sizeof(reason)) ==
        RD_KAFKA_CONF_OK)
        return MR_OK;
    return mr_error_set(ret_error, MR_ERR_INVALID, "log.kafka.%.60s: %s", setting->name,
                        reason);
}

static mr_status put_all(rd_kafka_conf_t *conf, const mr_log_setting *settings,
                         size_t count, mr_error *ret_error)
{
    for (size_t i = 0; i < count; i++)
        MR_TRY(put(conf, &settings[i], ret_error));
    return MR_OK;
}

static mr_status check_fixed(const mr_log_setting *setting, const mr_log_setting *fixed,
                             size_t count, mr_error *ret_error)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(setting->name, fixed[i].name) == 0 &&
            strcmp(setting->value, fixed[i].value) != 0)
            return mr_error_set(
                ret_error, MR_ERR_INVALID,
                "log.kafka.%s is always %s: remove it from the configuration",
                fixed[i].name, fixed[i].value);
    }
    return MR_OK;
}

static mr_status check_settings(const mr_log_setting *settings, size_t count,
                                mr_error *ret_error)
{
    bool has_servers = false;
    for (size_t i = 0; i < count; i++) {
        MR_TRY(
            check_fixed(&settings[i], producer_fixed, COUNT(producer_fixed), ret_error));
        MR_TRY(
            check_fixed(&settings[i], consumer_fixed, COUNT(consumer_fixed), ret_error));
        has_servers |= (strcmp(settings[i].name, "bootstrap.servers") == 0 ||
                        strcmp(settings[i].name, "metadata.broker.list") == 0) &&
                       settings[i].value[0] != '\0';
    }
    if (!has_servers)
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "log.kafka.bootstrap.servers is missing: name a broker, host:port");
    return MR_OK;
}

mr_status mr_kafka_conf_make(const mr_log_setting *settings, size_t count,
                             mr_kafka_role role, mr_kafka_notes *notes,
                             rd_kafka_conf_t **ret_conf, mr_error *ret_error)
{
    MR_TRY(check_settings(settings, count, ret_error));
    const bool is_producer = role == MR_KAFKA_PRODUCES;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, notes);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    (void)rd_kafka_conf_interceptor_add_on_new(conf, "millrace", on_new, notes);

    mr_status status = put_all(conf, defaults, COUNT(defaults), ret_error);
    if (status == MR_OK && is_producer)
        status = put_all(conf, producer_defaults, COUNT(producer_defaults), ret_error);
    if (status == MR_OK && !is_producer)
        status = put_all(conf, consumer_defaults, COUNT(consumer_defaults), ret_error);
    if (status == MR_OK)
        status = put_all(conf, settings, count, ret_error);
    if (status == MR_OK && is_producer)
        status = put_all(conf, producer_fixed, COUNT(producer_fixed), ret_error);
    if (status == MR_OK && !is_producer)
        status = put_all(conf, consumer_fixed, COUNT(consumer_fixed), ret_error);
    if (status != MR_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    *ret_conf = conf;
    return MR_OK;
}
