# SPDX-License-Identifier: Apache-2.0
"""Modem and daemon come and go: last will, reconnect, clean stop, restart, hang-up."""

import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import threading

from gateway import CMQTTCTL, WAIT_S, Daemon, mosquitto_pub, wait_until


def test_last_will_when_the_modem_loses_power(both):
    watch = {b.name: b.subscribe("gw/#") for b in (both.cloud_broker, both.backup_broker)}
    both.sim.say("power off")
    for name, sub in watch.items():
        sub.wait_for(f"gw/{name}/state", "offline")
    mosquitto_pub(both.local(), "cloud/up/while/off", "kept", 1)
    seen = both.cloud_broker.subscribe("site/#")
    both.sim.say("power on")
    both.cmqttd.wait_state("cloud", "online", 60)
    both.cmqttd.wait_state("backup", "online", 60)
    seen.wait_for("site/while/off", "kept")
    for name, sub in watch.items():
        sub.wait_for(f"gw/{name}/state", "online")


def test_no_last_will_on_a_clean_stop(both):
    watch = {b.name: b.subscribe("gw/#") for b in (both.cloud_broker, both.backup_broker)}
    assert both.cmqttd.stop(signal.SIGTERM) == 0
    for broker in (both.cloud_broker, both.backup_broker):
        wait_until(lambda: "Received DISCONNECT from gw-" in broker.text(), "DISCONNECT")
        # A message behind the DISCONNECT proves that a will would have been here by now.
        broker.publish(f"gw/{broker.name}/end", "end")
        watch[broker.name].wait_for(f"gw/{broker.name}/end", "end")
        assert (f"gw/{broker.name}/state", b"offline") not in watch[broker.name].messages()
    dialogue = (both.folder / "dialogue.log").read_text(errors="replace")
    for command in ("AT+CMQTTDISC=0", "AT+CMQTTDISC=1", "AT+CMQTTREL=0", "AT+CMQTTREL=1",
                    "AT+CMQTTSTOP"):
        assert command in dialogue, command


def test_broker_restart(both):
    """One broker goes and comes; the other one does not notice."""
    since = both.cmqttd.broker("backup")["since"]
    both.cloud_broker.stop()
    wait_until(lambda: both.cmqttd.broker("cloud")["state"] != "online", "cloud is down")
    mosquitto_pub(both.local(), "cloud/up/later", "later", 1)
    both.cloud_broker.start()
    # Nobody can subscribe before the message comes: the broker itself is the witness.
    wait_until(lambda: "'site/later'" in both.cloud_broker.text(), both.cmqttd.tail)
    down = both.subscribe("cloud/down/#")
    both.cmqttd.wait_state("cloud", "online")
    both.cloud_broker.publish("cmd/again", "subscribed")
    down.wait_for("cloud/down/again", "subscribed")
    assert both.cmqttd.broker("backup")["since"] == since


def test_daemon_killed_and_started_again(both):
    """The modem lives on: its service runs, its clients are held and connected."""
    both.cmqttd.stop(signal.SIGKILL)
    for left in ("control.sock", "mqtt.sock"):
        (both.folder / left).unlink(missing_ok=True)
    again = both.add(Daemon(both.folder, both.cmqttd.config.read_text()))
    again.wait_state("cloud", "online")
    again.wait_state("backup", "online")
    seen = both.cloud_broker.subscribe("site/#")
    mosquitto_pub(both.local(), "cloud/up/new", "life")
    seen.wait_for("site/new", "life")


def test_a_socket_left_behind_is_no_obstacle(both):
    both.cmqttd.stop(signal.SIGKILL)
    again = both.add(Daemon(both.folder, both.cmqttd.config.read_text()))
    again.wait_state("cloud", "online")


def test_tty_vanishes_and_comes_back(both):
    both.sim.say("vanish")
    wait_until(lambda: both.cmqttd.status()["modem"]["state"] == "absent", "modem absent")
    mosquitto_pub(both.local(), "backup/up/v", "kept", 1)
    seen = both.backup_broker.subscribe("site/#")
    both.sim.say("appear")
    both.cmqttd.wait_state("backup", "online", 60)
    seen.wait_for("site/v", "kept")


def test_started_before_the_modem(gateway):
    """A modem that is not there is no reason to exit: it is waited for."""
    broker = gateway.plain()
    daemon = gateway.daemon([gateway.broker_config("plain", "mqtt://plain.example.com")])
    assert daemon.status()["modem"]["state"] == "absent"
    local = gateway.subscribe("local/#")
    mosquitto_pub(gateway.local(), "local/x", "works without it")
    local.wait_for("local/x", "works without it")
    gateway.modem(gateway.maps(plain=broker))
    daemon.wait_state("plain", "online")


def test_notify(gateway):
    """READY without a modem, STATUS, the watchdog fed, a reload from begin to end, STOPPING."""
    path = str(gateway.folder / "notify.sock")
    got = []

    def listen(s):
        """All the time, as the service manager does: who notifies waits when too much is unread."""
        while data := s.recv(4096):
            got.append(data.decode() + "\n")

    def said():
        return "".join(got)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        listener = threading.Thread(target=listen, args=[s])
        listener.start()
        try:
            daemon = gateway.daemon(
                [gateway.broker_config("plain", "mqtt://plain.example.com")],
                env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"})
            wait_until(lambda: all(w in said() for w in ("READY=1", "STATUS=", "WATCHDOG=1")), said)
            os.kill(daemon.popen.pid, signal.SIGHUP)
            # sd_notify(3): the time tells this reload from an earlier one
            wait_until(lambda: re.search(r"RELOADING=1\nMONOTONIC_USEC=[1-9]\d*\n(.*\n)*READY=1\n", said()), said)
            assert daemon.stop() == 0
            wait_until(lambda: "STOPPING=1" in said(), said)
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"", path)
            listener.join()


def test_reload(both):
    """A broker whose part did not change stays connected; what is wrong changes nothing."""
    since = both.cmqttd.broker("backup")["since"]
    config = both.cmqttd.config
    good = config.read_text()
    config.write_text(good.replace('client_id = "gw-cloud"', 'client_id = "gw-cloud-2"'))
    assert both.cmqttd.ctl("reload").returncode == 0
    wait_until(lambda: "gw-cloud-2" in both.cloud_broker.text(), "the new client id")
    both.cmqttd.wait_state("cloud", "online")
    assert both.cmqttd.broker("backup")["since"] == since
    config.write_text(good.replace("qos = 2", "qos = 7"))
    r = both.cmqttd.ctl("reload", check=False)
    assert r.returncode == 1 and "qos" in r.stderr, r.stderr
    assert both.cmqttd.broker("backup")["since"] == since
    config.write_text(good)
    os.kill(both.cmqttd.popen.pid, signal.SIGHUP)
    wait_until(lambda: both.cloud_broker.text().count("as gw-cloud (") >= 2, "reload by HUP")


def test_reload_dry_run(both):
    """What would change is said, and nothing changes: not even what has been tried."""
    daemon, config = both.cmqttd, both.cmqttd.config
    since = [b["since"] for b in daemon.status()["brokers"]]
    good = config.read_text()
    assert daemon.ctl("reload", "--dry-run").stdout == "no change\n"
    new = both.folder / "new.sock"
    config.write_text(good.replace('client_id = "gw-cloud"', 'client_id = "gw-other"').replace(
        "listeners: (", f'listeners: ( {{ address = "unix:{new}"; mode = "0600"; }}, '))
    text = daemon.ctl("reload", "--dry-run").stdout
    assert "broker cloud: is connected anew: other client_id\n" in text
    assert f"listener unix:{new}: is opened\n" in text
    assert "broker backup" not in text
    assert not new.exists()
    config.write_text(good.replace("qos = 2", "qos = 7"))
    r = daemon.ctl("reload", "--dry-run", check=False)
    assert r.returncode == 1 and f"{config}:" in r.stderr and "qos" in r.stderr, r.stderr
    # an address that is taken is found as well
    config.write_text(good.replace("listeners: (", 'listeners: ( { address = "127.0.0.1:%d"; }, ' %
                                   both.cloud_broker.port))
    r = daemon.ctl("reload", "--dry-run", check=False)
    assert r.returncode == 1 and str(both.cloud_broker.port) in r.stderr, r.stderr
    assert [b["since"] for b in daemon.status()["brokers"]] == since
    assert "gw-other" not in both.cloud_broker.text() and "reloaded" not in daemon.text()
    # the real one says the same
    config.write_text(good.replace("store: {", "store: { max_bytes = 5000000;"))
    assert daemon.ctl("reload").stdout == "store: max_bytes is 5000000 instead of 67108864\n"
    assert daemon.status()["store"]["max_bytes"] == 5000000
    # so does a file that is another one under the same name
    rights = both.folder / "acl"
    rights.write_text("topic #\n")
    config.write_text(good.replace("listeners: ( {", f'listeners: ( {{ acl_file = "{rights}";'))
    daemon.ctl("reload")
    assert daemon.ctl("reload", "--dry-run").stdout == "no change\n"
    rights.write_text("topic read #\n")
    assert daemon.ctl("reload", "--dry-run").stdout.endswith(": its clients stay; other acl_file\n")


def test_idle_daemon_sleeps(both):
    """At most one wake-up in ten seconds when nothing is to be done."""
    dialogue = both.folder / "dialogue.log"
    for line in ("PB DONE", "+CPSI: "):  # the last boot line, and the end of the questions about the network
        wait_until(lambda text=line: text in dialogue.read_text(errors="replace"), line)
    trace = both.folder / "strace"

    def returns():
        subprocess.run(
            ["timeout", "-s", "INT", "21", "strace", "-f", "-e", "trace=epoll_wait,epoll_pwait,epoll_pwait2,poll",
             "-o", str(trace), "-p", str(both.cmqttd.popen.pid)], timeout=60, capture_output=True)
        return [line for line in trace.read_text().splitlines() if "epoll" in line or "poll(" in line]

    # The call that strace found under way returns once; then one in ten seconds. In the first while there may be
    # something left to do.
    wait_until(lambda: 0 < len(returns()) <= 3, trace.read_text, 60)
    assert both.cmqttd.broker("cloud")["state"] == "online"


def fill(port):
    """Carriage returns, which are harmless as commands, until the port takes no more."""
    while True:
        try:
            os.write(port, b"\r")
        except BlockingIOError:
            if not select.select([], [port], [], 0.2)[1]:
                return


def test_daemon_sleeps_while_the_port_takes_nothing(both):
    """What cannot be written waits for the port, and not in a loop."""
    daemon = both.cmqttd
    port = os.open(both.sim.device, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)

    def sleeps():
        """How often the daemon had nothing to do so far."""
        text = pathlib.Path(f"/proc/{daemon.popen.pid}/status").read_text()
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])

    both.sim.popen.send_signal(signal.SIGSTOP)
    fill(port)
    asked = subprocess.Popen([CMQTTCTL, "-S", str(daemon.control), "at", "AT+CSQ"])
    wait_until(lambda: "at AT+CSQ" in daemon.text(), "the command was taken")
    before = sleeps()
    wait_until(lambda: daemon.status() and sleeps() > before + 10, "the daemon sleeps between requests")
    os.close(port)
    both.sim.popen.send_signal(signal.SIGCONT)
    asked.wait(WAIT_S)
    daemon.ctl("publish", "-t", "cloud/up/x", "-m", "x", "--wait")
