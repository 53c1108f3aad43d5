#!/bin/sh
# Finds a Python that can run the stack and hands over to install.py.
# It is a shell script because no Python can be relied on before one has been found.
#   bootstrap.sh uv|local|dev
set -eu
cd "$(dirname "$0")/../../.."

complain() {
    echo "sluice: install: $1" >&2
    exit 1
}

# A virtual environment that works needs no other Python.
if [ -x .venv/bin/python ] &&
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec .venv/bin/python -P deploy/local/stack/install.py "$@"
fi

seen=''
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if ! "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        seen="$seen $candidate is $version;"
    elif ! "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
        seen="$seen $candidate ($version) has no venv module (Debian and Ubuntu: apt install python3-venv);"
    else
        exec "$candidate" -P deploy/local/stack/install.py "$@"
    fi
done
complain "Python 3.11 or newer with its venv module is needed;${seen:- no python3 is on the PATH;} set PYTHON to choose one"
