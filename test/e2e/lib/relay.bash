# Lines of hosts, each connected to its neighbours only, and packets of all sizes between all of them. Sourced after
# host.bash and fastdp.bash.
#
#   line OPTIONS KIND...     the hosts h1, h2, ... with a container each; kinds:
#     s  sleeve only, containers with an MTU of 65535, as Weave Net's without Open vSwitch
#     d  fast datapath, direct         b  fast datapath, every frame crosses the bridge         n  sleeve only, our MTU
#     g  Weave Net's router, WEAVER_BIN: sleeve only
#   all_sizes                packets with and without "don't fragment" between all: one arrives, or its sender is told of
#                            the path's MTU; none vanishes
#   groups FROM TO           multicast packets with "don't fragment" arrive
SIZES="56 1000 1390 1405 1425 1500 3000 9000"

launch() {  # NUMBER KIND OPTION...
  local host=h$1 kind=$2
  shift 2
  local common="--no-discovery --nickname=$host --docker-api= --ipalloc-range=10.44.0.0/16 --http-addr=127.0.0.1:6784"
  case $kind in
    s) on "$host" weave launch $common --plugin=false --no-dns --datapath=none --mtu=65535 "$@" ;;
    n) on "$host" weave launch $common --plugin=false --no-dns --datapath=none "$@" ;;
    d) on "$host" weave launch $common --plugin=false --no-dns "$@" ;;
    b) on "$host" weave launch $common --plugin=false --no-dns --datapath=bridge "$@" ;;
    g)
      on "$host" sh -c 'cat >/usr/local/bin/weaver; chmod +x /usr/local/bin/weaver; mkdir -p /var/lib/weave' <"$WEAVER_BIN"
      on "$host" sh -c 'setsid weaver --no-fastdp --no-dns --datapath=datapath --db-prefix=/var/lib/weave/weave \
        --dns-listen-address=127.0.0.1:53 "$@" </dev/null >/run/weaver.log 2>&1 &' weaver $common "$@"
      ;;
  esac >/dev/null
}

established() { on "$1" sh -c 'curl -s --max-time 2 127.0.0.1:6784/status/connections' | grep -c ' established '; }
has_established() { [ "$(established "$1")" = "$2" ]; }

line() {  # OPTIONS KIND...
  local options=$1 i=0 kind
  shift
  COUNT=$#
  for kind; do
    i=$((i + 1))
    host_up h$i --no-engine
    if [ $i = 1 ]; then launch $i "$kind" $options; else launch $i "$kind" $options "$E2E_UNDERLAY.$((9 + i))"; fi
  done
  for ((i = 1; i <= COUNT; i++)); do
    eventually has_established h$i $((i == 1 || i == COUNT ? 1 : 2))
    container_up h$i c $i
  done
  for ((i = 2; i <= COUNT; i++)); do eventually guest h1 ping -c 1 -W 1 10.32.0.$i; done
}

# passes HOST ADDRESS SIZE [-M do]: a packet of SIZE bytes is answered, or, with "don't fragment", refused with the MTU
passes() {
  local host=$1 address=$2 size=$3 out try
  shift 3
  for try in 1 2 3; do
    if out=$(guest "$host" ping -c 1 -W 1 -s $((size - 28)) "$@" "$address" 2>&1); then return 0; fi
    [[ "$*" != *do* || $out != *mtu* ]] || return 0
  done
  echo "lost: $host -> $address size=$size $* ($out)" >&2
  return 1
}

from_host() {  # NUMBER: all sizes to all others
  local to size bad=0
  for ((to = 1; to <= COUNT; to++)); do
    [ $1 != $to ] || continue
    for size in $SIZES; do
      passes h$1 10.32.0.$to "$size" || bad=1
      passes h$1 10.32.0.$to "$size" -M do || bad=1
    done
  done
  return $bad
}

all_sizes() {
  local from jobs=() job bad=0
  for ((from = 1; from <= COUNT; from++)); do
    from_host $from 3>&- &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait $job || bad=1; done
  return $bad
}

# groups FROM TO: multicast packets with "don't fragment" arrive, up to the sender's MTU. Without UDP checksums (option 11,
# SO_NO_CHECK): Weave Net would need checksum offload to be off in its containers.
groups() {
  local size
  for size in 1000 1390 1425; do
    guest h$2 sh -c 'timeout 5 socat -u UDP4-RECV:5000,ip-add-membership=239.1.1.1:eth0 - >/run/group 2>/dev/null &'
    for try in 1 2 3; do
      sleep 0.3
      guest h$1 sh -c "head -c $((size - 28)) /dev/zero | socat -b 65536 -u - UDP4-DATAGRAM:239.1.1.1:5000,ip-multicast-if=10.32.0.$1,ip-mtu-discover=2,setsockopt-int=1:11:1"
    done
    [ "$(on h$2 stat -c %s /run/group)" -ge $((size - 28)) ] || { echo "lost: multicast h$1 -> h$2 size=$size" >&2; return 1; }
  done
}
