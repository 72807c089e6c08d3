# What is removed from the host is restored within seconds and logged; what others add keeps its place.
load host
load lib/fastdp
load lib/pair

teardown() { hosts_down; }

logged() { on h1 grep -q "$1" /var/log/weave.log; }
reaches() { guest h1 ping -c 1 -W 1 10.32.0.2; }

@test "the bridge is set down: it is up again" {
  pair
  on h1 ip link set weave down
  eventually on h1 sh -c 'ip link show weave | grep -q "[<,]UP[,>]"'
  reaches
  logged 'item="bridge weave"'
}

@test "the bridge is deleted: it is back with its ports and its exposed address" {
  pair
  on h1 weave expose 10.32.0.101/24
  name=$(on h1 weave report -f '{{.Router.Name}}')
  on h1 ip link del weave
  eventually reaches
  eventually on h1 ping -c 1 -W 1 10.32.0.2
  is "$(on h1 cat /sys/class/net/weave/address)" "$name"
  logged 'item="port vethweplc"'
  logged 'item="address 10.32.0.101/24"'
}

@test "exposed addresses that are flushed come back" {
  pair
  on h1 weave expose 10.32.0.101/24
  on h1 ip addr flush dev weave
  eventually on h1 ping -c 1 -W 1 10.32.0.2
}

@test "a port that is taken off the bridge comes back" {
  pair
  on h1 ip link set vethweplc nomaster
  eventually on h1 sh -c 'ip link show vethweplc | grep -q "master weave"'
  eventually reaches
  logged 'item="port vethweplc"'
}

@test "the VXLAN device is deleted or set down: frames pass by the fast datapath again" {
  pair
  on h1 ip link del vxlan-6784
  eventually logged 'item="VXLAN device vxlan-6784"'
  eventually reaches
  uses h1 fastdp h2
  on h1 ip link set vxlan-6784 down
  eventually on h1 sh -c 'ip link show vxlan-6784 | grep -q "[<,]UP[,>]"'
  eventually reaches
}

@test "qdiscs with the BPF programs are deleted: they are attached again" {
  pair
  for link in vethweplc vxlan-6784 vethwe-datapath; do on h1 tc qdisc del dev $link clsact; done
  attached() { on h1 tc filter show dev "$1" ingress | grep -q "$2"; }
  eventually attached vethweplc from_container
  eventually attached vxlan-6784 from_tunnel
  eventually attached vethwe-datapath from_bridge
  eventually reaches
}

@test "hairpin mode on our port of the bridge is switched off" {
  pair
  on h1 sh -c 'echo 1 >/sys/class/net/vethwe-bridge/brport/hairpin_mode'
  eventually on h1 grep -qx 0 /sys/class/net/vethwe-bridge/brport/hairpin_mode
  eventually logged 'item="hairpin flag of vethwe-bridge"'
}

@test "the route of an exposed address, a kernel setting and pinned maps come back, and status names them" {
  host_up h1 --no-engine
  launch h1
  on h1 weave expose 10.32.0.101/24
  on h1 ip route del 10.32.0.0/24 dev weave
  on h1 sh -c 'echo 3 >/proc/sys/net/ipv4/neigh/weave/ucast_solicit'
  on h1 sh -c 'rm -r /sys/fs/bpf/weave/*'
  route_back() { on h1 ip route show 10.32.0.0/24 dev weave | grep -q scope; }
  eventually route_back
  eventually on h1 grep -qx 1 /proc/sys/net/ipv4/neigh/weave/ucast_solicit
  eventually on h1 sh -c 'test -e /sys/fs/bpf/weave/*/settings'
  on h1 weave status | grep -q 'Restored: route 10.32.0.0/24 (last 20'
  on h1 weave status | grep -q 'Restored: sysctl net/ipv4/neigh/weave/ucast_solicit (last 20'
  on h1 weave status | grep -q 'Restored: pinned maps in /sys/fs/bpf/weave (last 20'
}

@test "without the fast datapath the bridge is deleted: sleeve's interface is its port again" {
  host_up h1 --no-engine
  launch h1 --datapath=none
  on h1 ip link del weave
  is_port() { on h1 ip link show vethwe-sleeve | grep -q "master weave"; }
  eventually is_port
  on h1 ip link set vethwe-sleeve nomaster
  eventually is_port
  on h1 weave status | grep -q 'Restored: interface vethwe-sleeve (2 times, last 20'
}

@test "what another program removes again and again is restored less often, and reported once" {
  host_up h1 --no-engine
  launch h1
  exists() { on h1 iptables -C FORWARD -i weave -o weave -j ACCEPT; }
  for i in 1 2 3 4; do
    on h1 iptables -D FORWARD -i weave -o weave -j ACCEPT
    WITHIN=8 eventually exists
  done
  on h1 iptables -D FORWARD -i weave -o weave -j ACCEPT
  sleep 6
  refute exists
  WITHIN=10 eventually exists
  is "$(on h1 grep -c 'changes it again and again.*firewall rules' /var/log/weave.log)" 1
}

@test "an operator's firewall rule above ours keeps its place and wins" {
  pair
  on h1 weave expose 10.32.0.101/24
  on h2 ip route add 10.32.0.0/24 via "$E2E_UNDERLAY.11" dev eth0 2>/dev/null || :
  on h1 iptables -I FORWARD -s "$E2E_UNDERLAY.12" -o weave -j DROP
  on h1 iptables -D FORWARD -i weave -o weave -j ACCEPT
  eventually on h1 iptables -C FORWARD -i weave -o weave -j ACCEPT
  is "$(on h1 iptables -S FORWARD 1)" "-A FORWARD -s $E2E_UNDERLAY.12/32 -o weave -j DROP"
}

@test "the stored peer name outlives bridge and machine id" {
  host_up h1 --no-engine
  launch h1 --name 02:00:00:00:00:77
  on h1 weave stop
  on h1 ip link del weave
  launch h1
  is "$(on h1 weave report -f '{{.Router.Name}}')" 02:00:00:00:00:77
}

@test "a name derived from the machine id is kept when an id appears, and given up on a copy of the machine" {
  host_up h1 --no-engine
  name() { on h1 weave report -f '{{.Router.Name}}'; }
  relaunch() {
    on h1 weave stop
    on h1 sh -c 'ip link del weave; echo "$1" >/etc/machine-id' id "$1"
    launch h1
  }
  on h1 sh -c ': >/etc/machine-id'
  launch h1
  first=$(name)
  relaunch 11112222333344445555666677778888
  is "$(name)" "$first"
  on h1 weave reset
  launch h1
  derived=$(name)
  isnt "$derived" "$first"
  relaunch 99992222333344445555666677778888
  isnt "$(name)" "$derived"
  logged 'the stored peer name is that of another machine'
}
