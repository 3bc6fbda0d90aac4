# Shell functions shared by ./lateen and ./test. Sourced; expects $here to be the checkout.

fail() {
    printf 'Error: %s\n' "$1" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# become_root PROGRAM [ARG]...  hands over to the program, as root.
become_root() {
    if [ "$(id -u)" -eq 0 ]; then exec "$@"; fi
    command -v sudo >/dev/null 2>&1 || fail "this needs root, and there is no sudo: become root (su -), then run it again"
    exec sudo --preserve-env=XDG_STATE_HOME,LATEEN_NAME,NO_COLOR "$@"
}

# system_packages PROGRAM:PACKAGE...  installs the packages whose programs are missing.
system_packages() {
    missing=''
    for pair in "$@"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
    done
    "$(python_program)" -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null 2>&1 || fail "install these packages with your system's package manager:$missing"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 ||
        fail "packages are missing; as root run: apt-get install -y$missing"
    printf 'installing system packages:%s\n' "$missing" >&2
    # shellcheck disable=SC2086 # a list of package names
    as_root sh -c "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing" >/dev/null ||
        fail "could not install them; as root run: apt-get install -y$missing"
}

# python_program prints the first Python that is new enough.
python_program() {
    for candidate in python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return 0
        fi
    done
    fail "Python 3.11 or newer is needed; install it with: apt-get install -y python3 python3-venv"
}

# python_environment [EXTRA]  makes .venv, or brings it up to date when pyproject.toml has changed.
python_environment() {
    extra=${1:+[$1]}
    venv="$here/.venv"
    stamp="$venv/.installed$extra"
    if [ -e "$stamp" ] && cmp -s "$here/pyproject.toml" "$stamp"; then return 0; fi
    printf 'setting up %s (once, about a minute)\n' "$venv" >&2
    [ -x "$venv/bin/python" ] || "$(python_program)" -m venv "$venv"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check -e "$here$extra" ||
        fail "could not install the Python packages; see the messages above"
    cp "$here/pyproject.toml" "$stamp"
    if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ]; then chown -R "$SUDO_UID:${SUDO_GID:-0}" "$venv"; fi
}
