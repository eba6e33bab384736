#!/bin/sh
# The dashboard's test: run_dashboard.sh [BASE_URL].  Without a base URL it brings its own small engine.
set -eu
if ! command -v node >/dev/null; then
    echo "1..0 # SKIP no node: install nodejs (18 or newer)"
    [ "${CI:-}" = true ] && exit 1
    exit 77
fi
exec node "$(dirname "$0")/test_dashboard.mjs" "$@"
