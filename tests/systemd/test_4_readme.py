# SPDX-License-Identifier: Apache-2.0
"""A new user: nothing but the README, each of its commands pasted into his shell, in its order.

He is not root, he may use sudo, and he has plugged in a modem. These tests begin where the package has left nothing.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.request

import gateway
import pytest

from conftest import CONF, DROP_INS, SOCKET, SOURCE, Unit, edit_as_shipped, journal, run, systemctl
from gateway import Broker, Modem, wait_until

USER = "newcomer"
HOME = pathlib.Path("/home") / USER
README = SOURCE / "README.md"

# What each block is, by the heading above it, in the order of the README.
BLOCKS = {
    "demo": "See it run",
    "tests": "See it run",
    "package": "With a real modem",
    "elsewhere": "With a real modem",
    "configure": "With a real modem",
    "message": "With a real modem",
    "metrics": "Watch it",
}

# Commands that something else runs: where, and the words that do it there.
RUN_BY = {
    "sh tests/demo.sh": ("tests/e2e/test_demo.py", "tests/demo.sh"),
    "sh tests/demo.sh --keep": ("tests/e2e/test_demo.py", "--keep"),
    "sh tests/run.sh": (".ci/run", "sh tests/run.sh"),
    "dpkg-buildpackage --no-sign --build=binary": ("tests/run.sh", "dpkg-buildpackage --no-sign --build="),
    "autoreconf -fi": ("tests/run.sh", "autoreconf -fi"),
    "./configure": ("tests/run.sh", "build plain all CC="),
    "make": ("tests/run.sh", "make --no-print-directory"),
    "cmqttctl import": ("tests/e2e/test_import.py", "import"),
}


def read_blocks(path):
    """The code blocks of a text: (heading, lines without remarks)."""
    heading, found, is_inside = "", [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line.startswith("    "):
            if not is_inside:
                found.append((heading, []))
            found[-1][1].append(re.sub(r"\s+# .*", "", line[4:]))
        is_inside = line.startswith("    ")
    return found


def block(name):
    """The lines of a block of the README."""
    return read_blocks(README)[list(BLOCKS).index(name)][1]


def parts(line):
    return line.split(" && ")


def shell(command, cwd=HOME, check=True, user=USER, **kwargs):
    """In the user's shell, after a login."""
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(HOME), "USER": user, "LANG": "C.UTF-8",
           "SUDO_EDITOR": f"cp {HOME}/edited"}
    argv = ["/usr/sbin/runuser", "-u", user, "--", "bash", "-c", command]
    if user == "root":
        env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    kwargs = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **kwargs}
    r = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, text=True, timeout=120, check=False, **kwargs)
    assert not check or r.returncode == 0, f"$ {command}\n{r.stdout}\n{journal()}"
    return r


def paste(lines, cwd=HOME, **kwargs):
    """Commands one after the other, without those that run elsewhere; what they print."""
    said = ""
    for line in lines:
        command = " && ".join(part for part in parts(line) if part not in RUN_BY)
        if command:
            said += shell(command, cwd, **kwargs).stdout or ""
    return said


class Udevd:
    """The container has none of its own."""

    def __enter__(self):
        self.process = gateway.Process("udevd", ["/lib/systemd/systemd-udevd"], "/run/test")
        wait_until(pathlib.Path("/run/udev/control").exists, self.process.tail)

    def __exit__(self, *_):
        self.process.stop()


@pytest.fixture(scope="module")
def world(folder):
    """A user, a modem in a serial port, a broker: and no cmqttd."""
    run("dpkg", "-P", "cmqttd", timeout_s=120)
    run("userdel", "-f", "cmqttd")
    run("useradd", "--create-home", "--user-group", USER)
    sudoers = pathlib.Path("/etc/sudoers.d/newcomer")
    sudoers.write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)
    broker = Broker(folder, "readme")
    drop_in = DROP_INS / "cmqttd.service.d" / "pty.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nDeviceAllow=char-pts rw\n")
    (folder / "readme").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "SIM7600", str(pathlib.Path(gateway.SIM7600).with_suffix(".bin")))
        modem = Modem(folder / "readme", {"broker.example.com:1883": broker.port})
    # as serial ports are
    wait_until(modem.device.exists, modem.tail)
    shutil.chown(modem.device, "root", "dialout")
    os.chmod(modem.device, 0o660)
    yield broker, modem
    modem.stop()
    broker.stop()


def test_every_block_is_known():
    assert [heading for heading, _ in read_blocks(README)] == list(BLOCKS.values())


@pytest.mark.parametrize("command", RUN_BY)
def test_what_runs_elsewhere(command):
    """It is a command of the README, and the other place has it still."""
    text = README.read_text(encoding="utf-8")
    pasted = [part for _, lines in read_blocks(README) for line in lines for part in parts(line)]
    assert command in pasted or f"`{command}`" in text
    file, words = RUN_BY[command]
    assert words in (SOURCE / file).read_text(encoding="utf-8")


def configure_and_publish(broker, modem):
    """From "Then, whichever way" to the first message."""
    (HOME / "edited").write_text(edit_as_shipped(CONF.read_text(), modem.device, "mqtt://broker.example.com"))
    said = paste(block("configure"))
    assert "cloud" in said and "modem" in said
    Unit().wait_online()
    up = broker.subscribe("site/17/#")
    printed = HOME / "printed"
    with open(printed, "w", encoding="utf-8") as out:
        paste(block("message"), stdout=out)
    up.wait_for("site/17/telemetry/temp", "21.5")

    def has_come():
        broker.publish("site/17/cmd/fan", "on")
        return "cmd/fan on" in printed.read_text()
    wait_until(has_come, printed.read_text)
    up.stop()
    subscriber = int(run("pgrep", "-u", USER, "mosquitto_sub").stdout)
    os.kill(subscriber, signal.SIGTERM)


def test_as_a_package(world):
    built = next((SOURCE / "build-test/deb").glob("cmqttd-*/"))
    paste(block("package"), cwd=built)
    configure_and_publish(*world)


LOOKS = ["status", "brokers", "history", "queue", "route telemetry/temp", "metrics", "version", "doctor", "top --once",
         "trace --seconds 1"]
CHANGES = ["connect cloud", "disconnect cloud", "reconnect cloud", "publish -t telemetry/temp -m 9", "at AT+CSQ", "reload",
           "reload --dry-run", "log-level debug", "queue drop 1", "queue retry 1"]


def test_a_member_of_the_group_looks_and_changes_nothing(world):
    """The sockets as they are installed, and another user than root and the daemon's."""
    assert "cmqttd" in shell("id -nG").stdout.split()
    before = Unit().broker()
    for command in LOOKS:
        shell(f"cmqttctl {command}")
    for command in CHANGES:
        r = shell(f"cmqttctl {command}", check=False)
        assert r.returncode == 1 and "only root" in r.stdout, f"{command}: {r.returncode}\n{r.stdout}"
    after = Unit().broker()
    assert (after["state"], after["since"], after["published"]) == ("online", before["since"], before["published"])


NOT_RUN = [
    "varlinkctl introspect /run/cmqttd/control.sock io.cmqttd",  # Debian 12 has no varlinkctl
    "cmqttd -vv -c ./cmqttd.conf",  # until it is interrupted; test_2_service.py
]


def read_examples(name):
    """Commands in the examples of a manual page: lines that are set apart, and whole pipelines."""
    text = (SOURCE / "man" / name).read_text(encoding="utf-8")
    found = re.findall(r"^\.Dl ([^\n]*)$|^\.Bd -literal -offset indent\n(cmqttctl .*?)^\.Ed", text, re.DOTALL | re.MULTILINE)
    return [(line or block).strip().replace(r"\(dq", '"').replace(r"\-", "-") for line, block in found]


def test_examples_of_the_manuals(world):
    broker, modem = world
    commands = [c for name in ("cmqttctl.1", "cmqttd.8") for c in read_examples(name)]
    assert len(commands) == 8 and set(NOT_RUN) <= set(commands)
    # Something for each of them to do: a dead letter, and a configuration here.
    unit = Unit()
    modem.say("fault +CMQTTPUB=*3 result-err 12")
    gateway.mosquitto_pub(["--unix", SOCKET], "telemetry/odd", "once more")
    wait_until(lambda: unit.broker()["dead_letters"] == 1, lambda: unit.broker())
    up = broker.subscribe("site/17/#")
    here = HOME / "cmqttd.conf"
    here.write_text(CONF.read_text())
    said = {}
    for command in commands:
        if command not in NOT_RUN:
            if "store.db" in command:
                systemctl("stop", "cmqttd.service")
            said[command] = shell(f"set -o pipefail; {command}", user="root").stdout
    up.wait_for("site/17/telemetry/temperature", "21.5")
    up.wait_for("site/17/telemetry/odd", "once more")
    up.stop()
    assert "+CSQ: " in "".join(said.values()) and "cloud" not in "".join(text for c, text in said.items() if "jq" in c)
    here.unlink()
    systemctl("start", "cmqttd.service")
    unit.wait_online()


def test_others_may_do_nothing(world):
    for command in ("cmqttctl status", "cmqttctl disconnect cloud"):
        r = shell(command, check=False, user="nobody")
        assert r.returncode == 1 and "Permission denied" in r.stdout, r.stdout
    assert shell("mosquitto_pub --unix /run/cmqttd/mqtt.sock -t a -n", cwd="/", check=False, user="nobody").returncode != 0
    assert Unit().broker()["state"] == "online"


def test_metrics(world):
    line = '#metrics: { address = "127.0.0.1:9469"; allow_remote = false; };'
    assert CONF.read_text().count(line) == 1
    CONF.write_text(CONF.read_text().replace(line, line[1:]))
    paste(block("metrics"))
    with urllib.request.urlopen(re.search(r"http://[^`]*/metrics", README.read_text())[0], timeout=30) as answer:
        assert "cmqttd_build_info" in answer.read().decode()


def test_words_in_the_text(world):
    """Commands inside of the text: they work, too."""
    text = README.read_text(encoding="utf-8")
    commands = {words for words in re.findall(r"`([^`\n]+)`", text)
                if re.match(r"(sudo )?(cmqttctl|cmqttd|journalctl|systemctl|sh) ", words)}
    assert len(commands) >= 5
    for command in sorted(commands - set(RUN_BY)):
        command = command.replace("TOPIC", "telemetry/temp")
        shell(f"printf q | script -qec '{command}' /dev/null" if command == "cmqttctl top" else command)
    assert "Subject: A broker is connected" in shell("sudo journalctl -u cmqttd -x").stdout


def test_from_a_mosquitto_bridge(world):
    """The page for whoever has one; the modem has the name that udev gives it."""
    broker, modem = world
    blocks = read_blocks(SOURCE / "doc/from-mosquitto-bridge.md")
    assert [heading for heading, _ in blocks] == ["From a mosquitto bridge to cmqttd"] * 2
    systemctl("disable", "--now", "cmqttd.service", "cmqttd.socket", "cmqttd-control.socket")
    pathlib.Path("/etc/mosquitto/conf.d/bridge.conf").write_text(
        "listener 1883\nconnection cloud\naddress broker.example.com:1883\nremote_clientid gateway-17\n"
        'topic telemetry/# out 1 "" site/18/\n')
    paste(blocks[0][1])
    name = pathlib.Path("/dev/cmqttd-modem")
    name.symlink_to(modem.device)
    paste(blocks[1][1])
    Unit().wait_online()
    up = broker.subscribe("site/18/#")
    gateway.mosquitto_pub(["-h", "127.0.0.1"], "telemetry/temp", "22.5")
    up.wait_for("site/18/telemetry/temp", "22.5")
    up.stop()
    systemctl("stop", "cmqttd.service", "cmqttd.socket")
    name.unlink()
    shutil.rmtree("/etc/systemd/system/cmqttd.socket.d")


def test_installed_elsewhere(world):
    """make install instead of the package."""
    run("dpkg", "-P", "cmqttd", timeout_s=120)
    run("userdel", "-f", "cmqttd")
    with Udevd():
        paste(block("elsewhere"), cwd=SOURCE / "build-test/plain")
    configure_and_publish(*world)
