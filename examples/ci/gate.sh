#!/bin/sh
# The gate for any CI: hold a candidate against a base, in interleaved pairs of runs.
#
#     examples/ci/gate.sh SCENARIO URL BASE [FLAGS…]
#
# URL is where the candidate answers, BASE where the base does, or a command that starts it at
# URL; then the candidate has to be a command, too:  --command COMMAND  among the FLAGS, which
# go to plimsoll run. What CI reads is left in $OUT (default plimsoll-gate), which must not be
# there yet: the comparison as text, Markdown and JSON, and all runs. The exit code is
# plimsoll's: 0 no worse, 98 a regression, 4 inconclusive, 99 a budget marked abort stopped the
# candidate; behind 98 and 4 it says which command shows the same elsewhere. INCONCLUSIVE=pass
# lets inconclusive through with a warning, for branches where a maybe shall not stop the work.
set -eu
[ $# -ge 3 ] || { sed -n '2,4p' "$0" | cut -c3- >&2; exit 2; }
scenario=$1 url=$2 base=$3
shift 3
out=${OUT:-plimsoll-gate}
plimsoll=${PLIMSOLL:-plimsoll}

code=0
"$plimsoll" run "$scenario" --target "$url" --against "$base" --out "$out" --ui plain \
  -o text=- -o json="$out.json" -o markdown="$out.md" "$@" || code=$?
if [ "$code" = 4 ] && [ "${INCONCLUSIVE:-fail}" = pass ]; then
  echo "warning: inconclusive, and let through" >&2
  code=0
fi
exit "$code"
