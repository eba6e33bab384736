#!/bin/sh
# Runs test_redis_cache against a real redis-server (or valkey-server) from PATH or .deps/bin, in
# a directory of its own.  The test starts, pauses, kills and restarts the server itself.
#
#     run_redis_cache.sh TEST_PROGRAM
#
# Exits with 77 (skipped) where there is no server.
set -eu

program=$1
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../../.deps/bin:$PATH
server=$(command -v redis-server || command -v valkey-server || true)
if [ -z "$server" ]; then
    echo "skipped: needs redis-server in PATH"
    exit 77
fi

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
MR_REDIS_SERVER=$server MR_REDIS_DIRECTORY=$directory "$program"
