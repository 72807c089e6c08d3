#!/usr/bin/env bash
# The default data path under another kernel: do known unicast frames arrive, on one host and between two. Run by
# test/vm/run. Argument: the program weave (absolute path), else that of build/release.
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./hosts.bash
WEAVE=${1:-$(readlink -m ../../build/release/weave)}
[ -x "$WEAVE" ] || { echo "no $WEAVE"; exit 1; }

own_files() { on "$1" sh -c 'mkdir /run/state; mount -t tmpfs log /var/log'; }
launch() {
  on "$1" "$WEAVE" launch --docker-api= --plugin=false --no-dns --state-dir=/run/state --nickname="$1" "${@:2}" >/dev/null
}
uses_fastdp() { on "$1" "$WEAVE" status connections | grep -q 'established fastdp '; }
# A second container beside the one of container_up: namespace "d", 10.32.0.10N.
second_container_up() {
  on "$1" sh -c '
    ip netns add d; ip -n d link set lo up
    ip link add vethwepld mtu 1376 type veth peer name eth0 mtu 1376 address $(printf 02:dd:00:00:00:%02x $1) netns d
    ip -n d addr add 10.32.0.10$1/24 brd + dev eth0; ip -n d link set eth0 up
    ip link set vethwepld master weave up' - "$2"
}
# ADDRESS SIZE: from h1's first container, without any loss.
pings() {
  local said
  said=$(guest h1 ping -c 10 -i 0.05 -W 2 -s "$2" "$1") || { echo "$said"; return 1; }
  grep -q ' 0% packet loss' <<<"$said" || { echo "$said"; return 1; }
}

agrees() {
  launch h1
  launch h2 10.99.0.1
  eventually uses_fastdp h1
  eventually uses_fastdp h2
}
mode_is_direct() { on h1 "$WEAVE" status | grep 'Datapath: direct$'; }
same_host() { pings 10.32.0.101 56; pings 10.32.0.101 1300; }
other_host() { pings 10.32.0.2 56; pings 10.32.0.2 1300; pings 10.32.0.2 8000; }
direct_counted() { on h1 "$WEAVE" report | grep -E '"direct": [1-9]'; }

echo "kernel $(uname -r)"
underlay_up
for n in 1 2; do host_up h$n $n; own_files h$n; container_up h$n $n; done
second_container_up h1 1
check "two routers agree on the fast datapath" agrees
check "the data path is direct" mode_is_direct
check "unicast frames reach a container of the same host" same_host
check "unicast frames reach a container of the other host" other_host
check "the direct path carried them" direct_counted
[ $FAILED = 0 ] || for host in h1 h2; do echo "== $host"; on $host tail -20 /var/log/weave.log; done
checked
