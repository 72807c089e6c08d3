# Sleeve's data path on real devices: hosts with a bridge, "containers" that are namespaces at the bridge, and the frames
# that a mesh node's sleeve carries between them. The node is sleeve_node, so that nothing else of a router takes part.
load host

WEAVE_BIN=${SLEEVE_NODE:-$(dirname "$WEAVE_BIN")/sleeve_node}  # in the hosts it is called weave

setup() {
  [ -x "$WEAVE_BIN" ] || skip "no $WEAVE_BIN"
}

teardown() {
  if [ -n "${BATS_ERROR_STATUS:-}" ] && [ "$BATS_ERROR_STATUS" != 0 ]; then
    for h in h1 h2 h3; do echo "-- $h"; on $h cat /run/report /run/log 2>/dev/null || :; done
  fi
  hosts_down
}

# node_host N [ARGS...]: a host with a bridge, a container c at 10.32.0.N, and a node with that number
node_host() {
  local n=$1
  shift
  host_up "h$n" --no-engine
  on "h$n" sh -ec "
    ip link add weave type bridge forward_delay 0
    ip link set weave address 02:00:00:00:00:0$n mtu ${MTU:-1410} up
    ip netns add c
    ip link add veth0 mtu ${MTU:-1410} type veth peer name eth0 mtu ${MTU:-1410} netns c
    ip link set veth0 master weave up
    ip -n c link set lo up
    ip -n c link set eth0 up
    ip -n c addr add 10.32.0.$n/16 dev eth0"
  node_up "$n" "$@"
}

node_up() {
  local n=$1
  shift
  on "h$n" sh -c 'nohup "$@" >/run/log 2>&1 & echo $! >/run/pid' sh weave "02:00:00:00:00:0$n" weave --report /run/report "$@"
}

# node_down N: returns when the node has let go of its port
node_down() { on "h$1" sh -c 'kill $(cat /run/pid); while kill -0 $(cat /run/pid) 2>/dev/null; do sleep 0.02; done; rm /run/report'; }

# reports N PATTERN: the node's report has such a line
reports() { on "h$1" grep -q "$2" /run/report; }
# linked N M [MTU]: the connection is up, how large frames may be is known, and both agree to use it, which takes a second
linked() {
  eventually reports "$1" "connection 02:00:00:00:00:0$2 established sleeve ${3:-[0-9]*}"
  eventually reports "$1" "route 02:00:00:00:00:0$2 02"
}
in_c() {
  local n=$1
  shift
  on "h$n" ip netns exec c "$@"
}

# bulk FROM TO MB: random bytes through TCP, compared at the other end
bulk() {
  local sums
  on "h$2" sh -c 'rm -f /run/received; tail -f /dev/null | ip netns exec c busybox nc -l -p 9 >/run/received 2>/dev/null &'
  eventually in_c "$2" sh -c 'ss -ltn | grep -q :9'
  on "h$1" sh -c "head -c $3M /dev/urandom >/run/sent"
  in_c "$1" sh -c "busybox nc 10.32.0.$2 9 </run/sent"
  sums=$(on "h$1" md5sum </dev/null /run/sent | cut -d' ' -f1)
  eventually on "h$2" sh -c "md5sum /run/received | grep -q ^$sums"
}

@test "containers on two hosts meet: ping, fragments, a TCP stream, broadcasts" {
  node_host 1
  node_host 2 10.99.0.11
  linked 1 2 1438
  linked 2 1 1438
  in_c 1 ping -c 3 -i 0.2 -W 2 10.32.0.2
  in_c 2 ping -c 2 -i 0.2 -W 2 -s 60000 10.32.0.1
  bulk 1 2 64
  bulk 2 1 64
  # asked by broadcast, answered by unicast
  in_c 1 ip neigh flush dev eth0
  in_c 1 ping -c 1 -W 2 10.32.0.2
  in_c 1 ip neigh show 10.32.0.2 | grep -q lladdr
}

# capture N: $BATS_TEST_TMPDIR/seen is what passes at the host while its container is pinged
capture() {
  on "h$1" sh -c 'rm -f /run/capture /run/tcpdump; tcpdump -Z root --immediate-mode -qni eth0 -s0 -w /run/capture udp >/run/tcpdump 2>&1 & echo $! >/run/tcpdump.pid'
  eventually on "h$1" grep -q "listening on" /run/tcpdump
  in_c 1 ping -c 3 -i 0.2 -W 2 -p 5345435245545f5445585421 "10.32.0.$1"
  on "h$1" sh -c 'kill -INT $(cat /run/tcpdump.pid); while kill -0 $(cat /run/tcpdump.pid) 2>/dev/null; do sleep 0.02; done'
  on "h$1" cat /run/capture >"$BATS_TEST_TMPDIR/seen"
}

@test "the same encrypted, and nothing of it can be read on the way" {
  node_host 1 --password secret
  node_host 2 --password secret 10.99.0.11
  linked 1 2 1414
  linked 2 1 1414
  capture 2
  refute grep -qa SECRET_TEXT "$BATS_TEST_TMPDIR/seen"
  in_c 2 ping -c 2 -i 0.2 -W 2 -s 60000 10.32.0.1
  bulk 1 2 32
  bulk 2 1 32
  # in clear it can, so the test would see it
  node_down 1
  node_down 2
  node_up 1
  node_up 2 10.99.0.11
  linked 1 2 1438
  linked 2 1 1438
  capture 2
  grep -qa SECRET_TEXT "$BATS_TEST_TMPDIR/seen"
}

@test "a host that the others don't reach is reached over a relay" {
  node_host 1 --no-discovery
  node_host 2 --no-discovery 10.99.0.11
  on h1 ip route add blackhole 10.99.0.13
  node_host 3 --no-discovery 10.99.0.12
  linked 2 1
  linked 2 3
  eventually reports 1 "route 02:00:00:00:00:03 02:00:00:00:00:02"
  eventually reports 3 "route 02:00:00:00:00:01 02:00:00:00:00:02"
  in_c 1 ping -c 3 -i 0.2 -W 2 10.32.0.3
  in_c 3 ping -c 2 -i 0.2 -W 2 -s 60000 10.32.0.1
  bulk 1 3 16
  reports 2 "relayed [1-9]"
}

@test "when a link is cut its frames take another way" {
  node_host 1
  node_host 2 10.99.0.11
  node_host 3 10.99.0.11 10.99.0.12
  linked 1 3
  linked 1 2
  linked 2 3
  eventually reports 1 "route 02:00:00:00:00:03 02:00:00:00:00:03"
  in_c 1 ping -c 2 -i 0.2 -W 2 10.32.0.3
  on h1 iptables -A INPUT -s 10.99.0.13 -j DROP
  on h1 iptables -A OUTPUT -d 10.99.0.13 -j DROP
  on h1 ss -K dst 10.99.0.13 >/dev/null
  on h3 ss -K dst 10.99.0.11 >/dev/null
  eventually reports 1 "route 02:00:00:00:00:03 02:00:00:00:00:02"
  eventually in_c 1 ping -c 1 -W 1 10.32.0.3
  bulk 3 1 16
}

@test "a path narrower than its first hop: senders learn its MTU, and a stream passes" {
  node_host 1
  MTU=9000 node_host 2 10.99.0.11
  on h2 ip link set eth0 mtu 1300
  on h1 ip route add 10.99.0.12 dev eth0 mtu lock 1300
  node_down 1
  node_down 2
  node_up 1
  node_up 2 10.99.0.11
  linked 1 2 1238
  run in_c 1 ping -c 2 -i 0.2 -W 2 -M do -s 1300 10.32.0.2
  [[ $output == *"mtu = 1238"* || $output == *"mtu=1238"* ]]
  in_c 1 ping -c 1 -W 2 -M do -s 1210 10.32.0.2
  in_c 1 ping -c 1 -W 2 -s 8000 10.32.0.2
  bulk 1 2 16
  bulk 2 1 16
}

@test "the port is one router's" {
  node_host 1
  eventually reports 1 captured
  run on h1 weave 02:00:00:00:00:09 weave
  fails_with 1 "in use"
}
