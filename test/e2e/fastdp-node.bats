# The fast datapath under a mesh node, without the rest of a router (build/release/fastdp_node, or FASTDP_NODE): it is
# negotiated, chosen, given up and taken up again; a router's restart costs no packet.
load host
load lib/fastdp
FASTDP_NODE=${FASTDP_NODE:-$E2E_DIR/../../build/release/fastdp_node}

setup() { [ -x "$FASTDP_NODE" ] || skip "no $FASTDP_NODE"; }
teardown() { hosts_down; }

# node_host HOST ID: a host with bridge and container, and the program
node_host() {
  host_up "$1" --no-engine
  on "$1" sh -c 'cat >/usr/local/bin/fastdp_node; chmod +x /usr/local/bin/fastdp_node' <"$FASTDP_NODE"
  on "$1" sh -c 'ip link add weave address $(printf 02:bb:00:00:00:%02x $1) type bridge; ip link set weave mtu 1410 up' x "$2"
  container_up "$1" c "$2"
}

# node_start HOST ID MODE PASSWORD TARGETS...
node_start() {
  local host=$1
  shift
  on "$host" sh -c '
    rm -f /run/connections
    name=$(printf 02:00:00:00:00:%02x $1); shift
    setsid fastdp_node $name "$@" >/run/node.log 2>&1 &
    echo $! >/run/node.pid' start "$@"
  eventually on "$host" test -e /run/connections || { on "$host" cat /run/node.log >&2; return 1; }
}
node_stop() { on "$1" sh -c 'kill $(cat /run/node.pid); while [ -e /proc/$(cat /run/node.pid) ]; do sleep 0.02; done'; }
uses() { on "$1" grep -q "^established $2 " /run/connections; }

pair() {  # MODE PASSWORD
  node_host h1 17
  node_host h2 18
  node_start h1 17 "$1" "$2"
  node_start h2 18 "$1" "$2" "$(address_of h1)"
}

@test "two nodes agree on the fast datapath, and their containers reach each other" {
  for mode in direct bridge; do
    pair $mode -
    eventually uses h1 fastdp
    eventually uses h2 fastdp
    eventually guest h1 ping -c 1 -W 1 10.32.0.18
    guest h1 ping -c 20 -i 0.02 -W 1 -s 5000 10.32.0.18 | grep ' 0% packet loss'
    hosts_down
  done
}

@test "without ESP in the kernel nothing goes by the fast datapath with a password, and the reason is told" {
  pair direct secret
  eventually on h1 grep '^established' /run/connections
  on h1 grep 'the kernel has no ESP (xfrm): ' /run/connections || skip "the kernel has ESP; see test/vm/esp.bash"
  uses h1 sleeve
  on h2 sh -c 'timeout 3 tcpdump --immediate-mode -n -i eth0 -c 1 udp port 6784 >/run/seen 2>/dev/null &'
  sleep 0.5
  guest h1 ping -c 3 -i 0.2 -W 1 10.32.0.18 || :
  guest h2 ping -c 3 -i 0.2 -W 1 10.32.0.17 || :
  sleep 1
  [ -z "$(on h2 cat /run/seen)" ]
}

@test "either router restarts, and again, without a lost packet" {
  pair direct -
  eventually uses h1 fastdp
  eventually uses h2 fastdp
  eventually guest h1 ping -c 1 -W 1 10.32.0.18
  on h1 sh -c 'ip netns exec c ping -i 0.01 -c 1200 -W 1 10.32.0.18 >/run/ping.out 2>&1 &'
  for again in 1 2; do
    node_stop h1
    sleep 0.3
    node_start h1 17 direct - 10.99.0.12
    eventually uses h1 fastdp
    node_stop h2
    node_start h2 18 direct - 10.99.0.11
    eventually uses h2 fastdp
    eventually uses h1 fastdp
  done
  WITHIN=60 eventually on h1 grep -q 'packet loss' /run/ping.out
  on h1 tail -3 /run/ping.out
  on h1 grep '1200 received, 0% packet loss' /run/ping.out
}

@test "a router that comes back with a password leaves nothing in clear behind it" {
  pair direct -
  eventually uses h1 fastdp
  eventually guest h1 ping -c 1 -W 1 10.32.0.18
  node_stop h1
  guest h1 ping -c 2 -i 0.2 -W 1 10.32.0.18 | grep ' 0% packet loss'
  node_start h1 17 direct secret
  refute guest h1 ping -c 2 -i 0.2 -W 1 10.32.0.18
}

@test "a path too small for the largest frames isn't used" {
  node_host h1 17
  node_host h2 18
  on h1 ip link set eth0 mtu 1450
  node_start h1 17 direct -
  node_start h2 18 direct - "$(address_of h1)"
  eventually on h1 grep -q "don't fit" /run/node.log
  eventually uses h1 sleeve
  refute uses h1 fastdp
  on h1 ip link set eth0 mtu 1500
  eventually uses h1 fastdp
}
