#!/usr/bin/env bash
# Start a real broker in a temporary directory on a free port, run test_kafka_log against it, stop it.
#
#     run_kafka_log.sh BUILD/tests/test_kafka_log
#
# MILLRACE_KAFKA names another kafka-local than scripts/kafka-local.  77 (skipped) when there is no Java.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
program=$(realpath -- "${1:?usage: run_kafka_log.sh PROGRAM}")
kafka=${MILLRACE_KAFKA:-$here/../../scripts/kafka-local}
[[ -x $kafka ]] || { printf 'run_kafka_log.sh: no %s\n' "$kafka" >&2 && exit 1; }
command -v java >/dev/null || { printf 'run_kafka_log.sh: no java: skipped\n' >&2 && exit 77; }

directory=$(mktemp -d)
trap '"$kafka" stop "$directory" >/dev/null 2>&1 || true; rm -rf -- "$directory"' EXIT
broker=$("$kafka" start "$directory")
MILLRACE_BROKER=$broker "$program"
