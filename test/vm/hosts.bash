# Hosts inside the virtual machine: a network and a mount namespace each, on a bridge whose traffic can be captured.
# Sourced, never run.
#
#      h1 eth0 10.99.0.1 ──┬─ bridge "underlay" of the machine; its ports are named as the hosts
#      h2 eth0 10.99.0.2 ──┘
#
#   host_up NAME N          a host with address 10.99.0.N, /run and BPF file system of its own, and a bridge "weave"
#   container_up NAME N     a namespace "c" on the host's bridge, 10.32.0.N
#   on NAME CMD...          runs a command on the host; guest NAME CMD... in its container
#   eventually CMD...       waits until a command succeeds, a minute at most: emulation is slow
#   check NAME FUNCTION...  a test: it passes if none of the function's commands fails, and what they print is shown;
#                           "checked" prints "N passed, N failed"
NAMESPACES=/run/hosts
PASSED=0 FAILED=0

underlay_up() {
  modprobe -a bridge veth vxlan esp4 xfrm_user cls_bpf sch_ingress tun
  mkdir -p $NAMESPACES
  mount --bind $NAMESPACES $NAMESPACES
  mount --make-private $NAMESPACES
  ip link add underlay type bridge
  ip link set underlay up
}

host_up() {
  touch $NAMESPACES/$1.net $NAMESPACES/$1.mnt
  unshare --net=$NAMESPACES/$1.net --mount=$NAMESPACES/$1.mnt true
  on "$1" sh -c 'mount -t sysfs sys /sys && mount -t bpf bpf /sys/fs/bpf && mount -t tmpfs run /run && ip link set lo up'
  ip link add "$1" type veth peer name eth0 netns $NAMESPACES/$1.net
  ip link set "$1" master underlay up
  on "$1" ip addr add 10.99.0.$2/24 dev eth0
  on "$1" ip link set eth0 up
  on "$1" sh -c 'ip link add weave address $(printf 02:bb:00:00:00:%02x $1) type bridge; ip link set weave mtu 1376 up' - "$2"
}

container_up() {
  on "$1" sh -c '
    ip netns add c; ip -n c link set lo up
    ip link add vethweplc mtu 1376 type veth peer name eth0 mtu 1376 address $(printf 02:cc:00:00:00:%02x $1) netns c
    ip -n c addr add 10.32.0.$1/24 brd + dev eth0; ip -n c link set eth0 up
    ip link set vethweplc master weave up' - "$2"
}

on() {
  local host=$1
  shift
  nsenter --net=$NAMESPACES/$host.net --mount=$NAMESPACES/$host.mnt -- "$@"
}
guest() { local host=$1; shift; on "$host" ip netns exec c "$@"; }

eventually() {
  local end=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "never came true: $*"; "$@"; return 1; }
    sleep 0.1
  done
}

check() {
  local name=$1 said status
  shift
  said=$(set -e; "$@" 2>&1)
  status=$?
  if [ $status = 0 ]; then
    PASSED=$((PASSED + 1))
    echo "ok - $name (at $SECONDS s)"
  else
    FAILED=$((FAILED + 1))
    echo "not ok - $name (at $SECONDS s)"
  fi
  [ -z "$said" ] || sed 's/^/     /' <<<"$said"
}
checked() { echo "$PASSED passed, $FAILED failed"; [ $FAILED = 0 ]; }
