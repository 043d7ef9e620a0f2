# SPDX-License-Identifier: Apache-2.0
"""The udev rule, read and run by udevadm on devices of a sysfs that is made up (systemd's own tests do
it so): no udev daemon, no hardware, and no trace of it outside of a mount namespace.
"""

import pathlib
import re
import subprocess
import types

import pytest

TOP = pathlib.Path(__file__).parents[2]
RULES = TOP / "conf" / "60-cmqttd.rules"

# In the namespace: the sysfs, our rule and no other, a /dev to make links in.
RUN = """
set -e
mount --bind "$1/sys" /sys
mount -t tmpfs none /run
mount -t tmpfs none /usr/lib/udev/rules.d
touch /run/null
mount --bind /dev/null /run/null
mount -t tmpfs none /dev
touch /dev/null
mount --bind /run/null /dev/null
mkdir -p /run/udev/rules.d
cp "$1/60-cmqttd.rules" /run/udev/rules.d
exec udevadm test --action="$2" "$3"
"""


class Sysfs:
    """One device of a modem, as the kernel shows it: USB device, interface, port."""

    def __init__(self, folder):
        self.folder = folder
        self.sys = folder / "sys"
        (folder / "60-cmqttd.rules").write_text(RULES.read_text())

    def add(self, path, subsystem, uevent="", **attributes):
        d = self.sys / path
        d.mkdir(parents=True, exist_ok=True)
        (d / "uevent").write_text(uevent)
        bus = "class" if subsystem in ("tty", "net", "usbmisc") else "bus"
        (self.sys / bus / subsystem).mkdir(parents=True, exist_ok=True)
        link = d / "subsystem"
        link.unlink(missing_ok=True)
        link.symlink_to(f"/sys/{bus}/{subsystem}")
        for name, value in attributes.items():
            (d / name).write_text(f"{value}\n")
        return path

    def device(self, usb_id, interface, subsystem, name):
        vendor, product = usb_id.split(":")
        usb = self.add("devices/usb1/1-1", "usb", "DEVTYPE=usb_device\n", idVendor=vendor, idProduct=product)
        face = self.add(f"{usb}/1-1:1.{interface}", "usb", "DEVTYPE=usb_interface\n", bInterfaceNumber=interface)
        if subsystem == "tty":
            face = self.add(f"{face}/{name}", "usb-serial")
        number = "IFINDEX=7\nINTERFACE=" if subsystem == "net" else "MAJOR=188\nMINOR=2\nDEVNAME="
        path = self.add(f"{face}/{subsystem}/{name}", subsystem, f"{number}{name}\n")
        (self.sys / "class" / subsystem / name).symlink_to(f"/sys/{path}")
        return f"/sys/{path}"

    def run(self, path, action="add"):
        r = subprocess.run(
            ["unshare", "--mount", "sh", "-c", RUN, "sh", str(self.folder), action, path], timeout=60,
            capture_output=True, text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                                 "SYSTEMD_DEVICE_VERIFY_SYSFS": "0"})
        text = r.stdout + r.stderr
        assert r.returncode == 0 and f"ACTION={action}" in text, text
        seen = dict(re.findall(r"^([.A-Z_]+)=(.*)$", text, re.M))
        spoken = re.findall(r"60-cmqttd\.rules:\d+:? (.*)", text)
        return types.SimpleNamespace(
            properties=seen, links=seen.get("DEVLINKS", "").split(), text=text,
            complaints=[s for s in spoken if not re.match(r"(GROUP|MODE|LINK) ", s)], did=spoken)


@pytest.fixture
def sysfs(tmp_path):
    return Sysfs(tmp_path)


PORTS = [
    # what          interface  the daemon's
    ("1e0e:9001", "00", False),
    ("1e0e:9001", "01", False),
    ("1e0e:9001", "02", True),
    ("1e0e:9001", "03", False),
    ("1e0e:9011", "02", False),
    ("1e0e:9011", "04", True),
    ("1e0e:9011", "05", False),
]


@pytest.mark.parametrize("usb_id, interface, is_ours", PORTS)
def test_port(sysfs, usb_id, interface, is_ours):
    """ModemManager keeps off all of them, the group may open them, one has the name and starts the service."""
    r = sysfs.run(sysfs.device(usb_id, interface, "tty", "ttyUSB2"))
    assert not r.complaints
    assert r.properties["ID_MM_PORT_IGNORE"] == "1"
    assert "MODE 0660" in r.did and any(s.startswith("GROUP ") for s in r.did)
    assert r.links == (["/dev/cmqttd-modem"] if is_ours else [])
    assert r.properties.get("SYSTEMD_WANTS") == ("cmqttd-modem.target" if is_ours else None)
    assert (":systemd:" in r.properties.get("TAGS", "")) == is_ours


@pytest.mark.parametrize("subsystem, name", [("net", "wwan0"), ("usbmisc", "cdc-wdm0")])
def test_network_interface(sysfs, subsystem, name):
    """Nor may ModemManager use the modem by its other side."""
    r = sysfs.run(sysfs.device("1e0e:9001", "05", subsystem, name))
    assert not r.complaints
    assert r.properties["ID_MM_PORT_IGNORE"] == "1"
    assert not r.links and "SYSTEMD_WANTS" not in r.properties
    assert "MODE 0660" not in r.did


@pytest.mark.parametrize("usb_id, interface", [("0403:6001", "02"), ("1e0e:9206", "02"), ("2c7c:9001", "02")])
def test_other_devices_are_left_alone(sysfs, usb_id, interface):
    r = sysfs.run(sysfs.device(usb_id, interface, "tty", "ttyUSB2"))
    assert not r.did and "ID_MM_PORT_IGNORE" not in r.properties and not r.links


def test_nothing_happens_when_it_goes(sysfs):
    r = sysfs.run(sysfs.device("1e0e:9001", "02", "tty", "ttyUSB2"), "remove")
    assert not r.did and "SYSTEMD_WANTS" not in r.properties


@pytest.mark.parametrize("mistake", ['SYMLINKS+="x"', 'ENV{ID_MM}=1', 'GOTO="nowhere"', 'ATTRS=="x"'])
def test_a_mistake_would_be_seen(sysfs, mistake):
    with open(sysfs.folder / "60-cmqttd.rules", "a", encoding="ascii") as f:
        f.write(mistake + "\n")
    r = sysfs.run(sysfs.device("1e0e:9001", "02", "tty", "ttyUSB2"))
    assert r.complaints, r.text


def test_no_unit_is_bound_to_the_device():
    """A reset makes the modem vanish from USB for a while: that must not stop the daemon."""
    for unit in (TOP / "systemd").iterdir():
        lines = [s for s in unit.read_text().splitlines() if not s.startswith("#")]
        assert not any(s.startswith(("BindsTo=", "Requisite=")) or "dev-cmqttd" in s for s in lines), unit
