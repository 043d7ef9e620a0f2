# SPDX-License-Identifier: Apache-2.0
"""The metrics over HTTP and the control socket: checked with Prometheus' own tool."""

import http.client
import pathlib
import re
import socket
import subprocess

import pytest
from gateway import free_port, wait_until

TOP = pathlib.Path(__file__).resolve().parents[2]


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def read(connection, path="/metrics", method="GET", **headers):
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response, response.read().decode()


def values(text):
    """Samples by name and labels, as they stand there."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


@pytest.fixture(name="scraped")
def fixture_scraped(gateway):
    """One plain broker, one modem, a daemon with metrics; call it to scrape."""
    broker = gateway.plain()
    gateway.sim = gateway.modem(gateway.maps(plain=broker))
    section = gateway.broker_config("plain", "mqtt://plain.example.com")
    gateway.port = free_port()
    gateway.cmqttd = gateway.daemon([section], more=f'metrics: {{ address = "127.0.0.1:{gateway.port}"; }};\n')
    gateway.cmqttd.wait_state("plain", "online")
    gateway.scrape = lambda **headers: read(
        http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30), **headers)
    return gateway


def promtool(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)


def test_promtool_finds_nothing(scraped):
    response, text = scraped.scrape()
    assert response.status == 200
    assert response.getheader("Content-Type").startswith("text/plain; version=0.0.4")
    checked = promtool(text)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    # The check can fail.
    assert promtool(text.replace("# TYPE cmqttd_published_total counter", "# TYPE cmqttd_published_total gauge")).stderr
    by_control = scraped.cmqttd.ctl("metrics").stdout
    assert set(values(by_control)) == set(values(text))


def test_openmetrics(scraped):
    response, text = scraped.scrape(Accept="application/openmetrics-text; version=1.0.0")
    assert response.getheader("Content-Type").startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("\n# EOF\n")
    assert "# TYPE cmqttd_published counter\n" in text


def test_counts(scraped):
    before = values(scraped.scrape()[1])
    scraped.cmqttd.ctl("publish", "-t", "plain/up/a", "-m", "x", "-q", "1", "--wait")
    after = values(scraped.scrape()[1])
    key = 'cmqttd_published_total{broker="plain"}'
    assert int(after[key]) == int(before[key]) + 1
    assert after['cmqttd_broker_up{broker="plain"}'] == "1"
    assert after['cmqttd_modem_state{state="ready"}'] == "1"
    assert float(after['cmqttd_last_delivery_age_seconds{broker="plain"}']) < 60
    assert int(after['cmqttd_tty_bytes_total{direction="in"}']) > int(before['cmqttd_tty_bytes_total{direction="in"}'])
    buckets = [int(v) for k, v in after.items() if k.startswith("cmqttd_publish_latency_seconds_bucket")]
    assert buckets == sorted(buckets) and buckets[-1] == int(after[key])


def test_rules_and_dashboard_name_metrics_that_exist(scraped):
    names = set(re.findall(r"^# TYPE (\w+) ", scraped.scrape()[1], re.M))
    for file in ("cmqttd-alerts.yml", "cmqttd-dashboard.json"):
        used = set(re.findall(r"\bcmqttd_[a-z_]+", (TOP / "conf" / file).read_text(encoding="utf-8")))
        assert {re.sub("_bucket$", "", name) for name in used} <= names, file
        assert used


def test_other_requests(scraped):
    assert scraped.scrape(path="/")[0].status == 404
    response, text = scraped.scrape(method="POST")
    assert response.status == 405 and response.getheader("Allow") == "GET, HEAD"
    response, text = scraped.scrape(method="HEAD")
    assert response.status == 200 and text == "" and int(response.getheader("Content-Length")) > 1000


def test_garbage_and_silence_cost_themselves_alone(scraped):
    silent = []
    for _ in range(20):
        silent.append(socket.create_connection(("127.0.0.1", scraped.port)))
    # More than there is room for are turned away, so that the daemon's descriptors are not used up.
    wait_until(lambda: turned_away(silent) >= 12, "the surplus is closed")
    for s in silent:
        s.close()
    with socket.create_connection(("127.0.0.1", scraped.port)) as s:
        try:
            s.sendall(b"\x16\x03\x01\x00\n\n" * 3000)
        except ConnectionError:
            pass  # it is turned away before all of it is said

    def is_served():
        try:
            return scraped.scrape()[0].status == 200
        except ConnectionError:
            return False

    wait_until(is_served, "metrics again")


def turned_away(sockets):
    closed = 0
    for s in sockets:
        s.setblocking(False)
        try:
            closed += s.recv(1) == b""
        except BlockingIOError:
            pass
        except ConnectionError:
            closed += 1
    return closed


def test_reload_moves_the_address(scraped):
    path = scraped.folder / "metrics.sock"
    old = scraped.cmqttd.config.read_text(encoding="utf-8")
    new = re.sub(r'metrics: .*\n', f'metrics: {{ address = "unix:{path}"; }};\n', old)
    scraped.cmqttd.config.write_text(new, encoding="utf-8")
    scraped.cmqttd.ctl("reload")
    assert read(UnixConnection(path))[0].status == 200
    with pytest.raises(ConnectionRefusedError):
        scraped.scrape()
    # An address that cannot be had changes nothing.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        scraped.cmqttd.config.write_text(
            re.sub(r'metrics: .*\n', f'metrics: {{ address = "127.0.0.1:{port}"; }};\n', old), encoding="utf-8")
        refused = scraped.cmqttd.ctl("reload", check=False)
    assert refused.returncode == 1 and str(port) in refused.stderr
    assert read(UnixConnection(path))[0].status == 200


def test_alert_rules():
    checked = subprocess.run(["promtool", "check", "rules", TOP / "conf" / "cmqttd-alerts.yml"],
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = subprocess.run(["promtool", "test", "rules", TOP / "tests" / "e2e" / "alerts_test.yml"],
                            capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
