# What commands say without a router, and to words they don't understand. One host for all tests: none changes it.
bats_require_minimum_version 1.5.0
load host

setup_file() {
  export E2E_RUN
  host_up h1 --no-engine
}
teardown_file() { hosts_down; }

weave() { on h1 weave "$@"; }
nobody() { on h1 setpriv --reuid=65534 --regid=65534 --clear-groups weave "$@"; }

# says STATUS ARGUMENTS...: the command ends with STATUS and prints nothing on stdout.
says() {
  local want=$1
  shift
  run --separate-stderr weave "$@"
  [ "$status" = "$want" ] || { echo "weave $*: $status, not $want: $output$stderr"; return 1; }
  [ -z "$output" ] || { echo "weave $* printed $output"; return 1; }
}

@test "commands that need a router exit with 7 and say how to start it" {
  while read -r words; do
    says 7 $words
    [ "$stderr" = $'weave is not running.\nStart it with \'weave launch\'.' ]
  done <<END
attach c1
attach 10.2.1.6/24 net:default c1
detach c1
expose
expose 10.2.1.1/24 -h host.weave.local
hide
connect 10.0.0.1
connect --replace
forget 10.0.0.1
rmpeer nosuch
prime
report
report -f {{.Version}}
report --json
dns-add 1.2.3.4 -h x.weave.local
dns-add c1
dns-remove c1
dns-lookup web1
dns-args
run busybox
start c1
restart c1
ps --services
END
}

@test "without a router status and launch-plugin exit with 1" {
  for sub in '' targets connections peers dns ipam plugin; do
    says 1 status $sub
    [ "$stderr" = $'weave is not running.\nStart it with \'weave launch\'.' ]
  done
  if weave status 2>/dev/null; then false; fi
  says 1 launch-plugin
  is "${stderr_lines[0]}" "ERROR: weave must be running before plugin can be launched"
}

@test "without a router stop and reset have nothing to do" {
  for command in stop stop-router; do
    says 0 $command
    is "$stderr" "Weave is not running."
  done
  says 0 stop-plugin
  is "$stderr" "Plugin is not running."
  says 0 reset
  says_nothing
  says 0 reset --force
  says_nothing
}

@test "without bridges ps, bridge-type, docker-bridge-ip and attach-bridge name the missing one" {
  says 1 ps
  is "${stderr_lines[0]}" "weave is not set up on this host"
  says 1 bridge-type
  says 1 docker-bridge-ip
  says 1 attach-bridge
  [[ $stderr == "Weave bridge not found."* ]]
}

@test "dns-args works while the router is away, with Docker's bridge" {
  on h1 ip link add docker0 type bridge
  on h1 ip addr add 172.17.0.1/16 dev docker0
  run --separate-stderr weave dns-args
  status_is 0
  prints "--dns=172.17.0.1 --dns-search=weave.local."
  [[ $stderr == "weave is not running"* ]]
  is "$(weave dns-args --name foo 2>/dev/null | od -c | tail -2)" "$(printf %s '--dns=172.17.0.1 --hostname=foo.weave.local --dns-search=.' | od -c | tail -2)"
  is "$(weave docker-bridge-ip; echo .)" 172.17.0.1.
  on h1 ip link del docker0
}

@test "requested help of every command goes to stdout" {
  run --separate-stderr weave help
  status_is 0
  says_nothing
  commands=$(sed -n 's/^  \([a-z-]*\) .*/\1/p' <<<"$output")
  [ "$(wc -w <<<"$commands")" -gt 30 ]
  is "$(weave --help)" "$output"
  for command in $commands launch-proxy config monitor router dns-server plugin-server generate; do
    run --separate-stderr weave "$command" --help
    status_is 0
    says_nothing
    [[ $output == "Usage: weave $command"* ]]
    is "$(weave help "$command")" "$output"
  done
}

@test "a missing, unknown or misspelled command is an error" {
  says 1
  [[ $stderr == "Usage: weave <command>"* ]]
  says 1 nosuchcommand
  [ "$stderr" = $'Unknown weave command \'nosuchcommand\'\nSee \'weave help\'.' ]
  says 1 atach
  is "${stderr_lines[0]}" "Unknown weave command 'atach'; did you mean 'weave attach'?"
  says 0 create-bridge
  is "$stderr" "Nothing to do: 'weave launch' creates the bridge."
  says 1 start-plugin
  is "${stderr_lines[0]}" "Unknown weave command 'start-plugin'; did you mean 'weave launch-plugin'?"
  says 1 help nosuch
  is "${stderr_lines[0]}" "Unknown weave command 'nosuch'"
}

@test "a usage error is one sentence and names the help" {
  while read -r words; do
    says 1 $words
    command=${words%% *}
    is "${#stderr_lines[@]}" 2
    is "${stderr_lines[1]}" "See 'weave $command --help'."
  done <<END
attach
attach 1.2.3.4 c1
attach 999.1.1.1/24 c1
attach 10.2.1.6/33 c1
attach net:10.2.1.6/24 c1
attach c1 c2
attach c1 --nosuch
attach c1 --add-host zz
attach c1 --timeout x
detach
expose 1.2.3.4
expose c1
expose -h
hide c1
connect
forget
rmpeer
prime x
status nosuch
status dns ipam
report x
report -f a --json
dns-add 1.2.3.4
dns-add -h x.weave.local
dns-add a b
dns-add 999.1.1.1 -h x.weave.local
dns-remove
dns-lookup
dns-lookup a b
run
start
restart
restart a b
stop x
stop-plugin x
reset x
logs a b
version x
launch --nosuch
launch --port
launch --port abc
launch --awsvpc
launch --expect-npc
launch --no-fastdp --datapath bridge
launch --token x
launch --password a --password-file b
launch-plugin --bogus
END
}

@test "an invalid value of a launch option is one sentence with a hint" {
  for words in --ipalloc-range=10.32.0.0 --ipalloc-init=foo --port=70000 --name=notamac --log-level=loud \
    --trusted-subnets=foo "--resume 10.0.0.1" --mtu=5 --http-addr=nohost:x --dns-listen-address=x --min-protocol-version=3; do
    says 1 launch $words
    [ -n "$stderr" ]
    [ "${#stderr_lines[@]}" -le 2 ]
  done
  [ -z "$(on h1 sh -c 'ls -A /var/lib/weave; ls -d /run/weave' 2>/dev/null)" ]
}

@test "a bad value of the environment is refused with the name of its variable" {
  run --separate-stderr on h1 env WEAVE_PORT=x weave launch
  status_is 1
  is "${stderr_lines[0]}" "WEAVE_PORT: 'x' is not a number."
  run --separate-stderr on h1 env WEAVE_STATUS_ADDR=nowhere weave launch
  status_is 1
  is "${stderr_lines[0]}" "WEAVE_STATUS_ADDR: nowhere: a port is missing"
}

@test "launch, launch-router, reset and setup need root" {
  for command in launch launch-router reset setup; do
    run --separate-stderr nobody $command
    status_is 1
    prints_nothing
    is "$stderr" "weave $command must be run as root (try: sudo weave $command ...)"
  done
  run --separate-stderr nobody launch --port abc
  is "${stderr_lines[0]}" "--port: 'abc' is not a number."
  run --separate-stderr nobody status
  status_is 1
  is "${stderr_lines[0]}" "weave is not running."
}

@test "there is no Docker API proxy, and no CNI" {
  for command in env config launch-proxy "status proxy"; do
    says 1 $command
    is "${stderr_lines[0]}" "weave has no Docker API proxy"
  done
  says 0 stop-proxy
  is "$stderr" "Nothing to stop: weave has no Docker API proxy."
  says 1 setup-cni
  says 1 env --restore
  [[ $stderr == "Nothing to restore."* ]]
  is "$(on h1 env ORIG_DOCKER_HOST=unix:///x weave env --restore)" DOCKER_HOST=unix:///x
  is "$(on h1 env ORIG_DOCKER_HOST= weave env --restore)" DOCKER_HOST=
  says 0 setup
}

@test "version is printed, also with --local and as an option" {
  [[ $(weave version) =~ ^weave\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
  is "$(weave --local version)" "$(weave version)"
  is "$(weave --version)" "$(weave version)"
  is "$(weave launch --version)" "$(weave version)"
}

@test "peer-name prints the name of the machine, and --name overrides it" {
  name=$(weave peer-name)
  [[ $name =~ ^[0-9a-f]{2}(:[0-9a-f]{2}){5}$ ]]
  is "$(weave launch --print-peer-name)" "$name"
  is "$(weave launch --print-peer-name --name 12:d2:fe:7a:c1:f2)" 12:d2:fe:7a:c1:f2
}

@test "a failed write of the result is an error" {
  run --separate-stderr on h1 sh -c 'weave version >/dev/full'
  fails_with 1 "write the result: No space left on device"
  is "$stderr" "write the result: No space left on device"
}

@test "logs without a log file is an error" {
  says 1 logs
  is "$stderr" "there is no log: weave has not been launched on this host"
}

@test "completion knows the values of options and ends after the last word" {
  complete_words() {  # WORD...
    bash -c 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _weave; echo "${COMPREPLY[*]}"' - \
      "$BATS_TEST_DIRNAME/../../completions/weave.bash" "$@"
  }
  is "$(complete_words weave launch --datapath '')" "direct bridge none"
  is "$(complete_words weave launch --log-level d)" debug
  is "$(complete_words weave status '')" "targets connections peers dns ipam plugin"
  is "$(complete_words weave status dns '')" ""
  is "$(complete_words weave --local sta)" "start status"
}
