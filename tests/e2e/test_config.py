# SPDX-License-Identifier: Apache-2.0
"""The command line of cmqttd: options, exit statuses, and what -t says of a configuration."""

import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CMQTTD_BUILD", TOP))
GOOD = """brokers: (
  { name = "cloud"; address = "mqtt://broker.example.com"; client_id = "gateway"; }
);
"""


@pytest.fixture(name="cmqttd")
def fixture_cmqttd(tmp_path):
    """Run cmqttd with these arguments; every run is over in seconds."""
    binary = os.environ.get("CMQTTD", BUILD / "cmqttd")

    def run(*arguments, **environment):
        return subprocess.run(
            [binary, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    return run


@pytest.fixture(name="write")
def fixture_write(tmp_path):
    """Make a file that only its owner may read."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        return path

    return write


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(cmqttd, option):
    result = cmqttd(option)
    assert result.returncode == 0
    assert result.stdout.startswith("cmqttd ")
    assert result.stderr == ""


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(cmqttd, option):
    result = cmqttd(option)
    assert result.returncode == 0
    for name in ("--config", "--test", "--verbose", "--version", "--help"):
        assert name in result.stdout


@pytest.mark.parametrize("arguments", [["-x"], ["--nothing"], ["-c"], ["surplus"], ["-t", "surplus"]])
def test_wrong_usage(cmqttd, arguments):
    result = cmqttd(*arguments)
    assert result.returncode == 64
    assert "usage: cmqttd" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["-t", "-c"], ["--test", "--config"], ["-vv", "-t", "-c"]])
def test_good(cmqttd, write, arguments):
    result = cmqttd(*arguments, write("good.conf", GOOD))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_shipped_lacks_the_broker_alone(cmqttd, write):
    """The one thing that nobody can know: without it nothing must start."""
    shipped = TOP / "conf" / "cmqttd.conf"
    result = cmqttd("-t", "-c", shipped)
    assert result.returncode == 78
    assert len(result.stderr.splitlines()) == 1 and "your-broker.invalid" in result.stderr
    text = shipped.read_text(encoding="utf-8").replace("your-broker.invalid", "broker.example.com")
    result = cmqttd("-t", "-c", write("edited.conf", text))
    assert (result.returncode, result.stderr) == (0, "")


def test_every_mistake_with_its_line(cmqttd, write):
    path = write(
        "wrong.conf",
        'brokers: (\n  { name = "cloud"; adress = "mqtt://h";\n    client_id = "g"; keepalive = 0; }\n);\n'
        'log: { level = "loud"; };\n',
    )
    result = cmqttd("-t", "-c", path)
    assert result.returncode == 78
    assert result.stderr.splitlines() == [
        f'{path}:2: unknown key "adress"; the nearest known one is "address"',
        f'{path}:2: "address" is missing: it must be "mqtt://host" or "mqtts://host"',
        f'{path}:3: "keepalive" must be between 1 and 64800, not 0',
        f'{path}:5: "level" must be "error", "warning", "info" or "debug", not "loud"',
    ]


def test_relative_name(cmqttd, write):
    write("wrong.conf", "broker = 1;\n")
    result = cmqttd("-t", "-c", "wrong.conf")
    assert result.returncode == 78
    assert result.stderr.splitlines()[0].startswith("wrong.conf:1: unknown key")


def test_wrong_without_test_does_not_start(cmqttd, write):
    result = cmqttd("-c", write("wrong.conf", "broker = 1;\n"))
    assert result.returncode == 78
    assert "wrong.conf:1: " in result.stderr


def test_no_such_file(cmqttd):
    result = cmqttd("-t", "-c", "nothing.conf")
    assert result.returncode == 78
    assert result.stderr == "nothing.conf: cannot be read: No such file or directory\n"


def test_secret_is_never_shown(cmqttd, write):
    text = GOOD.replace("client_id", 'username = "u"; password = "hunter2\\""; client_id')
    result = cmqttd("-t", "-c", write("secret.conf", text))
    assert result.returncode == 78
    assert ':2: "password" must not contain a double quote' in result.stderr
    assert "hunter2" not in result.stdout + result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_credentials_of_root_alone():
    """Whoever may read the configuration but not the secrets is told so, not that there are none."""
    with tempfile.TemporaryDirectory(prefix="cmqttd-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "credentials").mkdir(mode=0o700)
        (folder / "credentials" / "pw").write_text("secret", encoding="utf-8")
        path = folder / "cmqttd.conf"
        path.write_text(GOOD.replace("client_id", 'username = "u"; password_file = "pw"; client_id'), encoding="utf-8")
        shutil.copy(os.environ.get("CMQTTD", BUILD / "cmqttd"), folder / "cmqttd")
        result = subprocess.run([folder / "cmqttd", "-t", "-c", path], user=65534, group=65534, extra_groups=[],
                                capture_output=True, text=True, timeout=20, check=False)
    assert (result.returncode, result.stderr) == (
        78, f'{path}:2: "password_file": {folder}/credentials/pw cannot be read: Permission denied\n')


def test_certificates_that_take_for_ever(cmqttd, write, tmp_path):
    """Whatever the library does with them, there is an end, for the daemon waits for it at a reload."""
    write("hang.c", "#include <unistd.h>\n__attribute__((constructor)) static void hang(void) { for (;;) pause(); }\n")
    for version in ("3", "1.1"):
        library = tmp_path / f"libcrypto.so.{version}"
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, tmp_path / "hang.c"], check=True)
    write("ca.pem", "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n")
    text = GOOD.replace("mqtt:", "mqtts:").replace("client_id", 'tls: { ca = "ca.pem"; }; client_id')
    path = write("tls.conf", text)
    assert "cannot be read" in cmqttd("-t", "-c", path).stderr
    result = cmqttd("-t", "-c", path, LD_LIBRARY_PATH=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")


def test_credentials_come_first(cmqttd, write, tmp_path):
    text = GOOD.replace("client_id", 'username = "u"; password_file = "pw"; client_id')
    path = write("credentials.conf", text)
    assert cmqttd("-t", "-c", path).returncode == 78
    (tmp_path / "credentials").mkdir()
    write("credentials/pw", "secret\n")
    assert cmqttd("-t", "-c", path, CREDENTIALS_DIRECTORY=str(tmp_path / "credentials")).returncode == 0
