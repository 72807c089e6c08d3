# Replays what was recorded on running Weave Nets (test/vectors/cli/transcript-*.txt) as far as it takes one host: the
# same stdout, apart from ids and names, and the same exit status. Where ours is different on purpose, a line of
# `differs` says how; the last test finds lines that are no longer needed.
bats_require_minimum_version 1.5.0
load host

VECTORS=$BATS_TEST_DIRNAME/../vectors/cli
replay_env=()
teardown() { hosts_down; }

# What we do instead: the command, our exit status, a glob pattern that fits our stdout.
differs() {
  cat <<'END'
weave version|0|weave [0-9]*
weave status|1|
weave ps|1|
weave env|1|
weave config|1|
weave dns-lookup web1|7|
weave dns-add nosuch|7|
weave rmpeer x|7|
weave launch-proxy|1|
weave help|0|Usage: weave <command> *
weave --help|0|Usage: weave <command> *
weave launch|3|
weave launch-router|3|
docker ps --format '{{.Names}} {{.Image}}'|0|
weave launch --help|0|Usage: weave launch *
weave dns-args|0|--dns=172.17.0.1 --dns-search=weave.local.
weave hide|0|
weave hide 99.9.9.9/24|0|
weave expose --without-masquerade 10.2.3.1/24|0|10.2.3.1
weave rmpeer docker2|4|
docker rm -f weave|0|
weave launch|0|[0-9a-f]*
weave launch --ipalloc-range 10.99.0.0/24|3|
END
}

# Prints the line of `differs` that allows this result; 1 when there is none.
allowed() {  # COMMAND STATUS OUTPUT
  local prefix="$1|$2|" line
  while IFS= read -r line; do
    [[ $line == "$prefix"* && $3 == ${line#"$prefix"} ]] || continue
    echo "$line"
    return
  done < <(differs)
  return 1
}

# Without what varies: ids, names, the version; without the line that is ours only; with a password we never go below protocol 2; and without the proxy's block and a network that other containers had left.
normal() {
  sed -E '/Service: proxy/,/^ *$/d; s/ \(legacy\)$//; /docker_gwbridge/d; /^ *Datapath: /d; s/[0-9a-f]{64}/ID/; s/[0-9a-f]{2}(:[0-9a-f]{2}){5}/MAC/g; s/\((docker[0-9]|h1)\)/(HOST)/; s/^( *Upstream: ).*/\1SERVER/
    s/Version: [0-9.]+/Version: N/; s/Protocol: weave 1..2/Protocol: weave 2/; s/^[0-9a-f]{12} +/NETWORK /; s/ +/ /g'
}

# replay VERSION HOST FROM TO: the commands of a host between two headings, with the environment `replay_env`.
replay() {
  local command expected= line status bad=0 count=0 out=$BATS_TEST_TMPDIR/out recorded ours
  while IFS= read -r line; do
    case $line in
      "$2$ "*) command=${line#*$ } expected= ;;
      '1|(no newline at end)') expected=${expected%$'\n'} ;;
      '1| '*) expected+=${line#1| }$'\n' ;;
      'exit '*)
        status=0
        on h1 env "${replay_env[@]}" bash -c "$command" >"$out" 2>"$out.err" </dev/null || status=$?
        count=$((count + 1))
        recorded="${line#exit } $(printf %s. "$expected" | normal)"
        ours="$status $( (cat "$out"; printf .) | normal)"
        [ "$ours" != "$recorded" ] || continue
        # Only then may it be one of the differences.
        ! allowed "$command" "$status" "$(cat "$out")" >>"$BATS_FILE_TMPDIR/used" || continue
        echo "--- $command"; echo "recorded: $recorded"; echo "ours:     $ours"; cat "$out.err"
        bad=$((bad + 1)) ;;
    esac
  done < <(sed -n "\\,^# --- $3,,\\,^# --- $4,p" "$VECTORS/transcript-$1.txt" | sed 's/192\.168\.48\./10.99.0./g')
  echo "$count commands, $bad differ"
  [ "$count" -gt 5 ]
  is "$bad" 0
}

@test "1.7.2: commands before a launch, usage errors, and single components print the same" {
  host_up h1
  replay 1.7.2 docker4 "nothing launched yet" "all at once"
}

@test "1.7.2: dns-args prints the same" {
  host_up h1
  on h1 weave launch
  replay 1.7.2 docker4 dns-args "plugin containers"
}

@test "2.8.1: commands before a launch and usage errors print the same" {
  host_up h1
  replay 2.8.1 docker1 "nothing launched yet" "usage and"
}

@test "2.8.1: expose and hide print the same" {
  host_up h1
  on h1 weave launch --name 12:d2:fe:7a:c1:f2
  on h1 docker run -d --name=web1 --net=weave busybox sleep 600
  replay 2.8.1 docker1 "expose / hide" "connect / forget"
}

@test "2.8.1: commands with services switched off and refused launches print the same" {
  host_up h1
  on h1 weave launch --name 7a:16:dd:5b:83:de
  on h1 docker run -d --name=app3 --hostname=app3.weave.local --net=none busybox sleep 600
  on h1 weave attach app3
  replay_env=(WEAVE_PASSWORD=secret)
  replay 2.8.1 docker3 "launch with services switched off" "end"
}

@test "every waiver is still needed" {
  is "$(differs | sort)" "$(sort -u "$BATS_FILE_TMPDIR/used")"
}
