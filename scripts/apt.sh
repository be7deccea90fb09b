#!/bin/sh
# Installs Debian packages as root, or through a sudo that asks nothing. Exit 1 when neither is to be had.
set -eu

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

as_root true || exit 1
export DEBIAN_FRONTEND=noninteractive
printf 'setup: installing %s\n' "$*" >&2
as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 || {
    as_root apt-get update -qq >/dev/null
    as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
