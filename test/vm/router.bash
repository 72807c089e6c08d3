#!/usr/bin/env bash
# Whole routers with a password on a kernel with ESP; run by test/vm/run. Argument: the program weave (absolute path),
# else that of build/release. All that crosses the underlay is captured, and searched in the end.
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./hosts.bash
WEAVE=${1:-$(readlink -m ../../build/release/weave)}
[ -x "$WEAVE" ] || { echo "no $WEAVE"; exit 1; }
PATTERN=nobody-may-read!  # 16 bytes

# Hosts share the machine's files.
own_files() { on "$1" sh -c 'mkdir /run/state; mount -t tmpfs log /var/log; echo secret >/run/password'; }
launch() {
  on "$1" "$WEAVE" launch --docker-api= --plugin=false --no-dns --state-dir=/run/state --nickname="$1" \
    --password-file=/run/password "${@:2}" >/dev/null
}
weave() { on "$1" "$WEAVE" "${@:2}"; }
uses() { weave "$1" status connections | grep "established encrypted   $2 "; }
both_use() { eventually uses h1 "$1" && eventually uses h2 "$1"; }
hex() { od -An -v -tx1 | tr -d ' \n'; }
captured() { sync; tcpdump -nr /run/underlay.pcap "$@" 2>/dev/null | wc -l; }

agrees() {
  launch h1
  launch h2 10.99.0.1
  both_use fastdp
  weave h1 status | grep 'Datapath: direct$'
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
}
carries() {
  guest h1 ping -c 20 -i 0.05 -W 2 10.32.0.2 | grep ' 0% packet loss'
  guest h2 ping -c 3 -i 0.2 -W 2 -s 5000 -p "$(printf %s "$PATTERN" | hex)" 10.32.0.1 | grep ' 0% packet loss'
  guest h2 sh -c 'timeout 60 socat -u TCP-LISTEN:5000,reuseaddr OPEN:/run/got,creat,trunc &'
  eventually guest h2 sh -c 'ss -ltn | grep -q :5000'
  yes "$PATTERN" | head -c 1000000 | guest h1 timeout 60 socat -u - TCP:10.32.0.2:5000
  eventually on h2 sh -c '[ $(stat -c %s /run/got) = 1000000 ]'
}
# While HOST N does something that ends with a router there again.
loses_nothing() {
  guest "$1" sh -c 'ping -i 0.05 -c 300 -W 2 10.32.0.'$((3 - $2))' >/run/ping.out 2>&1 &'
  sleep 1
  "${@:3}"
  both_use fastdp >/dev/null
  eventually on "$1" grep 'packet loss' /run/ping.out
  on "$1" grep -q ' 0% packet loss' /run/ping.out
}
stops_and_launches() { weave h1 stop; launch h1 --resume; }
# Monitor and router would start each other again.
weaves_of() {
  local net process
  net=$(stat -Lc %i "$NAMESPACES/$1.net")
  for process in $(pgrep -x weave); do
    [ "$(stat -Lc %i "/proc/$process/ns/net" 2>/dev/null)" != "$net" ] || echo "$process"
  done
}
is_killed() {
  kill -STOP $(weaves_of h2)
  kill -KILL $(weaves_of h2)
  eventually eval '[ -z "$(weaves_of h2)" ]'
  launch h2 --resume
}
resets() {
  weave h1 reset --force
  [ -z "$(on h1 ip xfrm state)$(on h1 ip xfrm policy)" ]
  [ -z "$(on h1 ip -br link | grep -e vxlan -e vethwe-)" ]
  [ -z "$(on h1 tc filter show dev eth0 ingress)$(on h1 tc filter show dev eth0 egress)" ]
  [ -z "$(on h1 ls /sys/fs/bpf | grep weave)" ]
}
all_encrypted() {
  [ "$(captured esp)" -gt 100 ] || { echo "only $(captured esp) ESP packets"; return 1; }
  [ "$(captured udp port 6784)" = 0 ] || { tcpdump -nr /run/underlay.pcap -c 5 udp port 6784; return 1; }
  ! grep -aq "$PATTERN" /run/underlay.pcap
}

underlay_up
for n in 1 2; do host_up h$n $n; own_files h$n; container_up h$n $n; done
tcpdump -i underlay -U -w /run/underlay.pcap --immediate-mode -Z root ip 2>/dev/null &
capture=$!
ip link set underlay promisc on
sleep 1
check "two routers with a password agree on the fast datapath" agrees
check "containers reach each other" carries
check "a router that is stopped and launched costs no frame" loses_nothing h1 1 stops_and_launches
check "a router that is killed and launched costs no frame" loses_nothing h2 2 is_killed
check "nothing crossed the underlay in clear" all_encrypted
check "reset leaves nothing in the kernel" resets
[ $FAILED = 0 ] || for host in h1 h2; do echo "== $host"; on $host tail -40 /var/log/weave.log; on $host ip xfrm policy; done
kill $capture
checked
