# SPDX-License-Identifier: Apache-2.0
"""The daemon's sockets: rights, sockets of the service manager, a second daemon, reload."""

import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest
from gateway import CMQTTD, Process, free_port, wait_until


class Daemon(Process):
    """cmqttd without a modem, its sockets in a folder of its own."""

    def __init__(self, folder, name, listeners, argv=(), control=None):
        self.conf = folder / f"{name}.conf"
        self.control = control or folder / f"{name}.ctl"
        self.folder = folder
        self.store = folder / f"{name}.db"
        self.configure(listeners)
        super().__init__(name, [*argv, CMQTTD, "-c", self.conf], folder)

    def configure(self, listeners):
        groups = ", ".join("{ " + listener + " }" for listener in listeners)
        self.conf.write_text(
            f'modem: {{ device = "{self.folder}/none"; }};\n'
            'brokers: ( { name = "cloud"; address = "mqtt://broker.example.com"; client_id = "g"; } );\n'
            f"listeners: ( {groups} );\n"
            f'control: {{ address = "unix:{self.control}"; group = ""; }};\n'
            f'store: {{ path = "{self.store}"; }};\n',
            encoding="utf-8",
        )

    def wait_for(self, text):
        wait_until(lambda: text in self.text() or not self.is_alive(), f"{self.name} says {text}")
        assert text in self.text()

    def reload(self, listeners):
        self.configure(listeners)
        before = self.text().count("reloaded")
        self.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: self.text().count("reloaded") > before, "the reload")
        assert "not reloaded" not in self.text()


@pytest.fixture(name="folder")
def fixture_folder():
    # Not below pytest's own folder: a Unix socket's path is at most 107 bytes long.
    path = pathlib.Path(tempfile.mkdtemp(prefix="cmqttd-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(name="start")
def fixture_start(folder):
    started = []

    def start(*args, **kwargs):
        started.append(Daemon(folder, *args, **kwargs))
        return started[-1]

    yield start
    for daemon in started:
        if daemon.is_alive():
            daemon.stop(signal.SIGKILL)


def unix(path, more=""):
    return f'address = "unix:{path}"; group = ""; {more}'


def open_files(daemon):
    return len(os.listdir(f"/proc/{daemon.popen.pid}/fd"))


def publish(*address):
    """Exit status of a local client that wants its message acknowledged."""
    command = ["mosquitto_pub", *map(str, address), "-t", "a", "-m", "b", "-q", "1"]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode


def test_mode(folder, start):
    daemon = start("one", [unix(folder / "a", 'mode = "0600";'), unix(folder / "b", 'mode = "0666";')])
    daemon.wait_for("started")
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "b").stat().st_mode) == 0o666
    assert stat.S_IMODE(daemon.control.stat().st_mode) == 0o660
    assert daemon.stop() == 0
    assert not (folder / "a").exists() and not daemon.control.exists()


def test_second_daemon_is_refused(folder, start):
    first = start("one", [unix(folder / "a")])
    first.wait_for("started")
    second = start("two", [unix(folder / "b")], control=first.control)
    assert second.popen.wait(20) == 1
    assert "another cmqttd is running" in second.text()
    assert not (folder / "b").exists()
    assert first.control.exists()
    assert publish("--unix", folder / "a") == 0


def test_somebody_elses_address(folder, start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        daemon = start("one", [f'address = "127.0.0.1:{port}";'])
        assert daemon.popen.wait(20) == 1
        assert f"127.0.0.1:{port}: Address already in use" in daemon.text()


def test_file_in_the_way_is_not_removed(folder, start):
    (folder / "a").write_text("precious", encoding="utf-8")
    daemon = start("one", [unix(folder / "a")])
    assert daemon.popen.wait(20) == 1
    assert (folder / "a").read_text(encoding="utf-8") == "precious"


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd-socket-activate")
def test_sockets_of_the_service_manager(folder, start):
    port, other = free_port(), free_port()
    path = folder / "passed"
    listen = ["systemd-socket-activate", "-l", str(path), "-l", f"127.0.0.1:{port}", "-l", f"127.0.0.1:{other}"]
    daemon = start("one", [unix(path), f'address = "127.0.0.1:{port}";'], argv=listen)
    daemon.wait_for(f"Listening on 127.0.0.1:{other}")
    assert publish("--unix", path) == 0
    assert publish("-p", port) == 0
    assert daemon.text().count("does not name; it is not served") == 1
    assert daemon.stop() == 0
    assert path.exists()  # not ours to remove


def test_reload_opens_and_closes(folder, start):
    kept, old, new = folder / "kept", folder / "old", folder / "new"
    daemon = start("one", [unix(kept), unix(old)])
    daemon.wait_for("started")
    command = ["mosquitto_sub", "--unix", str(kept), "-t", "#", "-C", "1", "-W", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
        # A retained message is delivered whenever the subscription comes.
        assert publish("--unix", old, "-r") == 0
        assert subscriber.communicate(timeout=25)[0] == "b\n"
    daemon.reload([unix(kept), unix(new, 'mode = "0600";')])
    assert publish("--unix", new) == 0
    assert publish("--unix", kept) == 0
    assert not old.exists()


def connect_5(path):
    """A client of MQTT 5.0 that has its CONNACK."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(path))
    client.sendall(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00")
    assert client.recv(100)[0] == 0x20
    return client


def test_reload_keeps_clients(folder, start):
    """A listener that has another place in the list keeps its clients; who loses his is told."""
    gone, moved = folder / "gone", folder / "moved"
    daemon = start("one", [unix(gone), unix(moved)])
    daemon.wait_for("started")
    with connect_5(gone) as lost, connect_5(moved) as kept:
        daemon.reload([unix(moved)])
        assert lost.recv(100)[:1] == b"\xe0" and lost.recv(100) == b""
        kept.sendall(b"\xc0\x00")
        assert kept.recv(100) == b"\xd0\x00"


def test_reload_knows_other_spellings(folder, start):
    """The same address, written otherwise, is the same listener: its clients stay."""
    port = free_port()
    daemon = start("one", [unix(folder / "a"), f'address = "localhost:{port}";'])
    daemon.wait_for("started")
    with connect_5(folder / "a") as kept:
        daemon.reload([unix(f"{folder}//a"), f'address = "127.0.0.1:{port}";'])
        kept.sendall(b"\xc0\x00")
        assert kept.recv(100) == b"\xd0\x00"
    assert publish("-p", port) == 0


def test_reload_is_all_or_nothing(folder, start):
    kept = folder / "kept"
    daemon = start("one", [unix(kept)])
    daemon.wait_for("started")
    daemon.configure([unix(folder / "new"), unix(folder / "nowhere" / "x")])
    daemon.popen.send_signal(signal.SIGHUP)
    daemon.wait_for("not reloaded")
    assert not (folder / "new").exists()
    assert publish("--unix", kept) == 0


def test_no_more_descriptors(folder, start):
    """Connections that cannot be accepted wait for room."""
    port = free_port()
    limit = ["sh", "-c", 'ulimit -n 24; exec "$@"', "sh"]
    daemon = start("one", [f'address = "127.0.0.1:{port}";'], argv=limit)
    daemon.wait_for("started")
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    wait_until(lambda: open_files(daemon) == 24, "all descriptors are in use")
    for connection in crowd:
        connection.close()
    wait_until(lambda: publish("-p", port) == 0, "there is room again")
