# SPDX-License-Identifier: Apache-2.0
"""The package just installed: nothing runs, and what is missing is said clearly. These tests come first."""

import grp
import os
import pathlib
import socket
import stat

from conftest import CONF, CREDENTIALS, Unit, cursor, entries, run, systemctl
from gateway import wait_until

UNITS = ["cmqttd.service", "cmqttd.socket", "cmqttd-control.socket"]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_nothing_runs():
    for unit in UNITS:
        assert systemctl("is-enabled", unit, check=False).stdout.strip() == "disabled"
        assert systemctl("is-active", unit, check=False).stdout.strip() == "inactive"
    assert systemctl("--failed", "--plain", "--no-legend").stdout == ""


def test_rights():
    assert mode(CONF) == 0o640
    assert os.stat(CONF).st_gid == grp.getgrnam("cmqttd").gr_gid
    assert mode(CREDENTIALS) == 0o700
    assert "cmqttd" in grp.getgrnam("dialout").gr_mem
    assert run("runuser", "-u", "nobody", "cat", CONF, check=False).returncode != 0
    assert run("runuser", "-u", "cmqttd", "ls", CREDENTIALS, check=False).returncode != 0


def test_preset_leaves_it_disabled():
    for unit in [*UNITS, "cmqttd@.service"]:
        run("systemctl", "preset", unit)
    for unit in UNITS:
        assert systemctl("is-enabled", unit, check=False).stdout.strip() == "disabled"


def test_not_configured_is_said_and_not_tried_again():
    since = cursor()
    assert systemctl("start", "cmqttd", check=False).returncode != 0
    unit = Unit()
    assert unit.show("ExecMainStatus") == "78"
    assert unit.show("ActiveState") == "failed"
    assert unit.show("NRestarts") == "0"
    said = [e["MESSAGE"] for e in entries(since, "-u", "cmqttd")]
    line = next(n for n, text in enumerate(CONF.read_text().splitlines(), 1) if "your-broker.invalid" in text)
    assert f'{CONF}:{line}: "address" is not set yet: put the name of your broker in place of your-broker.invalid' in said
    unit.clean()


def test_not_configured_and_a_client_comes():
    """A local client triggers the service, which cannot run. That must end."""
    systemctl("start", "cmqttd.socket", "cmqttd-control.socket")
    since = cursor()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect("/run/cmqttd/mqtt.sock")
        assert s.recv(1) == b""  # turned away, not left waiting
    unit = Unit()
    wait_until(lambda: unit.show("ActiveState") == "failed" and unit.show("SubState") == "failed", "it has failed")
    assert unit.show("ExecMainStatus") == "78"
    assert len([e for e in entries(since, "-u", "cmqttd") if "is not set yet" in e["MESSAGE"]]) == 1
    assert systemctl("is-active", "cmqttd.socket", check=False).stdout.strip() == "active"
    systemctl("stop", *UNITS)
    unit.clean()


def test_autopkgtest_of_the_package():
    backup = CONF.read_text()
    for name in ("config-check", "local-clients"):
        run(pathlib.Path(__file__).parent / "autopkgtest" / name)
    CONF.write_text(backup)
    systemctl("stop", *UNITS)
