# Hosts that weave doesn't own: their firewalls, addresses, routes and missing parts of the kernel.
load host
load lib/fastdp
load lib/pair

teardown() { hosts_down; }

@test "on a firewall that ends with REJECT containers have DNS, and reach no port of the mesh" {
  host_up h1
  on h1 iptables -A INPUT -i lo -j ACCEPT
  on h1 iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  on h1 iptables -A INPUT -p tcp --dport 6783 -j ACCEPT
  on h1 iptables -A INPUT -j REJECT
  on h1 weave launch
  on h1 docker run -d --name=web1 --net=weave --hostname=web1.weave.local busybox sleep 600
  on h1 sh -c 'docker run --rm --net=weave $(weave dns-args) busybox nslookup web1.weave.local'
  refute on h1 docker run --rm busybox nc -w 1 172.17.0.1 6783 </dev/null
}

@test "the address of a host changes: frames pass again within seconds" {
  pair
  on h2 sh -c "ip addr flush dev eth0; ip addr add $E2E_UNDERLAY.99/24 dev eth0"
  WITHIN=5 eventually on h2 grep "this host has no longer the address $E2E_UNDERLAY.12" /var/log/weave.log
  WITHIN=12 eventually uses h2 fastdp h1
  WITHIN=3 eventually guest h1 ping -c 1 -W 1 10.32.0.2
}

@test "the MTU of a host's interface shrinks and grows: both ends change the overlay within seconds" {
  pair
  on h2 ip link set eth0 mtu 1280
  WITHIN=5 eventually uses h2 sleeve h1
  WITHIN=5 eventually uses h1 sleeve h2
  on h2 weave status connections | grep "the largest frames, 1460 bytes with their headers, don't fit the interface's MTU"
  eventually guest h1 ping -c 1 -W 1 -s 3000 10.32.0.2
  on h2 ip link set eth0 mtu 1500
  eventually uses h2 fastdp h1
  eventually uses h1 fastdp h2
}

@test "without tun the fast datapath goes on alone, and sleeve comes when tun does" {
  for n in 1 2; do host_up h$n --no-engine; done
  on h1 mount --bind /dev/null /dev/net/tun
  run launch h1
  status_is 0
  like "$output" "*no sleeve, so peers without the fast datapath can't be reached*"
  launch h2 "$E2E_UNDERLAY.11"
  for n in 1 2; do container_up h$n c $n; done
  eventually uses h1 fastdp h2
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
  on h1 weave status | grep 'Datapath: direct; no sleeve ('
  on h1 umount /dev/net/tun
  back() { on h1 weave status | grep -x ' *Datapath: direct'; }
  eventually back
}

@test "a route in the range is shown while it lasts, and does not keep a member from launching again" {
  host_up h1 --no-engine
  launch h1
  on h1 sh -c 'ip link add vpn0 type veth peer name vpn1; ip link set vpn0 up; ip link set vpn1 up; ip route add 10.40.0.0/16 dev vpn0'
  shown() { on h1 weave status | grep 'Problem: the route 10.40.0.0/16 of this host overlaps the address range 10.32.0.0/12'; }
  eventually shown
  on h1 weave stop
  run launch h1
  status_is 0
  like "$output" "*Network 10.32.0.0/12 overlaps with existing route 10.40.0.0/16 on host*"
  eventually shown
  on h1 ip route del 10.40.0.0/16
  hidden() { refute shown 2>/dev/null; }
  eventually hidden
}
