#!/bin/sh
# flip.sh on|off: gives the running nginx the other configuration and waits until it serves it.
set -eu
cp "cache-$1.conf" mode.conf
nginx -p "$PWD" -c nginx.conf -s reload
sleep 0.5
