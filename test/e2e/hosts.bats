# The founding transcript over two hosts with an engine each, and what users do between hosts.
load host

setup() {
  host_up h1
  host_up h2
}
teardown() { hosts_down; }

both() {  # OPTIONS...
  on h1 weave launch "$@" "$E2E_UNDERLAY.12" >/dev/null
  on h2 weave launch "$@" "$E2E_UNDERLAY.11" >/dev/null
  eventually on h1 sh -c 'weave status connections | grep " established "'
}

run_on() {  # HOST NAME
  on "$1" docker run -dP --name="$2" --hostname="$2.weave.local" --net=weave $(on "$1" weave dns-args) busybox httpd -f -h /www >/dev/null
}

# Fetches web1's page from web2, and counts how often its text is seen between the hosts. A datagram in clear that is sent
# afterwards says when all before it has been seen.
clear_text_on_the_wire() {
  nsenter -t "$(pid_of underlay)" -n timeout 60 tcpdump --immediate-mode -i h2 -w "$BATS_TEST_TMPDIR/wire.pcap" -U 2>/dev/null &
  eventually test -s "$BATS_TEST_TMPDIR/wire.pcap"
  [ "$(on h2 docker exec web2 wget -qO- http://web1)" = 'hello from weave' ] || echo failed
  on h1 bash -c "echo the page was fetched >/dev/udp/$E2E_UNDERLAY.12/9"
  eventually grep -aq 'the page was fetched' "$BATS_TEST_TMPDIR/wire.pcap"
  kill $! 2>/dev/null || true
  grep -ac 'hello from weave' "$BATS_TEST_TMPDIR/wire.pcap" || true
}

@test "web2 on one host pings web1 on the other by name, and both hosts know both names" {
  both
  run_on h1 web1
  run_on h2 web2
  for h in h1 h2; do
    eventually on $h sh -c 'weave status dns | grep "^web1 " && weave status dns | grep "^web2 "'
  done
  is "$(on h1 weave status dns)" "$(on h2 weave status dns)"
  eventually on h2 docker exec web2 ping -c 1 -W 2 web1
  [ "$(clear_text_on_the_wire)" -gt 0 ]  # so that its absence means something in the next test
  on h1 docker rm -f web1
  eventually on h2 sh -c '! weave status dns | grep "^web1 "'
}

@test "encrypted hosts reach each other by name, and nothing is in clear on the wire" {
  both --password=s3cret
  run_on h1 web1
  run_on h2 web2
  eventually on h2 docker exec web2 ping -c 1 -W 2 web1
  is "$(clear_text_on_the_wire)" 0
}

@test "large packets and bulk data arrive unchanged" {
  both
  run_on h1 web1
  run_on h2 web2
  eventually on h2 docker exec web2 ping -c 1 -W 2 web1
  eventually on h2 docker exec web2 ping -c 1 -W 2 -s 60000 web1
  on h1 docker exec web1 sh -c 'head -c 20000000 /dev/urandom >/www/data'
  sum=$(on h1 docker exec web1 md5sum /www/data | cut -d' ' -f1)
  is "$(on h2 docker exec web2 sh -c 'wget -qO- http://web1/data | md5sum' | cut -d' ' -f1)" "$sum"
}

@test "attached containers and exposed hosts reach each other across hosts" {
  both
  on h1 docker run -d --name=c1 --net=none busybox sleep 600
  on h2 docker run -d --name=c2 --net=none busybox sleep 600
  a1=$(on h1 weave attach net:10.40.0.0/24 c1)
  a2=$(on h2 weave attach net:10.40.0.0/24 c2)
  isnt "$a1" "$a2"
  eventually on h2 docker exec c2 ping -c 1 -W 2 "$a1"
  host=$(on h1 weave expose net:10.40.0.0/24)
  eventually on h2 docker exec c2 ping -c 1 -W 2 "$host"
}

@test "containers stay reachable after a restart of their router" {
  both
  run_on h1 web1
  run_on h2 web2
  eventually on h2 docker exec web2 ping -c 1 -W 2 web1
  on h1 pkill -9 -f '^weave router'
  back() { on h1 sh -c 'weave status connections | grep -q " established "' && on h2 docker exec web2 ping -c 1 -W 1 web1; }
  eventually back
}

@test "addresses of a dead host are used again after rmpeer" {
  host_up h3
  for h in h1 h2 h3; do
    others=$(for o in 11 12 13; do echo "$E2E_UNDERLAY.$o"; done | grep -v "1${h#h}\$")
    on $h weave launch $others >/dev/null
  done
  for h in h1 h2 h3; do run_on $h web${h#h}; done
  for h in h1 h2 h3; do eventually on $h sh -c '[ $(weave status dns | wc -l) = 3 ]'; done
  is "$(on h1 weave status dns | awk '{print $2}' | sort -u | wc -l)" 3
  for h in h1 h2; do eventually on $h docker exec web${h#h} ping -c 1 -W 2 web3; done
  lost=$(on h3 weave dns-lookup web3)
  crash h3
  host_down h3
  eventually on h1 sh -c 'weave status ipam | grep "(h3).*- unreachable!"'
  eventually on h2 sh -c '[ $(weave status dns | wc -l) = 2 ]'
  [[ $(on h1 weave rmpeer h3) == *" IPs taken over from h3" ]]
  on h1 docker run -d --name=c1 --net=none busybox sleep 600
  is "$(on h1 weave attach "$lost/12" c1)" "$lost"
  eventually on h2 docker exec web2 ping -c 1 -W 2 "$lost"
}
