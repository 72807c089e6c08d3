# Replays what was recorded on a running Weave Net 1.7.2 (test/vectors/cli/transcript-1.7.2.txt) as far as it takes one
# host: the same stdout, apart from ids and names, and the same exit status. Where ours is different on purpose, a line
# of `differs` says how.
bats_require_minimum_version 1.5.0
load host

TRANSCRIPT=$BATS_TEST_DIRNAME/../vectors/cli/transcript-1.7.2.txt
teardown() { hosts_down; }

# What we do instead: the command, our exit status, our stdout ("=" as recorded, "-" nothing, "*" whatever).
differs() {
  cat <<'END'
weave version|0|*
weave status|1|-
weave ps|1|-
weave env|1|-
weave config|1|-
weave dns-lookup web1|7|-
weave dns-add nosuch|7|-
weave rmpeer x|7|-
weave stop-proxy|1|-
weave launch-proxy|1|-
weave launch-dns|1|-
weave stop-dns|1|-
weave help|0|*
weave --help|0|*
weave launch --help|0|*
weave launch|3|-
weave launch-router|3|-
docker ps --format '{{.Names}} {{.Image}}'|0|-
END
}

# Without what varies: ids, names, the version; and without the proxy's block and a network that other containers had left.
normal() {
  sed -E '/Service: proxy/,/^ *$/d; /docker_gwbridge/d; s/[0-9a-f]{64}/ID/; s/[0-9a-f]{2}(:[0-9a-f]{2}){5}/MAC/g; s/\((docker4|h1)\)/(HOST)/; s/^( *Upstream: ).*/\1SERVER/
    s/Version: [0-9.]+/Version: N/; s/^[0-9a-f]{12} +/NETWORK /; s/ +/ /g'
}

# replay FROM TO: the commands of host docker4 between two headings.
replay() {
  local command expected= line status bad=0 difference count=0 out=$BATS_TEST_TMPDIR/out
  while IFS= read -r line; do
    case $line in
      'docker4$ '*) command=${line#*$ } expected= ;;
      '1|(no newline at end)') expected=${expected%$'\n'} ;;
      '1| '*) expected+=${line#1| }$'\n' ;;
      'exit '*)
        status=0
        on h1 bash -c "$command" >"$out" 2>"$out.err" </dev/null || status=$?
        count=$((count + 1))
        recorded="${line#exit } $(printf %s. "$expected" | normal)"
        ours="$status $( (cat "$out"; printf .) | normal)"
        [ "$ours" != "$recorded" ] || continue
        # Only then may it be one of the differences.
        difference=$(differs | grep -F -- "$command|" | head -1)
        case ${difference#"$command|"} in
          "$status|*") continue ;;
          "$status|-") [ -s "$out" ] || continue ;;
        esac
        echo "--- $command"; echo "recorded: $recorded"; echo "ours:     $ours"; cat "$out.err"
        bad=$((bad + 1)) ;;
    esac
  done < <(sed -n "/^# --- $1/,/^# --- $2/p" "$TRANSCRIPT")
  echo "$count commands, $bad differ"
  [ "$count" -gt 5 ] && [ "$bad" = 0 ]
}

@test "nothing launched, usage, components one by one" {
  host_up h1
  replay "nothing launched yet" "all at once"
}

@test "dns-args" {
  host_up h1
  on h1 weave launch
  replay dns-args "plugin containers"
}
