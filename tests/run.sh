#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run the tests: sh tests/run.sh [--quick] [--clean] [--list] [PART...]
#
#   PART       one or more of the parts that --list shows; default: all of them
#   --quick    leave out what takes longest: mutants, clang, musl, package, debian, systemd, e2e
#   --clean    build everything anew
#
# Installs nothing (.ci/run does) and builds under build-test/ only. One line a part, the output of what failed, and
# as the last line "N passed, N failed", counted in test cases. Exit status 0 only if nothing failed. A part that
# cannot be run, or that runs no test, has failed. $JOBS: processes at a time (default: number of processors). The
# parts that mostly wait, e2e and systemd, go on beside the others and are told at the end.
# $CMQTTD_TEST_ALL: set, the daemon dies at each write and sync of the simulation, and 200 times and at
# 100 points of the dialogue end to end: a few minutes more.

set -u
LC_ALL=C
export LC_ALL

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
work=$top/build-test
jobs=${JOBS:-$(nproc 2> /dev/null || echo 2)}
sim_seeds=${SIM_SEEDS:-2000}
# What takes so long hangs: three times as long as the longest test takes on a machine that many share.
HANG_S=1800
export HANG_S
every_death=5
[ -z "${CMQTTD_TEST_ALL:-}" ] || every_death=1
python=/usr/bin/python3
[ -x "$python" ] || python=python3

all_parts="unit replay sim mutants fuzz checks units clang musl package debian e2e systemd"
quick_parts="unit replay sim fuzz checks units"

describe() {
    case $1 in
    unit) echo "Unit tests, every module, with sanitizers" ;;
    replay) echo "Recorded dialogues replayed, with sanitizers" ;;
    sim) echo "Simulation, $sim_seeds seeds, with sanitizers" ;;
    mutants) echo "Planted mistakes found by the simulation" ;;
    fuzz) echo "Fuzz corpus run again, with sanitizers" ;;
    checks) echo "Layers and style, and the checks' own test" ;;
    units) echo "systemd units verified and rated" ;;
    clang) echo "clang without warnings, and a short fuzzing" ;;
    musl) echo "Compiled against musl, and the recipe for OpenWrt" ;;
    package) echo "Installing, uninstalling, make distcheck" ;;
    debian) echo "Debian package: built twice with the same bytes, lintian" ;;
    systemd) echo "The package installed where systemd runs, in a container" ;;
    e2e) echo "End to end, simulated modem and real brokers" ;;
    esac
}

usage() {
    sed -n '4,14s/^# \{0,1\}//p' "$0"
    exit "$1"
}

parts=
is_clean=no
for arg; do
    case $arg in
    --quick) parts="$parts $quick_parts" ;;
    --clean) is_clean=yes ;;
    --list) for part in $all_parts; do printf '%-8s %s\n' "$part" "$(describe "$part")"; done; exit 0 ;;
    -h | --help) usage 0 ;;
    *)
        case " $all_parts " in
        *" $arg "*) parts="$parts $arg" ;;
        *) echo "run.sh: there is no part $arg" >&2; usage 64 >&2 ;;
        esac ;;
    esac
done
[ -n "$parts" ] || parts=$all_parts

[ $is_clean = no ] || rm -rf "$work"
mkdir -p "$work" || exit 1
rm -rf "$work/log"
mkdir "$work/log" || exit 1

# ---- counting -----------------------------------------------------------------------------------

total_passed=0
total_failed=0
passed=0 # of the part under way
failed=0

pass() {
    passed=$((passed + $1))
}

# fail COUNT WHAT [LOG]: the end of LOG tells why
fail() {
    failed=$((failed + $1))
    echo "  FAILED: $2"
    if [ -n "${3-}" ] && [ -s "$3" ]; then
        [ "$(wc -l < "$3")" -le 60 ] || echo "    | ... all of it: $3"
        tail -n 60 "$3" | sed 's/^/    | /'
    fi
}

# One test case: its exit status says it all. try NAME COMMAND...
try() {
    try_name=$1
    shift
    try_log=$work/log/$part.$(echo "$try_name" | tr -c 'a-zA-Z0-9\n' _).log
    if "$@" > "$try_log" 2>&1 < /dev/null; then
        pass 1
    else
        fail 1 "$try_name (status $?)" "$try_log"
        return 1
    fi
}

# Count the cases of a program that has run: TAP lines, or a last "N passed, N failed", or COUNT cases that all
# passed if it left with 0. judge NAME STATUS COUNT LOG
judge() {
    judge_ok=$(grep -c '^ok ' "$4")
    judge_bad=$(grep -c '^not ok ' "$4")
    if [ $((judge_ok + judge_bad)) -gt 0 ]; then
        judge_plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$4" | awk '{ n += $1 } END { print n + 0 }')
        judge_missing=$((judge_plan - judge_ok - judge_bad))
        [ $judge_missing -le 0 ] || judge_bad=$((judge_bad + judge_missing))
    else
        judge_line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$4" | tail -n 1)
        if [ -n "$judge_line" ]; then
            judge_ok=${judge_line%% *}
            judge_bad=${judge_line#*, }
            judge_bad=${judge_bad%% *}
        elif [ "$2" -eq 0 ]; then
            judge_ok=$3
        fi
    fi
    [ "$2" -eq 0 ] || [ "$judge_bad" -gt 0 ] || judge_bad=1
    pass "$judge_ok"
    if [ "$judge_bad" -gt 0 ]; then
        fail "$judge_bad" "$1 (status $2)" "$4"
    elif [ "$judge_ok" -eq 0 ]; then
        fail 1 "$1 ran no test" "$4"
    fi
}

# ---- building -----------------------------------------------------------------------------------

# One at a time: they use all processors, and share the source tree and the folder of the plain build.
lock_build() {
    exec 9> "$work/log/build.lock" && flock 9
}

unlock_build() {
    exec 9>&-
}

# In a sub-shell, with the variables of build.
configure_and_make() {
    cd "$top" || return
    if [ -e config.status ]; then
        echo "this tree was configured in place: run make distclean, then this again"
        return 1
    fi
    if [ ! -e configure ] || [ -n "$(find configure.ac Makefile.am -newer configure)" ]; then
        autoreconf -fi || return
    fi
    mkdir -p "$work/$build_name" && cd "$work/$build_name" || return
    if [ ! -e config.status ] || [ -n "$(find "$top/configure" -newer config.status)" ]; then
        "$top/configure" --quiet --enable-werror "$@" || return
    fi
    # shellcheck disable=SC2086
    make --no-print-directory -j"$jobs" $build_targets
}

# build NAME TARGETS CONFIGURE-ARGUMENTS...: in build-test/NAME; done once a run
build() {
    lock_build
    build_once "$@"
    build_status=$?
    unlock_build
    return $build_status
}

build_once() {
    build_name=$1
    build_targets=$2
    shift 2
    build_log=$work/log/build-$build_name.log
    [ ! -e "$work/log/built-$build_name" ] || return 0
    [ ! -e "$work/log/broken-$build_name" ] || { fail 1 "the build $build_name failed, see above"; return 1; }
    if (configure_and_make "$@") > "$build_log" 2>&1 < /dev/null; then
        : > "$work/log/built-$build_name"
    else
        : > "$work/log/broken-$build_name"
        fail 1 "the build $build_name" "$build_log"
        return 1
    fi
}

build_sanitized() {
    build sanitized test-programs --enable-sanitizers CC="${CC:-gcc}" CFLAGS="-g1 -O1"
}

build_plain() {
    build plain all CC="${CC:-gcc}"
}

# ---- the parts ----------------------------------------------------------------------------------

# begin_with NAME...: the names of standard input, but these, which take longest, first: none is left alone in the end.
begin_with() {
    { printf '%s\n' "$@"; cat; } | awk '!seen[$0]++'
}

part_unit() {
    build_sanitized || return
    cd "$work/sanitized" || return
    unit_names=
    for source in "$top"/tests/unit/test_*.c; do
        name=$(basename "$source" .c)
        if [ -x "tests/unit/$name" ]; then
            unit_names="$unit_names $name"
        else
            fail 1 "tests/unit/$name was not built"
        fi
    done
    # shellcheck disable=SC2016,SC2086
    printf '%s\n' $unit_names | begin_with test_store_crash test_store_sqlite |
        LOG=$work/log srcdir=$top top_srcdir=$top CMOCKA_MESSAGE_OUTPUT=TAP xargs -P "$jobs" -I '{}' sh -c \
        'timeout "$HANG_S" tests/unit/{} > "$LOG/unit.{}.log" 2>&1 < /dev/null; echo $? > "$LOG/unit.{}.status"'
    for name in $unit_names; do
        judge "$name" "$(cat "$work/log/unit.$name.status")" 0 "$work/log/unit.$name.log"
    done
}

# run_program NAME COUNT PROGRAM ARGUMENTS...: from the root of the source tree
run_program() {
    run_name=$1
    run_count=$2
    shift 2
    run_log=$work/log/$part.$run_name.log
    if [ ! -x "$1" ]; then
        fail 1 "$run_name: there is no program $1"
        return
    fi
    (cd "$top" && srcdir=$top top_srcdir=$top timeout $HANG_S "$@") > "$run_log" 2>&1 < /dev/null
    judge "$run_name" $? "$run_count" "$run_log"
}

# run_programs LINE...: as run_program, as many at a time as there are processors; each line is NAME COUNT PROGRAM
# ARGUMENTS..., all of them words without blanks.
run_programs() {
    # shellcheck disable=SC2016
    printf '%s\n' "$@" | (cd "$top" && LOG=$work/log/$part srcdir=$top top_srcdir=$top xargs -P "$jobs" -I '{}' sh -c '
        set -- {}
        log=$LOG.$1
        shift 2
        timeout "$HANG_S" "$@" > "$log.log" 2>&1 < /dev/null
        echo $? > "$log.status"')
    for line; do
        run_name=${line%% *}
        run_count=${line#* }
        judge "$run_name" "$(cat "$work/log/$part.$run_name.status")" "${run_count%% *}" "$work/log/$part.$run_name.log"
    done
}

part_replay() {
    build_sanitized || return
    run_program "replay" "$(find "$top/tests/replay" -name '*.at' | wc -l)" \
        "$work/sanitized/tests/replay/replay" "$top/tests/replay"
}

part_sim() {
    build_sanitized || return
    sim=build-test/sanitized/tests/sim
    # sim is the whole core in its world, at_sim the AT stack alone. matrix: every command with every kind of fault; the
    # worst times are those of the documentation. days: some days in a row; 10000 are for a release: tests/sim/sim
    # --days 10000, built with -O2, takes five minutes. crash: one world of each level, and a death at each write and
    # each sync of it, or at every fifth.
    run_programs \
        "sim $sim_seeds $sim/sim --seeds $sim_seeds" \
        "crash 0 $sim/crash --first 5 --seeds 5 --every $every_death" \
        "at_sim $sim_seeds $sim/at_sim --seeds $sim_seeds" \
        "matrix 0 $sim/matrix --table HACKING.md" \
        "days 0 $sim/sim --days 40" \
        "regressions 0 $sim/sim --file tests/sim/seeds/regressions"
}

part_mutants() {
    run_program "mutants" 0 "$top/tests/sim/mutants"
}

# The corpus of a fuzz target: a folder of its name.
corpus_of() {
    echo "tests/fuzz/corpus/$(basename "$1" | sed 's/^fuzz_//')"
}

part_fuzz() {
    build_sanitized || return
    for source in "$top"/tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        corpus=$(corpus_of "$name")
        count=$(find "$top/$corpus" -type f 2> /dev/null | wc -l)
        if [ "$count" -eq 0 ]; then
            fail 1 "$name has no corpus in $corpus"
        else
            run_program "$name" "$count" "$work/sanitized/tests/fuzz/$name" "$corpus"
        fi
    done
}

part_checks() {
    run_program "check-selftest" 0 "$top/tests/check-selftest"
    try "check-style" "$top/tests/check-style" --format
    build_plain || return
    try "check-layers" "$top/tests/check-layers" --library "$work/plain/libcmqttd-core.a"
}

# Rated 1.0 or better: --threshold counts in tenths.
part_units() {
    if ! command -v systemd-analyze > /dev/null; then
        fail 1 "there is no systemd-analyze"
        return
    fi
    build_plain || return
    units=$work/log/units
    mkdir -p "$units" && cp "$work"/plain/systemd/* "$top"/systemd/*.target "$units" || return
    sed -E -i "s#^(Exec[A-Za-z]*=)[^ ]*/(cmqttd|cmqttctl)#\1$work/plain/\2#" "$units"/*.service
    for unit in "$units"/*.service "$units"/*.socket "$units"/*.target; do
        name=$(basename "$unit")
        case $name in *@.*) cp "$unit" "$units/${name%@.*}@one.${name##*.}"; unit=$units/${name%@.*}@one.${name##*.} ;; esac
        try "verify $name" verify_unit "$unit"
        case $name in
        *.service) try "rate $name" systemd-analyze security --no-pager --offline=true --threshold=10 "$unit" ;;
        esac
    done
}

# systemd-analyze leaves with 0 after mere warnings: silence is what passes.
verify_unit() {
    verify_output=$(SYSTEMD_UNIT_PATH="$units:" systemd-analyze verify --man=no "$1" 2>&1)
    verify_status=$?
    echo "$verify_output"
    [ $verify_status -eq 0 ] && [ -z "$verify_output" ]
}

part_clang() {
    fuzzers=$(cd "$top" && find tests/fuzz -name 'fuzz_*.c' | sed 's/\.c$//')
    build clang "$fuzzers" --enable-sanitizers --enable-fuzzers CC=clang CFLAGS="-g1 -O1" || return
    # The rest is compiled and not run: the sooner the better.
    lock_build
    try "all programs with clang" make --no-print-directory -C "$work/clang" -j"$jobs" CFLAGS=-O0 test-programs
    unlock_build
    set --
    for fuzzer in $fuzzers; do
        name=$(basename "$fuzzer")
        found=build-test/log/found-$name
        mkdir -p "$top/$found"
        set -- "$@" "$name 1 build-test/clang/$fuzzer -seed=1 -runs=20000 -max_total_time=30 \
            -max_len=4096 -timeout=10 -print_final_stats=1 -artifact_prefix=$found/ $found $(corpus_of "$name")"
    done
    run_programs "$@"
}

part_musl() {
    build_plain || return
    run_program "musl" 0 "$top/tests/check-musl" "$work/musl"
}

# Stripped, the program has at most 300 KiB. is_small PROGRAM
is_small() {
    strip -o "$work/log/stripped" "$1" && echo "$(stat -c %s "$work/log/stripped") bytes" &&
        test "$(stat -c %s "$work/log/stripped")" -le 307200
}

part_package() {
    build_plain || return
    cd "$work/plain" || return
    root=$work/log/root
    try "make install" make install DESTDIR="$root"
    for entry in \
        "755 usr/sbin/cmqttd" \
        "755 usr/bin/cmqttctl" \
        "640 etc/cmqttd/cmqttd.conf" \
        "644 usr/lib/systemd/system/cmqttd.service" \
        "644 usr/lib/systemd/system/cmqttd@.service" \
        "644 usr/lib/systemd/system/cmqttd.socket" \
        "644 usr/lib/systemd/system/cmqttd@.socket" \
        "644 usr/lib/systemd/system/cmqttd-control.socket" \
        "644 usr/lib/systemd/system/cmqttd-control@.socket" \
        "644 usr/lib/systemd/system/cmqttd-metrics.socket" \
        "644 usr/lib/systemd/system/cmqttd-modem.target" \
        "644 usr/lib/systemd/system-preset/90-cmqttd.preset" \
        "644 usr/lib/udev/rules.d/60-cmqttd.rules" \
        "644 usr/lib/sysusers.d/cmqttd.conf" \
        "644 usr/lib/tmpfiles.d/cmqttd.conf" \
        "644 usr/share/man/man1/cmqttctl.1" \
        "644 usr/share/cmqttd/io.cmqttd.varlink" \
        "644 usr/share/bash-completion/completions/cmqttctl" \
        "644 usr/share/zsh/site-functions/_cmqttctl" \
        "755 usr/bin/sim7600" \
        "644 usr/share/man/man1/sim7600.1" \
        "644 usr/share/cmqttd/scenarios/q01.scenario" \
        "644 usr/share/man/man5/cmqttd.conf.5" \
        "644 usr/share/man/man8/cmqttd.8"; do
        try "installed: $entry" test "$(stat -c %a "$root/${entry#* }" 2> /dev/null)" = "${entry%% *}"
    done
    try "the daemon is small" is_small "$root/usr/sbin/cmqttd"
    try "no place left open in the installed files" sh -c "! grep -rnE '@[a-z]+dir@' '$root/usr/lib'"
    echo "# changed by the administrator" >> "$root/etc/cmqttd/cmqttd.conf"
    try "make install again" make install DESTDIR="$root"
    try "a changed configuration stays" grep -q "by the administrator" "$root/etc/cmqttd/cmqttd.conf"
    try "make uninstall" make uninstall DESTDIR="$root"
    try "a changed configuration survives even that" test -e "$root/etc/cmqttd/cmqttd.conf"
    try "nothing else is left" test "$(find "$root" ! -type d | wc -l)" -eq 1
    lock_build
    try "make distcheck" make --no-print-directory -j"$jobs" distcheck VERBOSE=1
    unlock_build
    if build without-systemd all --without-systemd CC="${CC:-gcc}"; then
        pass 1
        try "without systemd nothing links with it" sh -c "! ldd '$work/without-systemd/cmqttd' | grep libsystemd"
    fi
}

# build_deb NAME KIND COMMAND...: the Debian package, from what "make dist" would pack, in build-test/NAME; KIND: binary
# or full, with the source package. COMMAND changes the surroundings of the build and runs it. Done once a run.
build_deb() {
    lock_build
    build_deb_once "$@"
    build_status=$?
    unlock_build
    return $build_status
}

build_deb_once() {
    deb_name=$1
    deb_kind=$2
    deb_log=$work/log/build-$deb_name.log
    shift 2
    [ ! -e "$work/log/built-$deb_name" ] || return 0
    [ ! -e "$work/log/broken-$deb_name" ] || { fail 1 "the package $deb_name failed, see above"; return 1; }
    if (
        rm -rf "${work:?}/$deb_name" && mkdir -p "$work/$deb_name" &&
            make --no-print-directory -C "$work/plain" distdir && mv "$work/plain/cmqttd-"*/ "$work/$deb_name/" &&
            cd "$work/$deb_name/cmqttd-"*/ && DEB_BUILD_OPTIONS="nocheck parallel=$jobs" "$@" \
            dpkg-buildpackage --no-sign --build="$deb_kind"
    ) > "$deb_log" 2>&1 < /dev/null; then
        : > "$work/log/built-$deb_name"
    else
        : > "$work/log/broken-$deb_name"
        fail 1 "the package $deb_name" "$deb_log"
        return 1
    fi
}

# Errors and warnings; what is overridden is told by debian/*.lintian-overrides.
no_complaint() {
    lintian --allow-root --pedantic --fail-on error,warning --suppress-tags bad-distribution-in-changes-file "$@"
}

# The second time as somebody else would build it: elsewhere, with another clock zone, language and umask.
part_debian() {
    build_plain || return
    build_deb deb full env || return
    pass 1
    try "lintian" no_complaint "$work"/deb/cmqttd_*.changes
    for entry in cmqttd.service cmqttd@.service cmqttd.socket cmqttd@.socket cmqttd-control.socket \
        cmqttd-control@.socket cmqttd-metrics.socket cmqttd-modem.target; do
        try "in the package: $entry" sh -c "dpkg-deb -c '$work'/deb/cmqttd_*.deb | grep -q '/systemd/system/$entry\$'"
    done
    # shellcheck disable=SC2016
    try "the packaged daemon is taken out" sh -c 'dpkg-deb --fsys-tarfile "$1"/deb/cmqttd_*.deb |
        tar -xOf - ./usr/sbin/cmqttd > "$1/log/packaged"' sh "$work"
    try "it is small" is_small "$work/log/packaged"
    try "the configuration is the administrator's" \
        sh -c "dpkg-deb -I '$work'/deb/cmqttd_*.deb conffiles | grep -x /etc/cmqttd/cmqttd.conf"
    build_deb deb-elsewhere binary env TZ=Asia/Kathmandu LC_ALL=C.UTF-8 HOME=/nowhere USER=somebody \
        sh -c 'umask 027; exec "$@"' sh || return
    for entry in "$work"/deb/*.deb; do
        try "the same bytes again: $(basename "$entry")" cmp "$entry" "$work/deb-elsewhere/$(basename "$entry")"
    done
}

part_systemd() {
    build_plain || return
    build_deb deb full env || return
    lock_build
    make --no-print-directory -C "$work/plain" -j"$jobs" tests/modem/sim7600 > "$work/log/systemd.make.log" 2>&1
    make_status=$?
    unlock_build
    [ $make_status -eq 0 ] || { fail 1 "the simulated modem" "$work/log/systemd.make.log"; return; }
    "$top/tests/systemd/boot" "$work"/deb/cmqttd_*.deb "$work/plain/tests/modem/sim7600" "$work/log/systemd" \
        > "$work/log/systemd.boot.log" 2>&1 < /dev/null
    judge_pytest "systemd" $? "$work/log/systemd.boot.log"
}

# What one pytest said last: "N passed, ..." and its exit status. judge_pytest NAME STATUS LOG
judge_pytest() {
    summary=$(grep -E '(passed|failed|errors?|skipped|no tests ran).* in [0-9.]+' "$3" | tail -n 1)
    # shellcheck disable=SC2046
    set -- "$1" "$2" "$3" $(echo "$summary" | tr ',' '\n' | awk '
        / passed/ { ok += $1 } / failed| error| skipped| xpassed/ { bad += $1 } END { print ok + 0, bad + 0 }')
    pass "$4"
    if [ "$5" -gt 0 ]; then
        fail "$5" "$1 (status $2; what was skipped has failed, too)" "$3"
    elif [ "$2" -ne 0 ]; then
        fail 1 "$1 (status $2)" "$3"
    elif [ "$4" -eq 0 ]; then
        fail 1 "$1 ran no test" "$3"
    fi
}

# Most of these tests wait for something: more of them at a time than there are processors.
part_e2e() {
    build_sanitized || return
    build_plain || return
    cd "$top" || return
    e2e_names=$(find tests/e2e -name 'test_*.py' -exec basename '{}' .py ';' | sort)
    # shellcheck disable=SC2016
    echo "$e2e_names" |
        begin_with test_modem_manners test_bad_config test_scenarios test_life test_bridge test_queue test_hotplug |
        CMQTTD_BUILD=$work/sanitized CMQTTD_PLAIN=$work/plain/cmqttd PYTHONDONTWRITEBYTECODE=1 LOG=$work/log PYTHON=$python \
            xargs -P "$((2 * jobs))" -I '{}' sh -c '
                timeout "$HANG_S" "$PYTHON" -m pytest -q --tb=short -rsfE -p no:cacheprovider tests/e2e/{}.py > "$LOG/e2e.{}.log" 2>&1 < /dev/null
                echo $? > "$LOG/e2e.{}.status"'
    for name in $e2e_names; do
        judge_pytest "$name" "$(cat "$work/log/e2e.$name.status")" "$work/log/e2e.$name.log"
    done
}

# ---- all of it ----------------------------------------------------------------------------------

# run_part PART: its lines, and its counts in a file
run_part() {
    part=$1
    passed=0
    failed=0
    since=$(date +%s)
    echo "$(describe "$part") ..."
    "part_$part"
    cd "$top" || exit 1
    [ $((passed + failed)) -gt 0 ] || fail 1 "this part ran no test"
    echo "  $part: $passed passed, $failed failed, $(($(date +%s) - since)) s"
    echo "$passed $failed" > "$work/log/$part.counts"
}

# count_part PART: into the totals; one that did not come to its end has failed
count_part() {
    # shellcheck disable=SC2046
    set -- "$1" $(cat "$work/log/$1.counts")
    [ $# -eq 3 ] || { fail 1 "$1 did not come to its end"; set -- "$1" 0 1; }
    total_passed=$((total_passed + $2))
    total_failed=$((total_failed + $3))
}

# A process and all that it started.
end_tree() {
    for child in $(ps -o pid= --ppid "$1"); do
        end_tree "$child"
    done
    kill "$1" 2> /dev/null
}

begin=$(date +%s)
beside=
others=
for part in $parts; do
    case $part in
    e2e | systemd) beside="$beside $part" ;;
    *) others="$others $part" ;;
    esac
done
if [ -n "$beside" ] && [ -n "$others" ]; then
    for part in $beside; do
        run_part "$part" > "$work/log/$part.told" 2>&1
    done &
    beside_pid=$!
    trap 'trap - EXIT; end_tree $beside_pid' EXIT
    trap 'exit 1' HUP INT TERM
    for part in $others; do
        run_part "$part"
        count_part "$part"
    done
    wait
    for part in $beside; do
        cat "$work/log/$part.told"
        count_part "$part"
    done
    trap - EXIT
else
    for part in $parts; do
        run_part "$part"
        count_part "$part"
    done
fi
echo "All in $(($(date +%s) - begin)) s; logs in $work/log"
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ]
