# SPDX-License-Identifier: Apache-2.0
"""A gateway to test on: real brokers, the simulated modem on a pty, the real daemon.

Everything listens on loopback or in a private folder and is ended by its own process number. Waiting
is always for something that can be observed, with a deadline.
"""

import json
import os
import pathlib
import pwd
import signal
import socket
import subprocess
import time

# Where the programs were built; in the source tree unless told else.
BUILD = pathlib.Path(os.environ.get("CMQTTD_BUILD", pathlib.Path(__file__).parents[2]))
CMQTTD = str(BUILD / "cmqttd")
CMQTTCTL = str(BUILD / "cmqttctl")
SIM7600 = str(BUILD / "tests" / "modem" / "sim7600")

WAIT_S = 30  # for one observable event; a sanitizer build on a busy machine is slow


def wait_until(predicate, what, timeout_s=WAIT_S):
    """Poll an observable fact until it is true; returns its value. what: a text, or what makes it."""
    end = time.monotonic() + timeout_s
    while True:
        is_over = time.monotonic() > end  # however long we were stopped, it is looked at once more
        value = predicate()
        if value:
            return value
        if is_over:
            raise AssertionError(f"not in {timeout_s} s: {what() if callable(what) else what}")
        time.sleep(0.02)


_reserved = []  # sockets, until we end


def free_port():
    """A TCP port of the loopback interface, ours until we end: who names it may listen there, as often as he likes,
    and nobody gets it who takes any port. As long as nobody listens, connections are refused."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # others that have it, too, may bind
    s.bind(("127.0.0.1", 0))
    _reserved.append(s)
    return s.getsockname()[1]


def can_connect(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class Process:
    """A child with its output in files, ended by pid; it does not outlive us, however we end."""

    def __init__(self, name, argv, folder, env=None):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.env = {**os.environ, **(env or {})}
        self.argv = ["setpriv", "--pdeathsig", "KILL", *(str(a) for a in argv)]
        self.popen = None
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env
            )

    def is_alive(self):
        return self.popen.poll() is None

    def stop(self, sig=signal.SIGTERM, timeout_s=WAIT_S):
        """End it and return its exit status."""
        if self.is_alive():
            self.popen.send_signal(sig)
        try:
            return self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.name} did not end on signal {sig}:\n{self.tail()}")

    def text(self):
        return self.log.read_text(errors="replace")

    def tail(self):
        return "\n".join(self.text().splitlines()[-40:])


class Certificates:
    """A CA and what it signed, made by openssl."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name):
        return self.folder / name

    def _openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    def ca(self, name):
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "3650", "-subj", f"/CN={name}",
            "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"),
        )

    def signed(self, name, ca, host=None, days=365, is_expired=False):
        """A key and certificate; host: a server's, for that DNS name."""
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={host or name}",
            "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.csr"),
        )
        ext = self.path(f"{name}.ext")
        ext.write_text(f"subjectAltName=DNS:{host}\n" if host else "basicConstraints=CA:FALSE\n")
        dates = ["-days", str(days)]
        if is_expired:
            dates = ["-days", "-1"]
        self._openssl(
            "x509", "-req", "-in", self.path(f"{name}.csr"), "-CA", self.path(f"{ca}.pem"),
            "-CAkey", self.path(f"{ca}.key"), "-CAcreateserial", "-extfile", ext, *dates,
            "-out", self.path(f"{name}.pem"),
        )


class Broker(Process):
    """mosquitto on a loopback port; a second, plain port for looking at it from outside."""

    def __init__(self, folder, name, tls=None, users=None, extra=""):
        self.port = free_port()
        self.watch_port = free_port()
        self.folder = pathlib.Path(folder)
        # As root mosquitto would become another user, who may not look into our folder.
        conf = ["per_listener_settings true", "persistence false", "log_type all",
                f"user {pwd.getpwuid(os.getuid()).pw_name}"]
        conf += [f"listener {self.port} 127.0.0.1"]
        if users:
            passwd = self.folder / f"{name}.passwd"
            passwd.touch(mode=0o600)
            for user, password in users.items():
                subprocess.run(
                    ["mosquitto_passwd", "-b", str(passwd), user, password],
                    check=True, capture_output=True,
                )
            conf += ["allow_anonymous false", f"password_file {passwd}"]
        else:
            conf += ["allow_anonymous true"]
        if tls:
            conf += [f"{k} {v}" for k, v in tls.items()]
        # They are opened in this order: whoever reaches the last one can reach the other.
        conf += [f"listener {self.watch_port} 127.0.0.1", "allow_anonymous true"]
        self.conf = self.folder / f"{name}.conf"
        self.conf.write_text("\n".join(conf) + "\n" + extra)
        self.watching = []
        super().__init__(name, ["mosquitto", "-c", self.conf], folder)
        self.wait_ready()

    def wait_ready(self):
        wait_until(lambda: can_connect(self.watch_port), lambda: f"{self.name} listens:\n{self.tail()}")

    def publish(self, topic, payload=b"", qos=1, retain=False):
        """From somebody else's client at the broker."""
        mosquitto_pub(["-h", "127.0.0.1", "-p", self.watch_port], topic, payload, qos, retain)

    def subscribe(self, topic, qos=1):
        """Somebody at the broker, for as long as the gateway of the test is there."""
        self.watching.append(Subscriber(self.folder, ["-h", "127.0.0.1", "-p", self.watch_port], topic, qos))
        return self.watching[-1]


def mosquitto_pub(where, topic, payload=b"", qos=1, retain=False, extra=()):
    if isinstance(payload, str):
        payload = payload.encode()
    body = ["-s"] if payload else ["-n"]
    subprocess.run(
        ["mosquitto_pub", *map(str, where), "-t", topic, "-q", str(qos), *body,
         *(["-r"] if retain else []), *map(str, extra)],
        input=payload or None, check=True, timeout=WAIT_S, capture_output=True,
    )


def mosquitto_pub_lines(where, topic, lines, timeout_s=WAIT_S):
    """A message a line, from one client at QoS 1; returns when all of them are acknowledged."""
    subprocess.run(["mosquitto_pub", *map(str, where), "-t", topic, "-q", "1", "-l"],
                   input="".join(f"{line}\n" for line in lines).encode(), check=True, timeout=timeout_s)


class Subscriber:
    """mosquitto_sub, its messages as (topic, payload) pairs."""

    count = 0

    def __init__(self, folder, where, topic, qos=1, extra=()):
        Subscriber.count += 1
        name = f"sub{Subscriber.count}"
        # -d prints the SUBACK, so that the test can wait for it. %x: hexadecimal payload.
        argv = ["stdbuf", "-oL", "mosquitto_sub", *where, "-t", topic, "-q", qos, "-d",
                "-F", "MSG %t %x", *extra]
        self.process = Process(name, argv, folder)
        wait_until(
            lambda: "Subscribed (mid" in self.process.text(),
            lambda: f"subscribed to {topic}:\n{self.process.tail()}",
        )

    def messages(self):
        """What has come so far. The last line may be half written: only whole ones count."""
        found = []
        for line in self.process.text().rpartition("\n")[0].splitlines():
            if line.startswith("MSG "):
                topic, _, payload = line[4:].rpartition(" ")
                found.append((topic, bytes.fromhex(payload)))
        return found

    def wait_for(self, topic, payload, timeout_s=WAIT_S):
        if isinstance(payload, str):
            payload = payload.encode()
        wait_until(
            lambda: (topic, payload) in self.messages(),
            lambda: f"message {topic[:60]} of {len(payload)} bytes; got {self.messages()!r:.300}", timeout_s,
        )

    def wait_count(self, count):
        """So many messages, each of which takes the modem its time."""
        for n in range(1, count + 1):
            wait_until(lambda n=n: len(self.messages()) >= n, f"message {n} of {count}")

    def stop(self):
        self.process.stop()


class Modem(Process):
    """The simulated SIM7600 as a program on a pty."""

    def __init__(self, folder, maps, extra=(), boot_ms=200):
        self.folder = pathlib.Path(folder)
        self.device = self.folder / "modem"
        self.control = self.folder / "modem.ctl"
        argv = [SIM7600, "--link", self.device, "--control", self.control,
                "--state-dir", self.folder / "flash", "--boot-ms", boot_ms,
                "--register-ms", 100, "--log", self.folder / "dialogue.log", "--strict"]
        for name, port in maps.items():
            argv += ["--map", f"{name}=127.0.0.1:{port}"]
        (self.folder / "flash").mkdir(exist_ok=True)
        super().__init__("sim7600", [*argv, *extra], folder)
        wait_until(self.is_there, lambda: f"the modem's control socket:\n{self.tail()}")

    def is_there(self):
        """It answers: its port is there, too, unless it is told to come later."""
        try:
            return self.say("status")
        except OSError:
            return False

    def say(self, line):
        """One control command, its answer."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(WAIT_S)
            s.connect(str(self.control))
            s.sendall(line.encode() + b"\n")
            s.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
        return answer.decode()

    def assert_no_violations(self):
        """The daemon kept to every rule of the modem."""
        answer = self.say("violations")
        assert answer.split()[:2] == ["ok", "0"], answer


class Daemon(Process):
    """cmqttd with a configuration."""

    def __init__(self, folder, config, extra=(), env=None):
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "cmqttd.conf"
        self.config.write_text(config)
        self.control = self.folder / "control.sock"
        super().__init__("cmqttd", [CMQTTD, "-c", self.config, "-v", *extra], folder, env)
        wait_until(
            lambda: self.ctl("version", check=False).returncode == 0 or not self.is_alive(),
            lambda: f"the daemon answers:\n{self.tail()}",
        )
        assert self.is_alive(), self.tail()

    def ctl(self, *args, check=True, timeout_s=WAIT_S):
        r = subprocess.run(
            [CMQTTCTL, "-S", str(self.control), *map(str, args)],
            capture_output=True, text=True, timeout=timeout_s,
        )
        if check and r.returncode != 0:
            raise AssertionError(f"cmqttctl {args}: {r.returncode} {r.stderr}\n{self.tail()}")
        return r

    def ctl_as_nobody(self, *args):
        """The same from somebody who may use the socket but is neither root nor the daemon's user. For root."""
        os.chmod(self.folder, 0o755)
        os.chmod(self.control, 0o666)
        return subprocess.run([CMQTTCTL, "-S", str(self.control), *map(str, args)], capture_output=True,
                              text=True, timeout=WAIT_S, user=65534, group=65534)

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def broker(self, name):
        return next(b for b in self.status()["brokers"] if b["name"] == name)

    def wait_state(self, name, state, timeout_s=WAIT_S):
        wait_until(
            lambda: self.broker(name)["state"] == state,
            lambda: f"{name} is {state}: {self.broker(name)}\n{self.tail()}", timeout_s)

    def wait_error(self, name, timeout_s=WAIT_S):
        """Wait for a failed connect; returns last_error."""
        def failed():
            b = self.broker(name)
            return b["state"] == "backoff" and b["last_error"]

        return wait_until(failed, lambda: f"an error of {name}: {self.tail()}", timeout_s)
