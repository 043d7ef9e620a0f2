# SPDX-License-Identifier: Apache-2.0
"""A modem with some manner and a daemon of its own, between brokers that are shared."""

import signal

from conftest import Gateway
from gateway import Daemon, mosquitto_pub, wait_until

FAST_S = 60  # for what needs no time-out of the daemon's, on a busy machine
SLOW_S = 110  # for what does; less than the longest of these time-outs

POWER_HOOK = """#!/usr/bin/python3
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("CONTROL")
s.sendall(b"power-cycle 200\\n")
print(s.recv(100).decode())
"""


class Bench:
    """A modem with some manner and a daemon, between the shared brokers."""

    def __init__(self, brokers, certs, modem=(), modem_config="", boot_ms=100):
        brokers.count += 1
        self.id = f"b{brokers.count}"
        self.brokers = brokers
        self.gateway = Gateway(certs)
        self.sim = self.gateway.modem(
            self.gateway.maps(cloud=brokers.cloud, plain=brokers.plain),
            extra=["--latency", "1", *map(str, modem)], boot_ms=boot_ms)
        self.modem_config = modem_config
        self.cmqttd = None
        self.serial = 0

    def give_power_hook(self):
        """Let the daemon cut the modem's power, once it is started."""
        hook = self.gateway.folder / "power-cycle"
        hook.write_text(POWER_HOOK.replace("CONTROL", str(self.sim.control)))
        hook.chmod(0o755)
        self.modem_config = f'power_cycle = "{hook}";'
        return self

    def start(self):
        g = self.gateway
        parts = [g.cloud_config(), g.broker_config("plain", "mqtt://plain.example.com")]
        config = g.config([p.replace('client_id = "gw-', f'client_id = "{self.id}-') for p in parts])
        config = config.replace('apn = "internet";', f'apn = "internet"; {self.modem_config}')
        config = config.replace("max = 2.0;", "max = 0.5;")
        self.cmqttd = g.add(Daemon(g.folder, config))
        return self

    def kill(self):
        self.cmqttd.stop(signal.SIGKILL)

    def online(self, timeout_s=FAST_S):
        """Both at the same time."""
        wait_until(lambda: all(b["state"] == "online" for b in self.cmqttd.status()["brokers"]),
                   lambda: f"both are online:\n{self.cmqttd.tail()}", timeout_s)
        return self

    def passes(self, timeout_s=FAST_S):
        """Both online, and a message at QoS 1 passes each way on both."""
        self.online(timeout_s)
        self.serial += 1
        text = f"{self.id} {self.serial}"
        down = self.gateway.subscribe("+/down/#")
        for name in ("cloud", "plain"):
            mosquitto_pub(self.gateway.local(), f"{name}/up/{self.id}", text, 1)
            self.brokers.seen[name].wait_for(f"site/{self.id}", text, timeout_s)
            wait_until(self.sends_down(name, down, text), lambda: f"from {name}:\n{self.cmqttd.tail()}", timeout_s)
        down.stop()
        return self

    def sends_down(self, name, down, text):
        """A message from a broker to a subscriber here: whether it has come. Our session at the broker ends with its
        connection: what was published in one that is lost meanwhile is published in the next."""
        connection = None

        def has_come():
            nonlocal connection
            now = self.cmqttd.broker(name)
            if now["state"] == "online" and now["since"] != connection:
                connection = now["since"]
                getattr(self.brokers, name).publish(f"cmd/{self.id}", text)
            return (f"{name}/down/{self.id}", text.encode()) in down.messages()

        return has_come

    def polite(self):
        self.sim.assert_no_violations()
        return self

    def stops(self):
        assert self.cmqttd.stop(signal.SIGTERM) == 0
        return self

    def faults(self):
        """How many faults of the modem acted."""
        return int(self.sim.say("status").split("faults=")[1].split()[0])

    def dialogue(self):
        return (self.gateway.folder / "dialogue.log").read_text(errors="replace")

    def close(self):
        self.gateway.close()
