# Assertions for the end-to-end tests; each prints what it expected and what it found, and returns 1 when they differ.
# Sourced by host.bash. The functions that take no ACTUAL look at the result of bats' last `run`.
#
#   is ACTUAL EXPECTED          the texts are equal           isnt ACTUAL OTHER         they differ
#   like ACTUAL PATTERN         a glob pattern fits           matches ACTUAL REGEX      a regular expression fits
#   status_is N                 the exit status               prints TEXT               standard output, exactly
#   prints_nothing              on standard output            says_nothing              on standard error
#   fails_with N TEXT           status N, nothing on standard output, and TEXT is part of the error
#   refute COMMAND...           the command fails (`! COMMAND` can't fail a test)
#
# One assertion per line: of `A && B` only B can fail a test. test/lint rejects such lines.

unequal() {  # WHAT EXPECTED ACTUAL
  printf '%s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3" >&2
  return 1
}
is() { [ "$1" = "$2" ] || unequal "texts differ" "$2" "$1"; }
isnt() { [ "$1" != "$2" ] || unequal "texts are equal" "something else than $2" "$1"; }
like() { [[ $1 == $2 ]] || unequal "the pattern doesn't fit" "$2" "$1"; }
matches() { [[ $1 =~ $2 ]] || unequal "the regular expression doesn't fit" "$2" "$1"; }
status_is() { [ "$status" = "$1" ] || unequal "exit status; output: $output ${stderr-}" "$1" "$status"; }
prints() { [ "$output" = "$1" ] || unequal "standard output" "$1" "$output"; }
prints_nothing() { [ -z "$output" ] || unequal "standard output" "nothing" "$output"; }
says_nothing() { [ -z "${stderr-}" ] || unequal "standard error" "nothing" "$stderr"; }
fails_with() {
  status_is "$1" || return 1
  if [ "${stderr+separate}" ]; then
    prints_nothing || return 1
    [[ $stderr == *"$2"* ]] || unequal "standard error" "a text with: $2" "$stderr"
  else
    [[ $output == *"$2"* ]] || unequal "output" "a text with: $2" "$output"
  fi
}
refute() { if "$@"; then unequal "the command succeeded" "failure" "$*"; fi; }
