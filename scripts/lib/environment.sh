# Sourced by the scripts beside this folder: finds Python, makes the virtual environment and
# installs featlearn into it. Works with bash 3.2, and needs nothing but Python and pip.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Make a path absolute, since the scripts change the folder.
absolute() {
    case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s' "$PWD/$1" ;;
    esac
}

venv=$(absolute "${FEATLEARN_VENV:-$root/.venv}")
FEATLEARN_DATA=$(absolute "${FEATLEARN_DATA:-$root/data}")
export FEATLEARN_DATA
unset PYTHONPATH # modules from there would stand in for what is installed and tested
pytorch_cpu_index=https://download.pytorch.org/whl/cpu
pip_options=(--disable-pip-version-check --no-input --constraint "$root/constraints.txt")

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "$(basename "$0"): $*"
    exit 1
}

# Take PyTorch's CPU build in every install that follows.
use_cpu_build() {
    pip_options+=(--extra-index-url "$pytorch_cpu_index")
    cpu_build=yes
}

# Say how much a first installation downloads ($1: megabytes of everything but PyTorch).
download_size() {
    if [ "${cpu_build:-no}" = yes ] || [ "$(uname -s)" != Linux ]; then
        printf 'about %s MB' $(($1 + 200))
    else
        printf 'about 3 GB with the CUDA build of PyTorch, or %s MB with --cpu' $(($1 + 200))
    fi
}

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' >/dev/null 2>&1
}

# Print the Python to use: $PYTHON if it is set, else the first that is recent enough.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        recent_enough "$PYTHON" ||
            fail "PYTHON names $PYTHON, which is not a Python 3.11.4 or later; name another, or unset it."
        printf '%s\n' "$PYTHON"
        return
    fi
    local candidate
    for candidate in python3 python3.11 python3.12 python3.13 python3.14 python; do
        if recent_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no Python 3.11.4 or later found; install one, or name it: PYTHON=/path/to/python3 $0"
}

# Make the virtual environment $1 unless it is there.
make_venv() {
    local folder=$1 python
    if [ -x "$folder/bin/python" ] && "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
        recent_enough "$folder/bin/python" ||
            fail "the environment $folder has a Python before 3.11.4; remove it, or set FEATLEARN_VENV."
        return
    fi
    if [ -d "$folder" ] && [ ! -e "$folder/pyvenv.cfg" ] && [ -n "$(ls -A "$folder")" ]; then
        fail "$folder is not a virtual environment and not empty; set FEATLEARN_VENV to another folder."
    fi
    python=$(find_python)
    say "Making the virtual environment $folder"
    "$python" -m venv "$folder" >/dev/null 2>&1 && return
    # Debian splits ensurepip off its Python; the pip that is there can fill the environment.
    { "$python" -m venv --clear --without-pip "$folder" &&
        "$python" -m pip --python "$folder/bin/python" install --quiet pip; } ||
        fail "$python could not make a virtual environment in $folder (Debian: apt-get install python3-venv)."
}

# Install this checkout, editable, into the environment ($1: its extras, as in "dev,track").
# All that is said on the way is for people: standard output is the commands'.
install_checkout() {
    local extras=${1:+[$1]} quiet=()
    make_venv "$venv"
    if [ -x "$venv/bin/featlearn" ]; then
        quiet=(--quiet)
    fi
    say "Installing featlearn${extras} and what it needs into $venv"
    # The build tool is pinned and installed too, so that a second run needs no network.
    "$venv/bin/python" -m pip install "${pip_options[@]}" --quiet setuptools
    "$venv/bin/python" -m pip install "${pip_options[@]}" ${quiet[@]+"${quiet[@]}"} \
        --no-compile --no-build-isolation --editable "$root$extras"
    # What pip would compile on one core, for a minute. Templates that packages bring with them
    # and that are no Python are passed over, as pip does.
    "$venv/bin/python" -m compileall -qq -j 0 "$venv"/lib/python*/site-packages || :
} >&2
