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
local weave_given=0 weave_skip=0 weave_most=99 weave_word
local -a weave_values
case $words[2] in
  launch)
    weave_options=(--password --password-file --allow-readable-password-file --trusted-subnets --rekey-after --host --port --name --nickname --resume --no-discovery --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --no-dns --dns-optional --dns-listen-address --dns-domain --dns-ttl --dns-local-first --dns-fallback-timeout --resolv-conf --plugin --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --no-fastdp --no-masq-local --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level --no-restart --foreground -q --quiet --print-peer-name --help)
    weave_values=(--password --password-file --trusted-subnets --rekey-after --host --port --name --nickname --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --dns-listen-address --dns-domain --dns-ttl --dns-fallback-timeout --resolv-conf --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level)
    ;;
  launch-router)
    weave_options=(--password --password-file --allow-readable-password-file --trusted-subnets --rekey-after --host --port --name --nickname --resume --no-discovery --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --no-dns --dns-optional --dns-listen-address --dns-domain --dns-ttl --dns-local-first --dns-fallback-timeout --resolv-conf --plugin --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --no-fastdp --no-masq-local --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level --no-restart --foreground -q --quiet --print-peer-name --help)
    weave_values=(--password --password-file --trusted-subnets --rekey-after --host --port --name --nickname --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --dns-listen-address --dns-domain --dns-ttl --dns-fallback-timeout --resolv-conf --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level)
    ;;
  launch-plugin)
    weave_options=(--no-multicast-route --log-level --no-restart --help)
    weave_values=(--log-level)
    weave_most=0
    ;;
  stop)
    weave_options=(--help)
    weave_most=0
    ;;
  stop-router)
    weave_options=(--help)
    weave_most=0
    ;;
  stop-plugin)
    weave_options=(--help)
    weave_most=0
    ;;
  reset)
    weave_options=(--force --state-dir --help)
    weave_values=(--state-dir)
    weave_most=0
    ;;
  attach)
    weave_options=(--without-dns --rewrite-hosts --add-host --no-multicast-route --timeout --help)
    weave_values=(--add-host --timeout)
    ;;
  detach)
    weave_options=(--help)
    ;;
  run)
    weave_options=(--without-dns --no-rewrite-hosts --no-multicast-route --timeout --help)
    weave_values=(--timeout)
    ;;
  start)
    weave_options=(--timeout --help)
    weave_values=(--timeout)
    ;;
  restart)
    weave_options=(--timeout --help)
    weave_values=(--timeout)
    weave_most=1
    ;;
  ps)
    weave_options=(--services --help)
    ;;
  dns-args)
    weave_options=(--help)
    ;;
  dns-add)
    weave_options=(-h --hostname --help)
    weave_values=(-h --hostname)
    ;;
  dns-remove)
    weave_options=(-h --hostname --help)
    weave_values=(-h --hostname)
    ;;
  dns-lookup)
    weave_options=(--help)
    weave_most=1
    ;;
  expose)
    weave_options=(-h --hostname --without-masquerade --timeout --help)
    weave_values=(-h --hostname --timeout)
    ;;
  hide)
    weave_options=(--help)
    ;;
  docker-bridge-ip)
    weave_options=(--help)
    weave_most=0
    ;;
  bridge-type)
    weave_options=(--help)
    weave_most=0
    ;;
  attach-bridge)
    weave_options=(--help)
    weave_most=1
    ;;
  connect)
    weave_options=(--replace --help)
    ;;
  forget)
    weave_options=(--help)
    ;;
  rmpeer)
    weave_options=(--force --help)
    ;;
  prime)
    weave_options=(--timeout --help)
    weave_values=(--timeout)
    weave_most=0
    ;;
  ipam)
    weave_options=(--rejoin --force --help)
    weave_most=1
    ;;
  status)
    weave_options=(--help)
    weave_most=1
    ;;
  report)
    weave_options=(-f --format --json --help)
    weave_values=(-f --format)
    weave_most=1
    ;;
  logs)
    weave_options=(-f --follow --help)
    weave_most=1
    ;;
  version)
    weave_options=(--help)
    weave_most=0
    ;;
  peer-name)
    weave_options=(--help)
    weave_most=0
    ;;
  help)
    weave_options=(--help)
    weave_most=1
    ;;
  setup)
    weave_options=(--help)
    weave_most=0
    ;;
  env)
    weave_options=(--restore --help)
    weave_most=0
    ;;
esac
if (( $weave_values[(Ie)$words[CURRENT-1]] )); then
  case $words[CURRENT-1] in
    --datapath) compadd -- direct bridge none ;;
    --log-level) compadd -- debug info warning error ;;
    *) _files ;;
  esac
  return
fi
if [[ $PREFIX == -* ]]; then
  compadd -- $weave_options
  return
fi
for weave_word in $words[3,CURRENT-1]; do
  if (( weave_skip )); then weave_skip=0
  elif (( $weave_values[(Ie)$weave_word] )); then weave_skip=1
  elif [[ $weave_word != -* ]]; then (( ++weave_given ))
  fi
done
(( weave_given < weave_most )) || return
case $words[2] in
  launch) compadd -- $(weave status targets 2>/dev/null) ;;
  launch-router) compadd -- $(weave status targets 2>/dev/null) ;;
  attach) compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null) ;;
  detach) compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null) ;;
  start) compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null) ;;
  restart) compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null) ;;
  ps) compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null) ;;
  dns-add) compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null) ;;
  dns-remove) compadd -- $(docker ps -a --format '{{.Names}}' 2>/dev/null) ;;
  connect) compadd -- $(weave status targets 2>/dev/null) ;;
  forget) compadd -- $(weave status targets 2>/dev/null) ;;
  ipam) compadd -- diff repair ;;
  status) compadd -- targets connections peers dns ipam plugin ;;
  logs) compadd -- router dns plugin ;;
  help) compadd -- launch launch-router launch-plugin stop stop-router stop-plugin reset attach detach run start restart ps dns-args dns-add dns-remove dns-lookup expose hide docker-bridge-ip bridge-type attach-bridge connect forget rmpeer prime ipam status report logs version peer-name help setup env ;;
esac
