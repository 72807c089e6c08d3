# Routers of three hosts as a mesh.
load host

setup() { for h in h1 h2 h3; do host_up $h --no-engine; done; }
teardown() { hosts_down; }

ip_of() { echo "$E2E_UNDERLAY.1${1#h}"; }  # h1 has .11

launch() {  # HOST OPTIONS-AND-PEERS...
  local host=$1
  shift
  on "$host" weave launch --docker-api= --plugin=false --no-dns "$@" >/dev/null
}

established() { [ "$(on "$1" weave status connections | grep -c ' established ')" = "$2" ]; }

# Every router lists the same peers with the same connections.
same_topology() {
  local h first=
  for h in "$@"; do
    now=$(on "$h" weave report -f '{{range .Router.Peers}}{{.Name}} {{.Version}} {{range .Connections}}{{.Name}}{{.Established}} {{end}}
{{end}}' | sort)
    [ -z "$first" ] || [ "$now" = "$first" ] || return 1
    first=$now
  done
}

@test "with discovery a chain of launches becomes a full mesh" {
  launch h1
  launch h2 "$(ip_of h1)"
  launch h3 "$(ip_of h2)"
  for h in h1 h2 h3; do eventually established $h 2; done
  eventually same_topology h1 h2 h3
  is "$(on h2 weave status targets)" "$(ip_of h1)"
  on h1 weave status | grep -q 'Peers: 3 (with 6 established connections)'
}

@test "without discovery a chain stays a chain, and each peer knows all" {
  launch h1 --no-discovery
  launch h2 --no-discovery "$(ip_of h1)"
  launch h3 --no-discovery "$(ip_of h2)"
  eventually established h2 2
  eventually same_topology h1 h2 h3
  established h1 1
  on h1 weave status peers | grep -q '(h3)'
}

@test "a cut link is detected within the time-outs, and reconnected" {
  launch h1 --no-discovery
  launch h2 --no-discovery "$E2E_UNDERLAY.11"
  launch h3 --no-discovery "$E2E_UNDERLAY.12"
  eventually same_topology h1 h2 h3
  nsenter -t "$(pid_of underlay)" -n ip link set h2 down
  # A minute of silence ends a connection, at each end in its own time.
  for h in h1 h2 h3; do WITHIN=90 eventually established $h 0; done
  eventually on h1 sh -c 'weave status | grep "Peers: 1$"'
  eventually on h2 sh -c 'weave status connections | grep "failed\|retrying\|connecting"'
  nsenter -t "$(pid_of underlay)" -n ip link set h2 up
  eventually established h1 1
  eventually established h3 1
  eventually same_topology h1 h2 h3
}

@test "a router that is killed and restarted is a peer again" {
  launch h1
  launch h2 "$(ip_of h1)"
  eventually established h1 1
  old=$(on h1 weave report -f '{{range .Router.Peers}}{{if eq .NickName "h2"}}{{.UID}}{{end}}{{end}}')
  on h2 pkill -9 -f '^weave router'
  restarted() {
    local uid
    uid=$(on h1 weave report -f '{{range .Router.Peers}}{{if eq .NickName "h2"}}{{.UID}}{{end}}{{end}}')
    [ -n "$uid" ] && [ "$uid" != "$old" ] && established h1 1
  }
  eventually restarted
  eventually same_topology h1 h2
}

@test "a wrong password is refused, with a clear line on both sides" {
  launch h1 --password=right
  launch h2 --password=wrong "$(ip_of h1)"
  launch h3 "$(ip_of h1)"
  eventually on h2 sh -c 'weave status connections | grep "is the password the same on both sides?"'
  eventually on h3 sh -c 'weave status connections | grep "encrypted connection"'
  eventually on h1 grep -q 'Unable to decrypt TCP msg' /var/log/weave.log
  eventually on h1 grep -q 'password specified, but peer requested an unencrypted connection' /var/log/weave.log
  on h1 weave status | grep -q 'Peers: 1$'
  shown() { on h1 weave status connections | grep "^<- $(ip_of "$1") .*failed *$2: is the password the same on both hosts?"; }
  eventually shown h2 'Unable to decrypt TCP msg'
  eventually shown h3 'password specified, but peer requested an unencrypted connection'
}

@test "with the same password connections are encrypted, unless both trust the network" {
  launch h1 --password=right --trusted-subnets="$(ip_of h3)/32"
  launch h2 --password=right "$(ip_of h1)"
  launch h3 --password=right --trusted-subnets="$(ip_of h1)/32" --no-discovery "$(ip_of h1)"
  eventually established h1 2
  on h1 weave status connections | grep -q 'established encrypted  .*(h2)'
  on h1 weave status connections | grep -q 'established unencrypted .*(h3)'
}

@test "connect, forget and --replace change the targets, and --resume uses them" {
  launch h1
  launch h2
  on h2 weave connect "$(ip_of h1)"
  eventually established h2 1
  on h2 weave connect "$(ip_of h3)"
  on h2 weave forget "$(ip_of h3)"
  is "$(on h2 weave status targets)" "$(ip_of h1)"
  on h2 weave stop
  launch h2 --resume
  eventually established h2 1
  on h2 weave connect --replace nosuch.example.test
  is "$(on h2 weave status targets)" nosuch.example.test
  eventually on h2 sh -c 'weave status connections | grep "nosuch.example.test"'
  run on h2 weave connect 'a:b:c'
  status_is 1
}

@test "two routers that name each other with ports keep their connection" {
  launch h1 "$(ip_of h2):6783"
  launch h2 "$(ip_of h1):6783"
  eventually established h1 1
  # Each dials the other once, and learns that this is the peer it has already; then nothing more happens.
  ended() { on h1 weave report -f '{{.Router.TerminationCount}}'; }
  calm() { local before; before=$(ended) && sleep 6 && [ "$(ended)" = "$before" ]; }
  WITHIN=15 eventually calm
  established h1 1
}

@test "two hosts with one peer name are told so, and connect when one has another name" {
  launch h1 --name=02:00:00:00:00:01
  launch h2 --name=02:00:00:00:00:01 "$(ip_of h1)"
  eventually on h2 sh -c 'weave status connections | grep "peer names collision, retry: 20"'
  on h1 weave stop
  launch h1 --name=02:00:00:00:00:03
  eventually established h2 1
}
