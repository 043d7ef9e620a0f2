# SPDX-License-Identifier: Apache-2.0
"""What the daemon takes of a small machine, measured on the build that is installed: no sanitizers."""

import os
import pathlib
import subprocess

import gateway as gateway_module
from gateway import wait_until

RESIDENT_MAX_KIB = 6 * 1024

# The binary to measure: run.sh names the one without sanitizers.
PLAIN = os.environ.get("CMQTTD_PLAIN", gateway_module.CMQTTD)


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"no VmRSS of {pid}")


def test_resident_at_rest(gateway, monkeypatch):
    """Both brokers online over TLS, a message each way through, and nothing waits."""
    assert "asan" not in subprocess.run(["ldd", PLAIN], capture_output=True, text=True, check=True).stdout
    monkeypatch.setattr(gateway_module, "CMQTTD", PLAIN)
    cloud, backup = gateway.cloud(), gateway.backup()
    gateway.modem(gateway.maps(cloud, backup))
    # No group: one that is not in /etc/group makes the C library load what else may know it.
    config = gateway.config([gateway.cloud_config(), gateway.backup_config()])
    config = config.replace('mode = "0600";', 'mode = "0600"; group = "";')
    cmqttd = gateway.add(gateway_module.Daemon(gateway.folder, config))
    cmqttd.wait_state("cloud", "online")
    cmqttd.wait_state("backup", "online")
    up, down = cloud.subscribe("site/#"), gateway.subscribe("backup/down/#")
    gateway_module.mosquitto_pub(gateway.local(), "cloud/up/x", b"u" * 1000)
    up.wait_for("site/x", b"u" * 1000)
    backup.publish("cmd/x", b"d" * 1000)
    down.wait_for("backup/down/x", b"d" * 1000)
    wait_until(lambda: cmqttd.status()["store"]["messages"] == 0, lambda: f"nothing waits: {cmqttd.status()}")
    kib = resident_kib(cmqttd.popen.pid)
    assert kib <= RESIDENT_MAX_KIB, pathlib.Path(f"/proc/{cmqttd.popen.pid}/status").read_text()
