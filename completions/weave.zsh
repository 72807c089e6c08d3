#compdef weave
# zsh completion for weave. Made by 'weave generate completions zsh'.
local -a weave_commands weave_options
weave_commands=(
  'launch:Start the router, its DNS server and Docker'\''s plugin'
  'launch-router:Start the router and its DNS server, without the plugin'
  'launch-plugin:Start Docker'\''s network plugin'
  'stop:Stop the plugin, the DNS server and the router'
  'stop-router:The same as stop'
  'stop-plugin:Stop Docker'\''s network plugin'
  'reset:Leave the network and remove everything from this host'
  'attach:Attach a running container to the network'
  'detach:Detach a container from the network'
  'run:Run a container with addresses in the network'
  'start:Start a stopped container and attach it'
  'restart:Restart a container and keep its addresses'
  'ps:List attached containers'
  'dns-args:Print the arguments that make '\''docker run'\'' use weave'\''s DNS server'
  'dns-add:Register a name for addresses'
  'dns-remove:Remove names that this peer has registered'
  'dns-lookup:Print the addresses of a name'
  'expose:Add addresses of the network to this host'
  'hide:Remove addresses of the network from this host'
  'docker-bridge-ip:Print the address of Docker'\''s bridge'
  'bridge-type:Print the type of weave'\''s bridge'
  'attach-bridge:Connect another bridge to the network'
  'connect:Connect to more peers'
  'forget:Stop trying to connect to peers'
  'rmpeer:Take over the addresses of peers that are gone for good'
  'prime:Wait until addresses can be allocated'
  'ipam:Diagnose and repair inconsistent address ownership'
  'status:Show the status of router, peers, IPAM, DNS and plugin'
  'report:Print all state as JSON or through a template'
  'logs:Show the log of the router and its services'
  'version:Print the version'
  'peer-name:Print this peer'\''s name'
  'help:Explain a command'
  'setup:Do nothing; kept for scripts that prepare a host for Weave Net'
  'env:Restore DOCKER_HOST after Weave Net'\''s API proxy'
)
if (( CURRENT == 2 )); then
  _describe command weave_commands
  return
fi
case $words[2] in
  launch)
    weave_options=(--password --password-file --allow-readable-password-file --trusted-subnets --rekey-after --host --port --name --nickname --resume --no-discovery --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --no-dns --dns-optional --dns-listen-address --dns-domain --dns-ttl --dns-local-first --dns-fallback-timeout --resolv-conf --plugin --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --no-fastdp --no-masq-local --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level --no-restart --foreground -q --quiet --print-peer-name --help)
    [[ $PREFIX == -* ]] || compadd -- $(weave status targets 2>/dev/null)
    ;;
  launch-router)
    weave_options=(--password --password-file --allow-readable-password-file --trusted-subnets --rekey-after --host --port --name --nickname --resume --no-discovery --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --no-dns --dns-optional --dns-listen-address --dns-domain --dns-ttl --dns-local-first --dns-fallback-timeout --resolv-conf --plugin --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --no-fastdp --no-masq-local --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level --no-restart --foreground -q --quiet --print-peer-name --help)
    [[ $PREFIX == -* ]] || compadd -- $(weave status targets 2>/dev/null)
    ;;
  launch-plugin)
    weave_options=(--no-multicast-route --log-level --no-restart --help)
    ;;
  stop)
    weave_options=(--help)
    ;;
  stop-router)
    weave_options=(--help)
    ;;
  stop-plugin)
    weave_options=(--help)
    ;;
  reset)
    weave_options=(--force --state-dir --help)
    ;;
  attach)
    weave_options=(--without-dns --rewrite-hosts --add-host --no-multicast-route --timeout --help)
    [[ $PREFIX == -* ]] || compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null)
    ;;
  detach)
    weave_options=(--help)
    [[ $PREFIX == -* ]] || compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null)
    ;;
  run)
    weave_options=(--without-dns --no-rewrite-hosts --no-multicast-route --timeout --help)
    ;;
  start)
    weave_options=(--timeout --help)
    [[ $PREFIX == -* ]] || compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null)
    ;;
  restart)
    weave_options=(--timeout --help)
    [[ $PREFIX == -* ]] || compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null)
    ;;
  ps)
    weave_options=(--services --help)
    [[ $PREFIX == -* ]] || compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null)
    ;;
  dns-args)
    weave_options=(--help)
    ;;
  dns-add)
    weave_options=(-h --hostname --help)
    [[ $PREFIX == -* ]] || compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null)
    ;;
  dns-remove)
    weave_options=(-h --hostname --help)
    [[ $PREFIX == -* ]] || compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null)
    ;;
  dns-lookup)
    weave_options=(--help)
    ;;
  expose)
    weave_options=(-h --hostname --without-masquerade --timeout --help)
    ;;
  hide)
    weave_options=(--help)
    ;;
  docker-bridge-ip)
    weave_options=(--help)
    ;;
  bridge-type)
    weave_options=(--help)
    ;;
  attach-bridge)
    weave_options=(--help)
    ;;
  connect)
    weave_options=(--replace --help)
    [[ $PREFIX == -* ]] || compadd -- $(weave status targets 2>/dev/null)
    ;;
  forget)
    weave_options=(--help)
    [[ $PREFIX == -* ]] || compadd -- $(weave status targets 2>/dev/null)
    ;;
  rmpeer)
    weave_options=(--force --help)
    ;;
  prime)
    weave_options=(--timeout --help)
    ;;
  ipam)
    weave_options=(--rejoin --force --help)
    [[ $PREFIX == -* ]] || compadd -- diff repair
    ;;
  status)
    weave_options=(--help)
    [[ $PREFIX == -* ]] || compadd -- targets connections peers dns ipam plugin
    ;;
  report)
    weave_options=(-f --format --json --help)
    ;;
  logs)
    weave_options=(-f --follow --help)
    [[ $PREFIX == -* ]] || compadd -- router dns plugin
    ;;
  version)
    weave_options=(--help)
    ;;
  peer-name)
    weave_options=(--help)
    ;;
  help)
    weave_options=(--help)
    [[ $PREFIX == -* ]] || compadd -- launch launch-router launch-plugin stop stop-router stop-plugin reset attach detach run start restart ps dns-args dns-add dns-remove dns-lookup expose hide docker-bridge-ip bridge-type attach-bridge connect forget rmpeer prime ipam status report logs version peer-name help setup env
    ;;
  setup)
    weave_options=(--help)
    ;;
  env)
    weave_options=(--restore --help)
    ;;
esac
[[ $PREFIX != -* ]] || compadd -- $weave_options
