# SPDX-License-Identifier: Apache-2.0
"""cmqttctl top: a screen on a terminal, and none elsewhere."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios

import pytest

from gateway import CMQTTCTL, wait_until


class Terminal:
    """cmqttctl top on a pty; what it has written so far is `text`."""

    def __init__(self, control, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        os.set_blocking(self.master, False)
        self.process = subprocess.Popen([CMQTTCTL, "-S", str(control), "top"], stdin=self.slave,
                                        stdout=self.slave, stderr=self.slave, start_new_session=True,
                                        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"})
        self.text = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        try:
            while data := os.read(self.master, 65536):
                self.text += data.decode()
        except BlockingIOError:
            pass
        return self.text

    def wait_for(self, words):
        wait_until(lambda: words in self.read(), lambda: f"{words} in {self.text[-1500:]!r}")

    def wait_end(self):
        wait_until(lambda: (self.read(), self.process.poll())[1] is not None, "the end of top")
        self.read()
        return self.process.returncode

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(both):
    t = Terminal(both.cmqttd.control)
    yield t
    t.close()


def test_live(both, terminal):
    terminal.wait_for("cloud")
    terminal.wait_for("SIGNAL")
    terminal.wait_for("online")
    assert terminal.text.startswith("\x1b[?1049h")
    # rates are known with the second answer; a message is seen in one of them
    both.cmqttd.ctl("publish", "-t", "cloud/up/x", "-m", "x", "-q", "1", "--wait")
    wait_until(lambda: any(line.split()[5:6] not in ([], ["-"], ["0.0"])
                           for line in terminal.read().replace("\x1b[K", "").splitlines()
                           if line.startswith("cloud   online")), lambda: repr(terminal.text[-2000:]))
    # another size: nothing is wider or higher than it
    terminal.resize(7, 30)
    os.kill(terminal.process.pid, signal.SIGWINCH)


    def fits():
        """The last whole screen; some of the old size may come first."""
        screen = terminal.read().rsplit("\x1b[J", 1)[0].rsplit("\x1b[H", 1)[1]
        lines = screen.replace("\x1b[K", "").split("\r\n")
        return len(lines) <= 7 and max(map(len, lines)) == 30

    wait_until(fits, lambda: f"a screen of the new size: {terminal.text[-2000:]!r}")
    os.write(terminal.master, b"xq")
    assert terminal.wait_end() == 0
    assert terminal.text.endswith("\x1b[?25h\x1b[?1049l")
    assert termios.tcgetattr(terminal.slave) == terminal.before


def test_signal_gives_the_terminal_back(both, terminal):
    terminal.wait_for("cloud")
    assert termios.tcgetattr(terminal.slave) != terminal.before
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.wait_end() == 0
    assert terminal.text.endswith("\x1b[?25h\x1b[?1049l")
    assert termios.tcgetattr(terminal.slave) == terminal.before


def test_outlives_the_daemon(both, terminal):
    terminal.wait_for("cloud")
    both.cmqttd.stop()
    terminal.wait_for("no answer at")
    begin = len(terminal.text)
    both.cmqttd.start()
    wait_until(lambda: "no answer" not in terminal.read()[begin:].rsplit("\x1b[H", 1)[-1]
               and "cloud" in terminal.text[begin:].rsplit("\x1b[H", 1)[-1], "the daemon again")
    os.write(terminal.master, b"q")
    assert terminal.wait_end() == 0


def test_once_and_elsewhere(both):
    text = both.cmqttd.ctl("top", "--once").stdout
    assert "cloud" in text and "OUT/S" in text and "\x1b" not in text
    r = both.cmqttd.ctl("top", check=False)
    assert r.returncode == 64 and r.stdout == "" and "--once" in r.stderr
    r = subprocess.run([CMQTTCTL, "-S", str(both.folder / "none.sock"), "top", "--once"],
                       capture_output=True, text=True, timeout=30)
    assert r.returncode == 69 and r.stdout == ""
