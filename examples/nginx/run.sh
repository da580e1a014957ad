#!/bin/sh
# Runs the experiment on an nginx of its own, in a folder that is gone afterwards.
#   PLIMSOLL=plimsoll PORT=18088 examples/nginx/run.sh [flags of plimsoll run]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
port=${PORT:-18088}
work=$(mktemp -d)
stop() {
	[ ! -s "$work/nginx.pid" ] || kill "$(cat "$work/nginx.pid")" || true
	rm -rf "$work"
}
trap stop EXIT
chmod 755 "$work"
cp "$here"/*.conf "$here"/*.sh "$here"/experiment.yaml "$work"
sed -i "s/PORT/$port/" "$work/nginx.conf"
mkdir "$work/www" "$work/tmp"
head -c 60000 /dev/zero | tr '\0' x > "$work/www/page.txt"
cp "$work/cache-off.conf" "$work/mode.conf"
nginx -p "$work" -c nginx.conf
"${PLIMSOLL:-plimsoll}" run "$work/experiment.yaml" -e "port=$port" "$@"
