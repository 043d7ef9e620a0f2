# SPDX-License-Identifier: Apache-2.0
"""The package is installed over itself, removed, and purged. These tests come last."""

import pathlib
import subprocess

from conftest import CONF, HERE, SOCKET, journal, run, systemctl
from gateway import wait_until


def test_upgrade_loses_nothing(service, broker):
    """The binary is exchanged under a running service with a backlog."""
    seen = broker.subscribe("site/17/telemetry/u")
    service.disconnect()
    lines = [f"{n}".encode() for n in range(20)]
    subprocess.run(["mosquitto_pub", "--unix", SOCKET, "-t", "telemetry/u", "-q", "1", "-l"], input=b"\n".join(lines),
                   check=True, timeout=60)
    assert not seen.messages()
    pid, conf = service.pid, CONF.read_text()
    shown = ["show", "-P", "ActiveEnterTimestampMonotonic", "cmqttd.socket", "cmqttd-control.socket"]
    sockets = systemctl(*shown).stdout
    run("dpkg", "-i", HERE / "cmqttd.deb", timeout_s=120)
    assert service.is_active() and service.pid != pid
    assert systemctl(*shown).stdout == sockets
    assert CONF.read_text() == conf
    wait_until(lambda: len({p for _, p in seen.messages()}) == 20, journal, 60)
    assert list(dict.fromkeys(p for _, p in seen.messages())) == lines
    seen.stop()


def test_nothing_failed():
    assert systemctl("--failed", "--plain", "--no-legend").stdout == ""


def test_remove_keeps_what_is_the_administrators(service):
    run("dpkg", "-r", "cmqttd", timeout_s=120)
    assert systemctl("is-active", "cmqttd", check=False).stdout.strip() == "inactive"
    assert not pathlib.Path(SOCKET).exists()
    assert CONF.exists()
    assert pathlib.Path("/etc/cmqttd/credentials/pin").exists()
    assert pathlib.Path("/var/lib/cmqttd/store.db").exists()


def test_purge_leaves_nothing():
    run("dpkg", "-P", "cmqttd", timeout_s=120)
    for path in ("/etc/cmqttd", "/var/lib/cmqttd", "/lib/systemd/system/cmqttd.service", "/usr/sbin/cmqttd"):
        assert not pathlib.Path(path).exists(), path
    assert run("find", "/etc/systemd", "/var/lib/systemd", "-name", "*cmqttd*", "!", "-name", "cmqttd-test*").stdout == ""
