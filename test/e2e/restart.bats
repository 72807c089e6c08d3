# What survives: restarts, crashes of each process, of Docker, and a reset.
load host

setup() { host_up h1; }
teardown() { hosts_down; }

pid_of_service() {  # NAME in h1
  on h1 pgrep -of "^weave $1"  # the oldest: a child is called the same until it runs its program
}

came_back() {  # NAME OLD-PID
  local now
  now=$(pid_of_service "$1") && [ -n "$now" ] && [ "$now" != "$2" ]
}

killed_comes_back() {
  local old
  old=$(pid_of_service "$1")
  on h1 kill -9 "$old"
  eventually came_back "$1" "$old"
  eventually on h1 sh -c 'curl -sf -o /dev/null http://127.0.0.1:6784/healthz'
}

@test "containers keep address and name over stop and launch" {
  on h1 weave launch
  on h1 docker run -d --name=web1 --net=weave busybox sleep 600
  attached=$(on h1 docker run -d --name=web2 --net=none busybox sleep 600)
  is "$(on h1 weave attach web2)" 10.32.0.2
  eventually on h1 sh -c 'weave status dns | grep "^web1 "'
  on h1 weave dns-add 192.0.2.7 -h db.weave.local
  before=$(on h1 weave status dns)
  on h1 weave stop 2>/dev/null
  on h1 docker exec web2 ping -c 1 -W 2 10.32.0.1
  on h1 weave launch
  eventually on h1 sh -c "[ \"\$(weave status dns)\" = '$before' ]"
  on h1 docker run -d --name=web3 --net=weave busybox sleep 600
  on h1 docker exec web3 ip addr show ethwe0 | grep -q 'inet 10.32.0.3/12'
  [[ $(on h1 weave ps) == *"${attached:0:12} "*" 10.32.0.2/12"* ]]
}

@test "without its state the router takes no address that is in use" {
  on h1 weave launch
  on h1 docker run -d --name=web1 --net=weave busybox sleep 600
  on h1 docker run -d --name=web2 --net=none busybox sleep 600
  on h1 weave attach web2
  on h1 weave stop 2>/dev/null
  on h1 sh -c 'rm /var/lib/weave/*'
  on h1 weave launch
  on h1 docker run -d --name=web3 --net=none busybox sleep 600
  is "$(on h1 weave attach web3)" 10.32.0.3
  is "$(on h1 weave attach web2)" 10.32.0.2
}

@test "a killed DNS server is restarted with all names" {
  on h1 weave launch
  on h1 weave dns-add 192.0.2.7 -h db.weave.local
  killed_comes_back dns-server
  eventually on h1 sh -c 'dig +short +time=1 +tries=1 db.weave.local @172.17.0.1 2>/dev/null | grep -x 192.0.2.7 || busybox nslookup db.weave.local 172.17.0.1 | grep 192.0.2.7'
}

@test "a killed plugin server is restarted, and Docker continues to use it" {
  on h1 weave launch
  on h1 docker run -d --name=web1 --net=weave busybox sleep 600
  killed_comes_back plugin-server
  on h1 docker rm -f web1
  on h1 docker run -d --name=web2 --net=weave busybox sleep 600
  is "$(on h1 weave report -f '{{.IPAM.ActiveIPs}}')" 1
}

@test "a killed router is restarted with its ids, names and addresses" {
  id=$(on h1 weave launch)
  plugin=$(on h1 weave launch-plugin 2>/dev/null)
  on h1 docker run -d --name=web1 --net=weave busybox sleep 600
  on h1 weave dns-add 192.0.2.7 -h db.weave.local
  killed_comes_back router
  is "$(on h1 weave report -f '{{.Router.ServiceID}}')" "$id"
  is "$(on h1 weave launch-plugin 2>/dev/null)" "$plugin"
  eventually on h1 sh -c 'weave status dns | grep "^web1 " && weave status dns | grep "^db "'
  on h1 docker run -d --name=web2 --net=weave busybox sleep 600
  on h1 docker exec web2 ip addr show ethwe0 | grep -q 'inet 10.32.0.2/12'
}

@test "a killed monitor is replaced, and the new one restarts a crashed router" {
  on h1 weave launch
  old=$(pid_of_service monitor)
  on h1 kill -9 "$old"
  eventually came_back monitor "$old"
  killed_comes_back router
  on h1 weave stop
  eventually on h1 sh -c '! pgrep -x weave'
}

@test "stop leaves no process and no plugin socket" {
  on h1 weave launch
  on h1 weave stop
  [ -z "$(on h1 ls /run/docker/plugins)" ]
  eventually on h1 sh -c '! pgrep -x weave'  # the router is gone; the monitor has seen it end, and ends
  run on h1 weave stop
  status_is 0
  prints "Weave is not running."
}

@test "after a restart of Docker containers with a restart policy are back on the network" {
  on h1 weave launch
  on h1 docker run -d --restart=always --name=web1 --net=weave busybox sleep 600
  on h1 docker run -d --name=web2 --net=weave busybox sleep 600
  eventually on h1 sh -c 'weave status dns | grep "^web2 "'
  engine_stop h1
  engine_start h1
  eventually on h1 docker exec web1 ip addr show ethwe0
  eventually on h1 sh -c 'weave status dns | grep "^web1 "'
  eventually on h1 sh -c '! weave status dns | grep "^web2 "'
  on h1 docker start web2
  eventually on h1 sh -c 'weave status dns | grep "^web2 "'
}

@test "reset leaves no interface, rule or file" {
  rules() { on h1 sh -c 'iptables-save | grep -i weave || true'; }
  on h1 weave launch
  on h1 docker run -d --name=web1 --net=none busybox sleep 600
  on h1 weave attach web1
  on h1 weave expose
  [ -n "$(rules)" ]
  on h1 weave reset
  [ -z "$(rules)" ]
  [ -z "$(on h1 sh -c 'ip -o link | grep weave || true; ip -o link | grep vethw || true; find /var/lib/weave /run/docker/plugins -mindepth 1; docker network ls -q --filter name=weave')" ]
  run on h1 sh -c 'ls /run/weave'
  isnt "$status" 0
  on h1 weave reset
}

@test "reset without a router is refused without --force" {
  on h1 weave launch
  on h1 weave stop
  run on h1 weave reset
  status_is 1
  [[ $output == *"ERROR: weave is not running; unable to remove from cluster."* ]]
  on h1 weave reset --force
  [ -z "$(on h1 sh -c 'ls -A /var/lib/weave')" ]
}
