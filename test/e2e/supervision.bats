# A requested stop wins over every start: of a router that is launched, that crashed, or that is restarted.
load host

setup() { host_up h1 --no-engine; }
teardown() { hosts_down; }

launch() { on h1 weave launch --docker-api= --plugin=false --no-dns "$@"; }
running() { on h1 pgrep -f '^weave (monitor|router)'; }
stopped() { [ -z "$(running)" ]; }
router() { on h1 pgrep -of '^weave router'; }
ready() { on h1 curl -sf -o /dev/null http://127.0.0.1:6784/healthz; }

@test "SIGTERM to a restarted router stops weave at any time after a crash" {
  for delay in 0 0.01 0.02 0.04 0.08 0.15; do
    launch
    on h1 bash -c 'old=$(pgrep -of "^weave router"); kill -KILL $old
      until new=$(pgrep -of "^weave router") && [ "$new" != $old ]; do :; done
      sleep '$delay'; kill -TERM $new'
    WITHIN=10 eventually stopped
    on h1 weave reset --force
  done
}

@test "SIGINT to a router that has just been started stops weave" {
  launch
  on h1 bash -c 'old=$(pgrep -of "^weave router"); kill -KILL $old
    until new=$(pgrep -of "^weave router") && [ "$new" != $old ]; do :; done; kill -INT $new'
  WITHIN=10 eventually stopped
}

@test "weave stop between a crash and the restart stops weave" {
  launch
  run on h1 bash -c 'kill -KILL $(pgrep -of "^weave router"); weave stop'
  status_is 0
  is "$(running)" ""
  run on h1 weave stop
  prints "Weave is not running."
}

@test "weave stop during a long pause before a restart stops weave" {
  launch
  for i in 1 2 3 4; do
    eventually ready
    on h1 sh -c 'kill -KILL $(pgrep -of "^weave router")'
  done
  run on h1 weave stop
  status_is 0
  is "$(running)" ""
}

@test "SIGTERM to the monitor ends the router, too" {
  launch
  on h1 sh -c 'kill -TERM $(pgrep -of "^weave monitor")'
  WITHIN=15 eventually stopped
}

@test "a stop of a router that was adopted by a new monitor is final" {
  launch
  old=$(on h1 pgrep -of '^weave monitor')
  on h1 kill -KILL "$old"
  adopted() { [ "$(on h1 cat /run/weave/monitor)" != "$old" ]; }
  eventually adopted
  on h1 weave stop
  is "$(running)" ""
}

@test "a launch while weave waits to restart its router is refused" {
  launch
  run on h1 bash -c 'kill -KILL $(pgrep -of "^weave router"); weave launch --docker-api= --plugin=false --no-dns'
  status_is 3
  eventually ready
}

@test "after a stop in the middle of a start the next launch works" {
  launch
  on h1 bash -c 'old=$(pgrep -of "^weave router"); kill -KILL $old
    until new=$(pgrep -of "^weave router") && [ "$new" != $old ]; do :; done; sleep 0.05; kill -TERM $new'
  WITHIN=10 eventually stopped
  launch
  ready
}

@test "weave stop ends a router that hangs, and one whose monitor hangs, within 15 s" {
  for who in router monitor both; do
    on h1 weave launch --docker-api= --plugin=false --no-dns
    [ $who = monitor ] || on h1 pkill -STOP -f '^weave router'
    [ $who = router ] || on h1 pkill -STOP -f '^weave monitor'
    begin=$SECONDS
    run on h1 weave stop
    status_is 0
    [ $((SECONDS - begin)) -le 16 ]
    refute on h1 pgrep -x weave
  done
}

@test "commands do not wait for a router that hangs" {
  on h1 weave launch --docker-api= --plugin=false --no-dns
  on h1 pkill -STOP -f '^weave router'
  for command in status ps report 'status peers'; do
    run on h1 timeout 8 weave $command
    status_is 1
    like "$output" "Waiting for the router's response ...*does not respond within 5 s*"
  done
  on h1 pkill -CONT -f '^weave router'
  on h1 weave status >/dev/null
}

@test "commands tell a start and a restart after a crash from a stop" {
  launch
  on h1 bash -c 'pkill -STOP -f "^weave monitor"; kill -KILL $(pgrep -of "^weave router")'
  restarting() { on h1 weave status 2>&1 | grep -x 'weave is restarting after a crash.'; }
  eventually restarting
  run on h1 weave attach c1
  fails_with 7 "weave is restarting after a crash."
  on h1 pkill -CONT -f '^weave monitor'
  eventually ready
  on h1 weave stop
  on h1 sh -c 'setsid flock -x /run/weave/lock sleep 60 >/dev/null 2>&1 &'
  run on h1 weave status
  fails_with 1 "weave is starting."
  on h1 pkill -x sleep
  run on h1 weave status
  fails_with 1 "weave is not running."
}

@test "after a stop the port of the fast datapath can be the port of the next launch" {
  launch
  on h1 weave stop
  launch --port 6784 --http-addr 127.0.0.1:7000
  is "$(on h1 curl -s 127.0.0.1:7000/status | grep -c 'Service: router')" 1
}
