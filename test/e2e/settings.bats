# The settings of the last launch: what --resume restores, and what commands without a router use.
load host

setup() { host_up h1 --no-engine; }
teardown() { hosts_down; }

launch() { on h1 weave launch --docker-api= --plugin=false --no-dns "$@"; }
report() { on h1 weave report -f "$1"; }
ours() { on h1 sh -c 'ip -o link | grep -E "weave|vethwe|vxlan-"; iptables-save | grep -iE "weave|dport (6783|6784|7000|7001)"; ls -A /var/lib/weave'; }

@test "reset removes the firewall rules of another port" {
  on h1 sh -c 'ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up'
  launch --port 7000
  on h1 iptables-save | grep 'dport 7000'
  on h1 weave reset
  is "$(ours)" ""
}

@test "reset after a stop removes the firewall rules of another port, and of another Docker bridge" {
  on h1 sh -c 'ip link add dk0 type bridge; ip addr add 172.29.0.1/16 dev dk0; ip link set dk0 up'
  launch --port 7000 --docker-bridge dk0
  on h1 iptables-save | grep -e '-i dk0.* --dport 7000'
  on h1 weave stop
  on h1 weave reset --force
  is "$(ours)" ""
}

@test "commands find a bridge with another name, with and without a router" {
  on h1 sh -c 'ip link add other up type bridge'
  launch --weave-bridge wb
  is "$(on h1 weave bridge-type)" bridge
  on h1 weave attach-bridge other
  on h1 weave stop
  is "$(on h1 weave bridge-type)" bridge
  mac=$(on h1 cat /sys/class/net/wb/address)
  is "$(on h1 weave ps weave:expose)" "weave:expose $mac"
  on h1 weave reset --force
  refute on h1 ip link show wb
}

@test "reset and resume find a state directory that only the launch has named" {
  launch --state-dir /var/lib/elsewhere --nickname first
  on h1 weave stop
  on h1 weave launch --resume
  is "$(report '{{.Router.NickName}}')" first
  on h1 weave reset
  is "$(on h1 ls -A /var/lib/elsewhere)" ""
}

@test "--resume restores all settings of the last launch" {
  launch --port 7000 --nickname first --ipalloc-range 10.40.0.0/16 --no-discovery --datapath bridge --conn-limit 7 192.0.2.9
  on h1 weave stop
  on h1 weave launch --resume
  is "$(report '{{.Router.Port}} {{.Router.NickName}} {{.Router.PeerDiscovery}} {{.IPAM.Range}}')" "7000 first false 10.40.0.0/16"
  is "$(on h1 weave status targets)" 192.0.2.9
  like "$(on h1 weave status)" "*Datapath: bridge*"
  is "$(report '{{.DNS}}')" "<nil>"
}

@test "an option beside --resume overrides the stored one, and is stored itself" {
  launch --port 7000 --nickname first
  on h1 weave stop
  on h1 weave launch --resume --nickname second
  is "$(report '{{.Router.Port}} {{.Router.NickName}}')" "7000 second"
  on h1 weave stop
  on h1 weave launch --resume
  is "$(report '{{.Router.NickName}}')" second
}

@test "--resume reads the password from its file again" {
  on h1 sh -c 'umask 077; echo secret >/root/password'
  launch --password-file /root/password
  on h1 weave stop
  on h1 weave launch --resume
  is "$(report '{{.Router.Encryption}}')" true
  refute on h1 grep -rqa secret /var/lib/weave /run/weave
}

@test "--resume without a password that was not stored is refused" {
  on h1 env WEAVE_PASSWORD=secret weave launch --docker-api= --plugin=false --no-dns
  on h1 weave stop
  run on h1 weave launch --resume
  fails_with 1 "the last launch had a password, which is not stored"
  on h1 env WEAVE_PASSWORD=secret weave launch --resume
  is "$(report '{{.Router.Encryption}}')" true
}

@test "--resume without an earlier launch uses the defaults" {
  on h1 weave launch --resume --docker-api= --plugin=false --no-dns
  is "$(report '{{.Router.Port}}')" 6783
}
