# Shared by the benchmarks: a private test host named bench, medians, one line a figure. Sourced, never run.
# Figures only: nothing here fails because something is slow. Machines differ, so compare within one run.
set -euo pipefail
bench_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$bench_dir/../e2e/host.bash"
[ -x "$WEAVE_BIN" ] || { echo "bench: no $WEAVE_BIN; build it: cmake --preset release && cmake --build --preset release" >&2; exit 1; }

bench_up() {
  trap hosts_down EXIT
  trap 'exit 130' INT TERM
  host_up bench
}

# figure NAME VALUE UNIT [NOTE]
figure() { printf '%-44s %12s %-8s %s\n' "$1" "$2" "$3" "${4:-}"; }

# timed COUNT SHELL-LINE [AFTER-LINE]: runs both in the host COUNT times, prints "median min max" of the first in ms
timed() {
  on bench bash -c '
    for ((i = 0; i < $1; i++)); do
      begin=${EPOCHREALTIME/./}
      eval "$2" >/dev/null 2>&1 || { echo "bench: failed: $2" >&2; exit 1; }
      echo $((${EPOCHREALTIME/./} - begin))
      eval "${3:-}" >/dev/null 2>&1
    done' timed "$@" </dev/null | sort -n |
    awk '{v[NR] = $1} END {if (!NR) exit 1; printf "%.1f %.1f %.1f\n", v[int((NR + 1) / 2)] / 1000, v[1] / 1000, v[NR] / 1000}'
}

# figure_ms NAME "median min max"
figure_ms() {
  set -- "$1" $2
  figure "$1" "$2" ms "($3 to $4)"
}

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
