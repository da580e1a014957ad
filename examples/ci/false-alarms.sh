#!/bin/sh
# How often does the gate cry wolf here, and does it find what was planted?
#
#     examples/ci/false-alarms.sh [COMPARISONS [PLANTED [LANES]]]
#
# compares the bundled target with itself COMPARISONS times (100), then with one whose
# median is 10 % slower PLANTED times (10), each time with the gate as it is by default: ten
# pairs of runs, five more while they are inconclusive, thirty at most. LANES comparisons (1)
# run side by side. It prints a line for each, and at the end how many alarms there were; it
# fails if there were more than one in a hundred false ones, or if less than nine in ten
# planted ones were found. All of it is on loopback. $PLIMSOLL is the program, by default
# plimsoll. It takes about 20 minutes with three lanes.
set -eu
comparisons=${1:-100} planted=${2:-10} lanes=${3:-1}
plimsoll=${PLIMSOLL:-plimsoll}
dir=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null || :; done; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

cat >"$dir/scenario.yaml" <<'YAML'
scenario: gate
target: http://127.0.0.1:1
flows:
  main:
    - get: /x/station/mm4
      name: page
load:
  - {flow: main, rate: 250/s, for: 500ms}
YAML

# serve NAME MEAN starts a target that answers after MEAN, and puts its URL into a file.
serve() {
  "$plimsoll" target --preset queueing --listen 127.0.0.1:0 --admin 127.0.0.1:0 --json \
    --set stations.mm4.servers=64 --set stations.mm4.service.law=constant --set "stations.mm4.service.mean=$2" >"$dir/$1" &
  pids="$pids $!"
  until [ -s "$dir/$1" ]; do sleep 0.1; done
  sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$dir/$1" >"$dir/$1.url"
}
serve base 10ms
serve same 10ms
serve slow 11ms
base=$(cat "$dir/base.url")

# gate KIND NUMBER URL holds a candidate against the base, and notes how that ended. One that
# was broken off, as the machine was too busy for a run that counts, is made again.
gate() {
  for try in 1 2 3 4 5; do
    code=0
    rm -rf "$dir/$1-$2"
    "$plimsoll" run "$dir/scenario.yaml" --target "$3" --against "$base" --seed "$2" --out "$dir/$1-$2" --json >"$dir/$1-$2.json" 2>"$dir/$1-$2.log" || code=$?
    pairs=$(sed -n 's/^ *"pairs": \([0-9]*\),*$/\1/p' "$dir/$1-$2.json")
    { [ -n "$pairs" ] || [ $code -ne 4 ]; } && break
    echo "$1 $2 broken off: $(grep '^error' "$dir/$1-$2.log" || :)" | tee -a "$dir/$1.txt"
  done
  case $code in
    0) word=passed ;;
    4) word=inconclusive ;;
    98) word=alarm ;;
    *) word="failed with $code: $(tail -n 1 "$dir/$1-$2.log")" ;;
  esac
  why=$(sed -n 's/^ *"why": "\(.*\)",*$/\1/p' "$dir/$1-$2.json")
  echo "$1 $2 $word after ${pairs:-?} pairs: $why" | tee -a "$dir/$1.txt"
  rm -rf "$dir/$1-$2"
}

# lane KIND FIRST LAST STEP URL is one comparison after the other.
lane() { n=$2; while [ "$n" -le "$3" ]; do gate "$1" "$n" "$5"; n=$((n + $4)); done; }

# all KIND COUNT URL shares the comparisons among the lanes.
all() {
  : >"$dir/$1.txt"
  jobs= i=1
  while [ "$i" -le "$lanes" ]; do lane "$1" "$i" "$2" "$lanes" "$3" & jobs="$jobs $!"; i=$((i + 1)); done
  for j in $jobs; do wait "$j"; done
}
all same "$comparisons" "$(cat "$dir/same.url")"
all slow "$planted" "$(cat "$dir/slow.url")"

count() { grep -c " $2 after" "$dir/$1.txt" || :; }
echo
echo "the same target: $(count same alarm) alarms in $comparisons comparisons ($(count same passed) passed, $(count same inconclusive) inconclusive)"
echo "10 % slower:     $(count slow alarm) alarms in $planted comparisons ($(count slow passed) passed, $(count slow inconclusive) inconclusive)"
[ "$(count same alarm)" -le $(((comparisons + 99) / 100)) ] && [ $(($(count slow alarm) * 10)) -ge $((planted * 9)) ]
