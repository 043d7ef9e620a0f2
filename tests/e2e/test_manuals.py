# SPDX-License-Identifier: Apache-2.0
"""The manual pages say all that there is, and nothing else: keys, commands, options, metrics."""

import pathlib
import re
import subprocess

import pytest

from gateway import CMQTTCTL, CMQTTD, SIM7600

TOP = pathlib.Path(__file__).parents[2]
SECTIONS_OF_GROUPS = {"message": {"will", "birth"}, "reconnect": {"reconnect"}}


def manual(name):
    return (TOP / "man" / name).read_text(encoding="utf-8")


def section(text, title, macro="Sh"):
    """What stands below this heading, up to the next one like it."""
    found = re.search(rf"^\.{macro} {re.escape(title)}\n(.*?)(?=^\.S[hs] |\Z)" if macro == "Ss" else
                      rf"^\.{macro} {re.escape(title)}\n(.*?)(?=^\.Sh |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def items(text):
    """The entries of its lists: (heading, what is said of it)."""
    text = re.sub(r"^\.It Xo\n(.*?)^\.Xc\n", lambda m: ".It " + m[1].replace("\n.", " ").strip(".\n ") + "\n", text,
                  flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^\.It (.*)\n((?:(?!\.It ).*\n?)*)", text, re.MULTILINE)


def options(text):
    """Names of options in mdoc: Fl t, Fl -test, Fl Fl test."""
    text = re.sub(r"\bFl Fl (\w)", r"Fl -\1", text.replace(r"\-", "-"))
    return {"-" + name for name in re.findall(r"\bFl ([\w-]+)", text)}


# ---- keys of the configuration ----

def schema():
    """Keys by the name of their table, with what stands in their entry."""
    text = (TOP / "daemon/config_schema.c").read_text(encoding="utf-8")
    tables = re.findall(r"struct config_key (\w+)_keys\[\] = \{\n(.*?)^\};", text, re.DOTALL | re.MULTILINE)
    found = {name: dict(re.findall(r'^\t\{ "(\w+)",(.*)\},?$', body, re.MULTILINE)) for name, body in tables}
    assert len(found) >= 10 and sum(map(len, found.values())) > 60
    return found


def title_of(table):
    return {"broker": "brokers", "listener": "listeners", "topic": "topics"}.get(table, table)


@pytest.mark.parametrize("table", sorted(set(schema()) - {"root"}))
def test_every_key_is_explained(table):
    keys = schema()[table]
    if table in SECTIONS_OF_GROUPS:  # explained where the group is
        entries = dict(items(section(manual("cmqttd.conf.5"), "brokers", "Ss")))
        said = "".join(entries[f"Va {group}"] for group in SECTIONS_OF_GROUPS[table])
        assert set(keys) <= set(re.findall(r"\w+", said))
        return
    entries = {}
    for heading, said in items(section(manual("cmqttd.conf.5"), title_of(table), "Ss")):
        assert heading.startswith("Va ")
        entries |= {key: said for key in heading[3:].split(" , ")}
    assert set(entries) == set(keys)
    for key, entry in keys.items():
        fallback = re.search(r'\.fallback = "([^"]+)"', entry)
        if fallback:
            said = entries[key].replace(r"\(dq", '"').replace("unix:", "")
            assert "efault" in said, key
            assert fallback[1].replace("unix:", "") in said, f"default of {key}: {fallback[1]}"
        for word in re.findall(r'\.words = "([^"]+)"', entry):
            assert all(w in entries[key] for w in word.split("|")), (key, word)


def test_every_section_is_explained():
    text = manual("cmqttd.conf.5")
    titles = re.findall(r"^\.Ss (\w+)$", text, re.MULTILINE)
    assert set(titles) == {title_of(table) for table in schema()} - set(SECTIONS_OF_GROUPS) - {"root"}
    assert set(schema()["root"]) <= set(titles)


# ---- commands and options ----

def commands():
    text = (TOP / "daemon/ctl_commands.c").read_text(encoding="utf-8")
    return dict(re.findall(r'\{ \.name = "([\w -]+)",\s*\.usage = "([^"]*)"', text))


def test_every_command_is_explained():
    known = {}
    for heading, said in items(section(manual("cmqttctl.1"), "COMMANDS")):
        words = re.sub(r"Oo Cm (\w+) Oc", r"Cm \1", heading)
        name = re.match(r"Cm ([a-z-]+(?: [a-z]+)?)(?: Cm ([a-z]+))?", words)
        known[" ".join(filter(None, name.groups()))] = (heading, said)
    assert set(known) == set(commands())
    for name, usage in commands().items():
        heading, _ = known[name]
        wanted = set(re.findall(r"(?<![\w-])--?[a-z-]+|-[A-Z]\b", usage))
        assert options(heading) == {"-" + o.lstrip("-") if len(o) == 2 else o for o in wanted}, name


def options_of_help(program):
    """The options that a program's own help has, long ones with two dashes."""
    text = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
    lines = [line for line in text.splitlines() if re.match(r"\s+-", line)]
    assert lines
    return set(re.findall(r"(?<![\w-])(--[a-z][\w-]*|-[a-zA-Z](?=[ ,\]]))", "\n".join(lines)))


def test_every_option_of_the_daemon_is_explained():
    text = manual("cmqttd.8")
    listed = set().union(*(options(heading) for heading, _ in items(section(text, "DESCRIPTION"))))
    assert listed == options_of_help(CMQTTD)


def test_options_for_all_commands_are_explained():
    text = (TOP / "daemon/ctl_commands.c").read_text(encoding="utf-8")
    usage = re.search(r'ctl_global_usage\[\] = "([^"]*)"', text)[1]
    listed = set().union(*(options(heading) for heading, _ in items(section(manual("cmqttctl.1"), "DESCRIPTION"))))
    assert listed == set(re.findall(r"--?[\w-]+", usage))


def test_options_of_the_simulated_modem_exist():
    """Its page has the more important ones."""
    listed = set().union(*(options(heading) for heading, _ in items(section(manual("sim7600.1"), "DESCRIPTION"))))
    assert len(listed) > 8 and listed <= options_of_help(SIM7600) | {"--help"}


# ---- metrics ----

def test_every_metric_is_explained(gateway):
    daemon = gateway.daemon([gateway.broker_config("plain", "mqtt://plain.example.com")])
    text = daemon.ctl("metrics").stdout
    names = set(re.findall(r"^# HELP (\w+)", text, re.MULTILINE))
    entries = {}
    for heading, said in items(section(manual("cmqttd.8"), "METRICS")):
        entries |= {name: heading + "\n" + said for name in heading[3:].split(" , ")}
    assert set(entries) == names and len(names) > 30
    for name, label, value in re.findall(r'^(\w+)\{.*?(reason|state|direction)="(\w+)"', text, re.MULTILINE):
        words = re.findall(r"\w+", entries[name])
        assert label in words and value in words, (name, value)


# ---- what the page of the daemon says of the program ----

BOUNDS = [  # of lib/base/limits.h, and how the page has them
    ("MQTT_PACKET_MAX", "Packets have at most {} bytes"),
    ("MQTT_TOPIC_MAX", "topics {} bytes"),
    ("MQTT_TOPIC_LEVELS_MAX", "and {} levels"),
    ("MQTT_CLIENT_ID_MAX", "client identifiers {} bytes"),
    ("MQTT_SUBS_PER_CLIENT_MAX", "A client may have {} subscriptions"),
    ("MQTT_QUEUE_MAX", "{} messages or 4 MiB wait for it"),
    ("MQTT_INFLIGHT_MAX", "{} are on their way to it"),
    ("MQTT_CLIENTS_MAX", "There are at most {} clients"),
    ("MQTT_SESSIONS_MAX", "and {} sessions"),
    ("MQTT_RETAINED_MAX", "at most {} messages or 8388608 bytes are retained"),
    ("MQTT_RETAINED_BYTES_MAX", "at most 4096 messages or {} bytes are retained"),
    ("MQTT_TOPIC_ALIAS_MAX", "A client may use {} topic aliases"),
    ("MQTT_RECEIVE_MAX", "have {} messages of QoS 1 and 2 without an answer"),
    ("MQTT_PROPERTIES_MAX", "put {} bytes of properties"),
    ("BRIDGE_QOS0_MAX", "kept in memory, at most {} or 1048576 bytes"),
    ("BRIDGE_QOS0_BYTES_MAX", "kept in memory, at most 256 or {} bytes"),
    ("MODEM_TOPIC_MAX", "takes topics of at most {} bytes"),
    ("MODEM_PAYLOAD_MAX", "payloads of at most {} bytes"),
    ("HTTP_CONNS_MAX", "At most {} connections are served at a time"),
    ("CTL_CONNS_MAX", "It has at most {} connections at a time"),
    ("CTL_CONNS_ADMIN", "{} of them for root and the daemon's own user alone"),
]


def test_every_bound_is_the_real_one():
    limits = dict(re.findall(r"^#define (\w+)\s+(\d+)", (TOP / "lib/base/limits.h").read_text(), re.MULTILINE))
    said = re.sub(r"\s+", " ", manual("cmqttd.8"))
    for name, words in BOUNDS:
        assert words.format(limits[name]) in said, (name, limits[name])


def test_every_exit_status_is_explained():
    text = (TOP / "daemon/cmqttd.h").read_text(encoding="utf-8")
    statuses = re.findall(r"CMQTTD_EXIT_\w+ = (\d+)", text)
    assert [heading for heading, _ in items(section(manual("cmqttd.8"), "EXIT STATUS"))] == statuses
    assert CMQTTCTL  # its own are in test_ctl.py
