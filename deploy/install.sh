#!/bin/sh
# Installs Tidewatch from this checkout into a virtual environment, with the exact versions that were tested.
#     deploy/install.sh DIR [PYTHON]
# DIR/bin/tidewatch is the command. Nothing outside DIR is written.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
target=${1:?"give the folder of the environment, such as /opt/tidewatch"}
"${2:-python3}" -m venv "$target"
pip() { "$target/bin/python" -m pip --quiet --disable-pip-version-check --no-cache-dir "$@"; }
pip install --require-hashes --requirement "$source/requirements.lock"
pip install --no-deps "$source"
pip check
