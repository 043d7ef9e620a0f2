# SPDX-License-Identifier: Apache-2.0
"""Configurations with one mistake each: refused with the line and a sentence, by -t and by a running daemon."""

import os
import re
import signal
import subprocess

from bad_configs import BadConfigs
from gateway import CMQTTD, wait_until


def test_each_is_refused(tmp_path):
    """What -t says is one line: the place and the sentence of the table."""
    table = BadConfigs(tmp_path)
    assert len(table.rows) >= 200
    for key, text, expected in table.rows:
        path = table.write(text)
        r = subprocess.run([CMQTTD, "-t", "-c", path], capture_output=True, text=True, timeout=60, check=False)
        assert (r.returncode, r.stdout) == (78, ""), f"{key}: {r.returncode}\n{text}\n{r.stderr}"
        assert r.stderr == f"{tmp_path}/{expected}\n", f"{key}\n{text}"


def open_sockets(pid):
    """The listeners and connections of a process."""
    folder = f"/proc/{pid}/fd"
    return sorted(t for fd in os.listdir(folder) if (t := os.readlink(f"{folder}/{fd}")).startswith("socket:"))


def in_use(cmqttd):
    """What a configuration decides and an observer sees."""
    status = cmqttd.status()
    brokers = [{k: b[k] for k in ("name", "client_index", "state", "since", "attempt")} for b in status["brokers"]]
    return brokers, [listener["address"] for listener in status["listeners"]]


def test_a_running_daemon_takes_none_of_them(both):
    """Whoever asks for the reload is told; nothing else happens: connections, listeners and routes stay."""
    cmqttd = both.cmqttd
    good = cmqttd.config.read_text(encoding="utf-8")
    table = BadConfigs(both.folder)
    down = both.subscribe("cloud/down/#")
    before = in_use(cmqttd)
    # Without the connection of a command: the one of the first is closed before the second is answered.
    sockets = open_sockets(cmqttd.popen.pid)
    cmqttd.ctl("version")
    sockets = [s for s in open_sockets(cmqttd.popen.pid) if s in sockets]

    def orders():
        dialogue = (both.folder / "dialogue.log").read_text(errors="replace")
        return re.findall(r"AT\+CMQTT(?:CONNECT|DISC|REL|SUB|UNSUB|STOP)\w*[^?\n]*$", dialogue, re.MULTILINE)

    ordered = orders()
    assert ordered

    for key, text, expected in table.rows:
        table.write(text)
        r = cmqttd.ctl("reload", check=False)
        assert r.returncode == 1, f"{key}\n{text}"
        assert f"{both.folder}/{expected}" in r.stderr, f"{key}\n{text}\n{r.stderr}"

    assert in_use(cmqttd) == before
    assert orders() == ordered
    wait_until(lambda: open_sockets(cmqttd.popen.pid) == sockets, lambda: "the same sockets as before")
    both.cloud_broker.publish("cmd/still", b"there")
    down.wait_for("cloud/down/still", b"there")

    # By HUP nobody asks: the journal is told.
    key, text, expected = table.rows[-1]
    table.write(text)
    told = cmqttd.text().count(expected)
    cmqttd.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: cmqttd.text().count(expected) > told, lambda: f"told of {expected}:\n{cmqttd.tail()}")
    assert in_use(cmqttd) == before

    table.write(good)
    assert cmqttd.ctl("reload").returncode == 0
    assert in_use(cmqttd) == before
