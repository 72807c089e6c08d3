# The fast datapath on test hosts, driven by fastdp_host instead of a router. Sourced after host.bash.
#
#   fastdp_up HOST ID MODE     a host with a bridge, its datapath, and one container (10.32.0.ID) in a namespace "c"
#   tell HOST COMMAND...       a command of fastdp_host; its answer is printed
#   guest HOST CMD...          runs a command in the container
#   mesh HOST...               connects all to all, with the routes and floods of that topology (ids from fastdp_up)
FASTDP_HOST=${FASTDP_HOST:-$E2E_DIR/../../build/release/fastdp_host}

# The driver in its own session; its input is held open by a sleeping process, so that it ends with "quit" only.
fastdp_start() {
  local host=$1 id=$2 mode=$3
  on "$host" sh -c '
    rm -f /run/fd.in /run/fd.out; mkfifo /run/fd.in
    setsid sh -c "sleep 100000 >/run/fd.in & exec fastdp_host $1 $2 $3 </run/fd.in >/run/fd.out 2>/run/fd.err; kill \$!" >/dev/null 2>&1 &
  ' start "$id" "$(address_of "$host")" "$mode"
  eventually on "$host" grep -q ^mode /run/fd.out || { on "$host" cat /run/fd.err >&2; return 1; }
}

address_of() { on "$1" ip -4 -o addr show eth0 | awk '{sub("/.*", "", $4); print $4}'; }

fastdp_up() {
  local host=$1 id=$2 mode=$3
  [ -e "$E2E_STATE/$host.pid" ] || host_up "$host" --no-engine
  on "$host" sh -c 'cat >/usr/local/bin/fastdp_host; chmod +x /usr/local/bin/fastdp_host' <"$FASTDP_HOST"
  on "$host" sh -c '
    ip link add weave address $(printf 02:bb:00:00:00:%02x $(( $1 % 256 ))) type bridge
    ip link set weave mtu ${2:-1410} up' bridge "$id" "${MTU:-1410}"
  container_up "$host" c "$id"
  fastdp_start "$host" "$id" "$mode"
  echo "$id" >"$E2E_STATE/$host.id"
}

# container_up HOST NAME NUMBER: a namespace on the bridge with MAC 02:cc:00:00:00:N and address 10.32.0.N
container_up() {
  on "$1" sh -c '
    ip netns add $1; ip -n $1 link set lo up
    mtu=$(cat /sys/class/net/weave/mtu)
    ip link add vethwepl$1 mtu $mtu type veth peer name eth0 mtu $mtu address $(printf 02:cc:00:00:00:%02x $(( $2 % 256 ))) netns $1
    ip -n $1 addr add 10.32.0.$(( $2 % 256 ))/24 brd + dev eth0; ip -n $1 link set eth0 up
    ip link set vethwepl$1 master weave up' up "$2" "$3"
}

id_of() { cat "$E2E_STATE/$1.id"; }
guest() { local host=$1; shift; on "$host" ip netns exec c "$@"; }

tell() {
  local host=$1 before
  shift
  before=$(on "$host" sh -c 'wc -l </run/fd.out')
  on "$host" sh -c 'echo "$*" >/run/fd.in' tell "$@"
  if eventually on "$host" sh -c '[ "$(tail -n +$(($1 + 1)) /run/fd.out | tail -1)" = ok ]' tell "$before"; then
    on "$host" sh -c 'tail -n +$(($1 + 1)) /run/fd.out | grep -vx ok || :' tell "$before"
  else
    on "$host" sh -c 'cat /run/fd.err; tail -n +$(($1 + 1)) /run/fd.out' tell "$before" >&2
    return 1
  fi
}

mesh() {
  local a b
  for a; do
    for b; do [ "$a" = "$b" ] || tell "$a" connect "$(id_of "$b")" "$(address_of "$b")"; done
    tell "$a" flood "$(id_of "$a")" $(for b; do [ "$a" = "$b" ] || id_of "$b"; done)
    tell "$a" apply
  done
}
