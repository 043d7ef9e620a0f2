# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import shutil
import subprocess
import tempfile
import types

import pytest

from gateway import Broker, Certificates, Daemon, Modem, Subscriber, free_port


@pytest.fixture(scope="session")
def certs():
    """A CA, a broker's certificate, client certificates: a good one, an expired one."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cmqttd-certs-"))
    c = Certificates(folder)
    c.ca("ca")
    c.ca("other-ca")
    c.signed("cloud", "ca", host="cloud.example.com")
    c.signed("backup", "ca", host="backup.example.com")
    c.signed("gateway", "ca")
    c.signed("expired", "ca", is_expired=True)
    yield c
    shutil.rmtree(folder)


class Gateway:
    """Both brokers, modem and daemon of one test."""

    def __init__(self, certs):
        # Not below pytest's own folder: a Unix socket's path is at most 107 bytes long.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cmqttd-"))
        self.certs = certs
        self.started = []
        self.local_socket = self.folder / "mqtt.sock"

    def add(self, process):
        self.started.append(process)
        return process

    def cloud(self, **kwargs):
        """A broker that proves who it is."""
        tls = {"cafile": self.certs.path("ca.pem"), "certfile": self.certs.path("cloud.pem"),
               "keyfile": self.certs.path("cloud.key")}
        return self.add(Broker(self.folder, "cloud", tls, **kwargs))

    def backup(self, **kwargs):
        """A broker that wants a certificate from its clients, too."""
        tls = {"cafile": self.certs.path("ca.pem"), "certfile": self.certs.path("backup.pem"),
               "keyfile": self.certs.path("backup.key"), "require_certificate": "true"}
        return self.add(Broker(self.folder, "backup", tls, **kwargs))

    def plain(self, name="plain", **kwargs):
        return self.add(Broker(self.folder, name, **kwargs))

    def modem(self, maps, **kwargs):
        return self.add(Modem(self.folder, maps, **kwargs))

    def daemon(self, brokers, more="", config=None, **kwargs):
        """`more`: further sections of the configuration; `config`: all of it."""
        return self.add(Daemon(self.folder, config or self.config(brokers) + more, **kwargs))

    def config(self, brokers):
        return f'''
modem: {{ device = "{self.folder}/modem"; apn = "internet"; }};
brokers: ( {", ".join(brokers)} );
listeners: ( {{ address = "unix:{self.local_socket}"; mode = "0600"; }} );
control: {{ address = "unix:{self.folder}/control.sock"; mode = "0600"; }};
store: {{ path = "{self.folder}/store.db"; }};
'''

    def local_config(self):
        """For a daemon without modem and brokers at hand: local clients come by TCP, too, to self.port."""
        self.port = free_port()
        config = self.config([self.broker_config("plain", "mqtt://plain.example.com")])
        return config.replace("listeners: (", f'listeners: ( {{ address = "127.0.0.1:{self.port}"; }},')

    def broker_config(self, name, address, tls="", extra="", topics=None):
        """A broker section; unless told else everything goes both ways under its own prefix."""
        part = f"tls: {{ {tls} }};" if tls else ""
        topics = topics or f'''
    {{ pattern = "#"; direction = "out"; qos = 2; local_prefix = "{name}/up/"; remote_prefix = "site/"; }},
    {{ pattern = "#"; direction = "in"; qos = 2; local_prefix = "{name}/down/"; remote_prefix = "cmd/"; }}'''
        return f'''{{
  name = "{name}"; address = "{address}"; client_id = "gw-{name}";
  reconnect: {{ min = 0.2; max = 2.0; }};
  will: {{ topic = "gw/{name}/state"; payload = "offline"; qos = 1; }};
  birth: {{ topic = "gw/{name}/state"; payload = "online"; qos = 1; }};
  {part}
  topics: ({topics} );
  {extra}
}}'''

    def cloud_config(self, **kwargs):
        tls = kwargs.pop("tls", f'ca = "{self.certs.path("ca.pem")}";')
        return self.broker_config("cloud", "mqtts://cloud.example.com", tls=tls, **kwargs)

    def backup_config(self, **kwargs):
        tls = kwargs.pop("tls", None) or (
            f'ca = "{self.certs.path("ca.pem")}"; cert = "{self.certs.path("gateway.pem")}"; '
            f'key = "{self.certs.path("gateway.key")}";')
        return self.broker_config("backup", "mqtts://backup.example.com:8884", tls=tls, **kwargs)

    def maps(self, cloud=None, backup=None, plain=None):
        maps = {}
        if cloud:
            maps["cloud.example.com:8883"] = cloud.port
        if backup:
            maps["backup.example.com:8884"] = backup.port
        if plain:
            maps["plain.example.com:1883"] = plain.port
        return maps

    def local(self):
        """Arguments of the mosquitto clients for the daemon's own socket."""
        return ["--unix", str(self.local_socket)]

    def subscribe(self, topic, qos=1, extra=()):
        return self.add(Subscriber(self.folder, self.local(), topic, qos, extra))

    def close(self):
        for process in reversed(self.started):
            for subscriber in getattr(process, "watching", []):
                subscriber.stop()
            process.stop()
        shutil.rmtree(self.folder)


@pytest.fixture
def gateway(certs):
    g = Gateway(certs)
    yield g
    g.close()


@pytest.fixture(scope="module")
def brokers(certs):
    """Two brokers that the tests of a file share, and somebody at each who sees what arrives."""
    g = Gateway(certs)
    hub = types.SimpleNamespace(gateway=g, cloud=g.cloud(), plain=g.plain(), count=0)
    hub.seen = {name: g.add(getattr(hub, name).subscribe("site/#")) for name in ("cloud", "plain")}
    yield hub
    g.close()


@pytest.fixture
def both(gateway):
    """Everything up: two brokers over TLS, modem, daemon, both online."""
    gateway.cloud_broker = gateway.cloud()
    gateway.backup_broker = gateway.backup()
    gateway.sim = gateway.modem(gateway.maps(gateway.cloud_broker, gateway.backup_broker))
    gateway.cmqttd = gateway.daemon([gateway.cloud_config(), gateway.backup_config()])
    gateway.cmqttd.wait_state("cloud", "online")
    gateway.cmqttd.wait_state("backup", "online")
    return gateway


@pytest.fixture
def small_disk(gateway):
    """A file system of 16 MB for the store."""
    if os.getuid() != 0:
        pytest.skip("only root may mount a file system")
    place = gateway.folder / "disk"
    place.mkdir()
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], check=False, capture_output=True)
    if r.returncode != 0:
        pytest.skip(f"no file system could be mounted here: {r.stderr.decode()}")
    yield place
    for process in gateway.started:
        process.stop()
    subprocess.run(["umount", place], check=True)
