/*
 * Configuration: one YAML file, every value overridable from the environment.
 *
 * A table (config.c) names every key with its kind and default; the file is checked against it,
 * so that an unknown key, a wrong word or an impossible size is an error with file, line and
 * key.  MILLRACE_SECTION_KEY overrides a value.  With no file at all the defaults are the
 * embedded engine: a local log and a cache in memory.  Secrets are references (file: or env:),
 * read when they are needed and never printed.
 *
 * Units      Durations in ms, sizes in bytes.
 * Ownership  mr_config owns its strings and placements; mr_config_deinit() frees them.
 * Threads    Written at start, read by all.
 * Cost       Start-up only.
 */
#ifndef MR_APP_CONFIG_H
#define MR_APP_CONFIG_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/json.h"
#include "core/status.h"
#include "serving/placement.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_CONFIG_KAFKA_SETTINGS_MAX = 64 };

typedef enum mr_config_kind { MR_KIND_LOCAL = 0, MR_KIND_REMOTE = 1 } mr_config_kind;

typedef struct mr_config_setting {
    char *name;
    char *value;
} mr_config_setting;

typedef struct mr_config {
    struct {
        int64_t kind; /* mr_config_kind: file | kafka */
        int64_t mode; /* 0 static, 1 group            */
        char *path;
        char *topic;
        char *catalogue_topic;
        char *alerts_topic;
        char *dead_letter_topic;
        char *late_topic;
        char *format;
        int64_t clock_wall; /* 0 data, 1 wall                 */
        char *start;        /* earliest | latest | TIME       */
        int64_t on_gap;     /* 0 fail, 1 earliest, 2 latest   */
        char *group;
        char *instance_id;
        char *assigned; /* static: "0,1,5"; empty: all */
        int64_t partitions;
        int64_t segment_bytes; /* file: a segment is closed at this size */
        mr_config_setting kafka[MR_CONFIG_KAFKA_SETTINGS_MAX];
        size_t kafka_count;
    } log;
    struct {
        int64_t kind; /* memory | redis */
        char *url;
        int64_t ttl_ms;
        int64_t memory_bytes;
        int64_t timeout_ms;
        char *tls_ca; /* "": the system's */
        char *tls_certificate;
        char *tls_key;
    } cache;
    struct {
        char *path;
        char *plan; /* "": the default one */
        int64_t interval_ms;
        int64_t bases;
        int64_t memory_bytes;
    } state;
    struct {
        char *path;
        int64_t scorers;
        int64_t training_retention_ms; /* of day files; 0: none are written */
        int64_t training_window_ms;    /* of their labels                   */
        int64_t unread; /* percent of their time for users nobody has read lately */
    } models;
    struct {
        char *listen;
        int64_t threads;
        char *tls_certificate;
        char *tls_key;
        int64_t insecure; /* 1: plaintext off loopback is allowed */
    } http;
    struct {
        char *deployment_secret;
        char *control_key;
    } security;
    mr_placement placements[MR_PLACEMENTS_MAX]; /* at least one */
    size_t placement_count;
    mr_arena *arena; /* the placements' rules */
} mr_config;

/*
 * Defaults, then the file (NULL: none), then the environment.
 *
 * MR_ERR_NOT_FOUND for a file that is not there; MR_ERR_INVALID with "file:line: key: what is
 * wrong, what would be right".
 */
MR_MUST_USE mr_status mr_config_load(const char *path, mr_config *ret_config,
                                     mr_error *ret_error);
void mr_config_deinit(mr_config *config); /* an all-zero one is allowed */

/* The effective values as one JSON object, secrets as "***". */
void mr_config_print(const mr_config *config, mr_json_writer *writer);

/*
 * Resolve a `file:PATH` or `env:NAME` reference into bytes.
 *
 * With `make` an absent file is made with 32 random bytes and mode 0600.  MR_ERR_NOT_FOUND
 * when absent and not made; the message names the reference, never the content.
 */
MR_MUST_USE mr_status mr_config_secret(const char *reference, bool make,
                                       mr_buffer *ret_bytes, mr_error *ret_error);

/* "10s", "7d", "250ms" to ms; MR_ERR_INVALID otherwise. */
MR_MUST_USE mr_status mr_config_duration(mr_text text, int64_t *ret_ms);

#endif
