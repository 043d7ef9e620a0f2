#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# See the bridge run, without hardware: sh tests/demo.sh [--keep]
#
# Installs what is missing (Debian, as root), builds, makes certificates, starts two real brokers on
# loopback (one proves who it is, the other one wants proof from its clients as well), a simulated
# SIM7600 on a pty, and cmqttd. Publishes both ways over both brokers, pulls the modem's power, waits
# until everything is back, stops cleanly. Says what it saw; exit status 1 if anything was not as it
# must be.
#
#   --keep   leave everything running afterwards and print commands to try; Enter ends it
#
# $CMQTTD_DEMO_BUILD: a folder where everything is built already.

set -u
LC_ALL=C
export LC_ALL

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
keep=no
case ${1-} in
"") ;;
--keep) keep=yes ;;
-h | --help) sed -n '4,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
*) echo "demo.sh: unknown option $1 (there is --keep)" >&2; exit 64 ;;
esac

wait_s=60 # for anything that must happen
work=$(mktemp -d /tmp/cmqttd-demo.XXXXXX) || exit 1
pids=

clean_up() {
    for pid in $pids; do
        kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

say() {
    printf '\n== %s\n' "$*"
}

saw() {
    printf '   %s\n' "$*"
}

die() {
    printf '\nFAILED: %s\n' "$*" >&2
    for log in cmqttd sim7600 cloud backup; do
        [ -s "$work/$log.log" ] || continue
        printf '%s\n' "-- end of $log.log" >&2
        tail -n 15 "$work/$log.log" >&2
    done
    exit 1
}

# start NAME COMMAND...: in the background, its output in NAME.log
start() {
    start_name=$1
    shift
    "$@" > "$work/$start_name.log" 2>&1 < /dev/null &
    pids="$! $pids"
    eval "pid_$start_name=$!"
}

# until_true WHAT COMMAND...: again and again, until it is true
until_true() {
    what=$1
    shift
    end=$(($(date +%s) + wait_s))
    until "$@" > /dev/null 2>&1; do
        [ "$(date +%s)" -lt $end ] || die "not in $wait_s s: $what"
        sleep 0.05
    done
}

# ---- what is needed -----------------------------------------------------------------------------

say "Packages and build"
sh "$top/tests/install-packages" build-essential autoconf automake libtool pkg-config libevent-dev \
    libconfig-dev libsystemd-dev libsqlite3-dev libjansson-dev libmosquitto-dev libssl-dev mosquitto \
    mosquitto-clients openssl python3 || die "packages are missing"
build=${CMQTTD_DEMO_BUILD:-$top/build-demo}
[ -n "${CMQTTD_DEMO_BUILD-}" ] || {
    cd "$top" || exit 1
    if [ ! -e configure ] || [ -n "$(find configure.ac Makefile.am -newer configure)" ]; then
        autoreconf -fi || exit 1
    fi
    mkdir -p "$build" && cd "$build" || exit 1
    if [ ! -e config.status ] || [ "$top/configure" -nt config.status ]; then
        "$top/configure" --quiet || exit 1
    fi
    make -j"$(nproc)" cmqttd cmqttctl tests/modem/sim7600
} > "$work/build.log" 2>&1 || { tail -n 30 "$work/build.log" >&2; die "the build"; }
saw "cmqttd, cmqttctl and the simulated modem are in $build"

# ---- the world ----------------------------------------------------------------------------------

say "A CA, and certificates for two brokers and the gateway"
cd "$work" || exit 1
new_key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
# shellcheck disable=SC2086
{
    openssl req -x509 $new_key -days 365 -subj /CN=demo-ca -keyout ca.key -out ca.pem
    for name in cloud backup gateway; do
        openssl req $new_key -subj "/CN=$name.example.com" -keyout $name.key -out $name.csr
        echo "subjectAltName=DNS:$name.example.com" > $name.ext
        openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 \
            -extfile $name.ext -out $name.pem
    done
} > openssl.log 2>&1 || { cat openssl.log >&2; die "openssl"; }
saw "$(ls ./*.pem | tr '\n' ' ')"

say "Two mosquitto brokers with TLS on loopback"
# Ports that nobody else gets as long as it runs; who names one of them may listen there.
start ports python3 -c '
import signal, socket
held = [socket.socket() for _ in range(4)]
for s in held:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held), flush=True)
signal.pause()'
until_true "four free ports" test -s "$work/ports.log"
# shellcheck disable=SC2034
read -r cloud_port cloud_watch backup_port backup_watch < "$work/ports.log"
for name in cloud backup; do
    eval "port=\$${name}_port watch=\$${name}_watch"
    # The second, plain listener is for looking at the broker from outside.
    cat > $name.conf << CONF
listener $watch 127.0.0.1
listener $port 127.0.0.1
cafile $work/ca.pem
certfile $work/$name.pem
keyfile $work/$name.key
CONF
    [ $name = cloud ] || echo "require_certificate true" >> $name.conf
    # As root mosquitto would become another user, who may not look into our folder.
    sed -i "1i per_listener_settings true\nuser $(id -un)" $name.conf
    sed -i 's/^listener.*/&\nallow_anonymous true/' $name.conf
    start $name mosquitto -v -c "$work/$name.conf"
    until_true "$name answers" mosquitto_pub -h 127.0.0.1 -p "$watch" -t hello -n
done
saw "cloud  proves who it is                        127.0.0.1:$cloud_port"
saw "backup wants a certificate from clients, too   127.0.0.1:$backup_port"

say "A simulated SIM7600 on a pty"
start sim7600 "$build/tests/modem/sim7600" --link "$work/modem" --control "$work/modem.ctl" \
    --map "cloud.example.com:8883=127.0.0.1:$cloud_port" \
    --map "backup.example.com:8883=127.0.0.1:$backup_port" \
    --boot-ms 500 --log "$work/dialogue.log" --strict
until_true "the modem's control socket" test -S "$work/modem.ctl"
saw "$work/modem; its MQTT and TLS towards the brokers are real"

cat > cmqttd.conf << CONF
modem: { device = "$work/modem"; apn = "internet"; };
brokers: (
  { name = "cloud"; address = "mqtts://cloud.example.com"; client_id = "gateway-17";
    tls: { ca = "ca.pem"; };
    will:  { topic = "gw/17/state"; payload = "offline"; qos = 1; };
    birth: { topic = "gw/17/state"; payload = "online";  qos = 1; };
    reconnect: { min = 0.5; max = 5.0; };
    topics: ( { pattern = "telemetry/#"; direction = "out"; qos = 1; remote_prefix = "site/17/"; },
              { pattern = "cmd/#"; direction = "in"; qos = 1; remote_prefix = "site/17/"; } ); },
  { name = "backup"; address = "mqtts://backup.example.com"; client_id = "gateway-17";
    tls: { ca = "ca.pem"; cert = "gateway.pem"; key = "gateway.key"; };
    will:  { topic = "gw/17/state"; payload = "offline"; qos = 1; };
    birth: { topic = "gw/17/state"; payload = "online";  qos = 1; };
    reconnect: { min = 0.5; max = 5.0; };
    topics: ( { pattern = "alarm/#"; direction = "out"; qos = 2; },
              { pattern = "ack/#"; direction = "in"; qos = 1; } ); }
);
listeners: ( { address = "unix:$work/mqtt.sock"; mode = "0600"; } );
control: { address = "unix:$work/control.sock"; mode = "0600"; };
store: { path = "$work/store.db"; };
CONF
ctl="$build/cmqttctl -S $work/control.sock"

say "cmqttd"
"$build/cmqttd" -t -c "$work/cmqttd.conf" || die "the configuration"
start cmqttd "$build/cmqttd" -v -c "$work/cmqttd.conf"
until_true "the control socket" test -S "$work/control.sock"

is_state() {
    $ctl brokers --json | python3 -c '
import json, sys
want = dict(a.split("=") for a in sys.argv[1:])
have = {b["name"]: b["state"] for b in json.load(sys.stdin)["brokers"]}
sys.exit(any(have[name] != state for name, state in want.items()))' "$@"
}
until_true "both brokers online" is_state cloud=online backup=online
$ctl status | sed 's/^/   /'

# ---- messages -----------------------------------------------------------------------------------

# listen NAME WHERE... : everything that arrives there, one message a line, in NAME.log
listen() {
    listen_name=$1
    shift
    start "$listen_name" stdbuf -oL mosquitto_sub "$@" -q 1 -d -F 'MSG %t %p'
    until_true "$listen_name subscribed" grep -q 'Subscribed (mid' "$work/$listen_name.log"
}

arrived() {
    grep -qxF "MSG $2" "$work/$1.log"
}

expect() {
    until_true "$2 at $1" arrived "$1" "$2"
    saw "$1 got: $2"
}

say "Messages both ways, over both brokers"
listen at_cloud -h 127.0.0.1 -p "$cloud_watch" -t '#'
listen at_backup -h 127.0.0.1 -p "$backup_watch" -t '#'
listen on_gateway --unix "$work/mqtt.sock" -t 'cmd/#' -t 'ack/#'
mosquitto_pub --unix "$work/mqtt.sock" -q 1 -t telemetry/temp -m 21.5
expect at_cloud "site/17/telemetry/temp 21.5"
mosquitto_pub --unix "$work/mqtt.sock" -q 2 -t alarm/door -m open
expect at_backup "alarm/door open"
mosquitto_pub -h 127.0.0.1 -p "$cloud_watch" -q 1 -t site/17/cmd/fan -m on
expect on_gateway "cmd/fan on"
mosquitto_pub -h 127.0.0.1 -p "$backup_watch" -q 1 -t ack/door -m seen
expect on_gateway "ack/door seen"
[ "$(grep -c '^MSG' on_gateway.log)" = 2 ] || die "a message arrived twice on the gateway"

# ---- the modem loses power ----------------------------------------------------------------------

modem() {
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
s.shutdown(socket.SHUT_WR)
print(b"".join(iter(lambda: s.recv(65536), b"")).decode(), end="")' "$work/modem.ctl" "$1"
}

say "The modem loses power"
modem "power off" > /dev/null || die "the modem's control socket"
expect at_cloud "gw/17/state offline"
expect at_backup "gw/17/state offline"
mosquitto_pub --unix "$work/mqtt.sock" -q 1 -t telemetry/temp -m 19.0
saw "published telemetry/temp 19.0 meanwhile: accepted, it waits"

say "The power comes back"
modem "power on" > /dev/null
until_true "both brokers online again" is_state cloud=online backup=online
expect at_cloud "gw/17/state online"
expect at_cloud "site/17/telemetry/temp 19.0"
expect at_backup "gw/17/state online"
$ctl history | tail -n 12 | sed 's/^/   /'

if [ $keep = yes ]; then
    cat << KEEP

Everything is running. Try, in another terminal:

  $ctl status
  $ctl monitor --at
  mosquitto_sub --unix $work/mqtt.sock -t 'cmd/#' -v
  mosquitto_pub -h 127.0.0.1 -p $cloud_watch -t site/17/cmd/fan -m off
  mosquitto_sub -h 127.0.0.1 -p $cloud_watch -t '#' -v
  mosquitto_pub --unix $work/mqtt.sock -q 1 -t telemetry/temp -m 22.0
  tail -f $work/dialogue.log

Enter ends it.
KEEP
    read -r _
fi

# ---- the end ------------------------------------------------------------------------------------

say "cmqttd is asked to stop"
kill -TERM "$pid_cmqttd"
wait "$pid_cmqttd"
status=$?
[ $status = 0 ] || die "cmqttd left with $status"
for name in cloud backup; do
    until_true "DISCONNECT at $name" grep -q 'Received DISCONNECT from gateway-17' "$work/$name.log"
    eval "watch=\$${name}_watch"
    mosquitto_pub -h 127.0.0.1 -p "$watch" -q 1 -t the/end -m "of $name"
    expect at_$name "the/end of $name"
    [ "$(grep -c '^MSG gw/17/state offline' at_$name.log)" = 1 ] || die "a last will after a clean stop"
done
saw "both brokers got a DISCONNECT, and nobody a last will"
violations=$(modem violations)
case $violations in
"ok 0"*) saw "the modem saw no violation of its rules in the whole dialogue" ;;
*) die "violations of the modem's rules: $violations" ;;
esac

printf '\nEverything was as it must be.\n'
