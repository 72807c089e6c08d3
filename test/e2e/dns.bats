# The DNS server as a container and the host see it.
load host

setup() {
  host_up h1
}
teardown() { hosts_down; }

@test "names of the domain are answered, others forwarded, and bare names work" {
  on h1 weave launch
  on h1 weave dns-add 192.0.2.7 -h db.weave.local
  on h1 docker run -d --name=c1 --net=weave --dns=172.17.0.1 --dns-search=weave.local resolver sleep 600
  [[ $(on h1 docker exec c1 getent hosts db) == 192.0.2.7* ]]
  [[ $(on h1 docker exec c1 getent hosts db.weave.local) == 192.0.2.7* ]]
  [[ $(on h1 docker exec c1 getent hosts www.example.test) == 192.0.2.80* ]]
  run on h1 docker exec c1 getent hosts nosuch.weave.local
  isnt "$status" 0
}

@test "a changed resolv.conf is used" {
  on h1 sh -c 'echo >/etc/resolv.conf'
  on h1 weave launch
  is "$(on h1 weave report -f '{{len .DNS.Upstream}}')" 0
  on h1 sh -c "echo nameserver $E2E_UNDERLAY.1 >/etc/resolv.conf"
  eventually on h1 sh -c 'weave status | grep "Upstream: '$E2E_UNDERLAY'.1"'
}

@test "with port 53 in use launch names the holder and fails, or runs without DNS" {
  on h1 sh -c 'dnsmasq --conf-file=/dev/null --no-resolv --bind-interfaces --listen-address=172.17.0.1 --pid-file=/run/dm.pid --user=root'
  run on h1 weave launch
  status_is 1
  [[ $output == *"dnsmasq (pid "* ]]
  eventually on h1 sh -c '! pgrep -x weave'
  [ -z "$(on h1 sh -c 'ip -o link | grep -w weave || true; iptables-save | grep WEAVE || true')" ]
  run on h1 weave launch --dns-optional
  status_is 0
  [[ $output == *"DNS is off: "* ]]
  run on h1 weave status dns
  fails_with 1 "DNS is disabled"
}

@test "without DNS nothing listens and dns-args prints nothing" {
  on h1 weave launch --no-dns
  [ -z "$(on h1 weave dns-args)" ]
  run on h1 sh -c 'pgrep -f "^weave dns-server"'
  isnt "$status" 0
}

@test "domain, address and TTL can be chosen" {
  on h1 weave launch --dns-domain=corp.test --dns-listen-address=127.0.0.9:53 --dns-ttl=30
  on h1 weave dns-add 192.0.2.7 -h db.corp.test
  is "$(on h1 weave dns-args)" "--dns=127.0.0.9 --dns-search=corp.test."
  run on h1 weave dns-add 192.0.2.7 -h db.weave.local
  status_is 1
  on h1 weave status | grep -q 'TTL: 30'
}

@test "a DNS server on another port than 53 is warned of, and dns-args does not name it" {
  run on h1 weave launch --dns-listen-address=127.0.0.9:5353
  status_is 0
  like "$output" "*containers ask port 53*"
  run --separate-stderr on h1 weave dns-args
  status_is 0
  prints_nothing
  like "$stderr" "The DNS server listens on 127.0.0.9:5353; containers ask port 53 only*"
}

@test "the DNS server runs without root privileges" {
  on h1 weave launch
  is "$(on h1 sh -c 'ps -o uid= -p $(pgrep -f "^weave dns-server")' | tr -d ' ')" 65534
}
