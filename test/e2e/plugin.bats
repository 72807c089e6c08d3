# Docker's network "weave": the founding transcript, and what users do with it.
load host

setup() {
  host_up h1
  on h1 weave launch
}
teardown() { hosts_down; }

plugin_run() {  # NAME OPTIONS...
  local name=$1
  shift
  on h1 docker run -dP --name="$name" --net=weave "$@" busybox sleep 600 >/dev/null
}

@test "launch-plugin prints the running plugin's id, and Docker knows the driver and the network" {
  first=$(on h1 weave launch-plugin 2>/dev/null)
  [[ $first =~ ^[0-9a-f]{64}$ ]]
  is "$(on h1 weave launch-plugin 2>/dev/null)" "$first"
  [[ $(on h1 docker info --format '{{.Plugins.Network}}') == *weavemesh* ]]
  is "$(on h1 docker network ls --filter name=weave --format '{{.Name}} {{.Driver}} {{.Scope}}')" "weave weavemesh local"
  on h1 docker network inspect weave --format '{{json .IPAM}} {{json .Options}}' >"$BATS_TEST_TMPDIR/inspect"
  grep -q '"Subnet":"10.32.0.0/12"' "$BATS_TEST_TMPDIR/inspect"
  grep -q '"works.weave.multicast":"true"' "$BATS_TEST_TMPDIR/inspect"
}

@test "a container gets ethwe0 with the first address, the bridge's MTU and a multicast route" {
  plugin_run web1
  on h1 docker exec web1 ip addr show ethwe0 >"$BATS_TEST_TMPDIR/addr"
  grep -q 'inet 10.32.0.1/12' "$BATS_TEST_TMPDIR/addr"
  grep -q 'mtu 1410' "$BATS_TEST_TMPDIR/addr"
  on h1 docker exec web1 ip route | grep -q '^224.0.0.0/4 dev ethwe0'
  on h1 docker exec web1 ip route | grep -q '^default via 172.18.0.1'
}

@test "a container's name is resolved through Docker's resolver until it is removed" {
  plugin_run web1 --hostname=web1.weave.local --dns=172.17.0.1 --dns-search=weave.local
  plugin_run web2 --hostname=web2.weave.local $(on h1 weave dns-args)
  eventually on h1 sh -c 'weave status dns | grep "^web2 "'
  id=$(on h1 docker inspect -f '{{.Id}}' web1)
  peer=$(on h1 weave report -f '{{.Router.Name}}')
  [ "$(on h1 weave status dns | head -1)" = "$(printf '%-12s %-15s %12.12s %s' web1 10.32.0.1 "$id" "$peer")" ]
  on h1 docker exec web2 cat /etc/resolv.conf | grep -q '^nameserver 127.0.0.11'
  on h1 docker exec web2 ping -c 1 -W 2 web1 | grep -q 'from 10.32.0.1'
  on h1 docker exec web2 nslookup web1.weave.local 172.17.0.1 | grep -q 'Address: 10.32.0.1'
  on h1 docker rm -f web1
  eventually on h1 sh -c '! weave status dns | grep "^web1 "'
}

@test "a container is known by its name, aliases and hostname without any option" {
  plugin_run db --network-alias=store --hostname=backend
  for name in db store backend; do
    eventually on h1 sh -c "weave dns-lookup $name | grep -x 10.32.0.1"
  done
}

@test "names follow connect, disconnect and rename" {
  on h1 docker run -d --name=late busybox sleep 600
  on h1 docker network connect weave late
  eventually on h1 sh -c 'weave status dns | grep "^late  *10.32.0.1 "'
  on h1 docker rename late early
  eventually on h1 sh -c 'weave status dns | grep "^early "'
  on h1 sh -c '! weave status dns | grep "^late "'
  on h1 docker network disconnect weave early
  eventually on h1 sh -c '[ -z "$(weave status dns)" ]'
}

@test "a network with its own subnet, and a chosen address" {
  on h1 docker network create -d weavemesh --ipam-driver weavemesh --subnet 10.40.0.0/16 t
  on h1 docker run -d --name=first --net=t --ip=10.40.7.7 busybox sleep 600
  on h1 docker exec first ip addr show ethwe0 | grep -q 'inet 10.40.7.7/16'
  run on h1 docker run -d --name=second --net=t --ip=10.40.7.7 busybox sleep 600
  isnt "$status" 0
  [[ $output == *"address 10.40.7.7 is in use"* ]]
  on h1 docker rm -f first
  on h1 docker run -d --name=third --net=t --ip=10.40.7.7 busybox sleep 600
}

@test "a subnet outside the range is refused when the network is made" {
  run on h1 docker network create -d weavemesh --ipam-driver weavemesh --subnet 192.168.77.0/24 t
  isnt "$status" 0
  [[ $output == *10.32.0.0/12* ]]
}

@test "addresses are released when a container ends" {
  plugin_run web1
  is "$(on h1 weave report -f '{{.IPAM.ActiveIPs}}')" 1
  on h1 docker rm -f web1
  is "$(on h1 weave report -f '{{.IPAM.ActiveIPs}}')" 0
  [ -z "$(on h1 sh -c 'ip -o link | grep vethwl || true')" ]
}

@test "a container gets the MAC that the user chose" {
  # Debian's client: a newer one refuses this with an older engine.
  on h1 /usr/bin/docker run -d --name=web1 --net=weave --mac-address=02:42:0a:20:00:07 busybox sleep 600
  on h1 docker exec web1 ip link show ethwe0 | grep -q 02:42:0a:20:00:07
}

@test "stop-plugin removes the sockets, launch-plugin creates them again" {
  on h1 weave stop-plugin
  [ -z "$(on h1 sh -c 'ls /run/docker/plugins')" ]
  run on h1 weave status plugin
  status_is 1
  on h1 weave launch-plugin
  plugin_run web1
}

@test "launch-plugin --no-restart leaves the plugin off after a crash, --log-level is the level of its log" {
  on h1 weave stop-plugin
  on h1 weave launch-plugin --no-restart --log-level debug
  plugin_run web1
  on h1 grep -q ' debug Docker.s call is answered' /var/log/weave.log
  on h1 pkill -9 -f '^weave plugin-server'
  eventually on h1 sh -c '! weave status plugin'
  sleep 1  # longer than the pause before a restart
  run on h1 weave status plugin
  status_is 1
  on h1 weave launch-plugin
  plugin_run web2
}

@test "a container reaches the other one on the network by its address" {
  plugin_run web1
  plugin_run web2
  on h1 docker exec web2 ping -c 1 -W 2 10.32.0.1
}

@test "reset after stop removes Docker's network, within seconds" {
  on h1 weave stop
  begin=$SECONDS
  on h1 weave reset --force
  [ $((SECONDS - begin)) -le 10 ]
  is "$(on h1 docker network ls -q --filter name=weave)" ""
}

@test "the network is created again after docker network prune" {
  on h1 docker network prune -f
  eventually on h1 docker network inspect weave
  on h1 docker run --rm --net=weave busybox true
  on h1 weave status | grep "Restored: Docker's network weave"
}

@test "names given by dns-add come back when the container restarts, and go when it is removed" {
  plugin_run web1
  on h1 weave dns-add web1 -h front.weave.local
  eventually on h1 weave dns-lookup front
  on h1 docker restart -t 0 web1
  known() { [ "$(on h1 weave dns-lookup front)" = "$(on h1 weave dns-lookup web1)" ] && [ -n "$(on h1 weave dns-lookup front)" ]; }
  eventually known
  on h1 docker rm -f web1
  unknown() { [ -z "$(on h1 weave dns-lookup front)" ]; }
  eventually unknown
}

@test "a host that drops what comes in still answers DNS queries from user-defined networks" {
  on h1 iptables -P INPUT DROP
  on h1 docker network create own
  name=$(on h1 sh -c "ls /sys/class/net | grep '^br-'")
  eventually on h1 iptables -C WEAVE-DNS -i "$name" -p udp -m udp --dport 53 -j ACCEPT
  plugin_run web1
  on h1 docker run -d --name=asks --net=own --dns="$(on h1 weave dns-args | sed 's/--dns=\([^ ]*\).*/\1/')" busybox sleep 600
  eventually on h1 docker exec asks nslookup web1.weave.local
  on h1 docker rm -f asks
  on h1 docker network rm own
  gone() { refute on h1 iptables -C WEAVE-DNS -i "$name" -p udp -m udp --dport 53 -j ACCEPT 2>/dev/null; }
  eventually gone
}

@test "Docker's own changes of the firewall are not reported as removed rules" {
  on h1 docker swarm init --advertise-addr "$E2E_UNDERLAY.11"
  on h1 docker network create own
  sleep 6
  refute on h1 grep 'restored what was removed' /var/log/weave.log
  on h1 iptables -C FORWARD -i weave -o weave -j ACCEPT
}

@test "without the mesh socket there is no network, not one of another driver" {
  on h1 weave reset
  on h1 weave launch --plugin-mesh-socket ''
  is "$(on h1 docker network ls --filter name=weave --format '{{.Name}} {{.Driver}}')" ""
}
