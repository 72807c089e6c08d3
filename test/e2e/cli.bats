# Commands with a router: each use that public scripts make of their output, as the shell fragment itself; and what only
# commands do. One host for all tests; each takes away what it added.
bats_require_minimum_version 1.5.0
load host

setup_file() {
  export E2E_RUN
  host_up h1
  export WEAVE_ID=$(on h1 weave launch-router 2>/dev/null)
  export PLUGIN_ID=$(on h1 weave launch-plugin 2>/dev/null)
  on h1 docker run -dP --name=master --hostname=master.weave.local --net=weave busybox sleep 600
  on h1 docker run -d --name=c1 --net=none busybox sleep 600
  on h1 weave attach 10.2.1.6/24 net:default c1
  eventually on h1 sh -c 'weave status dns | grep "^master "'
}
teardown_file() { hosts_down; }

weave() { on h1 weave "$@"; }
user() { on h1 setpriv --reuid=65534 --regid=65534 --clear-groups weave "$@"; }
# A line that holds in the host's own shell, where weave and docker are as a user has them. Without pipefail: what `grep -q`
# has seen enough of may still be writing, and fails then.
holds() { on h1 bash -ec "$1"; }
short_id() { on h1 docker inspect -f '{{.Id}}' "$1" | cut -c 1-12; }
# Nobody else's addresses or names stay behind.
state() { on h1 sh -c 'weave status dns; weave report --json IPAM.ActiveIPs; weave ps' 2>/dev/null; }
state_is() { [ "$(state)" = "$1" ]; }

# --- what scripts parse

@test "commands that print an id print one line of 64 hex digits" {
  [[ $WEAVE_ID =~ ^[0-9a-f]{64}$ ]]
  [[ $PLUGIN_ID =~ ^[0-9a-f]{64}$ ]]
  isnt "$WEAVE_ID" "$PLUGIN_ID"
  run --separate-stderr weave launch-plugin
  status_is 0
  prints "$PLUGIN_ID"
  is "$stderr" "weaveplugin is already running; you can stop it with 'weave stop-plugin'."
  weave ps --services | grep -qx "router $WEAVE_ID running"
  weave ps --services | grep -qx "plugin $PLUGIN_ID running"
}

@test "docker run \$(weave dns-args) uses the DNS server" {
  is "$(weave dns-args; echo .)" "--dns=172.17.0.1 --dns-search=weave.local.."
  [[ $(weave dns-args) =~ --dns[=|[:space:]](.+)\ --dns-search=(.+) ]]
  holds 'docker run --rm --net=weave $(weave dns-args) busybox ping -c 1 -W 2 master | grep -q "from 10\."'
  is "$(weave dns-args --name foo)" "--dns=172.17.0.1 --hostname=foo.weave.local --dns-search=."
  [ -z "$(weave dns-args --without-dns)" ]
}

@test "weave status dns lists the registered names" {
  address=$(on h1 docker exec master ip -4 -o addr show ethwe0 | sed 's/.*inet \([0-9.]*\).*/\1/')
  is "$(holds "weave status dns | grep '^master\s' | awk '{print \$2}'")" "$address"
  holds "weave status dns | tr -s ' ' | cut -d ' ' -f 1" | grep -qx master
  [[ $(weave status dns | grep '^master ') =~ ^master\ +[0-9.]+\ +$(short_id master)\ [0-9a-f:]{17}$ ]]
}

@test "weave ps lists bridge and containers" {
  id=$(short_id c1)
  is "$(holds "weave ps | grep $id | awk '{print \$3}'")" 10.2.1.6/24
  [[ $(holds "weave ps | grep $id | awk '{print \$NF}' | cut -d/ -f1") == 10.* ]]
  is "$(holds 'weave ps | grep -v weave:expose | wc -l')" 2
  weave ps | grep -qE "^$id [0-9a-f:]{17} 10.2.1.6/24 10[0-9.]+/12\$"
  [[ $(weave ps | head -1) =~ ^weave:expose\ [0-9a-f:]{17}$ ]]
  [[ $(weave ps c1) == "c1 "* ]]
  [[ $(weave ps c1 master | wc -l) == 2 ]]
  weave expose 10.2.1.1/24
  is "$(holds "weave ps | grep expose | awk '{print \$NF}'")" 10.2.1.1/24
  weave hide 10.2.1.1/24
}

@test "weave ps of a missing or detached container fails" {
  run --separate-stderr weave ps nosuch
  fails_with 1 "No such container: nosuch"
  on h1 docker run -d --name=plain busybox sleep 600
  run --separate-stderr weave ps c1 plain
  fails_with 1 "plain is not attached"
  is "$stderr" "plain is not attached"
  run --separate-stderr weave detach plain
  fails_with 1 "plain is not attached"
  on h1 docker rm -f plain
}

@test "weave dns-lookup prints the addresses of a name" {
  address=$(weave dns-lookup master)
  [[ $address =~ ^10\.[0-9.]+$ ]]
  is "$(holds 'echo $(weave dns-lookup master.weave.local | head -n1)')" "$address"
  is "$(weave dns-lookup MASTER.weave.local.)" "$address"
  isnt "$(weave dns-lookup master)" ""
  is "$(weave dns-lookup nosuch)" ""
  weave expose
  holds 'for a in $(weave dns-lookup master); do ping -c 1 -W 2 "$a"; done'
  weave hide
  weave dns-lookup nosuch
}

@test "weave dns-add \$(weave expose) registers the host's address" {
  before=$(state)
  holds 'weave dns-add $(weave expose) -h host.weave.local'
  is "$(holds 'IP=$(weave expose); echo $IP')" "$(weave dns-lookup host)"
  weave status dns | grep -q '^host .* weave:extern '
  is "$(weave hide)" "$(weave dns-lookup host)"
  weave dns-remove "$(weave dns-lookup host)" -h host.weave.local
  is "$(state)" "$before"
}

@test "attach prints the address only" {
  [[ $(weave attach c1) =~ ^10\.[0-9.]+$ ]]
  [[ $(weave attach 10.2.1.6/24 net:default c1) =~ ^10.2.1.6\ 10\.[0-9.]+$ ]]
}

@test "eval \$(weave env --restore) restores DOCKER_HOST" {
  is "$(on h1 env ORIG_DOCKER_HOST=unix:///x bash -c 'eval $(weave env --restore); echo $DOCKER_HOST')" unix:///x
}

@test "--add-host=x:\$(weave docker-bridge-ip) names Docker's bridge" {
  holds 'docker run --rm --add-host=x:$(weave docker-bridge-ip) busybox grep -q "^172.17.0.1.x$" /etc/hosts'
}

@test "weave status prints what scripts expect" {
  holds 'if weave status >/dev/null; then true; else false; fi'
  holds 'weave status | grep "Status: ready"'
  holds 'weave status | grep Encryption'
  [[ $(holds "weave status | grep -oP '(?<= Name: ).*'") =~ ^[0-9a-f:]{17}\(h1\)$ ]]
  [ "$(weave status | wc -l)" -gt 20 ]
  holds "weave status | grep -q 'version check update disabled'"
  holds "weave status | grep -q 'Service: plugin'"
  [ "$(weave status | sed -n '1p;$p')" = $'\n' ] || [ -z "$(weave status | sed -n '1p;$p')" ]
  is "$(weave status | sed -n 's/^\( *[A-Za-z]*\):.*/\1/p' | awk '{print length}' | sort -u)" 15
}

@test "weave status connections, peers, targets and ipam print what scripts expect" {
  weave connect 192.0.2.7 192.0.2.8:7000
  is "$(weave status targets)" $'192.0.2.7\n192.0.2.8:7000'
  [ "$(holds 'weave status connections | grep -c established || true')" = 0 ]
  weave forget 192.0.2.7
  is "$(weave status targets)" 192.0.2.8:7000
  weave connect --replace
  [ -z "$(weave status targets)" ]
  holds 'weave status peers | grep -q "(h1)"'
  is "$(holds 'weave status ipam | grep unreachable | wc -l')" 0
  holds 'weave status ipam | grep -q "(h1).* IPs (100.0% of total)"'
}

@test "weave report prints JSON, paths and templates" {
  holds 'weave report | grep -q "\"Range\": \"10.32.0.0/12\""'
  is "$(holds 'weave report | jq -r .DNS.Domain')" weave.local.
  is "$(weave report | tail -c 1)" "}"
  is "$(weave report -f '{{.Router.Name}}')" "$(weave peer-name)"
  is "$(weave report -f '{{ .Router.NickName}} {{len .Router.Peers}} {{.IPAM.DefaultSubnet}}')" "h1 1 10.32.0.0/12"
  [[ $(weave report -f '{{.DNS.Domain}} {{len .DNS.Entries}} {{.VersionCheck.Enabled}}') =~ ^weave.local.\ [1-9][0-9]*\ false$ ]]
  [[ $(weave report -f '{{json .DNS}}') == '{"Domain":"weave.local."'* ]]
  [ -z "$(weave report -f '{{range .Router.Targets}}{{.}}{{"\n"}}{{end}}')" ]
  is "$(weave report --json .Router.NickName)" "$(weave report --json Router.NickName)"
  [[ $(weave report --json Router.NickName) == *h1* ]]
  weave report --json | jq -e .Ready
  run --separate-stderr weave report -f '{{.Nosuch}}'
  status_is 1
  prints_nothing
  [ -n "$stderr" ]
}

@test "--local is accepted, and HTTP is served on port 6784" {
  is "$(weave --local status dns)" "$(weave status dns)"
  is "$(on h1 curl -sf http://127.0.0.1:6784/domain)" weave.local.
}

# --- who may

@test "a user without access to the socket is told so, and reads through an address that WEAVE_HTTP_ADDR names" {
  for command in 'status peers' 'attach c1'; do
    run --separate-stderr user $command
    fails_with 1 "not allowed to use unix:///run/weave/control.sock"
    like "$stderr" "*group docker*"
  done
  is "$(on h1 setpriv --reuid=65534 --regid=65534 --clear-groups env WEAVE_HTTP_ADDR=127.0.0.1:6784 weave status peers)" "$(weave status peers)"
}

@test "a member of group docker may do everything but launch and reset" {
  member() { on h1 setpriv --reuid=65534 --regid=65534 --groups="$(on h1 getent group docker | cut -d: -f3)" weave "$@"; }
  is "$(on h1 stat -c '%a %G' /run/weave/control.sock)" "660 docker"
  is "$(member attach c1)" "$(weave attach c1)"
  is "$(member ps)" "$(weave ps)"
  is "$(member launch-plugin 2>/dev/null)" "$PLUGIN_ID"
  is "$(member hide "$(member expose 10.2.1.9/24)/24")" 10.2.1.9
  run --separate-stderr member reset
  fails_with 1 "weave reset must be run as root"
  [[ $stderr == "weave reset must be run as root"* ]]
}

@test "WEAVE_HTTP_ADDR doesn't keep commands from the socket" {
  is "$(on h1 env WEAVE_HTTP_ADDR=127.0.0.1:1 weave attach c1)" "$(weave attach c1)"
}

# --- commands that do more than one thing

@test "run, restart and start print the id and keep the addresses" {
  before=$(state)
  id=$(weave run 10.2.1.7/24 net:default --name=c2 --add-host=zz:1.1.1.1 busybox sleep 600)
  [[ $id =~ ^[0-9a-f]{64}$ ]]
  is "$(on h1 docker inspect -f '{{.Id}}' c2)" "$id"
  addresses=$(weave ps c2 | cut -d' ' -f3-)
  [[ $addresses =~ ^10.2.1.7/24\ 10\.[0-9.]+/12$ ]]
  is "$(weave dns-lookup c2 | wc -l)" 2
  is "$(on h1 docker exec c2 hostname -f)" c2.weave.local
  on h1 docker exec c2 cat /etc/hosts | grep -qE '^10.2.1.7[[:space:]]+c2.weave.local c2$'
  on h1 docker exec c2 cat /etc/hosts | grep -qE '^1.1.1.1[[:space:]]+zz$'
  is "$(weave restart c2)" c2
  is "$(weave ps c2 | cut -d' ' -f3-)" "$addresses"
  on h1 docker stop -t 0 c2
  is "$(weave start 10.2.1.7/24 c2)" c2
  is "$(weave ps c2 | cut -d' ' -f3-)" 10.2.1.7/24
  on h1 docker rm -f c2
  eventually on h1 sh -c '[ -z "$(weave dns-lookup c2)" ]'
}

@test "run passes on docker's output and status, and stops a container that cannot be attached" {
  run --separate-stderr weave run --nosuchoption busybox
  fails_with 125 nosuchoption
  run --separate-stderr weave start nosuch
  fails_with 1 "No such container: nosuch"
  run --separate-stderr weave restart nosuch
  status_is 1
  prints_nothing
  run --separate-stderr weave run net:10.99.5.0/24 --name=c3 busybox sleep 600
  fails_with 1 "out of bounds"
  is "$(on h1 docker inspect -f '{{.State.Running}}' c3)" false
  on h1 docker rm c3
}

@test "run without the docker client says what to do instead" {
  run --separate-stderr on h1 env PATH=/nowhere "$(on h1 sh -c 'command -v weave')" run busybox
  status_is 1
  prints_nothing
  [[ $stderr == *docker*"weave attach"* ]]
}

@test "dns-add and dns-remove take a container's addresses or a given one, and refuse names outside the domain" {
  before=$(state)
  weave dns-add c1 -h other.weave.local
  is "$(weave dns-lookup other | wc -l)" 2
  weave dns-add 203.0.113.7 c1 -h other.weave.local
  is "$(weave dns-lookup other | wc -l)" 3
  weave dns-remove 203.0.113.7 c1 -h other.weave.local
  weave dns-remove c1 -h other.weave.local
  [ -z "$(weave dns-lookup other)" ]
  run --separate-stderr weave dns-add 203.0.113.7 -h x.example.com
  fails_with 1 "outside the domain weave.local."
  run --separate-stderr weave dns-add nosuch
  fails_with 1 "No such container: nosuch"
  is "$stderr" "No such container: nosuch"
  on h1 docker run -d --name=nameless --net=none busybox sleep 600
  weave dns-add 203.0.113.8 nameless
  on h1 docker stop -t 0 nameless
  run --separate-stderr weave dns-add nameless -h x.weave.local
  fails_with 1 "container nameless is not running"
  is "$stderr" "container nameless is not running"
  on h1 docker rm nameless
  eventually state_is "$before"
}

@test "expose undoes what it did when a part fails" {
  before=$(state)
  run --separate-stderr weave expose 10.2.1.2/24 net:10.99.5.0/24
  fails_with 1 "out of bounds"
  is "$(state)" "$before"
}

@test "expose leaves a name outside the domain out, with a warning" {
  run --separate-stderr weave expose 10.2.1.2/24 -h x.example.com
  status_is 0
  prints 10.2.1.2
  like "$stderr" "Warning: the name is not registered: *outside the domain*"
  is "$(weave hide 10.2.1.2/24)" 10.2.1.2
}

@test "hide prints only the addresses that it removed" {
  run --separate-stderr weave hide
  status_is 0
  prints_nothing
  says_nothing
  run --separate-stderr weave hide 99.9.9.9/24
  status_is 0
  prints_nothing
  says_nothing
  a=$(weave expose net:10.33.0.0/24 10.2.1.3/24 -h e.weave.local)
  is "$(weave dns-lookup e | wc -l)" 2
  is "$(weave hide)" "${a%% *}"
  is "$(weave hide 10.2.1.3/24)" 10.2.1.3
  [ -z "$(weave dns-lookup e)" ]
}

@test "rmpeer refuses this peer and unknown ones" {
  run --separate-stderr weave rmpeer h1
  fails_with 1 "h1 is this peer itself"
  [[ $stderr == "h1 is this peer itself"* ]]
  run --separate-stderr weave rmpeer nosuch
  fails_with 1 "no peer 'nosuch' owns addresses"
  is "$stderr" "no peer 'nosuch' owns addresses"
}

@test "connect refuses invalid peers and takes the others" {
  run --separate-stderr weave connect 192.0.2.9 1.2.3.4:x-y
  status_is 1
  prints_nothing
  is "$stderr" 'invalid peer name "1.2.3.4:x-y", should be host[:port]'
  is "$(weave status targets)" 192.0.2.9
  weave connect --replace
}

@test "an address in a network that the host has a route to is a warning only" {
  on h1 docker run -d --name=c4 --net=none busybox sleep 600
  run --separate-stderr weave attach 10.99.0.200/24 c4
  status_is 0
  prints 10.99.0.200
  [[ $stderr == "WARNING: 10.99.0.200/24 overlaps with existing route 10.99.0.0/24 on host." ]]
  on h1 docker rm -f c4
}

@test "logs prints all lines or those of a service" {
  [ -n "$(weave logs)" ]
  [ "$(weave logs plugin | wc -l)" -lt "$(weave logs | wc -l)" ]
  # Following ends with its reader, and shows what is new.
  on h1 timeout 3 weave logs -f >"$BATS_TEST_TMPDIR/log" || [ $? = 124 ]
  is "$(head -1 "$BATS_TEST_TMPDIR/log")" "$(weave logs | head -1)"
}

@test "bridge-type prints the type, and attach-bridge connects another bridge" {
  is "$(weave bridge-type)" bridge
  on h1 ip link add other type bridge
  on h1 ip link set other up
  weave attach-bridge other
  weave attach-bridge other
  on h1 ip link show master other | grep -q vethwe
  on h1 iptables -t nat -C POSTROUTING -o weave -j ACCEPT
  run --separate-stderr weave attach-bridge eth0
  fails_with 1 "eth0 is not a bridge"
  is "$stderr" "eth0 is not a bridge"
  on h1 ip link del other
}

# --- parts that are off, and waiting

@test "stop-plugin and launch-plugin stop and start the plugin" {
  on h1 docker rm -f master
  weave stop-plugin
  run --separate-stderr weave stop-plugin
  status_is 0
  is "$stderr" "Plugin is not running."
  run --separate-stderr weave status plugin
  status_is 1
  prints_nothing
  run --separate-stderr weave launch-plugin --no-multicast-route --log-level=debug
  status_is 0
  says_nothing
  [[ $output =~ ^[0-9a-f]{64}$ ]]
  isnt "$output" "$PLUGIN_ID"
}

@test "commands that wait for a free address say so, and give up after --timeout" {
  holds 'for id in a b; do curl -sf -X POST "http://127.0.0.1:6784/ip/$id/10.34.0.0/30"; done'
  run --separate-stderr weave attach --timeout 5 net:10.34.0.0/30 c1
  status_is 1
  prints_nothing
  [ "$stderr" = $'waiting for an address: IPAM is waiting for IP(s) to become available
no address after 5 s: IPAM is waiting for IP(s) to become available' ]
  run --separate-stderr weave expose --timeout=1 net:10.34.0.0/30
  fails_with 1 "no address after 1 s: IPAM is waiting"
  [[ $stderr == "no address after 1 s: IPAM is waiting"* ]]
  is "$(weave report --json IPAM.PendingAllocates)" "[]"
  waits() { weave report --json IPAM.PendingAllocates | grep weave:expose; }
  { eventually waits && holds 'curl -sf -X DELETE http://127.0.0.1:6784/ip/a'; } 3>&- &
  [[ $(weave expose net:10.34.0.0/30) == 10.34.0.* ]]
  wait
  weave hide net:10.34.0.0/30
  weave prime
}

@test "commands that need DNS or IPAM fail when it is off" {
  weave reset 2>/dev/null
  run --separate-stderr weave launch --no-dns --ipalloc-range '' -q
  status_is 0
  prints_nothing
  for words in prime "rmpeer x"; do
    run --separate-stderr weave $words
    fails_with 4 "IPAM is disabled"
    is "$stderr" "IPAM is disabled"
  done
  for words in "dns-lookup x" "dns-add 1.2.3.4 -h x.weave.local" "dns-remove 1.2.3.4 -h x.weave.local"; do
    run --separate-stderr weave $words
    fails_with 4 "DNS is disabled"
    is "$stderr" "DNS is disabled"
  done
  for part in DNS IPAM; do
    run --separate-stderr weave status "${part,,}"
    fails_with 1 "$part is disabled"
    is "$stderr" "$part is disabled"
  done
  [ -z "$(weave dns-args)" ]
  weave dns-args
  for words in "expose" "hide" "attach c1"; do
    run --separate-stderr weave $words
    fails_with 1 "IP address allocation must be enabled to use 'net:'"
    is "$stderr" "IP address allocation must be enabled to use 'net:'"
  done
  is "$(weave expose 10.2.1.1/24)" 10.2.1.1
  is "$(weave hide 10.2.1.1/24)" 10.2.1.1
  is "$(weave attach 10.2.1.6/24 c1)" 10.2.1.6
}

@test "a password from the environment is removed from that of the processes" {
  weave reset 2>/dev/null
  on h1 env WEAVE_PASSWORD=n0tforall weave launch -q
  weave status | grep -q 'Encryption: enabled'
  holds 'pids=$(pgrep -x weave); [ -n "$pids" ]; for p in $pids; do ! tr "\0" "\n" </proc/$p/environ | grep -q n0tforall; done'
}

@test "a stopped container of Docker's network can be started after stop and launch" {
  on h1 docker rm -f master
  weave reset 2>/dev/null
  weave launch -q
  on h1 docker run -d --name=sleeper --net=weave busybox sleep 600
  run --separate-stderr weave stop
  status_is 0
  prints_nothing
  is "${stderr_lines[0]}" 'WARNING: the following containers are still attached to network "weave":'
  [[ ${stderr_lines[1]} == *" $(short_id sleeper) "* ]]
  weave launch -q
  on h1 docker stop -t 0 sleeper
  run --separate-stderr weave stop
  status_is 0
  prints_nothing
  says_nothing
  weave launch -q
  on h1 docker start sleeper
  on h1 docker rm -f sleeper
}

@test "ps without a router works for root; reset wants a router or --force" {
  weave reset 2>/dev/null
  weave launch -q
  weave attach c1
  line=$(weave ps c1)
  weave attach-bridge
  weave stop 2>/dev/null
  is "$(weave ps c1)" "$line"
  run --separate-stderr user ps c1
  status_is 7
  prints_nothing
  run --separate-stderr weave reset
  status_is 1
  prints_nothing
  is "$stderr" $'ERROR: weave is not running; unable to remove from cluster.\nRe-launch weave before reset or use --force to override.'
  weave launch --resume -q
  on h1 ip link show master docker0 | grep -q vethweba
  weave reset
  run --separate-stderr weave ps
  status_is 1
  prints_nothing
  is "$(on h1 sh -c 'ip link | grep vethwe; iptables-save | grep -i weave')" ""
}
