# Names on every host of a mesh.
load host

setup() { for h in h1 h2 h3; do host_up $h --no-engine; done; }
teardown() { hosts_down; }

launch() {  # HOST OPTIONS-AND-PEERS...
  local host=$1
  shift
  on "$host" weave launch --docker-api= --plugin=false --dns-listen-address=127.0.0.1:53 "$@" >/dev/null
}

shown() { on "$1" weave status dns | grep -q "^$2  *$3 "; }
not_shown() { ! on "$1" weave status dns | grep -q "^$2 "; }

@test "a name is answered on every host, also over a relay, until it is removed" {
  launch h1 --no-discovery
  launch h2 --no-discovery "$E2E_UNDERLAY.11"
  launch h3 --no-discovery "$E2E_UNDERLAY.12"
  on h1 weave dns-add 192.0.2.1 -h one.weave.local
  for h in h1 h2 h3; do eventually shown $h one 192.0.2.1; done
  eventually on h3 sh -c 'busybox nslookup one.weave.local 127.0.0.1 | grep 192.0.2.1'
  on h1 weave dns-remove 192.0.2.1 -h one.weave.local
  for h in h1 h2 h3; do eventually not_shown $h one; done
}

@test "names of a stopped host are removed, and return with it" {
  launch h1
  launch h2 "$E2E_UNDERLAY.11"
  on h2 weave dns-add 192.0.2.2 -h two.weave.local
  eventually shown h1 two 192.0.2.2
  on h2 weave stop
  eventually not_shown h1 two
  launch h2 "$E2E_UNDERLAY.11"
  eventually shown h1 two 192.0.2.2
}

@test "a host that joins late learns all names, and one name may have several addresses" {
  launch h1
  launch h2 "$E2E_UNDERLAY.11"
  on h1 weave dns-add 192.0.2.1 -h web.weave.local
  on h2 weave dns-add 192.0.2.2 -h web.weave.local
  launch h3 "$E2E_UNDERLAY.12"
  eventually shown h3 web 192.0.2.1
  eventually shown h3 web 192.0.2.2
  is "$(on h3 weave dns-lookup web | sort | tr '\n' ' ')" "192.0.2.1 192.0.2.2 "
}
