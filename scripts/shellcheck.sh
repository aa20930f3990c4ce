#!/bin/sh
# Checks every shell script of the project.
set -eu
cd "$(dirname "$0")/.."
git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run | xargs shellcheck
