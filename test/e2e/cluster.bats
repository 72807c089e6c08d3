# Addresses shared out between three hosts.
load host

setup() { for h in h1 h2 h3; do host_up $h --no-engine; done; }
teardown() { hosts_down; }

launch() {  # HOST OPTIONS-AND-PEERS...
  local host=$1
  shift
  on "$host" weave launch --docker-api= --plugin=false --no-dns "$@" >/dev/null
}

# allocate HOST ID [SUBNET]: what a script of Weave Net would do, WITHIN (30) seconds
allocate() { on "$1" curl -sf -m "${WITHIN:-30}" -X POST "http://127.0.0.1:6784/ip/$2${3:+/$3}"; }

owners() { on "$1" weave status ipam | grep -c 'of total'; }
owns() { on "$1" weave status ipam | grep -q "($2) .*IPs"; }
owners_are() { [ "$(owners "$1")" = "$2" ]; }

@test "three hosts that name each other agree on a ring and allocate different addresses" {
  launch h1 "$E2E_UNDERLAY.12" "$E2E_UNDERLAY.13"
  launch h2 "$E2E_UNDERLAY.11" "$E2E_UNDERLAY.13"
  launch h3 "$E2E_UNDERLAY.11" "$E2E_UNDERLAY.12"
  all=$(for h in h1 h2 h3; do for i in 1 2 3; do allocate $h c$i; echo; done; done)
  is "$(sort -u <<<"$all" | grep -c '/12')" 9
  for h in h1 h2 h3; do eventually owners_are $h 3; done
  [ "$(allocate h1 c1)" = "$(head -1 <<<"$all")" ]
}

@test "one host of three waits for consensus and reports it" {
  launch h1 "$E2E_UNDERLAY.12" "$E2E_UNDERLAY.13"
  WITHIN=5 run allocate h1 c1
  isnt "$status" 0
  on h1 weave status | grep -q 'awaiting consensus (quorum: 2, known: 1)'
  launch h2 "$E2E_UNDERLAY.11" "$E2E_UNDERLAY.13"
  [[ $(allocate h1 c1) == 10.*/12 ]]
}

@test "a host that joins gets space from another; prime returns when there is a ring" {
  launch h1
  is "$(allocate h1 c1)" 10.32.0.1/12
  launch h2 "$E2E_UNDERLAY.11"
  on h2 timeout 30 weave prime
  second=$(allocate h2 c2)
  [[ $second == 10.*/12 ]]
  isnt "$second" 10.32.0.1/12
  eventually owners_are h1 2
}

@test "rmpeer takes over the addresses of a dead host, of a living one only with --force" {
  launch h1 "$E2E_UNDERLAY.12"
  launch h2 "$E2E_UNDERLAY.11"
  allocate h1 c1
  allocate h2 c2
  eventually owners_are h1 2
  run on h1 weave rmpeer h2
  status_is 1
  crash h2
  # at once: the peer is forgotten while the command waits
  [[ $(on h1 weave rmpeer h2) == *" IPs taken over from h2" ]]
  owners_are h1 1
  [[ $(allocate h1 c3 10.44.0.0/24) == 10.44.0.*/24 ]]
  run on h1 weave rmpeer nosuch
  status_is 1
}

@test "reset hands the addresses over" {
  launch h1 "$E2E_UNDERLAY.12"
  launch h2 "$E2E_UNDERLAY.11"
  allocate h1 c1
  allocate h2 c2
  eventually owners_are h1 2
  on h2 weave reset
  eventually owners_are h1 1
  on h1 weave status ipam | grep -q '(100.0% of total)'
}

@test "a claim of an address that another host owns is settled between the hosts" {
  launch h1 "$E2E_UNDERLAY.12"
  launch h2 "$E2E_UNDERLAY.11"
  first=$(allocate h1 c1)
  allocate h2 c2
  run on h2 curl -s -m 30 -X PUT "http://127.0.0.1:6784/ip/thief/$first"
  [[ $output == *"is owned by other peer"* ]]
  free=$(sed 's/\.[0-9]*\//.99\//' <<<"$first")
  on h2 curl -sf -m 30 -X PUT "http://127.0.0.1:6784/ip/c9/$free"
  is "$(on h2 curl -s http://127.0.0.1:6784/ip/c9)" "$free"
}

@test "clusters with different rings don't connect, and report why" {
  launch h1
  launch h2
  allocate h1 c1
  allocate h2 c2
  on h2 weave connect "$E2E_UNDERLAY.11"
  eventually on h2 sh -c 'weave status connections | grep "seeded by different peers"'
  [[ $(allocate h1 c3) == 10.*/12 ]]
}

@test "a cluster with another ring can rejoin, and an address in use twice is reported" {
  launch h1
  launch h2
  [[ $(allocate h1 c1) == 10.32.0.1/12 ]]
  [[ $(allocate h2 c2) == 10.32.0.1/12 ]]
  on h2 curl -sf -X PUT "http://127.0.0.1:6784/ip/c3/10.40.0.7/12"
  [ -z "$(on h2 weave ipam diff)" ]
  run on h2 weave ipam repair --rejoin
  status_is 1
  [[ $output == *"no peer with another ring has been heard"* ]]

  on h2 weave connect "$E2E_UNDERLAY.11"
  eventually on h2 sh -c 'weave ipam diff | grep "seeded by different peers"'
  run on h2 weave ipam diff
  status_is 1
  [[ $output == *"weave ipam repair --rejoin"* ]]
  on h2 weave ipam repair --rejoin
  eventually on h2 sh -c 'weave status connections | grep established'
  eventually on h2 sh -c 'weave ipam diff | grep "10.32.0.1, in use here by c2, .* denied"'
  is "$(on h2 weave ipam diff | wc -l)" 1
  is "$(on h2 curl -s http://127.0.0.1:6784/ip/c3)" 10.40.0.7/12
  WITHIN=60 eventually on h1 sh -c '[ -z "$(weave ipam diff)" ]'  # h1 hears of it with the next periodic gossip

  # What h1 gives back is h2's when it asks again.
  on h1 curl -sf -X DELETE http://127.0.0.1:6784/ip/c1
  on h2 weave ipam repair
  eventually on h2 weave ipam diff
  all=$(for i in 4 5 6; do for h in h1 h2; do allocate $h "d$i"; echo; done; done
    on h2 curl -s http://127.0.0.1:6784/ip/c2; echo; on h2 curl -s http://127.0.0.1:6784/ip/c3)
  is "$(sort -u <<<"$all" | grep -c '/12')" 8
}

returns() { on h1 sh -c 'iptables -t nat -S WEAVE' | sed -n 's/.*-d \([^ ]*\) .*-j RETURN/\1/p' | sort | tr '\n' ' '; }
returned() { [ "$(returns)" = "$1" ]; }

@test "with --no-masq-local only traffic to our own part of the range keeps its source" {
  launch h1 --no-masq-local
  allocate h1 c1
  eventually returned '10.32.0.0/12 '
  launch h2 "$E2E_UNDERLAY.11"
  second=$(allocate h2 c2)
  eventually eval '[ "$(returns)" ] && ! returned "10.32.0.0/12 "'
  [[ $(returns) != *"${second%/*}/"* ]]
}
