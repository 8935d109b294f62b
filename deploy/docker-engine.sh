#!/usr/bin/env bash
# A Docker engine of one's own for tests, which leaves the machine as it was. Linux, as root. Usage:
#
#   deploy/docker-engine.sh install       what is missing of docker.io, docker-compose, iproute2, iptables, curl, util-linux
#   deploy/docker-engine.sh start DIR     starts an engine; all that it keeps is in DIR, its socket is DIR/docker.sock
#   deploy/docker-engine.sh enter DIR COMMAND...
#                                         runs a command in the engine's network, where its published ports are
#   deploy/docker-engine.sh stop DIR      ends it, with every container, and removes DIR
#
# An engine makes a bridge, rewrites packet filters, turns on forwarding, and mounts. This one has a network and a mount
# namespace of its own, so these are its own too, and they end with it. So do its containers' addresses and ports: nothing
# that runs on the machine is disturbed, and nothing out there can reach them.
set -euo pipefail

fail() {
  echo "docker-engine: $*" >&2
  exit 1
}

install() {
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v docker-compose >/dev/null || missing+=(docker-compose)
  command -v ip >/dev/null || missing+=(iproute2)
  command -v iptables >/dev/null || missing+=(iptables)
  command -v curl >/dev/null || missing+=(curl)
  command -v unshare >/dev/null && command -v nsenter >/dev/null || missing+=(util-linux)
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || fail "${missing[*]} must be installed, and there is no apt-get; install them by hand"
  apt-get update -qq
  # A package must not start an engine of the machine's own.
  local hold=/usr/sbin/policy-rc.d made=""
  if [[ ! -e $hold ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$hold"
    chmod 755 "$hold"
    made=yes
  fi
  local code=0
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" || code=$?
  if [[ -n $made ]]; then rm -f "$hold"; fi
  return "$code"
}

engine_of() {
  local pid
  pid=$(cat "$1/dockerd.pid" 2>/dev/null) || return 1
  # A number may be another process's by now.
  [[ $pid =~ ^[0-9]+$ && $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]] || return 1
  echo "$pid"
}

start() {
  local dir=$1
  [[ $(id -u) == 0 ]] || fail "an engine needs root"
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  if engine_of "$dir" >/dev/null; then fail "one runs in $dir already"; fi
  local prepare='ip link set lo up && exec dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/dockerd.pid" --host "unix://$1/docker.sock"'
  setsid unshare --net --mount --propagation private bash -c "$prepare" dockerd "$dir" >"$dir/log" 2>&1 </dev/null &
  local started=$!
  for _ in $(seq 120); do
    if DOCKER_HOST=unix://$dir/docker.sock docker version >/dev/null 2>&1; then
      echo "unix://$dir/docker.sock"
      return
    fi
    kill -0 "$started" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$dir/log" >&2
  stop "$dir"
  fail "the engine did not start within 60 s"
}

enter() {
  local dir=$1 pid
  shift
  pid=$(engine_of "$dir") || fail "none runs in $dir"
  exec nsenter --target "$pid" --net -- "$@"
}

# stop ends containers first: an engine that ends leaves those that restart by themselves.
stop() {
  local dir=$1 pid containers
  if pid=$(engine_of "$dir"); then
    containers=$(DOCKER_HOST=unix://$dir/docker.sock docker ps --all --quiet 2>/dev/null || true)
    if [[ -n $containers ]]; then
      # shellcheck disable=SC2086 # one word for each container
      DOCKER_HOST=unix://$dir/docker.sock docker rm --force --volumes $containers >/dev/null
    fi
    kill -TERM "$pid"
    for _ in $(seq 120); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.5
    done
    kill -0 "$pid" 2>/dev/null && fail "the engine $pid does not end"
  fi
  rm -rf "$dir"
  # Groups of containers that are gone; those of another engine are not empty, and stay.
  find /sys/fs/cgroup -depth -type d -path '*/docker*' -exec rmdir {} + 2>/dev/null || true
}

case "${1:-} $#" in
  "install 1") install ;;
  "start 2") start "$2" ;;
  "stop 2") stop "$2" ;;
  "enter "*) (($# > 2)) || fail "enter DIR COMMAND..."; shift; enter "$@" ;;
  *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
