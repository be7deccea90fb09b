#!/bin/sh
# An interpreter that is a launcher, as a Windows venv's python.exe or a wrapper's: it forks instead of exec.
"$REAL_PYTHON" "$@" &
wait $!
exit $?
