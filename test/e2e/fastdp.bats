# The fast datapath alone, without a router: hosts with a bridge, containers as bare namespaces, and the topology told by
# hand to fastdp_host (build/release, or FASTDP_HOST).
load host
load lib/fastdp

setup() { [ -x "$FASTDP_HOST" ] || skip "no $FASTDP_HOST"; }
teardown() { hosts_down; }

# Bytes from one container to the other by TCP; prints both checksums.
bulk() {
  on "$2" sh -c 'ip netns exec c socat -u TCP-LISTEN:7,reuseaddr - 2>/dev/null | md5sum >/run/got' &
  eventually guest "$2" sh -c 'ss -ltn | grep ":7 "'
  on "$1" sh -c 'head -c 200000000 /dev/urandom | tee /run/blob | ip netns exec c socat -u - TCP:'"$3"':7; md5sum </run/blob; rm /run/blob' >"$BATS_TEST_TMPDIR/sent"
  wait $!
  [ "$(cat "$BATS_TEST_TMPDIR/sent")" = "$(on "$2" cat /run/got)" ]
}

two_hosts() {
  fastdp_up h1 17 "$1"
  fastdp_up h2 18 "$1"
  mesh h1 h2
  eventually guest h1 ping -c 1 -W 1 10.32.0.18
}

works() {
  two_hosts "$1"
  [[ $(tell h1 status) == "mode $1 "* ]]
  hears() { [[ $(tell $1 heard) == $2* ]]; }
  eventually hears h1 18
  eventually hears h2 17
  guest h1 ping -c 20 -i 0.02 -W 1 10.32.0.18 | grep ' 0% packet loss'
  guest h2 ping -c 5 -i 0.02 -W 1 -s 60000 10.32.0.17 | grep ' 0% packet loss'
  guest h1 ping -c 2 -W 1 -M do -s 1382 10.32.0.18 | grep ' 0% packet loss'
  guest h2 sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0
  guest h1 ping -b -c 2 -W 1 10.32.0.255 | grep 'from 10.32.0.18'
  bulk h1 h2 10.32.0.18
  bulk h2 h1 10.32.0.17
}

@test "two hosts in bridge mode pass ping, broadcast, fragments and bulk data" { works bridge; }
@test "two hosts in direct mode pass ping, broadcast, fragments and bulk data" { works direct; }

@test "containers of one host reach each other in both modes" {
  for mode in bridge direct; do
    fastdp_up h-$mode 17 $mode
    container_up h-$mode c2 27
    tell h-$mode connect 18 10.99.0.250
    tell h-$mode apply
    eventually guest h-$mode ping -c 1 -W 1 10.32.0.27
    guest h-$mode ping -c 10 -i 0.02 -W 1 -s 20000 10.32.0.27 | grep ' 0% packet loss'
  done
  [ "$(tell h-direct status | awk '$1 == "direct" {print $2}')" -gt 10 ]
}

@test "a host in direct mode and one in bridge mode exchange packets of Weave Net's format" {
  fastdp_up h1 3142 direct
  fastdp_up h2 2489 bridge
  on h2 sh -c 'tcpdump --immediate-mode -i eth0 -U -w /run/cap udp port 6784 >/run/tcpdump 2>&1 & echo $! >/run/tcpdump.pid'
  eventually on h2 grep -q "listening on" /run/tcpdump
  mesh h1 h2
  # Ids don't fit the last byte of an address: these containers are .70 and .185.
  eventually guest h1 ping -c 1 -W 1 10.32.0.185
  eventually on h2 sh -c 'tcpdump -n -r /run/cap 2>/dev/null | grep "10.99.0.12.* 10.99.0.11.6784: "'
  on h2 sh -c 'kill $(cat /run/tcpdump.pid); while [ -e /proc/$(cat /run/tcpdump.pid) ]; do sleep 0.02; done'
  on h2 tcpdump -T vxlan -nvv -r /run/cap 2>/dev/null >"$BATS_TEST_TMPDIR/cap"
  grep -q 'ttl 64.*flags \[DF\], proto UDP' "$BATS_TEST_TMPDIR/cap"
  grep -q "10.99.0.11.* 10.99.0.12.6784: .*vni 10198086" "$BATS_TEST_TMPDIR/cap"  # 0x9b9c46
  grep -q "10.99.0.12.* 10.99.0.11.6784: .*vni 12872121" "$BATS_TEST_TMPDIR/cap"  # 0xc469b9
  [ -z "$(on h2 tcpdump -n -r /run/cap "udp[6:2] != 0" 2>/dev/null)" ]
}

@test "frames and broadcasts are relayed when a direct link is cut" {
  for i in 1 2 3; do fastdp_up h$i $((16 + i)) direct; done
  mesh h1 h2 h3
  eventually guest h1 ping -c 1 -W 1 10.32.0.19
  [ -z "$(tell h2 status | grep '^relayed')" ]
  # h1 - h2 - h3
  tell h1 cut 19; tell h1 route 19 18; tell h1 flood 17 18
  tell h3 cut 17; tell h3 route 17 18; tell h3 flood 19 18
  tell h2 flood 17 19; tell h2 flood 19 17
  for h in h1 h2 h3; do tell $h apply; done
  # The old hops, which still work, are only given up after a pause.
  relayed() { tell h2 status | awk '$1 == "relayed" {n = $2} END {print n + 0}'; }
  all_relayed() {
    local before
    before=$(relayed)
    guest h1 ping -c 20 -i 0.02 -W 1 10.32.0.19 | grep ' 0% packet loss' && [ "$(relayed)" -ge $((before + 40)) ]
  }
  eventually all_relayed
  guest h1 ping -c 3 -W 1 -s 20000 10.32.0.19 | grep ' 0% packet loss'
  guest h3 sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0
  guest h1 ping -b -c 2 -W 1 10.32.0.255 | grep 'from 10.32.0.19'
  bulk h1 h3 10.32.0.19
}

@test "a container can route packets between other hosts" {
  for i in 1 2 3; do fastdp_up h$i $((16 + i)) direct; done
  mesh h1 h2 h3
  # h1 and h3 know each other only by the container on h2.
  guest h2 sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
  guest h2 ip route add 10.40.1.1 via 10.32.0.17; guest h2 ip route add 10.40.3.1 via 10.32.0.19
  guest h1 ip addr add 10.40.1.1/32 dev lo; guest h3 ip addr add 10.40.3.1/32 dev lo
  guest h1 ip route add 10.40.3.1 via 10.32.0.18 src 10.40.1.1
  guest h3 ip route add 10.40.1.1 via 10.32.0.18 src 10.40.3.1
  eventually guest h1 ping -c 1 -W 1 10.40.3.1
  guest h1 ping -c 20 -i 0.02 -W 1 -s 10000 10.40.3.1 | grep ' 0% packet loss'
  bulk h1 h3 10.40.3.1
  bulk h3 h1 10.40.1.1
}

# Waits for 20 more replies to the running ping.
more_replies() {
  local seen
  seen=$(on h1 grep -c icmp_seq= /run/ping.out) || :
  eventually on h1 sh -c "[ \$(grep -c icmp_seq= /run/ping.out) -ge $((seen + 20)) ]"
}

@test "no packet is lost when the controlling process ends and restarts" {
  two_hosts direct
  on h1 sh -c 'ip netns exec c ping -i 0.01 -c 400 -W 1 10.32.0.18 >/run/ping.out 2>&1 &'
  more_replies
  tell h1 quit || :
  eventually sh -c '! nsenter -t '"$(pid_of h1)"' -p -m pgrep -x fastdp_host'
  more_replies
  fastdp_start h1 17 direct
  more_replies
  tell h1 connect 18 "$(address_of h2)"
  tell h1 flood 17 18
  tell h1 apply
  eventually on h1 grep -q 'packet loss' /run/ping.out
  on h1 grep '400 received, 0% packet loss' /run/ping.out
  tell h1 status | grep "^mac 02:cc:00:00:00:12 peer 18"
}

@test "no packet is lost when a restart changes the mode" {
  two_hosts direct
  on h1 sh -c 'ip netns exec c ping -i 0.01 -c 300 -W 1 10.32.0.18 >/run/ping.out 2>&1 &'
  tell h1 quit || :
  eventually sh -c '! nsenter -t '"$(pid_of h1)"' -p -m pgrep -x fastdp_host'
  fastdp_start h1 17 bridge
  eventually on h1 grep -q 'packet loss' /run/ping.out
  on h1 tail -3 /run/ping.out
  tell h1 status
  tell h2 status
  on h1 grep '300 received, 0% packet loss' /run/ping.out
  [[ $(tell h1 status) == "mode bridge "* ]]
  [ -z "$(on h1 tc filter show dev vethweplc ingress)" ]
}

@test "a moved container is reached at its new host" {
  two_hosts bridge
  container_up h1 mover 99
  on h1 ip netns exec mover ping -c 1 -W 1 10.32.0.18
  tell h2 status | grep "^mac 02:cc:00:00:00:63 peer 17"
  on h1 ip link del vethweplmover
  container_up h2 mover 99
  eventually on h2 ip netns exec mover ping -c 1 -W 1 10.32.0.18
  on h2 ip netns exec mover busybox arping -q -U -c 1 -I eth0 10.32.0.99
  eventually guest h1 ping -c 1 -W 1 10.32.0.99
  tell h2 status | grep "^mac 02:cc:00:00:00:63 here"
  tell h1 status | grep "^mac 02:cc:00:00:00:63 peer 18"
}

@test "a port in use is an error that names it and leaves nothing" {
  host_up h1 --no-engine
  on h1 sh -c 'cat >/usr/local/bin/fastdp_host; chmod +x /usr/local/bin/fastdp_host' <"$FASTDP_HOST"
  on h1 ip link add weave up mtu 1410 type bridge
  on h1 ip link add taken type vxlan id 1 dstport 6784
  on h1 ip link set taken up
  run on h1 fastdp_host 17 10.99.0.11 direct
  status_is 1
  [[ $output == *"UDP port 6784"*"in use"* ]]
  refute on h1 ip link show vethwe-bridge
  refute on h1 ip link show vxlan-6784
  refute on h1 ls /sys/fs/bpf/weave
}

@test "removal leaves no interface, program or map" {
  two_hosts direct
  tell h1 quit || :
  on h1 fastdp_host remove
  refute on h1 ip link show vxlan-6784
  refute on h1 ip link show vethwe-bridge
  refute on h1 ls /sys/fs/bpf/weave
  [ -z "$(on h1 tc filter show dev vethweplc ingress)" ]
}
