# Who may change the network, and launches that would be less safe than they look.
load host

setup() { host_up h1 --no-engine; }
teardown() { hosts_down; }

launch() { on h1 weave launch --docker-api= --plugin=false --no-dns "$@"; }
as_nobody() { on h1 setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
post() { as_nobody curl -s -o /dev/null -w '%{http_code}' -X POST "127.0.0.1:6784$1"; }

@test "an unprivileged user reads the status over TCP and changes nothing" {
  launch
  is "$(as_nobody curl -s -o /dev/null -w '%{http_code}' 127.0.0.1:6784/status)" 200
  is "$(post '/connect?peer=192.0.2.1')" 403
  is "$(post /expose/10.32.0.9/12)" 403
  is "$(on h1 weave status targets)" ""
  run as_nobody weave connect 192.0.2.1
  status_is 1
  like "$output" "*not allowed to use*"
  is "$(on h1 weave status targets)" ""
  # root may
  is "$(on h1 curl -s -o /dev/null -w '%{http_code}' -X POST '127.0.0.1:6784/connect?peer=192.0.2.1')" 200
  is "$(on h1 weave status targets)" 192.0.2.1
}

@test "status and metrics are served under a host name, the address for metrics serves metrics only" {
  launch --status-addr "$E2E_UNDERLAY.11:6782" --metrics-addr "$E2E_UNDERLAY.11:7782"
  get() { on h1 curl -s -o /dev/null -w '%{http_code}' -H 'Host: node1.example.test:6782' "$E2E_UNDERLAY.11:$1"; }
  is "$(get 6782/metrics)" 200
  is "$(get 6782/status)" 200
  is "$(get 7782/metrics)" 200
  is "$(get 7782/status)" 404
  is "$(get 7782/report)" 404
}

@test "an empty password and a readable password file are refused" {
  run launch --password ""
  fails_with 1 "--password is empty"
  run on h1 env WEAVE_PASSWORD= weave launch --docker-api= --plugin=false --no-dns
  fails_with 1 "WEAVE_PASSWORD is empty"
  on h1 sh -c 'echo secret >/root/password; chmod 644 /root/password'
  run launch --password-file /root/password
  fails_with 1 "other users can read or write /root/password (mode 644)"
  on h1 chmod 600 /root/password
  launch --password-file /root/password
  on h1 weave stop
  run launch
  status_is 0
  like "$output" "*the last launch had a password, and this one has none*"
}

@test "TLS to Docker is refused, not ignored" {
  run on h1 env DOCKER_HOST=tcp://192.0.2.1:2376 DOCKER_TLS_VERIFY=1 weave launch
  fails_with 1 "DOCKER_TLS_VERIFY asks for TLS to Docker at"
}

@test "a launch line with options of Weave Net's proxy starts the network, with one warning" {
  run launch --no-default-ipalloc --rewrite-inspect --without-dns -H unix:///run/weave.sock --tlsverify
  status_is 0
  is "$(grep -c Warning <<<"$output")" 1
  on h1 weave status >/dev/null
}

@test "helper programs are found without sbin in PATH" {
  on h1 env PATH=/usr/bin:/bin "$(on h1 sh -c 'command -v weave')" launch --docker-api= --plugin=false --no-dns
  on h1 env PATH=/usr/bin:/bin "$(on h1 sh -c 'command -v weave')" reset --force
  is "$(on h1 sh -c 'iptables-save | grep -c -i weave || :')" 0
}

@test "a launch as the main process of a systemd unit says how the unit must be written" {
  on h1 sh -c '(INVOCATION_ID=7f setsid sh -c "sleep 0.5; exec weave launch --docker-api= --plugin=false --no-dns >/run/said 2>&1" &)'
  eventually on h1 grep -q 'ExecStart=weave launch --foreground' /run/said
  on h1 weave stop
  run launch
  status_is 0
  refute grep -q systemd <<<"$output"
}

@test "without rights run and start say so" {
  launch
  for words in "run busybox" "start c1" "attach c1"; do
    run as_nobody weave $words
    fails_with 1 "not allowed to use"
  done
}
