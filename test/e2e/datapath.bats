# Frames between hosts with whole routers: the fast datapath in both modes, sleeve below it and alone, and what becomes of
# them when links, routers and firewalls change. Containers are namespaces at the bridge.
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

# node N [OPTIONS AND PEERS...]: host hN with a router and a container c at 10.32.0.N
node() {
  local n=$1
  shift
  host_up "h$n" --no-engine
  launch "h$n" "$@"
  container_up "h$n" c "$n"
}

launch() {
  local host=$1
  shift
  on "$host" weave launch --docker-api= --plugin=false --no-dns "$@" >/dev/null
}

# uses HOST OVERLAY PEER-HOST: the connection is established by it
uses() { on "$1" weave status connections | grep "established.* $2 .*($3)"; }
dropped() { on "$1" weave report -f "{{.Router.OverlayDiagnostics.fastdp.Dropped}}" | tr ' ' '\n' | grep -o "$2:[0-9]*"; }

# meet N M: everything that containers send to one another arrives
meet() {
  local a=h$1 b=10.32.0.$2
  eventually guest "$a" ping -c 1 -W 1 "$b"
  guest "$a" ping -c 10 -i 0.05 -W 2 "$b" | grep ' 0% packet loss'
  guest "$a" ping -c 2 -i 0.2 -W 2 -s 60000 "$b" | grep ' 0% packet loss'
  guest "$a" ping -c 1 -W 2 -M do -s 1382 "$b"
  guest "h$2" sysctl -qw net.ipv4.icmp_echo_ignore_broadcasts=0
  guest "$a" ping -b -c 3 -i 0.2 -W 2 10.32.0.255 | grep "from $b"
  guest "$a" ping -c 3 -i 0.2 -W 2 -I eth0 224.0.0.1 | grep "from $b"
  guest "$a" ping -6 -c 3 -i 0.2 -W 2 "fe80::cc:ff:fe00:$2%eth0" | grep ' 0% packet loss'
  bulk "$1" "$2" "${3:-64}"
}

# bulk N M MB: through TCP, checksums compared
bulk() {
  on "h$2" sh -c 'rm -f /run/got; (ip netns exec c socat -u TCP-LISTEN:7,reuseaddr - 2>/dev/null | md5sum >/run/sum; mv /run/sum /run/got) &'
  eventually guest "h$2" sh -c 'ss -ltn | grep ":7 "'
  on "h$1" sh -c 'head -c "$2"M /dev/urandom | tee /run/blob | ip netns exec c socat -u - TCP:10.32.0.$1:7; md5sum </run/blob >/run/sent; rm /run/blob' bulk "$2" "$3"
  eventually on "h$2" test -e /run/got
  [ "$(on "h$1" cat /run/sent)" = "$(on "h$2" cat /run/got)" ]
}

@test "hosts with different datapaths: each reaches each, by the best that both have" {
  node 1
  node 2 --datapath=bridge "$E2E_UNDERLAY.11"
  node 3 --datapath=none "$E2E_UNDERLAY.11" "$E2E_UNDERLAY.12"
  eventually uses h1 fastdp h2
  eventually uses h2 fastdp h1
  eventually uses h3 sleeve h1
  eventually uses h3 sleeve h2
  on h1 weave status | grep 'Datapath: direct'
  on h2 weave status | grep 'Datapath: bridge'
  on h3 weave status | grep 'Datapath: sleeve only'
  meet 1 2
  meet 2 1
  meet 1 3 32
  meet 3 1 32
  meet 3 2 32
}

@test "frames are relayed between a host with the fast datapath and one without" {
  node 1 --no-discovery
  node 2 --no-discovery "$E2E_UNDERLAY.11"
  node 3 --no-discovery --datapath=none "$E2E_UNDERLAY.12"
  eventually uses h2 fastdp h1
  eventually uses h2 sleeve h3
  meet 1 3 16
  meet 3 1 16
  [ -z "$(on h1 weave status connections | grep '(h3)')" ]
}

# hears N FILE ADDRESS: container N's pings, 100 a second, from now on; how many got no answer is said by lost
ping_from() { on "h$1" sh -c 'ip netns exec c ping -i 0.01 -W 1 -c "$2" "$1" >/run/ping.out 2>&1 &' ping "$2" "$3"; }
lost() {
  WITHIN=60 eventually on "h$1" grep -q 'packet loss' /run/ping.out
  on "h$1" sed -n 's/\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' /run/ping.out | while read -r sent got; do echo $((sent - got)); done
}

@test "routers stop and start, crash, and are replaced by another binary: no packet of the fast datapath is lost" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h1 fastdp h2
  eventually uses h2 fastdp h1
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  ping_from 1 10.32.0.2 2000
  on h1 weave stop
  sleep 0.5
  launch h1 --resume
  eventually uses h2 fastdp h1
  crash h2
  eventually on h2 sh -c '! pgrep -x weave'
  launch h2 --resume
  eventually uses h1 fastdp h2
  eventually uses h2 fastdp h1
  on h2 weave stop
  on h2 sh -c 'cp -f "$(readlink -f "$(command -v weave)")" /root/weave && mount --bind /root/weave "$(readlink -f "$(command -v weave)")"'
  launch h2 --resume
  eventually uses h1 fastdp h2
  eventually uses h2 fastdp h1
  is "$(lost 1)" 0
}

# all that a datapath could leave
state_of() {
  on "$1" sh -c 'ip -br link; iptables-save | grep ^-; ls /sys/fs/bpf; for l in $(ls /sys/class/net); do tc qdisc show dev $l; tc filter show dev $l ingress; done'
}

@test "reset leaves nothing of the datapath: no interface, program, map or rule" {
  host_up h1 --no-engine
  before=$(state_of h1)
  launch h1
  node 2 "$E2E_UNDERLAY.11"
  container_up h1 c 1
  eventually uses h1 fastdp h2
  meet 1 2 1
  on h1 sh -c 'tc filter show dev eth0 ingress' | grep from_wire
  on h1 ip netns del c
  on h1 weave reset
  as_before() { diff <(echo "$before") <(state_of h1); }
  eventually as_before  # the container's interface goes with its namespace, and that in its own time
}

@test "a launch without the fast datapath takes away what an earlier one left" {
  node 1
  on h1 weave stop
  on h1 ip link show vxlan-6784
  launch h1 --no-fastdp
  run on h1 ip link show vxlan-6784
  isnt "$status" 0
  [ -z "$(on h1 ls /sys/fs/bpf | grep weave)" ]
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h2 sleeve h1
  meet 2 1 8
}

# --- what the underlay does to us

# in_underlay CMD...: where the hosts' links meet
in_underlay() { nsenter -t "$(pid_of underlay)" -n "$@"; }
reason() { on "$1" weave status connections | grep "($2)" | grep -q "$3"; }

@test "bytes and packets of the fast datapath and of sleeve are counted both ways" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h1 fastdp h2
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  metric() { on h1 curl -s 127.0.0.1:6784/metrics | sed -n "s/^weave_overlay_$1_total{direction=\"$2\",overlay=\"$3\"} //p"; }
  before=$(metric bytes out fastdp)
  guest h1 ping -c 10 -i 0.1 -s 1000 -W 1 10.32.0.2
  [ $(($(metric bytes out fastdp) - before)) -ge $((10 * 1042)) ]
  [ "$(metric bytes in fastdp)" -ge $((10 * 1042)) ]
  for direction in in out; do [ "$(metric packets $direction sleeve)" -ge 1 ]; done
}

@test "the fast datapath's port is blocked: frames take sleeve, the reason is told, and the way back is found" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h1 fastdp h2
  eventually uses h2 fastdp h1
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  # in one direction: the sender alone couldn't know
  in_underlay ebtables-nft -A FORWARD -p IPv4 -i h1 --ip-proto udp --ip-dport 6784 -j DROP
  WITHIN=15 eventually uses h1 sleeve h2
  eventually uses h2 sleeve h1
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  eventually reason h1 h2 '(fastdp: the peer gets none of our heartbeats: is UDP port 6784 open .*, since 20'
  eventually reason h2 h1 '(fastdp: no heartbeats of the peer arrive: .*, since 20'
  bulk 1 2 8
  in_underlay ebtables-nft -F FORWARD
  eventually uses h1 fastdp h2
  eventually uses h2 fastdp h1
  bulk 1 2 8
}

@test "a host whose own firewall drops UDP sees that frames do not arrive" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h1 fastdp h2
  eventually uses h2 fastdp h1
  on h1 iptables -I INPUT -p udp -j DROP
  unestablished() { refute uses "$1" fastdp "$2" 2>/dev/null; }
  WITHIN=20 eventually unestablished h1 h2
  WITHIN=60 eventually reason h1 h2 'pending.*fastdp: no heartbeats of the peer arrive: is UDP port 6784 open on this host'
}

@test "a local route too small for full packets is named, and the fast datapath is used when it is large enough" {
  node 1
  on h1 ip link set eth0 mtu 1450
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h1 sleeve h2
  eventually reason h1 h2 "fastdp: .*don't fit"
  refute uses h1 fastdp h2
  on h1 ip link set eth0 mtu 1500
  eventually uses h1 fastdp h2
}

# The link to h2 drops what is too large, without a word.
@test "a path that doesn't carry full packets in one piece is noticed and named; frames take sleeve" {
  node 1
  host_up h2 --no-engine
  in_underlay ip link set h2 mtu 1300
  launch h2 "$E2E_UNDERLAY.11"
  container_up h2 c 2
  eventually uses h1 sleeve h2
  eventually reason h1 h2 'fastdp: .*1460 bytes'
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  bulk 1 2 8
}

@test "containers' MTU follows the underlay's: jumbo frames, and 1400 bytes" {
  for size in 9000 1400; do
    for n in 1 2; do
      host_up h$n --no-engine
      in_underlay ip link set h$n mtu $size
      on h$n ip link set eth0 mtu $size
    done
    launch h1
    launch h2 "$E2E_UNDERLAY.11"
    for n in 1 2; do container_up h$n c $n; done
    eventually uses h1 "fastdp" h2
    on h1 weave status connections | grep "mtu=$((size - 90))"
    eventually guest h1 ping -c 1 -W 1 10.32.0.2
    guest h1 ping -c 3 -i 0.2 -W 1 -M do -s $((size - 118)) 10.32.0.2
    bulk 1 2 16
    hosts_down
  done
}

@test "hosts whose containers have different MTUs are named, with what to do" {
  node 1
  node 2 --mtu 1376 "$E2E_UNDERLAY.11"
  eventually uses h1 fastdp h2
  eventually reason h1 h2 "an MTU of 1376, ours 1410: launch with the same WEAVE_MTU"
  eventually reason h2 h1 "an MTU of 1410, ours 1376"
}

@test "a container that moves to another host is found there" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  node 3 --datapath=none "$E2E_UNDERLAY.11"
  eventually uses h2 fastdp h1
  eventually uses h3 sleeve h2
  container_up h1 m 77
  eventually guest h2 ping -c 1 -W 1 10.32.0.77
  for host in h2 h3 h1; do
    for h in h1 h2 h3; do on $h ip netns del m 2>/dev/null || :; done
    container_up $host m 77
    on $host ip netns exec m busybox arping -U -c 1 -I eth0 10.32.0.77
    for from in h1 h2 h3; do eventually guest $from ping -c 1 -W 1 10.32.0.77; done
  done
}

# --- hostile input

# bytes HEX...: as they are
bytes() { printf %b "$(sed 's/../\\x&/g' <<<"$1")"; }
# vxlan SOURCE DESTINATION FRAME-HEX: the UDP payload of a frame from peer to peer, by their short ids
vxlan() { bytes "08000000$(printf %06x $(($1 | $2 << 12)))00$3"; }
short_id_of() { on "$1" weave report -f '{{range .Router.Peers}}{{if eq .NickName "'"$2"'"}}{{.ShortID}}{{end}}{{end}}'; }
udp() { on "$1" socat -u - "UDP-DATAGRAM:$E2E_UNDERLAY.11:$2"; }
counts() { on h1 sh -c 'curl -s 127.0.0.1:6782/metrics' | grep "weave_overlay_drops_total{overlay=\"$1\",reason=\"$2\"} [1-9]"; }

@test "what nobody may send is dropped, counted by its reason, and harms nothing" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  host_up h3 --no-engine
  eventually uses h1 fastdp h2
  eventually guest h2 ping -c 1 -W 1 10.32.0.1
  us=$(short_id_of h1 h1) them=$(short_id_of h1 h2)
  stranger=$(((us + 1) % 4096))
  [ $stranger != "$them" ] || stranger=$(((us + 2) % 4096))
  to=02cc00000001 from=02ee00000009 ip=0800$(printf '00%.0s' {1..46})

  vxlan "$them" "$us" "$to$from$ip" | udp h3 6784
  vxlan $stranger "$us" "$to$from$ip" | udp h2 6784
  vxlan "$us" "$us" "$to$from$ip" | udp h2 6784
  vxlan "$them" $stranger "$to$from$ip" | udp h2 6784
  vxlan "$them" "$us" "${to}000000000000$ip" | udp h2 6784
  vxlan "$them" "$us" "${to}030000000001$ip" | udp h2 6784
  vxlan "$them" "$us" "ffffffffffff$to$ip" | udp h2 6784
  for reason in unknown_sender unknown_peer own source_mac spoofed; do eventually counts fastdp $reason; done

  # runts, no VXLAN at all, and heartbeats of nobody
  for size in 0 1 8 9 15 22; do vxlan "$them" "$us" "$to$from$ip" | head -c $size | udp h2 6784; done
  head -c 1400 /dev/urandom | udp h2 6784
  for ((i = 0; i < 50; i++)); do vxlan "$them" "$us" "$(printf '00%.0s' {1..36})"; done | udp h3 6784

  # sleeve: strangers, truncated records, a record longer than its packet
  head -c 1400 /dev/urandom | udp h3 6783
  name=$(on h2 weave report -f '{{.Router.Name}}' | tr -d ':\n')
  bytes "${name}0102" | udp h2 6783
  bytes "$name$name$(printf '00%.0s' {1..6})ffff00" | udp h2 6783
  eventually counts sleeve unknown_sender
  eventually counts sleeve malformed

  # containers: sources that can't be, the host's own, tags of the trunk, a flood of made-up addresses
  raw() { guest h1 socat -u - INTERFACE:eth0; }
  bytes "ffffffffffff000000000000$ip" | raw
  bytes "ffffffffffff010000000001$ip" | raw
  bytes "ffffffffffff$(on h1 cat /sys/class/net/weave/address | tr -d ':\n')$ip" | raw
  bytes "ffffffffffff${from}88a80fff81000fff$ip" | raw
  bytes "ffffffffffff${from}81000fff$ip" | raw
  bytes "ffffffffffff" | raw || :
  for ((i = 0; i < 40; i++)); do bytes "ffffffffffff02dd0000$(printf %04x $i)$ip" | raw; done

  on h1 weave status | grep 'Connections: 1 (1 established)'
  uses h1 fastdp h2
  guest h1 ping -c 10 -i 0.05 -W 1 10.32.0.2 | grep ' 0% packet loss'
  bulk 2 1 8
}

@test "the host itself is on the network, and frames pass with either of iptables' back ends" {
  for backend in legacy nft; do
    for n in 1 2; do
      host_up h$n --no-engine
      on h$n sh -c 'for t in iptables iptables-save iptables-restore; do ln -sf "$(command -v ${t%%-*}-'$backend'${t#iptables})" /usr/local/sbin/$t; done; iptables --version' | grep "${backend/nft/nf_tables}"
      on h$n iptables -P FORWARD DROP
    done
    launch h1
    launch h2 "$E2E_UNDERLAY.11"
    for n in 1 2; do container_up h$n c $n; done
    eventually uses h1 fastdp h2
    on h1 sh -c 'iptables -S FORWARD' | grep -- '-i weave -o weave -j ACCEPT'
    eventually guest h1 ping -c 1 -W 1 10.32.0.2
    bulk 1 2 8
    on h1 weave expose 10.32.0.101/24
    on h2 weave expose 10.32.0.102/24
    on h1 ping -c 3 -i 0.2 -W 1 10.32.0.102
    on h1 ping -c 3 -i 0.2 -W 1 10.32.0.2
    guest h1 ping -c 3 -i 0.2 -W 1 10.32.0.101
    guest h1 ping -c 3 -i 0.2 -W 1 10.32.0.102
    hosts_down
  done
}

@test "where the fast datapath can't be, launch and status say why, and frames go by sleeve" {
  host_up h1 --no-engine
  on h1 sh -c 'socat -u UDP-RECV:6784 /dev/null >/dev/null 2>&1 &'
  eventually on h1 sh -c 'ss -lun | grep :6784'
  run on h1 weave launch --docker-api= --plugin=false --no-dns
  echo "$output"
  status_is 0
  [[ $output == *"no fast datapath, all frames use sleeve: "*6784* ]]
  on h1 weave status | grep 'Datapath: sleeve only (.*6784'
  [ -z "$(on h1 sh -c 'ip link | grep -e vxlan -e vethwe-datapath')" ]
  container_up h1 c 1
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h2 sleeve h1
  meet 1 2 4
  run on h1 weave launch --datapath=fast
  status_is 1
  [[ $output == *"--datapath: unknown mode 'fast'"*"se direct, bridge "*" or none "* ]]
}

@test "in a mesh of three, too, a router's restart costs the fast datapath nothing" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  node 3 "$E2E_UNDERLAY.11" "$E2E_UNDERLAY.12"
  for h in h1 h2; do
    eventually uses $h fastdp h3
    eventually guest $h ping -c 1 -W 1 10.32.0.3
  done
  eventually uses h1 fastdp h2
  ping_from 1 10.32.0.3 1000
  ping_from 2 10.32.0.3 1000
  on h3 weave stop
  sleep 4
  launch h3 --resume
  eventually uses h1 fastdp h3
  eventually uses h2 fastdp h3
  is "$(lost 1) $(lost 2)" "0 0"
}

@test "what others took away of a running datapath comes back" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  node 3 --datapath=none "$E2E_UNDERLAY.11"
  eventually uses h1 fastdp h2
  eventually uses h1 sleeve h3
  for n in 2 3; do eventually guest h1 ping -c 1 -W 1 10.32.0.$n; done
  on h1 ip link del vethwe-sleeve
  eventually guest h1 ping -c 1 -W 1 10.32.0.3
  on h1 ip link set vethwe-bridge nomaster
  guest h1 ip neigh flush dev eth0
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  on h1 ip link del vethwe-bridge
  guest h1 ip neigh flush dev eth0
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
}

@test "interfaces of others with names and ports like ours are left alone" {
  host_up h1 --no-engine
  on h1 sh -c 'ip link add vxlan-1001 type vxlan id 7 dstport 4789 local 10.99.0.11; ip link add vxlan-6784 type vxlan id 9 dstport 4790 local 10.99.0.11; ip link set vxlan-1001 up'
  run on h1 weave launch --docker-api= --plugin=false --no-dns
  status_is 0
  [[ $output == *"the interface vxlan-6784 is somebody else's"* ]]
  on h1 weave stop
  launch h1 --datapath=none
  on h1 weave reset --force
  on h1 ip link show vxlan-1001
  on h1 ip link show vxlan-6784
}

@test "reset finds a bridge of another name" {
  host_up h1 --no-engine
  before=$(state_of h1)
  launch h1 --weave-bridge=other
  on h1 ip link show other
  on h1 weave reset --force
  eventually eval '[ "$(state_of h1)" = "$before" ]'
}

@test "a container can't take over the address of another host's container, a container that moves can" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h1 fastdp h2
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  bytes "ffffffffffff02cc0000000288b5$(printf '00%.0s' {1..46})" | guest h1 socat -u - INTERFACE:eth0
  eventually counts fastdp source_elsewhere
  guest h1 ping -c 3 -i 0.2 -W 1 10.32.0.2
}

@test "a router that is launched with a password leaves nothing in clear of the one before" {
  node 1
  node 2 "$E2E_UNDERLAY.11"
  eventually uses h1 fastdp h2
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  on h1 weave stop
  guest h1 ping -c 2 -i 0.2 -W 1 10.32.0.2 | grep ' 0% packet loss'
  launch h1 --password secret
  refute guest h1 ping -c 2 -i 0.2 -W 1 10.32.0.2
}

@test "with a password, and without ESP in the kernel, frames go encrypted by sleeve, and status says why" {
  node 1 --password secret
  node 2 --password secret "$E2E_UNDERLAY.11"
  eventually eval 'uses h1 sleeve h2 || uses h1 fastdp h2'
  [ -z "$(on h1 weave status | grep 'Datapath: direct$')" ] || skip "this kernel has ESP"
  eventually uses h2 'encrypted   sleeve' h1
  on h1 weave status | grep 'Datapath: direct; encrypted connections by sleeve (the kernel has no ESP'
  reason h1 h2 "(fastdp: it can't encrypt: the kernel has no ESP"
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  # all of a stream leaves as sleeve's packets, none as the fast datapath's
  sent() { on h1 weave report -f "{{.Router.OverlayDiagnostics.$1}}" | grep -o "$2[^0-9]*[0-9]*" | head -1 | grep -o '[0-9]*$'; }
  before=$(sent sleeve.Sent Packets)
  bulk 1 2 8
  [ "$(sent sleeve.Sent Packets)" -gt "$((before + 1000))" ]
  is "$(sent fastdp.Frames 'sent')" ""
}
