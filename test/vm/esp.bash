#!/usr/bin/env bash
# The encrypted fast datapath between two hosts with whole routers; run by test/vm/run, for it takes a kernel with ESP.
# Arguments: the programs weave and unit_overlay (absolute paths), else those of build/release and build/asan. All that
# crosses the underlay is captured, and searched in the end.
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./hosts.bash
WEAVE=${1:-$(readlink -m ../../build/release/weave)} UNIT=${2:-$(readlink -m ../../build/asan/unit_overlay)}
for program in "$WEAVE" "$UNIT"; do [ -x "$program" ] || { echo "no $program"; exit 1; }; done
PATTERN=nobody-may-read!  # 16 bytes
SECRET=--password-file=/run/password

# Hosts share the machine's files.
own_files() { on "$1" sh -c 'mkdir /run/state; mount -t tmpfs log /var/log; umask 077; echo secret >/run/password'; }
weave() { on "$1" "$WEAVE" "${@:2}"; }
launch() {  # HOST OPTIONS AND PEERS...
  weave "$1" launch --docker-api= --plugin=false --no-dns --state-dir=/run/state --nickname="$1" "${@:2}" >/dev/null
}
weaves_of() {
  local net process
  net=$(stat -Lc %i "$NAMESPACES/$1.net")
  for process in $(pgrep -x weave); do
    [ "$(stat -Lc %i "/proc/$process/ns/net" 2>/dev/null)" != "$net" ] || echo "$process"
  done
}
# Monitor and router would start each other again.
crash() {
  kill -STOP $(weaves_of "$1")
  kill -KILL $(weaves_of "$1")
  eventually eval '[ -z "$(weaves_of '"$1"')" ]'
}
stop() { weave "$1" stop; }
uses() { weave "$1" status connections | grep "established .*$2 "; }
both_use() { eventually uses h1 "$1" && eventually uses h2 "$1"; }
counter() {  # HOST MAP NAME: of the overlay's diagnostics, 0 when it isn't there
  local count
  count=$(weave "$1" report -f "{{.Router.OverlayDiagnostics.fastdp.$2}}" | tr ' []' '\n\n\n' | sed -n "s/^$3://p")
  echo "${count:-0}"
}
hex() { od -An -v -tx1 | tr -d ' \n'; }
captured() { sync; tcpdump -nr /run/underlay.pcap "$@" 2>/dev/null | wc -l; }
spi_out() { on "$1" ip xfrm policy | awk '/dir out/ {out = 1} /proto esp/ && out {print $4; exit}'; }
states() { on "$1" ip xfrm state | grep -c '^src'; }

understands_weave_net() {
  local said
  said=$("$UNIT" '[esp]')
  ! grep -A2 skipped <<<"$said"
}
# As a Weave Net that was killed would leave them.
weave_net_left() {
  local way key=0x$(head -c 36 /dev/urandom | hex)
  for way in "10.99.0.1 10.99.0.2 0x1001" "10.99.0.2 10.99.0.1 0x1002"; do
    set -- $way
    on h1 ip xfrm state add src $1 dst $2 proto esp spi $3 mode transport flag esn replay-window 256 aead 'rfc4106(gcm(aes))' $key 128
  done
  on h1 ip xfrm policy add src 10.99.0.1/32 dst 10.99.0.2/32 proto udp dir out mark 0x20000 mask 0x20000 \
    tmpl src 10.99.0.1 dst 10.99.0.2 proto esp spi 0x1001 mode transport
}
agrees() {
  weave_net_left
  launch h1 $SECRET
  launch h2 $SECRET --rekey-after=100 10.99.0.1
  both_use fastdp
  weave h1 status | grep 'Datapath: direct$'
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  few_states
}
carries() {
  guest h1 ping -c 20 -i 0.05 -W 2 10.32.0.2 | grep ' 0% packet loss'
  guest h1 ping -c 3 -i 0.2 -W 2 -s 5000 -p "$(printf %s "$PATTERN" | hex)" 10.32.0.2 | grep ' 0% packet loss'
  guest h2 sh -c 'timeout 60 socat -u TCP-LISTEN:5000,reuseaddr OPEN:/run/got,creat,trunc &'
  eventually guest h2 sh -c 'ss -ltn | grep -q :5000'
  yes "$PATTERN" | head -c 1000000 | guest h1 timeout 60 socat -u - TCP:10.32.0.2:5000
  eventually on h2 sh -c '[ $(stat -c %s /run/got) = 1000000 ]'
  [ "$(counter h1 Frames pushed)" = 0 ]
  [ "$(counter h2 Frames popped)" = 0 ]
}
# Nothing of the tunnel in clear so far, and something encrypted; the pattern is nowhere.
all_encrypted() {
  [ "$(captured esp)" -gt 100 ] || { echo "only $(captured esp) ESP packets"; return 1; }
  [ "$(captured udp port 6784 and not ether src 02:ee:00:00:00:01)" = 0 ] || { tcpdump -nr /run/underlay.pcap -c 5 udp port 6784; return 1; }
  ! grep -aq "$PATTERN" /run/underlay.pcap
}
# Without a password the same search finds it.
would_find_it() {
  launch h2 10.99.0.1
  both_use fastdp
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  guest h1 ping -c 3 -i 0.2 -W 2 -s 500 -p "$(printf %s "$PATTERN" | hex)" 10.32.0.2 | grep ' 0% packet loss'
  [ "$(captured udp port 6784 and not ether src 02:ee:00:00:00:01)" -gt 5 ]
  grep -aq "$PATTERN" /run/underlay.pcap
}
# An outsider sends three packets in the peer's name, in clear.
outsider_sends() {
  for ((i = 0; i < 3; i++)); do
    printf '\x08\0\0\0\x12\x34\x56\0bbbbbbdddddd\x88\xb5%046d' 0 | on evil socat -u - UDP:10.99.0.1:6784
  done
  sleep 1
  [ "$(captured ether src 02:ee:00:00:00:01 and udp port 6784)" -ge 3 ]
}
refused_by_policy() { on h1 awk '$1 ~ /^XfrmIn(TmplMismatch|NoPols)$/ {n += $2} END {print n}' /proc/net/xfrm_stat; }
refuses_clear() {
  local before
  before=$(refused_by_policy)
  outsider_sends
  echo "$(($(refused_by_policy) - before)) refused by policy"
  [ "$(($(refused_by_policy) - before))" = 3 ]
}
# While the policies, or all of IPsec, are lost, frames are, too. The router would restore policies: it is stopped by
# a signal meanwhile.
hold() { kill -STOP $(weaves_of h1); }
go_on() { kill -CONT $(weaves_of h1); }
reaches() { guest h1 ping -c 3 -i 0.2 -W 1 10.32.0.2 >/dev/null; }
blocks() { ! reaches; }
loses_mark() {
  local before
  before=$(counter h1 Dropped not_encrypted)
  on h1 iptables -t mangle -A OUTPUT -j MARK --set-mark 0
  blocks
  on h1 iptables -t mangle -F OUTPUT
  [ "$(counter h1 Dropped not_encrypted)" -gt "$before" ]
  reaches
}
loses_policy() {
  hold
  on h1 sh -c 'iptables -F; iptables -t mangle -F' 2>/dev/null
  reaches
  on h1 ip xfrm policy delete src 10.99.0.1 dst 10.99.0.2 proto udp dport 6784 dir out mark 0x20000 mask 0x20000
  blocks
  go_on
  eventually reaches  # with the next heartbeat
}
# The programs drop what would leave, and what comes in.
loses_all_policies() {
  local before
  before=$(counter h1 Dropped not_encrypted)
  hold
  on h1 ip xfrm policy flush
  blocks
  go_on
  [ "$(counter h1 Dropped not_encrypted)" -gt "$before" ]
  eventually reaches
  before=$(counter h1 Dropped not_encrypted)
  hold
  on h1 ip xfrm policy flush
  outsider_sends
  go_on
  echo "$(($(counter h1 Dropped not_encrypted) - before)) refused by the programs"
  [ "$(($(counter h1 Dropped not_encrypted) - before))" -ge 3 ]
  eventually reaches
}
loses_associations() {
  on h1 ip xfrm state flush
  blocks
  eventually uses h1 sleeve
}
loses_nothing() {  # HOST N COMMAND...: while the command runs, which ends with a router there again
  guest "$1" sh -c 'ping -i 0.05 -c 300 -W 2 10.32.0.'$((3 - $2))' >/run/ping.out 2>&1 &'
  sleep 1
  "${@:3}"
  both_use fastdp >/dev/null
  eventually on "$1" grep 'packet loss' /run/ping.out
  on "$1" grep 'packet loss' /run/ping.out
  on "$1" grep -q ' 0% packet loss' /run/ping.out
}
stops_and_launches() { stop h1; launch h1 $SECRET --resume; }
is_killed() { crash h2; launch h2 $SECRET --resume; }
# h2 gives h1 a new key, so what h1 sends has another SPI.
rekeys() {
  local before
  before=$(spi_out h1)
  guest h2 ping -i 0.05 -c 300 -W 2 10.32.0.1 >/run/rekey.out 2>&1 &
  for ((i = 0; i < 300; i++)); do [ "$(spi_out h1)" = "$before" ] || break; sleep 0.1; done
  [ "$(spi_out h1)" != "$before" ] || { echo "still $before"; return 1; }
  wait
  grep 'packet loss' /run/rekey.out
  grep -q ' 0% packet loss' /run/rekey.out
}
few_states() { [ "$(states h1)" = 2 ] && [ "$(states h2)" = 2 ]; }
lingering_ends() {
  for ((i = 0; i < 700; i++)); do few_states && return 0; sleep 0.1; done
  on h1 ip xfrm state | grep spi
  on h2 ip xfrm state | grep spi
  false
}
router_again() {
  crash h1
  launch h1 $SECRET --resume
  both_use fastdp
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
}
nothing_left() { [ -z "$(on "$1" ip xfrm state)$(on "$1" ip xfrm policy)" ] || { on "$1" ip xfrm policy; return 1; }; }
resets() {
  weave h2 reset --force
  nothing_left h2
  [ -z "$(on h2 ip -br link | grep -e vxlan -e vethwe-)" ]
  [ -z "$(on h2 tc filter show dev eth0 ingress)$(on h2 tc filter show dev eth0 egress)" ]
  [ -z "$(on h2 ls /sys/fs/bpf | grep weave)" ]
}
starts_without_password() {
  stop h1
  [ "$(states h1)" -gt 0 ]
  launch h1
  nothing_left h1
}

underlay_up
for n in 1 2; do host_up h$n $n; own_files h$n; container_up h$n $n; done
# Takes h2's address, without answering for it.
host_up evil 2
on evil sh -c 'ip link set eth0 down; ip link set eth0 address 02:ee:00:00:00:01 arp off; ip link set eth0 up'
on evil ip neigh replace 10.99.0.1 lladdr "$(on h1 cat /sys/class/net/eth0/address)" dev eth0 nud permanent
tcpdump -i underlay -U -w /run/underlay.pcap --immediate-mode -Z root ip 2>/dev/null &
capture=$!
ip link set underlay promisc on
sleep 1

check "the kernel decrypts a live Weave Net's packets by an association of ours" understands_weave_net
check "two routers with a password agree on the fast datapath" agrees
check "containers reach each other" carries
check "what comes in clear in a peer's name is refused by policy" refuses_clear
check "after many packets a router tells its peer a new key, and no frame is lost" rekeys
check "a router that is stopped and launched costs no frame" loses_nothing h1 1 stops_and_launches
check "a router that is killed and launched costs no frame" loses_nothing h2 2 is_killed
check "unused associations are removed after a while" lingering_ends
router_again
check "the firewall removes the mark, and no frame leaves" loses_mark
check "a policy is lost, and no frame leaves" loses_policy
check "all policies are lost, and nothing passes in or out until they are restored" loses_all_policies
check "associations are lost, and no frame leaves" loses_associations
check "a router that is killed and launched restores all that" router_again
stop h2
check "a start without a password leaves no association or policy in the kernel" starts_without_password
check "at no time did anything cross the underlay in clear" all_encrypted
check "without a password it does, so the search would have found it" would_find_it
check "reset leaves nothing in the kernel" resets
[ $FAILED = 0 ] || for host in h1 h2; do echo "== $host"; on $host tail -40 /var/log/weave.log; on $host ip xfrm state; on $host ip xfrm policy; done
kill $capture
checked
