# Sleeve between hosts with whole routers and no fast datapath: encryption, relays, a cut link, and the path's MTU.
# Containers are namespaces at the bridge. What both overlays carry alike is in datapath.bats.
load host
load lib/fastdp

teardown() {
  if [ -n "${BATS_ERROR_STATUS:-}" ] && [ "$BATS_ERROR_STATUS" != 0 ]; then
    for h in h1 h2 h3; do
      [ -e "$E2E_STATE/$h.pid" ] || continue
      echo "-- $h"
      on $h sh -c 'weave status connections; weave report --json Router.OverlayDiagnostics; tail -20 /var/log/weave.log' || :
    done
  fi
  hosts_down
}

name_of() { echo "02:00:00:00:00:0$1"; }
# node N [OPTIONS AND PEERS...]: host hN with a router that has only sleeve, and a container c at 10.32.0.N
node() {
  local n=$1
  host_up "h$n" --no-engine
  launch "$@"
  container_up "h$n" c "$n"
}
launch() {
  local n=$1
  shift
  on "h$n" weave launch --docker-api= --plugin=false --no-dns --datapath=none --name="$(name_of "$n")" "$@" >/dev/null
}

# linked N M [TEXT]: the connection is established, with TEXT in its line, and frames are routed over it
linked() {
  eventually connected "$1" "$2" "${3:-sleeve}"
  eventually routed "$1" "$2" "$2"
}
connected() { on "h$1" weave status connections | grep "established .*$(name_of "$2")(h$2).*" | grep -q -- "$3"; }
# routed N M VIA: frames from host N for host M go to VIA first
routed() {
  on "h$1" weave report -f '{{range .Router.UnicastRoutes}}{{.Dest}} {{.Via}}{{"\n"}}{{end}}' |
    grep -q "^$(name_of "$2") $(name_of "$3")"
}
pings() { guest "h$1" ping -c 3 -i 0.2 -W 2 "${@:3}" "10.32.0.$2" | grep ' 0% packet loss'; }

# bulk FROM TO MB: random bytes through TCP, compared at the other end
bulk() {
  on "h$2" sh -c 'rm -f /run/got; (ip netns exec c socat -u TCP-LISTEN:7,reuseaddr - 2>/dev/null | md5sum >/run/sum; mv /run/sum /run/got) &'
  eventually guest "h$2" sh -c 'ss -ltn | grep ":7 "'
  on "h$1" sh -c 'head -c "$2"M /dev/urandom | tee /run/blob | ip netns exec c socat -u - TCP:10.32.0.$1:7; md5sum </run/blob >/run/sent; rm /run/blob' bulk "$2" "$3"
  eventually on "h$2" test -e /run/got
  is "$(on "h$1" cat /run/sent)" "$(on "h$2" cat /run/got)"
}

# capture N: $BATS_TEST_TMPDIR/seen is what passes at the host while its container is pinged
capture() {
  on "h$1" sh -c 'rm -f /run/capture /run/tcpdump; tcpdump -Z root --immediate-mode -qni eth0 -s0 -w /run/capture udp >/run/tcpdump 2>&1 & echo $! >/run/tcpdump.pid'
  eventually on "h$1" grep -q "listening on" /run/tcpdump
  pings 1 "$1" -p 5345435245545f5445585421
  on "h$1" sh -c 'kill -INT $(cat /run/tcpdump.pid); while kill -0 $(cat /run/tcpdump.pid) 2>/dev/null; do sleep 0.02; done'
  on "h$1" cat /run/capture >"$BATS_TEST_TMPDIR/seen"
}

@test "with a password nothing that containers send can be read on the way, without one it can" {
  node 1 --password secret
  node 2 --password secret "$E2E_UNDERLAY.11"
  linked 1 2 'encrypted.*mtu=1414'
  linked 2 1 'encrypted.*mtu=1414'
  capture 2
  refute grep -qa SECRET_TEXT "$BATS_TEST_TMPDIR/seen"
  pings 2 1 -s 60000
  bulk 1 2 32
  bulk 2 1 32
  on h1 weave stop
  on h2 weave stop
  launch 1
  launch 2 "$E2E_UNDERLAY.11"
  linked 1 2 mtu=1438
  linked 2 1 mtu=1438
  capture 2
  grep -qa SECRET_TEXT "$BATS_TEST_TMPDIR/seen"
}

@test "a host that is not connected is reached over a relay" {
  node 1 --no-discovery
  node 2 --no-discovery "$E2E_UNDERLAY.11"
  on h1 ip route add blackhole "$E2E_UNDERLAY.13"
  node 3 --no-discovery "$E2E_UNDERLAY.12"
  linked 2 1
  linked 2 3
  eventually routed 1 3 2
  eventually routed 3 1 2
  pings 1 3
  pings 3 1 -s 60000
  bulk 1 3 16
  matches "$(on h2 weave report -f '{{.Router.OverlayDiagnostics.sleeve.Relayed.Packets}}')" '^[1-9]'
}

@test "when a link is cut its frames take another route" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  node 3 "$E2E_UNDERLAY.11" "$E2E_UNDERLAY.12"
  linked 1 3
  linked 1 2
  linked 2 3
  pings 1 3
  on h1 iptables -A INPUT -s "$E2E_UNDERLAY.13" -j DROP
  on h1 iptables -A OUTPUT -d "$E2E_UNDERLAY.13" -j DROP
  on h1 ss -K dst "$E2E_UNDERLAY.13" >/dev/null
  on h3 ss -K dst "$E2E_UNDERLAY.11" >/dev/null
  eventually routed 1 3 2
  eventually guest h1 ping -c 1 -W 1 10.32.0.3
  bulk 3 1 16
}

@test "a path narrower than its first hop: senders learn its MTU, and a stream passes" {
  host_up h1 --no-engine
  host_up h2 --no-engine
  on h2 ip link set eth0 mtu 1300
  on h1 ip route add "$E2E_UNDERLAY.12" dev eth0 mtu lock 1300
  launch 1
  launch 2 --mtu 9000 "$E2E_UNDERLAY.11"
  for n in 1 2; do container_up h$n c $n; done
  linked 1 2 mtu=1238
  run guest h1 ping -c 2 -i 0.2 -W 2 -M do -s 1300 10.32.0.2
  matches "$output" 'mtu ?= ?1238'
  guest h1 ping -c 1 -W 2 -M do -s 1210 10.32.0.2
  guest h1 ping -c 1 -W 2 -s 8000 10.32.0.2
  bulk 1 2 16
  bulk 2 1 16
}
