# bash completion for weave. Made by 'weave generate completions bash'.
_weave() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} options= values= words= most=99 i=1
  local word given=0 skip=0
  COMPREPLY=()
  [ "${COMP_WORDS[1]}" != --local ] || i=2
  if [ "$COMP_CWORD" -le "$i" ]; then
    COMPREPLY=($(compgen -W "launch launch-router launch-plugin stop stop-router stop-plugin reset attach detach run start restart ps dns-args dns-add dns-remove dns-lookup expose hide docker-bridge-ip bridge-type attach-bridge connect forget rmpeer prime ipam status report logs version peer-name help setup env" -- "$cur"))
    return
  fi
  case ${COMP_WORDS[i]} in
    launch)
      options="--password --password-file --allow-readable-password-file --trusted-subnets --rekey-after --host --port --name --nickname --resume --no-discovery --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --no-dns --dns-optional --dns-listen-address --dns-domain --dns-ttl --dns-local-first --dns-fallback-timeout --resolv-conf --plugin --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --no-fastdp --no-masq-local --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level --no-restart --foreground -q --quiet --print-peer-name --help"
      values=" --password --password-file --trusted-subnets --rekey-after --host --port --name --nickname --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --dns-listen-address --dns-domain --dns-ttl --dns-fallback-timeout --resolv-conf --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level "
      [[ $cur == -* ]] || words="$(weave status targets 2>/dev/null)"
      ;;
    launch-router)
      options="--password --password-file --allow-readable-password-file --trusted-subnets --rekey-after --host --port --name --nickname --resume --no-discovery --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --no-dns --dns-optional --dns-listen-address --dns-domain --dns-ttl --dns-local-first --dns-fallback-timeout --resolv-conf --plugin --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --no-fastdp --no-masq-local --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level --no-restart --foreground -q --quiet --print-peer-name --help"
      values=" --password --password-file --trusted-subnets --rekey-after --host --port --name --nickname --conn-limit --min-protocol-version --ipalloc-range --ipalloc-default-subnet --ipalloc-init --dns-listen-address --dns-domain --dns-ttl --dns-fallback-timeout --resolv-conf --plugin-socket --plugin-mesh-socket --docker-api --mtu --datapath --weave-bridge --docker-bridge --http-addr --status-addr --metrics-addr --state-dir --db-prefix --log-level "
      [[ $cur == -* ]] || words="$(weave status targets 2>/dev/null)"
      ;;
    launch-plugin)
      options="--no-multicast-route --log-level --no-restart --help"
      values=" --log-level "
      most=0
      ;;
    stop)
      options="--help"
      most=0
      ;;
    stop-router)
      options="--help"
      most=0
      ;;
    stop-plugin)
      options="--help"
      most=0
      ;;
    reset)
      options="--force --state-dir --help"
      values=" --state-dir "
      most=0
      ;;
    attach)
      options="--without-dns --rewrite-hosts --add-host --no-multicast-route --timeout --help"
      values=" --add-host --timeout "
      [[ $cur == -* ]] || words="$(docker ps -a --format '{{.Names}}' 2>/dev/null)"
      ;;
    detach)
      options="--help"
      [[ $cur == -* ]] || words="$(docker ps -a --format '{{.Names}}' 2>/dev/null)"
      ;;
    run)
      options="--without-dns --no-rewrite-hosts --no-multicast-route --timeout --help"
      values=" --timeout "
      ;;
    start)
      options="--timeout --help"
      values=" --timeout "
      [[ $cur == -* ]] || words="$(docker ps -a --format '{{.Names}}' 2>/dev/null)"
      ;;
    restart)
      options="--timeout --help"
      values=" --timeout "
      most=1
      [[ $cur == -* ]] || words="$(docker ps -a --format '{{.Names}}' 2>/dev/null)"
      ;;
    ps)
      options="--services --help"
      [[ $cur == -* ]] || words="$(docker ps -a --format '{{.Names}}' 2>/dev/null)"
      ;;
    dns-args)
      options="--help"
      ;;
    dns-add)
      options="-h --hostname --help"
      values=" -h --hostname "
      [[ $cur == -* ]] || words="$(docker ps -a --format '{{.Names}}' 2>/dev/null)"
      ;;
    dns-remove)
      options="-h --hostname --help"
      values=" -h --hostname "
      [[ $cur == -* ]] || words="$(docker ps -a --format '{{.Names}}' 2>/dev/null)"
      ;;
    dns-lookup)
      options="--help"
      most=1
      ;;
    expose)
      options="-h --hostname --without-masquerade --timeout --help"
      values=" -h --hostname --timeout "
      ;;
    hide)
      options="--help"
      ;;
    docker-bridge-ip)
      options="--help"
      most=0
      ;;
    bridge-type)
      options="--help"
      most=0
      ;;
    attach-bridge)
      options="--help"
      most=1
      ;;
    connect)
      options="--replace --help"
      [[ $cur == -* ]] || words="$(weave status targets 2>/dev/null)"
      ;;
    forget)
      options="--help"
      [[ $cur == -* ]] || words="$(weave status targets 2>/dev/null)"
      ;;
    rmpeer)
      options="--force --help"
      ;;
    prime)
      options="--timeout --help"
      values=" --timeout "
      most=0
      ;;
    ipam)
      options="--rejoin --force --help"
      most=1
      [[ $cur == -* ]] || words="diff repair"
      ;;
    status)
      options="--help"
      most=1
      [[ $cur == -* ]] || words="targets connections peers dns ipam plugin"
      ;;
    report)
      options="-f --format --json --help"
      values=" -f --format "
      most=1
      ;;
    logs)
      options="-f --follow --help"
      most=1
      [[ $cur == -* ]] || words="router dns plugin"
      ;;
    version)
      options="--help"
      most=0
      ;;
    peer-name)
      options="--help"
      most=0
      ;;
    help)
      options="--help"
      most=1
      [[ $cur == -* ]] || words="launch launch-router launch-plugin stop stop-router stop-plugin reset attach detach run start restart ps dns-args dns-add dns-remove dns-lookup expose hide docker-bridge-ip bridge-type attach-bridge connect forget rmpeer prime ipam status report logs version peer-name help setup env"
      ;;
    setup)
      options="--help"
      most=0
      ;;
    env)
      options="--restore --help"
      most=0
      ;;
  esac
  for word in "${COMP_WORDS[@]:i+1:COMP_CWORD-i-1}"; do
    if [ "$skip" = 1 ]; then skip=0
    elif [[ $values == *" $word "* ]]; then skip=1
    elif [[ $word != -* ]]; then given=$((given + 1))
    fi
  done
  [ "$given" -lt "$most" ] || words=
  if [[ $values == *" $prev "* ]]; then
    case $prev in
      --datapath) COMPREPLY=($(compgen -W "direct bridge none" -- "$cur")) ;;
      --log-level) COMPREPLY=($(compgen -W "debug info warning error" -- "$cur")) ;;
      *) COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}
complete -F _weave weave
