#!/bin/sh
# Runs a test program against a real redis-server, or the server that MILLRACE_REDIS_SERVER names (such as
# valkey-server), in a directory of its own.  The program starts, pauses, kills and restarts servers itself.
#
#     run_redis.sh TEST_PROGRAM [WORD]     WORD: only the tests whose name holds it
#
# Exits with 77 (skipped) where there is no server.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../../.deps/bin:$PATH
if [ -n "${MILLRACE_REDIS_SERVER:-}" ]; then
    server=$(command -v "$MILLRACE_REDIS_SERVER") || {
        echo "MILLRACE_REDIS_SERVER=$MILLRACE_REDIS_SERVER is no program" >&2
        exit 1
    }
else
    server=$(command -v redis-server || command -v valkey-server || true)
fi
if [ -z "$server" ]; then
    echo "skipped: needs redis-server in PATH"
    exit 77
fi

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
MR_REDIS_SERVER=$server MR_REDIS_DIRECTORY=$directory "$@"
