# Launching: what is checked first, what is said, what is left behind when it fails.
load host

setup() { host_up h1; }
teardown() { hosts_down; }

nothing_left() {
  eventually on h1 sh -c '! pgrep -x weave'  # the monitor ends after the router that it has seen end
  [ -z "$(on h1 sh -c 'ip -o link | grep -w weave || true; iptables-save | grep WEAVE || true; ls /run/docker/plugins')" ]
}

@test "a launch prints its id, a second one exits with 3" {
  [[ $(on h1 weave launch) =~ ^[0-9a-f]{64}$ ]]
  run on h1 weave launch
  status_is 3
  is "${lines[0]}" "weave is already running; you can stop it with 'weave stop'."
  is "${lines[1]}" "Options and peers of this command were ignored; 'weave connect' adds peers."
}

@test "the bridge has the peer's name as MAC and an MTU with room for the tunnel" {
  on h1 weave launch --name=12:d2:fe:7a:c1:f2 --nickname=docker1
  on h1 ip link show weave >"$BATS_TEST_TMPDIR/link"
  grep -q 12:d2:fe:7a:c1:f2 "$BATS_TEST_TMPDIR/link"
  grep -q 'mtu 1410' "$BATS_TEST_TMPDIR/link"
  on h1 weave status | grep -q 'Name: 12:d2:fe:7a:c1:f2(docker1)'
}

@test "options of a launch take effect" {
  on h1 weave launch --mtu=1300 --ipalloc-range=10.128.0.0/16 --ipalloc-default-subnet=10.128.4.0/24 --http-addr=127.0.0.1:7000
  on h1 ip link show weave | grep -q 'mtu 1300'
  is "$(on h1 curl -s http://127.0.0.1:7000/ipinfo/defaultsubnet)" 10.128.4.0/24
  on h1 docker run -d --name=c1 --net=weave busybox sleep 600
  on h1 docker exec c1 ip addr show ethwe0 | grep -q 'inet 10.128.4.1/24'
}

@test "a route of the host in the default range is an error that changes nothing" {
  on h1 ip route add 10.34.0.0/16 dev eth0
  run on h1 weave launch
  status_is 1
  is "${lines[0]}" "Network 10.32.0.0/12 overlaps with existing route 10.34.0.0/16 on host"
  nothing_left
  run on h1 weave launch --ipalloc-range=10.34.0.0/16
  status_is 0
  [[ $output == *"WARNING: Specified --ipalloc-range 10.34.0.0/16 overlaps with existing route on host."* ]]
}

@test "a port in use is an error that names its holder" {
  on h1 dnsmasq --conf-file=/dev/null --no-resolv --port=6784 --bind-interfaces --listen-address=127.0.0.1 --pid-file= --user=root
  run on h1 weave launch
  status_is 1
  [[ $output == *"127.0.0.1:6784"*"dnsmasq (pid "* ]]
  nothing_left
}

@test "without Docker launch fails, unless --docker-api is empty" {
  engine_stop h1
  run on h1 weave launch
  status_is 1
  [[ $output == *"cannot reach Docker"* ]]
  nothing_left
  on h1 weave launch --docker-api= --plugin=false --no-dns
  is "$(on h1 curl -s -X POST http://127.0.0.1:6784/ip/c1)" 10.32.0.1/12
}

@test "a launch in the foreground runs without a monitor and ends with SIGTERM" {
  on h1 sh -c 'weave launch --foreground >/tmp/out 2>&1 & echo $! >/tmp/pid'
  eventually on h1 curl -sf http://127.0.0.1:6784/status
  [ -z "$(on h1 sh -c 'pgrep -f "^weave monitor" || true')" ]
  on h1 sh -c 'kill $(cat /tmp/pid)'
  eventually on h1 sh -c '! pgrep -x weave'
}

@test "invalid options are refused before anything is changed" {
  for options in --ipalloc-range=10.32.0.0 --name=notamac --ipalloc-init=foo --port=abc --mtu=12 --dns-listen-address=1.2.3.4; do
    run on h1 weave launch $options
    status_is 1
    [ -n "$output" ]
  done
  nothing_left
}

@test "status shows all parts, and exits with 0 only when weave runs" {
  run on h1 weave status
  status_is 1
  on h1 weave launch
  on h1 weave status >"$BATS_TEST_TMPDIR/status"
  for line in 'Service: router' 'Service: ipam' 'Range: 10.32.0.0/12' 'Service: dns' 'Domain: weave.local.' 'Service: plugin'; do
    grep -q "$line" "$BATS_TEST_TMPDIR/status"
  done
}

@test "the password is in no process list and no log" {
  on h1 sh -c 'weave launch --password=s3cr3t-w0rd'
  run on h1 sh -c 'ps axww; cat /var/log/weave.log; weave report'
  [[ $output != *s3cr3t-w0rd* ]]
  on h1 weave status | grep -q 'Encryption: enabled'
}

@test "the host's own address among the peers is no failed connection" {
  on h1 weave launch --docker-api= --plugin=false --no-dns "$E2E_UNDERLAY.11"
  eventually on h1 sh -c 'weave status connections | grep -q "cannot connect to ourself"'
  on h1 weave status | grep -q '^ *Connections: 0$'
}
