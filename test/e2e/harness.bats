# The test hosts themselves: what they promise is what the other tests stand on.
load host

traces() {
  local pid
  findmnt -rn -o TARGET | sort
  find /sys/fs/cgroup -path '*weave-e2e-'"$E2E_RUN"'*' -type d
  ls -d "$E2E_STATE"* 2>/dev/null
  ip -o link | cut -d: -f2 | sort
  for pid in /proc/[0-9]*; do  # who of this run lives: its state directory is on every command line
    ! tr '\0' ' ' <"$pid/cmdline" 2>/dev/null | grep -q "unshare.*weave-e2e-$E2E_RUN" || echo "process ${pid##*/}"
  done
}

teardown() { hosts_down; }

@test "a host has an engine that runs containers" {
  host_up h1
  is "$(on h1 docker run --rm busybox echo hi)" hi
}

@test "a container resolves names through the underlay's resolver" {
  host_up h1
  run on h1 docker run --rm resolver getent hosts www.example.test
  status_is 0
  [[ $output == 192.0.2.80* ]]
}

@test "two hosts reach each other, with engines of their own" {
  host_up h1
  host_up h2
  on h1 docker run -d --name only-on-h1 busybox sleep 60
  on h2 ping -c 1 -W 2 10.99.0.11
  [ -z "$(on h2 docker ps -q)" ]
  is "$(on h1 curl -sf http://10.99.0.12:2375/_ping)" OK
}

@test "files that a host writes stay in it" {
  host_up h1 --no-engine
  on h1 sh -c 'echo x >/etc/e2e-written; echo x >/usr/local/e2e-written; echo x >/tmp/e2e-written; ip link add weave type bridge'
  [ ! -e /etc/e2e-written ]
  [ ! -e /usr/local/e2e-written ]
  [ ! -e /tmp/e2e-written ]
  run ip link show weave
  isnt "$status" 0
}

@test "the engine restarts, and containers with a restart policy come back" {
  host_up h1
  on h1 docker run -d --restart=always --name again busybox sleep 600
  engine_stop h1
  engine_start h1
  eventually on h1 docker exec again true
}

@test "hosts leave no trace" {
  before=$(traces)
  host_up h1
  host_up h2 --no-engine
  on h1 docker run -d busybox sleep 600
  isnt "$(traces)" "$before"
  hosts_down
  is "$(traces)" "$before"
}
