# Two hosts with a router and a container each, without Docker. Sourced after host.bash and fastdp.bash.
#
#   launch HOST OPTIONS-AND-PEERS...     uses HOST OVERLAY PEER     pair: h1 and h2, connected by the fast datapath
launch() {
  local host=$1
  shift
  on "$host" weave launch --docker-api= --plugin=false --no-dns "$@"
}

uses() { on "$1" weave status connections | grep "established.* $2 .*($3)"; }

pair() {
  for n in 1 2; do host_up h$n --no-engine; done
  launch h1
  launch h2 "$E2E_UNDERLAY.11"
  for n in 1 2; do container_up h$n c $n; done
  eventually uses h1 fastdp h2
  eventually uses h2 fastdp h1
  eventually guest h1 ping -c 1 -W 1 10.32.0.2
}
