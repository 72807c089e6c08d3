# An address is free only when nothing on the host's bridge uses it, whatever Docker says of the container.
load host

setup() {
  host_up h1
  on h1 weave launch
}
teardown() { hosts_down; }

free_after_next_tick() { on h1 weave report -f '{{.IPAM.ActiveIPs}}' | grep -qx "$1"; }

@test "a sidecar keeps the address of a removed container, until it ends" {
  on h1 docker run -d --name=base --net=none busybox sleep 600
  is "$(on h1 weave attach base)" 10.32.0.1
  on h1 docker run -d --name=side --net=container:base busybox sleep 600
  on h1 docker rm -f base
  on h1 docker run -d --name=next --net=none busybox sleep 600
  is "$(on h1 weave attach next)" 10.32.0.2
  on h1 docker exec side ping -c 1 -W 2 10.32.0.2
  free_after_next_tick 2
  on h1 docker rm -f side
  eventually free_after_next_tick 1
  on h1 docker run -d --name=third --net=none busybox sleep 600
  is "$(on h1 weave attach third)" 10.32.0.1
}

@test "a mounted namespace keeps the address of a removed container, also over a restart of the router" {
  on h1 docker run -d --name=base --net=none busybox sleep 600
  is "$(on h1 weave attach base)" 10.32.0.1
  on h1 sh -c 'mkdir -p /run/netns; touch /run/netns/kept; mount --bind /proc/$(docker inspect -f "{{.State.Pid}}" base)/ns/net /run/netns/kept'
  on h1 docker rm -f base
  on h1 weave stop
  on h1 weave launch
  on h1 docker run -d --name=next --net=none busybox sleep 600
  is "$(on h1 weave attach next)" 10.32.0.2
}

@test "several addresses of one subnet are attached and detached by one call" {
  on h1 docker run -d --name=c1 --net=none busybox sleep 600
  on h1 weave attach 10.40.1.1/24 10.40.1.2/24 c1
  is "$(on h1 weave detach 10.40.1.1/24 10.40.1.2/24 c1)" "10.40.1.1 10.40.1.2"
  is "$(on h1 weave report -f '{{.IPAM.ActiveIPs}}')" 0
  run on h1 weave detach 10.40.1.1/24 c1
  fails_with 1 "c1 is not attached"
}

@test "an attached container with a hostname in the domain has this name only, forwards and back" {
  on h1 docker run -d --name=c2 -h seetwo.weave.local --net=none busybox sleep 600
  on h1 weave attach 10.2.0.34/24 c2
  is "$(on h1 weave dns-lookup seetwo)" 10.2.0.34
  is "$(on h1 weave status dns | awk '{print $1}')" seetwo
  on h1 busybox nslookup 10.2.0.34 172.17.0.1 >"$BATS_TEST_TMPDIR/ptr"
  grep -q 'name = seetwo.weave.local' "$BATS_TEST_TMPDIR/ptr"
}
