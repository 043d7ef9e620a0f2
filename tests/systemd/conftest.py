# SPDX-License-Identifier: Apache-2.0
"""The machine that the tests run on: a container of its own, with systemd, the package, a modem and a broker."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from gateway import Broker, Certificates, Modem, wait_until

HERE = pathlib.Path(__file__).parent
CONF = pathlib.Path("/etc/cmqttd/cmqttd.conf")
CREDENTIALS = pathlib.Path("/etc/cmqttd/credentials")
DROP_INS = pathlib.Path("/run/systemd/system")
SOCKET = "/run/cmqttd/mqtt.sock"
SOURCE = pathlib.Path(os.environ.get("CMQTTD_SOURCE", "/"))

# Planted, and looked for wherever they must not be.
PASSWORD = "Pa55word-9c1f"
PIN = "73915268"


def run(*argv, check=True, timeout_s=60):
    """A command; its result."""
    r = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=timeout_s, check=False)
    if check and r.returncode != 0:
        raise AssertionError(f"{argv}: {r.returncode}\n{r.stdout}{r.stderr}\n{journal()}")
    return r


def systemctl(*argv, **kwargs):
    return run("systemctl", "--no-pager", *argv, **kwargs)


def journal(unit="cmqttd"):
    """The end of a unit's journal, to tell why something failed."""
    return subprocess.run(["journalctl", "-q", "--no-pager", "-n", "40", "-u", unit],
                          capture_output=True, text=True, check=False).stdout


def cursor():
    """A place in the journal: entries() from there on."""
    run("journalctl", "--sync")
    text = run("journalctl", "-q", "-n", "1", "--show-cursor").stdout
    return re.search(r"^-- cursor: (.*)$", text, re.MULTILINE).group(1)


def entries(since, *matches):
    """Journal entries as dictionaries; since None: all there are."""
    run("journalctl", "--sync")
    place = ["--after-cursor", since] if since else []
    text = run("journalctl", "-q", "-o", "json", "--all", *place, *matches, check=False).stdout
    return [json.loads(line) for line in text.splitlines()]


class Unit:
    """A service as systemd sees it."""

    def __init__(self, name="cmqttd.service", control=None):
        self.name = name
        self.control = ["-S", control] if control else []

    def show(self, name):
        return systemctl("show", "-P", name, self.name).stdout.strip()

    @property
    def pid(self):
        return int(self.show("MainPID"))

    def is_active(self):
        return self.show("ActiveState") == "active"

    def ctl(self, *argv, **kwargs):
        return run("cmqttctl", *self.control, *argv, **kwargs)

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def broker(self):
        return self.status()["brokers"][0]

    def disconnect(self):
        """From the broker: what is published from now on waits."""
        self.ctl("disconnect", "cloud")
        wait_until(lambda: self.broker()["state"] == "disabled", lambda: f"disconnected:\n{journal(self.name)}")

    def wait_online(self):
        wait_until(lambda: self.is_active() and self.broker()["state"] == "online",
                   lambda: f"{self.name} online:\n{journal(self.name)}", 60)

    def clean(self):
        """Forget failures and start limits."""
        systemctl("stop", self.name, check=False)
        systemctl("reset-failed", "cmqttd*", check=False)

    def restart(self):
        self.clean()
        systemctl("restart", self.name)
        self.wait_online()


class DropIn:
    """Settings of a unit for one test."""

    def __init__(self, unit, text):
        self.path = DROP_INS / f"{unit}.d" / "test.conf"
        self.text = text

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding="utf-8")
        systemctl("daemon-reload")

    def __exit__(self, *_):
        self.path.unlink()
        systemctl("daemon-reload")


def make_broker(folder, certs):
    """One that wants TLS from both sides, and a password."""
    tls = {"cafile": certs.path("ca.pem"), "certfile": certs.path("cloud.pem"),
           "keyfile": certs.path("cloud.key"), "require_certificate": "true"}
    return Broker(folder, "cloud", tls, users={"gw17": PASSWORD})


def make_modem(folder, maps, pin=None):
    """The simulated modem, run as the daemon's user: a pseudo terminal belongs to who opened it."""
    folder.mkdir()
    shutil.chown(folder, "cmqttd", "cmqttd")
    (folder / "flash").mkdir()
    shutil.chown(folder / "flash", "cmqttd", "cmqttd")
    return Modem(folder, maps, extra=["--usb", *(["--pin", pin] if pin else [])])


def edit_as_shipped(text, device, broker="mqtts://cloud.example.com"):
    """What a new user changes in the configuration: device, access point, broker."""
    def change(old, new):
        nonlocal text
        assert text.count(old) == 1, old
        text = text.replace(old, new)

    change('#device = "/dev/cmqttd-modem";', f'device = "{device}";')
    change('#apn = "internet";', 'apn = "internet";')
    change('"mqtt://your-broker.invalid"', f'"{broker}"')
    return text


def add_secrets(text):
    """Password, keys and PIN, all from the folder that only root can read."""
    def change(old, new):
        nonlocal text
        assert text.count(old) == 1, old
        text = text.replace(old, new)

    change('#pin_file = "pin";', 'pin_file = "pin";')
    change('#username = "gw17";', 'username = "gw17";')
    change('#password_file = "cloud.password";', 'password_file = "cloud.password";')
    change('#keepalive = 60;',
           'tls: { ca = "ca.pem"; cert = "gateway.pem"; key = "gateway.key"; };')
    change('#reconnect: { min = 1.0; max = 300.0; };', 'reconnect: { min = 0.2; max = 1.0; };')
    return text


@pytest.fixture(scope="session", autouse=True)
def package():
    """The package, installed while systemd runs."""
    wrapper = HERE / "build/tests/modem/sim7600"
    wrapper.rename(wrapper.with_suffix(".bin"))
    wrapper.write_text(f"#!/bin/sh\nexec setpriv --reuid cmqttd --regid cmqttd --clear-groups {wrapper}.bin \"$@\"\n")
    wrapper.chmod(0o755)
    run("dpkg", "-i", HERE / "cmqttd.deb", timeout_s=120)


@pytest.fixture(scope="session")
def folder(package):
    path = pathlib.Path("/run/test")
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def certs(folder):
    c = Certificates(folder / "certs")
    c.ca("ca")
    c.signed("cloud", "ca", host="cloud.example.com")
    c.signed("gateway", "ca")
    return c


@pytest.fixture(scope="session")
def broker(folder, certs):
    b = make_broker(folder, certs)
    yield b
    b.stop()


@pytest.fixture(scope="session")
def modem(folder, broker):
    # The pseudo terminal is no serial port of the classes that the unit allows.
    for unit in ("cmqttd.service", "cmqttd@.service"):
        d = DROP_INS / f"{unit}.d"
        d.mkdir(parents=True)
        (d / "pty.conf").write_text("[Service]\nDeviceAllow=char-pts rw\n", encoding="utf-8")
    systemctl("daemon-reload")
    m = make_modem(folder / "one", {"cloud.example.com:8883": broker.port}, pin=PIN)
    yield m
    m.stop()


@pytest.fixture(scope="session")
def configured(modem, certs):
    """The configuration of the README, and its secrets."""
    CONF.write_text(add_secrets(edit_as_shipped(CONF.read_text(encoding="utf-8"), modem.device)), encoding="utf-8")
    secrets = {"cloud.password": PASSWORD, "pin": PIN}
    secrets |= {name: certs.path(name).read_text() for name in ("ca.pem", "gateway.pem", "gateway.key")}
    for name, text in secrets.items():
        path = CREDENTIALS / name
        path.write_text(text)
        os.chmod(path, 0o600)
    return CONF.read_text(encoding="utf-8")


@pytest.fixture
def service(configured, broker):
    """Everything up, as configured."""
    unit = Unit()
    if CONF.read_text(encoding="utf-8") != configured:
        CONF.write_text(configured, encoding="utf-8")
        unit.clean()
    if not unit.is_active():
        systemctl("reset-failed", "cmqttd*", check=False)
        systemctl("start", unit.name)
    unit.wait_online()
    return unit
