#!/bin/sh
# Makes a Docker daemon answer on this machine: installs Debian's or Ubuntu's
# docker.io where there is no dockerd, and starts it where none runs. Running it
# again changes nothing. Needs root, or sudo.
#
#   deploy/install-docker.sh
#
# DOCKERD_LOG   log of a daemon started without a service manager
# DOCKERD_WAIT  seconds to wait for the daemon to answer; 60
set -eu

log=${DOCKERD_LOG:-/var/log/dockerd.log}
patience=${DOCKERD_WAIT:-60}

say() { echo "install-docker: $*"; }
fail() { echo "install-docker: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Daemons live in sbin, which is not on the PATH of every user.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "$1 needs root: run this as root, or install sudo"
    fi
}

# The whole way, as the runtime goes it: client, socket, daemon.
answers() { docker version >/dev/null 2>&1; }
answers_root() { answers || as_root docker version >/dev/null 2>&1; }

install_docker() {
    if have dockerd && have docker; then
        say "docker is installed: $(docker --version)"
        return
    fi
    have apt-get || fail "there is no apt-get here: install Docker Engine by hand, see https://docs.docker.com/engine/install"
    say "installing docker.io with apt-get"
    as_root apt-get update -q
    packages=docker.io
    # Newer releases have the client in a package of its own.
    if apt-cache show docker-cli >/dev/null 2>&1; then
        packages="$packages docker-cli"
    fi
    # shellcheck disable=SC2086  # a list of package names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
}

start_docker() {
    if answers_root; then
        say "dockerd is running"
        return
    fi
    if [ -d /run/systemd/system ]; then
        say "starting dockerd with systemd"
        as_root systemctl start docker
        return
    fi
    # No service manager, as in most CI machines: the daemon gets a session of its
    # own, so that it outlives this script and its terminal.
    say "starting dockerd by itself, log in $log"
    as_root sh -c 'exec setsid dockerd >>"$1" 2>&1 </dev/null &' sh "$log"
}

wait_for_docker() {
    waited=0
    until answers_root; do
        if [ "$waited" -ge "$patience" ]; then
            if as_root test -f "$log"; then
                as_root tail -n 20 "$log" >&2
            fi
            fail "dockerd does not answer after $patience seconds"
        fi
        sleep 1
        waited=$((waited + 1))
    done
}

install_docker
start_docker
wait_for_docker
if answers; then
    say "Docker Engine $(docker version --format '{{.Server.Version}}') answers"
else
    say "dockerd answers to root only; for yourself: sudo usermod -aG docker $(id -un), then log in again"
fi
