#!/bin/sh
# Makes .venv with exactly the packages of constraints.txt. Says what to do where it cannot.
set -eu

say() { printf 'setup: %s\n' "$*" >&2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=""
for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null 2>&1 && new_enough "$name"; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    say "Python 3.11 or newer was not found (${PYTHON:-python3} and python3.11 to python3.14 were tried)."
    say "Install it, or name it: make setup PYTHON=/path/to/python3.12"
    exit 1
fi

if ! new_enough .venv/bin/python; then
    rm -rf .venv
    say "making .venv with $("$python" --version)"
    if ! "$python" -m venv .venv 2>/dev/null; then
        rm -rf .venv
        # Debian splits venv off Python; as root, or with sudo that asks nothing, it can be had at once.
        if command -v apt-get >/dev/null 2>&1; then
            sh scripts/apt.sh python3-venv || true
        fi
        if ! "$python" -m venv .venv; then
            rm -rf .venv
            say "$python cannot make virtual environments. On Debian or Ubuntu: sudo apt-get install python3-venv"
            exit 1
        fi
    fi
fi

say "installing Python packages"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
