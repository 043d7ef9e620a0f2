# SPDX-License-Identifier: Apache-2.0
"""The configured service under systemd."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest

from conftest import (CONF, DropIn, PASSWORD, PIN, SOCKET, Unit, cursor, entries, journal, make_modem, run, systemctl)
from gateway import Process, Subscriber, free_port, mosquitto_pub, wait_until

ONLINE_ID = "faf783519fc3422c858a5d866b8ffa06"
LOCAL = ["--unix", SOCKET]


def firsts(messages):
    """Payloads in the order of their first arrival."""
    return list(dict.fromkeys(payload for _, payload in messages))


def test_start_as_the_readme_says(configured, broker):
    up = broker.subscribe("site/17/#")
    systemctl("enable", "--now", "cmqttd")
    unit = Unit()
    assert unit.is_active()  # READY=1 came: it is of type notify
    unit.wait_online()
    for name in ("cmqttd.service", "cmqttd.socket", "cmqttd-control.socket"):
        assert systemctl("is-enabled", name).stdout.strip() == "enabled"
        assert systemctl("is-active", name).stdout.strip() == "active"
    mosquitto_pub(LOCAL, "telemetry/temp", "21.5")
    up.wait_for("site/17/telemetry/temp", "21.5")
    up.stop()


def test_status_line(service):
    wait_until(lambda: re.fullmatch("modem ready( [A-Za-z0-9]+)?, cloud online", service.show("StatusText")),
               lambda: service.show("StatusText"))


def test_runs_as_nobody_special(service):
    status = pathlib.Path(f"/proc/{service.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"


def test_has_no_network_of_its_own(service):
    assert os.readlink(f"/proc/{service.pid}/ns/net") != os.readlink("/proc/self/ns/net")
    devices = run("nsenter", "-t", service.pid, "-n", "cat", "/proc/self/net/dev").stdout
    assert [line.split(":")[0].strip() for line in devices.splitlines()[2:]] == ["lo"]
    assert "0000" not in run("nsenter", "-t", service.pid, "-n", "cat", "/proc/self/net/tcp").stdout.split("\n", 1)[1]


def test_journal_fields(configured, broker):
    since = cursor()
    Unit().restart()
    entry = wait_until(lambda: entries(since, f"MESSAGE_ID={ONLINE_ID}"), "the entry of the broker online")[0]
    assert entry["MESSAGE"] == "broker cloud: online"
    assert entry["CMQTTD_BROKER"] == "cloud"
    assert entry["CMQTTD_CLIENT_INDEX"] == "0"
    assert entry["CMQTTD_STATE"] == "online"
    assert entry["SYSLOG_IDENTIFIER"] == "cmqttd"
    assert entry["PRIORITY"] == "6"
    assert entry["_SYSTEMD_UNIT"] == "cmqttd.service"


def test_every_entry_is_explained(service):
    run("journalctl", "--sync")
    text = run("journalctl", "-q", "-x", "-u", "cmqttd", "--boot").stdout
    assert "Subject: A broker is connected" in text
    known = {line.split()[0] for line in run("journalctl", "--list-catalog").stdout.splitlines()}
    seen = {e["MESSAGE_ID"] for e in entries(None, "SYSLOG_IDENTIFIER=cmqttd") if "MESSAGE_ID" in e}
    assert ONLINE_ID in seen
    assert seen <= known


@pytest.mark.parametrize("who", ["control", "unix", "loopback"])
def test_a_client_starts_the_service(service, who):
    port = free_port()
    text = CONF.read_text().replace('# , { address = "127.0.0.1:1883"; }', f', {{ address = "127.0.0.1:{port}"; }}')
    assert str(port) in text
    since = cursor()
    with DropIn("cmqttd.socket", f"[Socket]\nListenStream=127.0.0.1:{port}\n"):
        systemctl("stop", "cmqttd.service", "cmqttd.socket")
        CONF.write_text(text)
        systemctl("start", "cmqttd.socket")
        assert not service.is_active()
        if who == "control":
            assert "cmqttd" in run("cmqttctl", "version").stdout
        else:
            mosquitto_pub(LOCAL if who == "unix" else ["-h", "127.0.0.1", "-p", port], "x", "y")
        wait_until(service.is_active, journal)
        warnings = [e for e in entries(since, "-u", "cmqttd") if "is not served" in e["MESSAGE"]]
        assert not warnings
    systemctl("stop", "cmqttd.service", "cmqttd.socket")
    systemctl("start", "cmqttd.socket")


def test_metrics(service):
    line = '#metrics: { address = "127.0.0.1:9469"; allow_remote = false; };'
    assert line in CONF.read_text()
    CONF.write_text(CONF.read_text().replace(line, line[1:]))
    for step in (["stop", "cmqttd.service"], ["enable", "--now", "cmqttd-metrics.socket"], ["start", "cmqttd.service"]):
        systemctl(*step)
    with urllib.request.urlopen("http://127.0.0.1:9469/metrics", timeout=30) as answer:
        assert "cmqttd_" in answer.read().decode()
    systemctl("disable", "cmqttd-metrics.socket")
    systemctl("stop", "cmqttd.service", "cmqttd-metrics.socket")


def test_tcp_without_a_socket_unit_is_explained(service):
    since = cursor()
    CONF.write_text(CONF.read_text().replace('# , { address = "127.0.0.1:1883"; }', ', { address = "127.0.0.1:1883"; }'))
    r = systemctl("reload", "cmqttd", check=False)
    assert r.returncode != 0 and service.is_active()
    assert [e for e in entries(since, "-u", "cmqttd") if "has to come from a socket unit" in e["MESSAGE"]]


def test_reload(service, broker):
    pid, since = service.pid, cursor()
    stamp = service.broker()["since"]
    CONF.write_text(CONF.read_text().replace('pattern = "telemetry/#"', 'pattern = "measured/#"'))
    assert systemctl("reload", "cmqttd").returncode == 0
    assert service.pid == pid
    up = broker.subscribe("site/17/#")
    mosquitto_pub(LOCAL, "measured/temp", "19")
    up.wait_for("site/17/measured/temp", "19")
    up.stop()
    assert [e for e in entries(since, "-u", "cmqttd") if e["MESSAGE"].startswith("configuration reloaded")]
    # A changed route does not end the connection to the broker.
    assert service.broker()["since"] == stamp


def test_wrong_configuration_is_not_loaded(service):
    pid, since = service.pid, cursor()
    CONF.write_text(CONF.read_text() + "\nnonsense = 1;\n")
    r = systemctl("reload", "cmqttd", check=False)
    assert r.returncode != 0
    assert service.is_active() and service.pid == pid
    said = "\n".join(e["MESSAGE"] for e in entries(since, "-u", "cmqttd"))
    assert f"{CONF}:{len(CONF.read_text().splitlines())}: unknown key \"nonsense\"" in said
    assert service.broker()["state"] == "online"


def test_wrong_configuration_is_not_started_again(service):
    CONF.write_text(CONF.read_text() + "\nnonsense = 1;\n")
    assert systemctl("restart", "cmqttd", check=False).returncode != 0
    assert service.show("ExecMainStatus") == "78"
    assert service.show("ActiveState") == "failed"
    assert service.show("NRestarts") == "0"


def test_a_stopped_loop_is_killed_and_restarted(service):
    since = cursor()
    with DropIn("cmqttd.service", "[Service]\nWatchdogSec=5\nRestartSec=100ms\nLimitCORE=0\n"):
        service.restart()
        pid, restarts = service.pid, int(service.show("NRestarts"))
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: int(service.show("NRestarts")) > restarts and service.is_active(), journal, 60)
        assert service.pid != pid
        assert [e for e in entries(since, "UNIT=cmqttd.service") if "Watchdog timeout" in e["MESSAGE"]]
        service.wait_online()
    service.restart()


def test_killed_without_loss(service, broker):
    seen = broker.subscribe("site/17/telemetry/n")
    with DropIn("cmqttd.service", "[Service]\nRestartSec=100ms\n"):
        service.restart()
        service.disconnect()
        lines = [f"{n}".encode() for n in range(30)]
        subprocess.run(["mosquitto_pub", *LOCAL, "-t", "telemetry/n", "-q", "1", "-l"], input=b"\n".join(lines),
                       check=True, timeout=60)
        assert service.broker()["queued_messages"] == 30
        assert not seen.messages()
        pid = service.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: service.is_active() and service.pid != pid, journal)
        wait_until(lambda: len(firsts(seen.messages())) == 30, journal, 60)
        assert firsts(seen.messages()) == lines
    seen.stop()


class Gate:
    """As long as it is shut the next process of the service does not start."""

    def __init__(self, path):
        self.path = path
        self.setting = f"ExecStartPre=+sh -c 'test ! -e {path} || cat {path}'\n"

    def shut(self):
        os.mkfifo(self.path)

    def wait_reached(self, service):
        wait_until(lambda: service.show("SubState") == "start-pre", lambda: f"there is no process:\n{journal()}")

    def open(self):
        self.path.write_text("")
        self.path.unlink()


@pytest.fixture
def gate(folder):
    return Gate(folder / "gate")


def test_what_the_modem_says_meanwhile_is_read(service, broker, modem, gate):
    """The port outlasts a daemon that is killed: the modem has confirmed the message to the broker already."""
    with DropIn("cmqttd.service", f"[Service]\nRestartSec=100ms\n{gate.setting}"):
        CONF.write_text(CONF.read_text().replace("#retain = false;", "retain = true;"))
        service.restart()
        pid = service.pid
        gate.shut()
        os.kill(pid, signal.SIGKILL)
        gate.wait_reached(service)
        assert service.show("NFileDescriptorStore") == "1"
        confirmed = broker.text().count("Received PUBACK from gateway-17")
        broker.publish("site/17/cmd/meanwhile", "kept")
        wait_until(lambda: broker.text().count("Received PUBACK from gateway-17") > confirmed, "the modem has it")
        assert service.show("SubState") == "start-pre"
        gate.open()
        here = Subscriber(modem.folder, LOCAL, "cmd/#")  # waits in the socket
        here.wait_for("cmd/meanwhile", "kept")
        here.stop()
        assert service.pid != pid


def test_restart_refuses_nobody(service):
    """The sockets are systemd's: who connects while the service restarts waits and is served."""
    results = []

    def publish():
        for n in range(20):
            r = subprocess.run(["mosquitto_pub", *LOCAL, "-t", "a", "-m", str(n), "-q", "1"], capture_output=True,
                               timeout=60, check=False)
            results.append((n, r.returncode, r.stderr))

    thread = threading.Thread(target=publish)
    thread.start()
    systemctl("restart", "cmqttd")
    thread.join()
    assert not [r for r in results if b"refused" in r[2] or b"No such file" in r[2]]
    assert len([r for r in results if r[1] == 0]) >= 19  # one may have been connected when it stopped
    service.wait_online()


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_own_listeners_outlast_a_restart(service, gate, kind):
    """No socket unit has this address: the daemon listens itself, and systemd keeps that while it restarts."""
    port, path = free_port(), pathlib.Path("/run/cmqttd/own.sock")
    address = {"unix": f"unix:{path}", "tcp": f"127.0.0.1:{port}"}[kind]

    def connect():
        if kind == "tcp":
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(str(path))
        return s

    def greet(s):
        s.sendall(bytes.fromhex("100c00044d5154540402003c0000"))
        return s.recv(4)

    text = CONF.read_text()
    def wait_kept(count):
        wait_until(lambda: service.show("NFileDescriptorStore") == count, lambda: service.show("NFileDescriptorStore"))

    with DropIn("cmqttd.service", "[Service]\nPrivateNetwork=no\nRestrictAddressFamilies=AF_UNIX AF_INET\n"
                + gate.setting):
        CONF.write_text(text.replace('# , { address = "127.0.0.1:1883"; }', f', {{ address = "{address}"; }}'))
        service.restart()
        wait_kept("2")  # the port is the other one
        with connect() as s:
            assert greet(s) == b"\x20\x02\x00\x00"
        gate.shut()
        systemctl("restart", "--no-block", "cmqttd")
        gate.wait_reached(service)
        with connect() as s:
            gate.open()
            assert greet(s) == b"\x20\x02\x00\x00"
        service.wait_online()
        # What is not configured any more goes.
        CONF.write_text(text)
        systemctl("restart", "cmqttd")
        wait_kept("1")
        with pytest.raises(OSError):
            connect()
        assert not path.exists()
    service.restart()


def test_credentials_are_the_services_alone(service):
    folder = pathlib.Path("/run/credentials/cmqttd.service")
    names = {path.name for path in folder.iterdir()}
    assert names == {f"cmqttd_{name}" for name in ("cloud.password", "pin", "ca.pem", "gateway.pem", "gateway.key")}
    for name in names:
        assert run("runuser", "-u", "nobody", "cat", folder / name, check=False).returncode != 0
    # Not in the environment, and not on disk beyond root's folder.
    environment = pathlib.Path(f"/proc/{service.pid}/environ").read_bytes()
    assert PASSWORD.encode() not in environment and PIN.encode() not in environment
    assert run("grep", "-rqF", PASSWORD, "/var/lib/cmqttd", check=False).returncode == 1
    systemctl("stop", "cmqttd.service")
    wait_until(lambda: not folder.exists(), f"{folder} is gone")


def test_secrets_stay_secret(service, broker, certs, modem):
    """Password, PIN, key and payload are nowhere in what a daemon says that is asked for everything."""
    apn_password = "Apn-5ecret-77"
    will = "Wi11-payload-3141"
    up, down, by_hand = "Up-payload-2718", "Down-payload-1618", "By-hand-1414"
    key = [line for line in certs.path("gateway.key").read_text().splitlines() if "PRIVATE KEY" not in line]
    text = CONF.read_text().replace('#apn_user = "user";', 'apn_user = "user";')
    text = text.replace('#apn_password = "password";', f'apn_password = "{apn_password}";')
    text = text.replace('#will: { topic = "gw/17/state"; payload = "offline";',
                        f'will: {{ topic = "gw/17/state"; payload = "{will}";')
    assert apn_password in text and will in text
    since = cursor()
    with DropIn("cmqttd.service", "[Service]\nExecStart=\nExecStart=/usr/sbin/cmqttd -vv\n"):
        service.clean()
        CONF.write_text(text)
        # Another modem, so that PIN, key and certificates are sent.
        modem.stop()
        for path in (modem.folder / "flash").iterdir():
            path.unlink()
        modem.start()
        systemctl("start", "cmqttd.service")
        monitor = Process("monitor", ["cmqttctl", "monitor", "--at"], "/run/test")
        seen = broker.subscribe("site/17/#")
        service.wait_online()
        wait_until(lambda: service.ctl("at", "AT+CSQ") and "+CSQ: " in monitor.text(), monitor.tail)
        service.ctl("reconnect", "cloud")
        wait_until(lambda: "AT+CMQTTCONNECT" in monitor.text(), monitor.tail)
        service.wait_online()
        mosquitto_pub(LOCAL, "telemetry/secret", up)
        seen.wait_for("site/17/telemetry/secret", up)
        service.ctl("publish", "-t", "telemetry/secret", "-m", by_hand, "--wait")
        here = Subscriber("/run/test", LOCAL, "cmd/#")
        broker.publish("site/17/cmd/secret", down)
        here.wait_for("cmd/secret", down)
        service.ctl("at", f'AT+CPIN="{PIN}"', check=False)
        # Something to wait for: the monitor shows it when it has shown all before.
        before = monitor.text().count("+CSQ: ")
        wait_until(lambda: service.ctl("at", "AT+CSQ") and monitor.text().count("+CSQ: ") > before, monitor.tail)
        monitor.stop()
        seen.stop()
        here.stop()
        service.clean()
    # All fields that are the daemon's own; the journal's begin with _.
    said = "\n".join(f"{name}={value}" for entry in entries(since, "SYSLOG_IDENTIFIER=cmqttd")
                     for name, value in entry.items() if not name.startswith("_"))
    assert "AT+CMQTTCONNECT" in said and "AT+CMQTTCONNECT" in monitor.text()
    assert "AT+CMQTTPUB" in said and "AT+CCERTDOWN" in said
    for secret in (PASSWORD, PIN, apn_password, will, up, down, by_hand, *key):
        assert secret not in said, secret
        assert secret not in monitor.text(), secret


def test_second_instance(service, folder, broker):
    """Another modem, another configuration, its own sockets and store."""
    modem = make_modem(folder / "two", {"cloud.example.com:8883": broker.port})
    conf = CONF.with_name("two.conf")
    text = CONF.read_text().replace("/run/test/one/modem", str(modem.device)).replace('pin_file = "pin";', "")
    text = text.replace("gateway-17", "gateway-18").replace("/run/cmqttd/mqtt.sock", "/run/cmqttd/two/mqtt.sock")
    text = text.replace("#control: { address = \"unix:/run/cmqttd/", "control: { address = \"unix:/run/cmqttd/two/")
    text = text.replace('#path = "/var/lib/cmqttd/store.db"', 'path = "/var/lib/cmqttd/two/store.db"')
    conf.write_text(text.replace("site/17/", "site/18/"))
    conf.chmod(0o640)
    run("chgrp", "cmqttd", conf)
    two = Unit("cmqttd@two.service", "/run/cmqttd/two/control.sock")
    up = broker.subscribe("site/#")
    systemctl("start", two.name)
    two.wait_online()
    assert service.is_active() and service.pid != two.pid
    mosquitto_pub(["--unix", "/run/cmqttd/two/mqtt.sock"], "telemetry/t", "two")
    mosquitto_pub(LOCAL, "telemetry/t", "one")
    up.wait_for("site/18/telemetry/t", "two")
    up.wait_for("site/17/telemetry/t", "one")
    up.stop()
    assert systemctl("reload", two.name).returncode == 0
    systemctl("stop", two.name)
    assert two.show("Result") == "success"
    assert service.broker()["state"] == "online"
    assert modem.stop() in (0, -signal.SIGTERM)
    conf.unlink()


def test_lock_file(service, modem):
    """Made from inside of the sandbox, for others to see."""
    lock = pathlib.Path("/run/lock") / f"LCK..{pathlib.Path(os.readlink(modem.device)).name}"
    assert int(lock.read_text(encoding="ascii").split()[0]) == int(service.pid)
    assert lock.owner() == "cmqttd" and lock.stat().st_mode & 0o777 == 0o644


def test_the_modem_is_unplugged(service, modem):
    """A modem that goes does not end the service, which is there when it comes back."""
    pid = service.pid
    modem.say("power off")
    wait_until(lambda: service.broker()["state"] != "online", "offline")
    assert service.is_active() and service.pid == pid
    modem.say("power on")
    service.wait_online()
    assert service.pid == pid


def test_clean_stop(service, broker, modem):
    lock = pathlib.Path("/run/lock") / f"LCK..{pathlib.Path(os.readlink(modem.device)).name}"
    before = broker.text().count("Received DISCONNECT from gateway-17")
    systemctl("stop", "cmqttd.service")
    assert service.show("Result") == "success"
    assert service.show("ExecMainStatus") == "0"
    wait_until(lambda: broker.text().count("Received DISCONNECT from gateway-17") == before + 1, broker.tail)
    assert not lock.exists()
