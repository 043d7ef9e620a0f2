# SPDX-License-Identifier: Apache-2.0
"""cmqttctl against the running daemon."""

import itertools
import json
import os
import socket
import subprocess

from gateway import CMQTTCTL, Process, wait_until


def test_status_as_pinned(both):
    s = both.cmqttd.status()
    assert set(s) >= {"version", "uptime_s", "modem", "brokers", "listeners", "store"}
    assert s["modem"]["state"] == "ready" and s["modem"]["registered"] is True
    assert set(s["modem"]) >= {"state", "model", "revision", "imei", "operator", "technology",
                               "rssi_dbm", "registered", "port_users"}
    assert set(s["store"]) >= {"messages", "bytes", "max_bytes", "dead_letters"}
    assert [set(x) >= {"address", "clients"} for x in s["listeners"]] == [True]
    for i, b in enumerate(s["brokers"]):
        assert b["client_index"] == i and b["state"] == "online"
        assert set(b) >= {"name", "client_index", "state", "since", "attempt", "retry_in_s",
                          "queued_messages", "queued_bytes", "dead_letters", "published",
                          "received", "dropped", "last_error"}
    assert "cloud" in both.cmqttd.ctl("brokers").stdout
    assert "online" in both.cmqttd.ctl("status").stdout


def test_publish_and_wait(both):
    seen = both.cloud_broker.subscribe("#")
    both.cmqttd.ctl("publish", "-t", "cloud/up/w", "-m", "waited", "-q", "1", "--wait")
    seen.wait_for("site/w", "waited")
    both.cmqttd.ctl("publish", "-t", "as/it/is", "-m", "direct", "-q", "1", "-b", "cloud", "--wait")
    seen.wait_for("as/it/is", "direct")


def test_publish_nobody_wants(both):
    r = both.cmqttd.ctl("publish", "-t", "nowhere", "-m", "x", "-q", "1", "--wait", check=False)
    assert r.returncode == 1 and "route" in r.stderr


def test_subscribe_counts(both):
    """From when it is served: two messages, one after the other, and it ends."""
    argv = [CMQTTCTL, "-S", both.cmqttd.control, "subscribe", "-t", "cloud/down/#", "-C", "2",
            "--json"]
    p = both.add(Process("ctlsub", argv, both.folder))
    numbers = itertools.count()

    def has_ended():
        i = next(numbers)
        both.cloud_broker.publish(f"cmd/{i}", f"v{i}")
        return not p.is_alive()

    wait_until(has_ended, p.text)
    assert p.popen.returncode == 0, p.text()
    got = [json.loads(line) for line in p.text().splitlines()]
    first = int(got[0]["payload"][1:])
    assert [(g["topic"], g["payload"]) for g in got] == [
        (f"cloud/down/{i}", f"v{i}") for i in (first, first + 1)]


def test_monitor_shows_at_traffic_without_secrets(gateway):
    cloud = gateway.cloud(users={"gw": "hidden-word"})
    gateway.modem(gateway.maps(cloud))
    daemon = gateway.daemon(
        [gateway.cloud_config(extra='username = "gw"; password = "hidden-word";')],
        extra=["-v"])
    daemon.wait_state("cloud", "online")
    argv = [CMQTTCTL, "-S", daemon.control, "monitor", "--at", "--json"]
    p = gateway.add(Process("monitor", argv, gateway.folder))
    wait_until(lambda: daemon.ctl("at", "AT+CSQ") and "+CSQ" in p.text(), "the monitor is served")
    daemon.ctl("reconnect", "cloud")
    wait_until(lambda: '"online"' in p.text().partition("AT+CMQTTCONNECT")[2], "the reconnect on the monitor")
    assert "hidden-word" not in p.text()
    assert "hidden-word" not in daemon.text()


def test_at(both):
    r = both.cmqttd.ctl("at", "AT+CSQ")
    assert "+CSQ:" in r.stdout and "OK" in r.stdout
    assert both.cmqttd.ctl("at", "ATH\r\nAT+CRESET", check=False).returncode == 1


def test_disconnect_lasts_until_connect(both):
    both.cmqttd.ctl("disconnect", "cloud")
    both.cmqttd.wait_state("cloud", "disabled")
    assert both.cmqttd.broker("backup")["state"] == "online"
    both.cmqttd.ctl("connect", "cloud")
    both.cmqttd.wait_state("cloud", "online")
    r = both.cmqttd.ctl("connect", "nobody", check=False)
    assert r.returncode == 1 and "nobody" in r.stderr


def test_exit_codes(both):
    assert both.cmqttd.ctl("no-such-command", check=False).returncode == 64
    r = subprocess.run([CMQTTCTL, "-S", str(both.folder / "none.sock"), "status"],
                       capture_output=True, text=True, timeout=30)
    assert r.returncode == 69 and "none.sock" in r.stderr


def test_garbage_on_the_control_socket(both):
    for garbage in (b"\x00", b"{}\x00", b"not json\x00", b"[" * 10000 + b"\x00", b"x" * 70000):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(both.cmqttd.control))
            try:
                s.sendall(garbage)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert both.cmqttd.status()["modem"]["state"] == "ready"


def test_members_of_the_group_may_only_look(both):
    """Not root and not the daemon's own user: reading is allowed, changing is not."""
    if os.geteuid() != 0:
        return
    assert both.cmqttd.ctl_as_nobody("status").returncode == 0
    r = both.cmqttd.ctl_as_nobody("disconnect", "cloud")
    assert r.returncode == 1 and "only root" in r.stderr, r.stderr
    assert both.cmqttd.broker("cloud")["state"] == "online"


def test_history_tells_outages(both):
    daemon = both.cmqttd
    assert "not online" not in daemon.ctl("history").stdout
    daemon.ctl("disconnect", "cloud")
    daemon.wait_state("cloud", "disabled")
    assert "cloud: not online for " in daemon.ctl("history", "cloud").stdout
    assert "not online" not in daemon.ctl("history", "backup").stdout
    daemon.ctl("connect", "cloud")
    daemon.wait_state("cloud", "online")
    text = daemon.ctl("history", "cloud").stdout
    assert "not online" not in text
    last = text.splitlines()[-1].split()
    assert last[4] == "online" and last[6] == "s", text
