# SPDX-License-Identifier: Apache-2.0
"""What is refused is told clearly, retried slowly, and leaves the other broker alone."""

import signal
import socket
import struct

from gateway import mosquitto_pub, wait_until

SLOW_S = 5  # far above reconnect.min, which a network loss would have used


def backup_works(g, daemon, backup):
    seen = backup.subscribe("site/#")
    mosquitto_pub(g.local(), "backup/up/still", "here")
    seen.wait_for("site/still", "here")


def refused(g, cloud_config, backup_config=None, users=None, name="cloud", **brokers):
    """Start both; `name` is refused, the other one works. Returns last_error of `name`."""
    cloud = g.cloud(users=users)
    backup = g.backup()
    g.modem(g.maps(cloud, backup))
    daemon = g.daemon([cloud_config or g.cloud_config(), backup_config or g.backup_config()])
    other = "backup" if name == "cloud" else "cloud"
    daemon.wait_state(other, "online")
    error = daemon.wait_error(name)
    status = daemon.broker(name)
    assert status["state"] == "backoff"
    assert status["retry_in_s"] > 0
    if other == "backup":
        backup_works(g, daemon, backup)
    assert daemon.broker(other)["state"] == "online"
    assert error["command"] == "AT+CMQTTCONNECT"
    return error


def with_max(config):
    """Slow retries may be as slow as they like."""
    return config.replace("max = 2.0", "max = 300.0")


def test_plain_tcp(gateway):
    broker = gateway.plain()
    gateway.modem(gateway.maps(plain=broker))
    daemon = gateway.daemon([gateway.broker_config("plain", "mqtt://plain.example.com")])
    daemon.wait_state("plain", "online")
    seen = broker.subscribe("site/#")
    mosquitto_pub(gateway.local(), "plain/up/t", "x")
    seen.wait_for("site/t", "x")


def test_wrong_ca(gateway):
    ca = gateway.certs.path("other-ca.pem")
    error = refused(gateway, with_max(gateway.cloud_config(tls=f'ca = "{ca}";')))
    assert error["code"] == 32 and "handshake" in error["text"]


def test_retry_is_slow(gateway):
    ca = gateway.certs.path("other-ca.pem")
    cloud = gateway.cloud()
    gateway.modem(gateway.maps(cloud))
    daemon = gateway.daemon([with_max(gateway.cloud_config(tls=f'ca = "{ca}";'))])
    daemon.wait_error("cloud")
    assert daemon.broker("cloud")["retry_in_s"] > SLOW_S


def backup_tls(gateway, who):
    c = gateway.certs
    return gateway.backup_config(
        tls=f'ca = "{c.path("ca.pem")}"; cert = "{c.path(who + ".pem")}"; '
            f'key = "{c.path(who + ".key")}";')


def test_expired_client_certificate(gateway):
    error = refused(gateway, None, with_max(backup_tls(gateway, "expired")), name="backup")
    assert error["code"] in (26, 32), error


def test_missing_client_certificate(gateway):
    only_ca = gateway.backup_config(tls=f'ca = "{gateway.certs.path("ca.pem")}";')
    error = refused(gateway, None, with_max(only_ca), name="backup")
    assert error["code"] in (26, 32), error


def test_wrong_password(gateway):
    config = with_max(gateway.cloud_config(extra='username = "gw"; password = "wrong";'))
    error = refused(gateway, config, users={"gw": "right"})
    assert error["code"] in (30, 31), error
    assert "wrong" not in gateway.started[-1].text()


def test_right_password(gateway):
    cloud = gateway.cloud(users={"gw": "right"})
    gateway.modem(gateway.maps(cloud))
    daemon = gateway.daemon([gateway.cloud_config(extra='username = "gw"; password = "right";')])
    daemon.wait_state("cloud", "online")


def test_broker_that_does_not_run(gateway):
    """Its port refuses us until it is there."""
    cloud = gateway.cloud()
    cloud.stop()
    gateway.modem(gateway.maps(cloud))
    daemon = gateway.daemon([gateway.cloud_config()])
    assert daemon.wait_error("cloud")["code"] == 3
    cloud.start()
    daemon.wait_state("cloud", "online")


def test_broker_that_hangs_up(gateway):
    """Before a word of the handshake is said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        gateway.modem({"cloud.example.com:8883": server.getsockname()[1]})
        daemon = gateway.daemon([gateway.cloud_config()])
        connection, _ = server.accept()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        assert daemon.wait_error("cloud")["command"] == "AT+CMQTTCONNECT"


def test_host_name_must_match(gateway):
    """A certificate of the same CA for another host is no proof."""
    cloud = gateway.cloud()
    backup = gateway.backup()
    maps = gateway.maps(cloud, backup)
    maps["backup.example.com:8884"] = cloud.port
    gateway.modem(maps)
    daemon = gateway.daemon([with_max(gateway.backup_config())])
    assert daemon.wait_error("backup")["code"] == 32


def test_certificates_are_uploaded_once(gateway):
    """The modem keeps them; a restarted daemon finds them by name."""
    cloud = gateway.cloud()
    sim = gateway.modem(gateway.maps(cloud))
    daemon = gateway.daemon([gateway.cloud_config()])
    daemon.wait_state("cloud", "online")
    assert daemon.stop(signal.SIGTERM) == 0
    again = gateway.daemon([gateway.cloud_config()])
    again.wait_state("cloud", "online")
    dialogue = (gateway.folder / "dialogue.log").read_text(errors="replace")
    assert dialogue.count("AT+CCERTDOWN=") == 1
    sim.assert_no_violations()


def reload_with(g, who):
    g.cmqttd.config.write_text(g.config([g.cloud_config(), backup_tls(g, who)]))
    g.cmqttd.ctl("reload")


def test_certificates_are_rotated(both):
    """New files that work replace the old ones; new ones that are refused do not."""
    both.certs.signed("gateway-next", "ca")
    reload_with(both, "gateway-next")
    wait_until(lambda: "the new certificates are in use" in both.cmqttd.text(), both.cmqttd.tail)
    both.cmqttd.wait_state("backup", "online")
    backup_works(both, both.cmqttd, both.backup_broker)
    flash = both.folder / "flash"
    wait_until(lambda: len(list(flash.glob("cmqttd-1-*"))) == 3, lambda: str(list(flash.iterdir())))
    reload_with(both, "expired")
    wait_until(lambda: "those before are used again" in both.cmqttd.text(), both.cmqttd.tail)
    both.cmqttd.wait_state("backup", "online")
    backup_works(both, both.cmqttd, both.backup_broker)
    assert both.cmqttd.broker("cloud")["state"] == "online"


def test_key_of_another_certificate(both):
    """It is found when the configuration is read, not by a handshake."""
    config = both.config([both.cloud_config(), backup_tls(both, "gateway")])
    both.cmqttd.config.write_text(config.replace("gateway.key", "cloud.key"))
    refused_reload = both.cmqttd.ctl("reload", check=False)
    assert refused_reload.returncode == 1 and "does not belong" in refused_reload.stderr
    assert both.cmqttd.broker("backup")["state"] == "online"
