#!/bin/sh
# Makes .venv with the locked dependencies. uv is used if it is there, and installed into .tools if it is not.
set -eu
PYTHON="${PYTHON:-python3}"

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Socle demande Python 3.11 ou plus récent / Socle needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2
  exit 1
}

if command -v uv >/dev/null 2>&1; then
  UV=uv
else
  UV=.tools/bin/uv
  if [ ! -x "$UV" ]; then
    echo "Installation de uv dans .tools / Installing uv into .tools" >&2
    if "$PYTHON" -m venv .tools >/dev/null 2>&1; then
      .tools/bin/python -m pip install -q --disable-pip-version-check uv
    elif "$PYTHON" -m pip --version >/dev/null 2>&1; then
      # Debian's python3 without python3-venv, but with pip.
      rm -rf .tools
      "$PYTHON" -m pip install -q --disable-pip-version-check --break-system-packages --prefix .tools uv 2>/dev/null ||
        "$PYTHON" -m pip install -q --disable-pip-version-check --prefix .tools uv
      [ -x "$UV" ] || { mkdir -p .tools/bin && ln -sf "$(find "$PWD/.tools" -name uv -type f -perm -u+x | head -n 1)" "$UV"; }
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      rm -rf .tools
      apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
      "$PYTHON" -m venv .tools && .tools/bin/python -m pip install -q --disable-pip-version-check uv
    else
      echo "Il manque le module venv de Python / Python's venv module is missing: sudo apt-get install python3-venv" >&2
      exit 1
    fi
  fi
fi

[ -x .venv/bin/python ] || "$UV" venv -q --python "$PYTHON" .venv
# Bytecode is made here and not at each start: half of a start would be spent on it where PYTHONDONTWRITEBYTECODE is set.
"$UV" pip sync -q --compile-bytecode --require-hashes requirements.lock
"$UV" pip install -q --no-deps --editable .
.venv/bin/python -m compileall -q src
