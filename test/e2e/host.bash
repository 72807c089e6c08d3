# Test hosts: namespaces with a Docker Engine each, joined by a bridge, gone without a trace. Sourced, never run.
#
#   host_up NAME [--no-engine]   makes a host, with a dockerd unless told otherwise
#   on NAME CMD...               runs a command inside
#   host_down NAME               ends it; hosts_down ends all of the run and the underlay
#   engine_start|engine_stop NAME
#   crash NAME                   kills all processes of weave at once
#   eventually CMD...            waits until a command succeeds, WITHIN (30) seconds at most: so long only when it never does
#
# A host has its own network, mount, process, IPC and UTS namespaces. Its root is a copy-on-write view of the machine's
# (an overlay whose upper part is memory), so all that it writes goes with it. Its first process is the only pid kept:
# when that dies, the kernel ends all others of the host, and with the last one go the mounts and the network.
#
#      h1 eth0 10.99.0.11 ──┐
#      h2 eth0 10.99.0.12 ──┴─ bridge 10.99.0.1 in a namespace of its own: gateway and resolver (*.example.test)
#
# Everything bears the run's id (E2E_RUN), so that several runs on one machine don't meet.

E2E_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
WEAVE_BIN=${WEAVE_BIN:-$E2E_DIR/../../build/release/weave}
export E2E_RUN=${E2E_RUN:-$$-$RANDOM}
E2E_STATE=${TMPDIR:-/tmp}/weave-e2e-$E2E_RUN
E2E_UNDERLAY=10.99.0
HOST_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Debian's Docker Engine, unpacked by .ci/setup beside another one that the machine has.
E2E_ENGINE=$(readlink -m "$E2E_DIR/../../build/engine")
[ ! -d "$E2E_ENGINE" ] || HOST_PATH=$E2E_ENGINE/usr/sbin:$E2E_ENGINE/usr/bin:$HOST_PATH

. "$E2E_DIR/lib/assert.bash"

e2e_fail() { echo "e2e: $*" >&2; return 1; }

# A pid is kept with its start time, so that it can't be mistaken for a later process of the same number.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
pid_keep() { echo "$2 $(start_time "$2")" >"$E2E_STATE/$1.pid"; }
pid_of() {
  local pid start
  read -r pid start 2>/dev/null <"$E2E_STATE/$1.pid" || return 1
  [ "$(start_time "$pid")" = "$start" ] && echo "$pid"
}

# namespace_up NAME UNSHARE-OPTIONS... -- PROGRAM ARGS...: starts PROGRAM as first process of new namespaces, returns
# when it has written "ready" to descriptor 9.
namespace_up() {
  local name=$1 fifo=$E2E_STATE/$1.ready parent line=
  shift
  mkfifo "$fifo"
  setsid unshare --fork --kill-child --pid --mount-proc --net "$@" </dev/null >"$E2E_STATE/$name.log" 2>&1 3>&- 9>"$fifo" &
  parent=$!
  disown $parent
  read -r line <"$fifo" || true  # end of file when the program failed
  rm -f "$fifo"
  [ "$line" = ready ] || { cat "$E2E_STATE/$name.log" >&2; e2e_fail "$name: no namespace"; return 1; }
  pid_keep "$name" "$(pgrep -P $parent)"
}

namespace_down() {
  local pid i
  if pid=$(pid_of "$1"); then
    kill -KILL "$pid"
    for ((i = 0; i < 500; i++)); do
      [ "$(start_time "$pid")" ] || break
      sleep 0.02
    done
  fi
  rm -f "$E2E_STATE/$1".*
}

underlay_up() {
  [ ! -e "$E2E_STATE/underlay.pid" ] || return 0
  namespace_up underlay -- "$E2E_DIR/lib/underlay-init" "$E2E_UNDERLAY" "$E2E_STATE"
}

host_up() {
  local name=$1 n pid
  [ "$(id -u)" = 0 ] || { e2e_fail "must be root"; return 1; }
  mkdir -p "$E2E_STATE"
  [ ! -e "$E2E_STATE/$name.pid" ] || { e2e_fail "$name is up already"; return 1; }
  exec 8>"$E2E_STATE/lock"
  flock 8
  underlay_up 8>&- || return 1
  n=$(cat "$E2E_STATE/count" 2>/dev/null || echo 10)
  echo $((n + 1)) >"$E2E_STATE/count"
  "$E2E_DIR/lib/images" "$E2E_STATE" 8>&- || return 1
  exec 8>&-
  namespace_up "$name" --mount --uts --ipc -- \
    "$E2E_DIR/lib/host-init" "$name" "$E2E_STATE" "$E2E_UNDERLAY.1" "weave-e2e-$E2E_RUN/$name" "$WEAVE_BIN" || return 1
  pid=$(pid_of "$name")
  nsenter -t "$(pid_of underlay)" -n ip link add "$name" master underlay up type veth peer name eth0 netns "$pid"
  nsenter -t "$pid" -n ip addr add "$E2E_UNDERLAY.$((n + 1))/24" dev eth0
  nsenter -t "$pid" -n ip link set eth0 up
  nsenter -t "$pid" -n ip route add default via "$E2E_UNDERLAY.1"
  [ "${2:-}" = --no-engine ] && return 0
  engine_start "$name" && on "$name" host-images
}

on() {
  local pid name=$1
  shift
  pid=$(pid_of "$name") || { e2e_fail "$name is not up"; return 1; }
  nsenter -t "$pid" -m -u -i -n -p --wdns=/root -- \
    env -i HOME=/root LANG=C.UTF-8 TERM=dumb PATH="$HOST_PATH" "$@" 3>&-
}

# They are stopped first: router and monitor start each other again when one sees the other die.
crash() { on "$1" sh -c 'pkill -STOP -x weave; pkill -KILL -x weave'; }

engine_start() { on "$1" host-engine start; }
engine_stop() { on "$1" host-engine stop; }

host_down() {
  local h
  namespace_down "$1"
  for h in /sys/fs/cgroup/*/"weave-e2e-$E2E_RUN/$1" "/sys/fs/cgroup/weave-e2e-$E2E_RUN/$1"; do
    [ ! -d "$h" ] || eventually find "$h" -depth -type d -exec rmdir {} +
  done
}

hosts_down() {
  local f name h
  [ -d "$E2E_STATE" ] || return 0
  for f in "$E2E_STATE"/*.pid; do
    [ -e "$f" ] || continue
    name=$(basename "$f" .pid)
    [ "$name" = underlay ] || host_down "$name"
  done
  namespace_down underlay
  for h in /sys/fs/cgroup/*/"weave-e2e-$E2E_RUN" "/sys/fs/cgroup/weave-e2e-$E2E_RUN"; do
    [ ! -d "$h" ] || rmdir "$h"
  done
  rm -rf "$E2E_STATE"
}

eventually() {
  local end=$((SECONDS + ${WITHIN:-30}))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { e2e_fail "never came true: $*"; "$@"; return 1; }
    sleep 0.05
  done
}
