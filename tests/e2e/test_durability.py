# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged is delivered: killed daemons, a second one, disks that are full or not there."""

import collections
import os
import pathlib
import signal
import subprocess
import threading

import pytest

from gateway import CMQTTD, Daemon, mosquitto_pub, mosquitto_pub_lines, wait_until

OUT = '{ pattern = "#"; direction = "out"; qos = 1; local_prefix = "up/"; remote_prefix = "site/"; }'


def section(gateway):
    return gateway.broker_config("plain", "mqtt://plain.example.com", topics=OUT)


def run_daemon(config, name, folder):
    """Start one that is expected to give up; its exit status and what it said."""
    path = pathlib.Path(folder) / f"{name}.conf"
    path.write_text(config)
    r = subprocess.run([CMQTTD, "-c", path], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=30, check=False)
    return r.returncode, r.stderr


def firsts(messages):
    """Numbers in the order of their first arrival, and how often each came."""
    count = collections.Counter(int(payload) for _, payload in messages)
    return list(dict.fromkeys(int(payload) for _, payload in messages)), count


def test_killed_with_a_backlog(gateway):
    broker = gateway.plain()
    gateway.modem(gateway.maps(plain=broker))
    daemon = gateway.daemon([section(gateway)])
    daemon.wait_state("plain", "online")
    broker.stop()
    wait_until(lambda: daemon.broker("plain")["state"] != "online", "plain is down")
    mosquitto_pub_lines(gateway.local(), "up/t", range(200), 60)
    daemon.stop(signal.SIGKILL)
    again = gateway.daemon([section(gateway)])
    assert again.broker("plain")["queued_messages"] == 200
    # Not before somebody is there to see it.
    again.ctl("disconnect", "plain")
    again.wait_state("plain", "disabled")
    broker.start()
    broker.wait_ready()
    seen = broker.subscribe("site/#")
    again.ctl("connect", "plain")
    seen.wait_count(200)
    order, count = firsts(seen.messages())
    assert order == list(range(200))
    assert max(count.values()) == 1
    wait_until(lambda: again.status()["store"]["messages"] == 0, "the store is empty")
    # What has left has left for good.
    assert again.stop() == 0
    last = gateway.daemon([section(gateway)])
    assert last.status()["store"]["messages"] == 0


def test_second_daemon_on_one_store(gateway):
    first = gateway.daemon([section(gateway)])
    config = gateway.config([section(gateway)]).replace("control.sock", "c2.sock").replace("mqtt.sock", "m2.sock")
    status, said = run_daemon(config, "second", gateway.folder)
    assert status == 74
    assert "another cmqttd" in said and "store.db" in said
    mosquitto_pub(gateway.local(), "up/a", "b")
    assert first.status()["store"]["messages"] == 1


@pytest.mark.parametrize("path, words", [("missing/store.db", "directory does not exist"),
                                         (".", "store"), ("foreign.db", "no store of cmqttd")])
def test_store_that_cannot_be_used(gateway, path, words):
    subprocess.run(["/usr/bin/python3", "-c",
                    "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('create table a(b)')",
                    str(gateway.folder / "foreign.db")], check=True)
    config = gateway.config([section(gateway)]).replace("store.db", path)
    status, said = run_daemon(config, "cannot", gateway.folder)
    assert status == 74
    assert words in said


def test_damaged_store(gateway):
    daemon = gateway.daemon([section(gateway)])
    mosquitto_pub_lines(gateway.local(), "up/t", range(200), 60)
    assert daemon.stop() == 0
    with open(gateway.folder / "store.db", "r+b") as f:
        f.seek(0, os.SEEK_END)
        f.seek(f.tell() * 3 // 4 // 512 * 512)
        f.write(b"\xa5" * 512)
    again = gateway.daemon([section(gateway)])
    assert "was damaged" in again.text() and "carried over" in again.text()
    assert list(gateway.folder.glob("store.db.damaged-*Z"))
    assert 100 < again.status()["store"]["messages"] < 200


def test_disk_full(gateway, small_disk):
    """Publishers are held, the daemon lives and says so once; with room it goes on by itself."""
    config = gateway.config([section(gateway)]).replace("store.db", "disk/store.db")
    daemon = gateway.add(Daemon(gateway.folder, config))
    lines = [f"{i:08}" + "x" * 2000 for i in range(800)]
    (small_disk / "other").write_bytes(b"x" * (8 << 20))
    done = threading.Event()

    def publish():
        mosquitto_pub_lines(gateway.local(), "up/t", lines, 120)
        done.set()

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    wait_until(lambda: "are free on its file system" in daemon.text(), lambda: f"it is said: {daemon.tail()}")
    assert not done.is_set()
    assert 0 < daemon.status()["store"]["free_bytes"] < 8 << 20
    assert daemon.status()["store"]["messages"] < len(lines)
    # Others are served all the time.
    local = gateway.subscribe("local/#")
    mosquitto_pub(gateway.local(), "local/x", "alive", 0)
    local.wait_for("local/x", "alive")
    (small_disk / "other").unlink()
    wait_until(done.is_set, lambda: f"all are acknowledged: {daemon.tail()}", 60)
    thread.join()
    daemon.stop(signal.SIGKILL)
    again = gateway.add(Daemon(gateway.folder, config))
    assert again.status()["store"]["messages"] >= len(lines)
