# weave attach and detach, expose and hide.
load host

setup() {
  host_up h1
  on h1 weave launch
}
teardown() { hosts_down; }

container() { on h1 docker run -d --name="$1" --net=none --hostname="$1.weave.local" busybox sleep 600; }

@test "attach gives an address, an interface and a name, and the same when repeated" {
  container c1
  is "$(on h1 weave attach c1)" 10.32.0.1
  is "$(on h1 weave attach c1)" 10.32.0.1
  on h1 docker exec c1 ip addr show ethwe | grep -q 'inet 10.32.0.1/12'
  on h1 docker exec c1 ip route | grep -q '^224.0.0.0/4 dev ethwe'
  is "$(on h1 weave dns-lookup c1)" 10.32.0.1
  container c2
  on h1 weave attach c2
  on h1 docker exec c2 ping -c 1 -W 2 10.32.0.1
}

@test "attach takes several addresses: a free one of a subnet and a given one" {
  container c1
  is "$(on h1 weave attach net:10.40.128.0/24 ip:10.2.1.6/24 10.33.0.9/16 c1)" "10.40.128.1 10.2.1.6 10.33.0.9"
  on h1 docker exec c1 ip addr show ethwe >"$BATS_TEST_TMPDIR/addr"
  for cidr in 10.40.128.1/24 10.2.1.6/24 10.33.0.9/16; do grep -q "inet $cidr" "$BATS_TEST_TMPDIR/addr"; done
  container c2
  run on h1 weave attach 10.33.0.9/16 c2
  status_is 1
  [[ $output == *"10.33.0.9/16 is already owned by"* ]]
}

@test "a failed attach releases its addresses" {
  container c1
  on h1 weave attach ip:10.33.0.9/16 c1
  container c2
  run on h1 weave attach net:default 10.33.0.9/16 c2
  status_is 1
  is "$(on h1 weave report -f '{{.IPAM.ActiveIPs}}')" 1
  on h1 docker run -d --name=hostnet --net=host busybox sleep 600
  run on h1 weave attach hostnet
  status_is 1
  [[ $output == *"host network namespace"* ]]
  is "$(on h1 weave report -f '{{.IPAM.ActiveIPs}}')" 1
}

@test "attach refuses unknown and stopped containers and addresses outside the range" {
  run on h1 weave attach nosuch
  fails_with 1 "No such container: nosuch"
  container c1
  on h1 docker kill c1
  run on h1 weave attach c1
  fails_with 1 "not running"
  on h1 docker start c1
  run on h1 weave attach net:10.2.5.0/24 c1
  fails_with 1 "range 10.2.5.0/24 out of bounds: 10.32.0.0/12"
  run on h1 weave attach 1.2.3.4/33 c1
  status_is 1
}

@test "detach removes address, interface and name" {
  container c1
  on h1 weave attach c1
  is "$(on h1 weave detach c1)" 10.32.0.1
  run on h1 docker exec c1 ip link show ethwe
  isnt "$status" 0
  [ -z "$(on h1 weave status dns)" ]
  is "$(on h1 weave report -f '{{.IPAM.ActiveIPs}}')" 0
  run on h1 weave detach c1
  fails_with 1 "c1 is not attached"
}

@test "the address of a removed container is free at once, that of a stopped one after a while" {
  container c1
  on h1 weave attach c1
  on h1 docker kill c1
  is "$(on h1 weave report -f '{{.IPAM.ActiveIPs}}')" 1
  on h1 docker start c1
  is "$(on h1 weave attach c1)" 10.32.0.1
  on h1 docker rm -f c1
  eventually on h1 sh -c '[ "$(weave report -f "{{.IPAM.ActiveIPs}}")" = 0 ]'
}

@test "ps shows the bridge and each container once" {
  id=$(container c1)
  on h1 weave attach c1
  on h1 docker run -d --name=p1 --net=weave busybox sleep 600
  on h1 weave ps >"$BATS_TEST_TMPDIR/ps"
  is "$(wc -l <"$BATS_TEST_TMPDIR/ps")" 3
  head -1 "$BATS_TEST_TMPDIR/ps" | grep -qE '^weave:expose ([0-9a-f]{2}:){5}[0-9a-f]{2}$'
  grep -qE "^${id:0:12} ([0-9a-f]{2}:){5}[0-9a-f]{2} 10\.32\.0\.1/12$" "$BATS_TEST_TMPDIR/ps"
  on h1 weave stop 2>/dev/null
  [ "$(on h1 weave ps)" = "$(cat "$BATS_TEST_TMPDIR/ps")" ]
}

@test "expose adds the host to the network and its rules, hide removes both" {
  before=$(on h1 iptables-save -t nat | grep -v '^[#:]')
  container c1
  on h1 weave attach c1
  is "$(on h1 weave expose)" 10.32.0.2
  is "$(on h1 weave expose)" 10.32.0.2
  on h1 ping -c 1 -W 2 10.32.0.1
  on h1 iptables-save -t nat | grep -q -- '-A WEAVE -s 10.32.0.0/12 ! -d 10.32.0.0/12 -j MASQUERADE'
  is "$(on h1 weave expose 10.2.3.1/24 --without-masquerade)" 10.2.3.1
  run on h1 sh -c 'iptables-save -t nat | grep 10.2.3.0'
  isnt "$status" 0
  is "$(on h1 weave hide)" 10.32.0.2
  is "$(on h1 weave hide 10.2.3.1/24)" 10.2.3.1
  [ -z "$(on h1 weave hide)" ]
  is "$(on h1 iptables-save -t nat | grep -v '^[#:]')" "$before"
}

@test "expose registers a name for the host" {
  on h1 weave expose -h host1.weave.local
  is "$(on h1 weave dns-lookup host1)" 10.32.0.1
  on h1 weave hide
  [ -z "$(on h1 weave dns-lookup host1)" ]
}

@test "rewrite-hosts writes the container's own file" {
  on h1 docker run -d --name=c1 --hostname=c1.weave.local busybox sleep 600
  on h1 weave attach --rewrite-hosts --add-host=zz:1.1.1.1 c1
  on h1 docker exec c1 cat /etc/hosts >"$BATS_TEST_TMPDIR/hosts"
  grep -q '^10.32.0.1 *c1.weave.local c1$' "$BATS_TEST_TMPDIR/hosts"
  grep -q '^1.1.1.1 *zz$' "$BATS_TEST_TMPDIR/hosts"
}

@test "flushed firewall rules are restored" {
  on h1 sh -c 'iptables -F FORWARD; iptables -t nat -F WEAVE'
  eventually on h1 sh -c 'iptables -S FORWARD | grep -- "-i weave -o weave -j ACCEPT"'
}

@test "a container without rights to names of its own is run in the namespace of another" {
  on h1 weave run --name base busybox sleep 600
  on h1 weave run --net=container:base --name side busybox sleep 600
  on h1 docker exec side ip addr show ethwe | grep -q 'inet 10.32.0.1/12'
}

@test "a container that ends at once is told by the reason, without the failure to kill it" {
  run --separate-stderr on h1 weave run --name short busybox true
  refute [ "$status" = 0 ]
  refute grep -q "Cannot kill" <<<"$stderr"
}

@test "detach without an address names the addresses in other subnets" {
  container c1
  on h1 weave attach 10.2.1.3/24 c1
  run on h1 weave detach c1
  fails_with 1 "c1 is not attached with such an address; it has 10.2.1.3/24: name what to detach"
  is "$(on h1 weave detach 10.2.1.3/24 c1)" 10.2.1.3
}

@test "a second address in the subnet of Docker's network is warned of" {
  on h1 docker run -d --name=web --net=weave busybox sleep 600
  run --separate-stderr on h1 weave attach web
  status_is 0
  like "$stderr" "WARNING: web has two addresses in 10.32.0.0/12 now: *"
}

@test "an address with the end of a line on it is understood" {
  container c1
  is "$(on h1 weave attach $'10.2.1.3/24\n' c1)" 10.2.1.3
}
