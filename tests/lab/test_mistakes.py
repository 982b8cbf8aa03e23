"""Every mistake is told with its place, what is wrong and what is allowed, together with all the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.errors import LabError, Mistake
from netlab.lab.loading import from_definition, validate
from netlab.lab.mistakes import MOST, cut, did_you_mean, there_are
from tests.lab.texts import GOOD, changed, complaints, saved
from tests.lab.words import SMALL

HOSTS = [
    ("ip: 10.77.0.1/24", "ip: 10.77.0.300/24", "14:19: '10.77.0.300/24' is not an address of a NIC"),
    ("ip: 10.77.0.1/24", "ip: 10.77.0.1", "14:19: '10.77.0.1' is not an address of a NIC; write address and prefix"),
    ("ip: 10.77.0.1/24", "ip: 10.77.0.255/24", "14:19: 10.77.0.255/24 is not the address of one NIC"),
    ("ip: 10.77.0.1/24", "ip: 224.0.0.1/24", "14:19: 224.0.0.1/24 is not the address of one NIC"),
    ('"fd77::2/64"', '"fd77::2%nic-b/64"', "23:34: 'fd77::2%nic-b/64' is not an address of a NIC"),
    ("ip: 10.77.0.1/24", "ip: 10.77.0.2/24", "23:20: 10.77.0.2 is an address of server.nic-a already"),
    ("ip: 10.77.0.1/24", "ip: [10.77.0.1/24, 10.77.0.1/25]", "14:34: 10.77.0.1 is an address of server.nic-a already"),
    ("mac: 02:00:00:00:00:0a", "mac: 02:00", "14:38: '02:00' is not a MAC; write it like \"02:00:00:00:00:0a\""),
    ("mac: 02:00:00:00:00:0a", "mac: 03:00:00:00:00:0a", "14:38: 03:00:00:00:00:0a is not the MAC of one NIC"),
    ("mac: 02:00:00:00:00:0a", "mac: 00:00:00:00:00:00", "14:38: 00:00:00:00:00:00 is not the MAC of one NIC"),
    ("nic-b: {", "nic-b: {mac: 02:00:00:00:00:0A, ", "23:20: 02:00:00:00:00:0A is the MAC of server.nic-a already"),
    ("ip: 10.77.0.1/24", "mtu: 67, ip: 10.77.0.1/24", "14:20: mtu 67; an MTU is 68 to 65535 bytes"),
    ("ip: [10.77.0.2/24", "mtu: 1279, ip: [10.77.0.2/24", "23:20: mtu 1279; an MTU with IPv6 is 1280 to 65535 bytes"),
    ("ip: 10.77.0.1/24", "mtu: big, ip: 10.77.0.1/24", "14:20: mtu: found 'big'; expected a whole number"),
    ("ip: 10.77.0.1/24", "mtu: 1500.0, ip: 10.77.0.1/24", "14:20: mtu: found '1500.0'; expected a whole number"),
    (
        "nic-b: {",
        "nic-b: {}\n      sixteen-letters-: {",
        "24:7: 'sixteen-letters-' is not an interface name; at most 15",
    ),
    ("nic-b: {", "nic-b: {}\n      lo: {", "24:7: 'lo' is not an interface name; at most 15 letters"),
    ("nic-b: {", "nic-b: {}\n      a/b: {", "24:7: 'a/b' is not an interface name; at most 15 letters"),
    ("net.ipv4.tcp_orphan_retries", "kernel.panic", "15:15: sysctl 'kernel.panic'; sysctls of a host are dotted names"),
    ("net.ipv4.tcp_orphan_retries", "net/ipv4/../x", "15:15: sysctl 'net/ipv4/../x'; sysctls of a host are dotted"),
    (
        "tcp_orphan_retries: 1",
        "tcp_orphan_retries: ",
        "15:15: net.ipv4.tcp_orphan_retries: found nothing; expected a text",
    ),
    ("[client.nic-b]\n", "[client.nic-c]\n", "16:18: no NIC 'client.nic-c'; did you mean client.nic-b?"),
    ("[client.nic-b]\n", "[server.nic-a]\n", "16:18: server.nic-a is the host's own NIC; neighbours are NICs of"),
    ("argv: [true]", "argv: []", "19:15: argv is empty; give the command and its arguments"),
    ("argv: [true]", "env: {}", "19:9: argv is empty; give the command and its arguments: [nc, -l]"),
    ("argv: [true]", "argv: [a]\n        command: b", "20:18: argv and command, both; give one of them"),
    ("argv: [true]", 'command: "a \'b"', "19:18: command: No closing quotation; quotes come in pairs"),
    ("argv: [true]", 'command: " "', "19:18: command is empty; give the command and its arguments: nc -l"),
    ("port: {type", "scratch: {type", "9:3: a parameter called scratch; ${scratch} is netlab's own; choose another"),
    ("argv: [true]", "argv: [a]\n        env: {a=b: c}", "20:15: 'a=b' is not a variable's name; no = in it"),
    ("{port: 80}", "{}", "20:16: ready needs port or line, one of them; write ready: {port: 80}"),
    ("{port: 80}", "{port: 80, line: x}", "20:16: ready needs port or line, one of them; write ready: {port: 80}"),
    ("{port: 80}", "{port: 0}", "20:23: port 0; a port is a number from 1 to 65535"),
    ("{port: 80}", '{line: "("}', "20:23: '(': missing ), unterminated subpattern at position 0; a regular expression"),
    ("via: 10.77.0.1", "via: 10.78.0.1", "24:33: 10.78.0.1 is on no network of the host; its networks: 10.77.0.0/24"),
    ("via: 10.77.0.1", "via: 10.77.0.2", "24:33: 10.77.0.2 is the host itself; give the next hop's address"),
    ("via: 10.77.0.1", "via: server", "24:33: 'server' is not an address; give the next hop: 10.77.0.254"),
    ("to: default", "to: 10.0.0.1/8", "24:19: route to '10.0.0.1/8': 10.0.0.1/8 has host bits set; write 10.78.0.0/24"),
    ("to: default", 'to: "fd78::/64"', "24:37: 10.77.0.1 is IPv4, fd78::/64 is not; one family in one route"),
    ("  server:\n", "  send_er: {}\n  server:\n", "12:3: 'send_er' is not a host name; letters, digits, hyphens"),
    ("  server:\n", "  replug: {}\n  server:\n", "12:3: a host called replug; that word is a verb"),
    ("  server:\n", "  listen: {}\n  server:\n", "12:3: a host called listen; that word is a verb"),
    ("    routes:", "    route:", "24:5: unknown key 'route'; did you mean routes?"),
    ("  client:\n", "  spare: 5\n  client:\n", "21:10: spare: found '5'; expected a mapping"),
]

LINKS = [
    (
        "client.nic-b]\nsteps",
        "server.nic-a]\nsteps",
        "26:26: server.nic-a is in switch router already; a NIC is in one",
    ),
    ("client.nic-b]\nsteps", "client.nic]\nsteps", "26:26: no NIC or switch 'client.nic'; did you mean client.nic-b?"),
    ("client.nic-b]\nsteps", "router]\nsteps", "26:26: the trunk from router to router to itself; trunks form a tree"),
    (
        "client.nic-b]\nsteps",
        "left]\n  left: [right]\n  right: [router]\nsteps",
        "28:11: the trunk from right to router closes a loop; trunks form a tree",
    ),
    ("  router:", "  server:", "26:3: server is a host already; give the switch a name of its own"),
    (
        "client.nic-b]\nsteps:",
        "client.nic-b]\nwires: {w: [server.nic-a, x]}\nsteps:",
        "27:13: server.nic-a is in switch router",
    ),
    (
        "client.nic-b]\nsteps:",
        "client.nic-b]\nwires: {w: [server.nic-a, x]}\nsteps:",
        "27:27: no NIC 'x'; there are server.nic-a",
    ),
    (
        "client.nic-b]\nsteps:",
        "client.nic-b]\nwires: {w: [client.nic-b]}\nsteps:",
        "27:12: w: the list is too short; expected 2 items",
    ),
    (
        "client.nic-b]\nsteps:",
        "client.nic-b]\nwires: {w_1: [a, b]}\nsteps:",
        "27:9: 'w_1' is not a wire name; letters, digits",
    ),
]

STEPS = [
    ("socket: none", "socket: nope", "31:34: socket: found 'nope'; expected 'none', 'ESTABLISHED' or 'CLOSE'; did you"),
    ("within: 50ms", "within: 50", "31:48: within: '50' is not a duration; write it like 50ms or 5s (units:"),
    ("within: 50ms", "share: 200%", "31:47: share: '200%' is more than the whole; a ratio lies between 0 and 1"),
    ("within: 50ms", "weight: x", "31:48: weight: found 'x'; expected a number"),
    ("within: 50ms", "segment: {from: serer}", "31:56: no host 'serer'; did you mean server?"),
    ("within: 50ms", "segment: {form: server}", "31:50: unknown key 'form'; did you mean from?"),
    ("within: 50ms", "segment: server", "31:49: segment: found 'server'; expected a mapping"),
    ("within: 50ms", "hosts: [client, klient]", "31:56: no host 'klient'; did you mean client?"),
    ("within: 50ms", "hosts: klient", "31:47: no host 'klient'; did you mean client?"),
    ("after: dial", "after: nap", "31:61: no step before this one with the id 'nap'; there is dial"),
    ("host: server", "host: servr", "31:18: no host 'servr'; did you mean server?"),
    ('{listen: "${port}"}', "{listen: {port: 1, reuse: on}}", "28:39: reuse: found 'on'; expected true or false"),
    ('{listen: "${port}"}', "{listen: 70000}", "28:22: port '70000'; a port is a number from 1 to 65535"),
    ('{listen: "${port}"}', "{listen: {}}", "28:22: port is missing; port: The port"),
    ('{listen: "${port}"}', "{listen: }", "28:14: port is missing; port: The port"),
    ('{listen: "${port}"}', "{listen: [1]}", "28:22: listen: found a list; expected a whole number"),
    ('{listen: "${port}"}', "{lisen: 1}", "28:14: no action 'lisen'; did you mean listen?"),
    ('{listen: "${port}"}', "{wait: {}}", "28:14: no action 'wait'; there are connect, listen, receive"),
    ('{listen: "${port}"}', "{lisen: 1, within: 1s}", "28:14: no action 'lisen'; did you mean listen?"),
    (
        '{listen: "${port}"}',
        "{receive: hello, within: 1s}",
        "28:30: no action 'within' beside receive; what receive takes stands inside of it: {receive: {within: ...}}",
    ),
    ('{listen: "${port}"}', "{listen: 1, receive: x}", "28:13: server needs one action; write - server: {send: hello}"),
    ('{listen: "${port}"}', "{}", "28:13: server needs one action; write - server: {send: hello}"),
    ('{listen: "${port}"}', "listen", "28:13: server needs one action; write - server: {send: hello}"),
    ('server: {listen: "${port}"}', "listen: 9000", "28:5: listen is done by a host; write - HOST: {listen: ...}"),
    ("- finish: dialling", "- finnish: dialling", "30:5: no host, step or fault 'finnish'; did you mean finish?"),
    ("- finish: dialling", "- ~", "30:5: an entry without a verb; write one verb an entry"),
    ("- finish: dialling", "- {}", "30:5: an entry without a verb; write one verb an entry"),
    ("- finish: dialling", "- {finish: dialling, start: server.web}", "30:24: 2 verbs in one entry (finish, start)"),
    ("- finish: dialling", "- finish", "30:5: steps: found 'finish'; expected a mapping"),
    ("finish: dialling", "finish: dialing", "30:13: no step before this one in the background 'dialing'; did you mean"),
    ("id: nap", "id: dial", "34:10: id dial twice; step 2 has it already"),
    ("id: nap", "id: a nap", "34:10: 'a nap' is not a step name; letters, digits, hyphens, underscores"),
    ("id: nap", "id: [nap]", "34:10: id is not a word; letters, digits, hyphens, underscores"),
    ("id: nap", "background: dialling", "34:18: background dialling twice; step 2 has that name already"),
    ("client.worker: {connect", "server.web: {connect", "29:38: server.web is a program; actions are for endpoints"),
    ("pause: client.worker", "pause: client.wroker", "34:22: no endpoint 'client.wroker'; did you mean client.worker?"),
    ('"server:${port}"', '"serve:${port}"', "29:63: no host, NIC or address 'serve'; did you mean server?"),
    ('"server:${port}"', "server", "29:63: 'server' is not an address with a port; write it like server:9000"),
    ('"server:${port}"', '"10.0.0.1:0"', "29:63: port '0'; a port is a number from 1 to 65535"),
    ('"server:${port}"', '"[fd77::1:9000"', "29:63: no host, NIC or address '[fd77::1'"),
    ("requires: [nftables]", "family: ipv6", "29:63: server has no IPv6 address (family: ipv6); there is 10.77.0.1/24"),
    ("nic: server.nic-a", "nic: server.nic-x", "32:19: no NIC 'server.nic-x'; did you mean server.nic-a?"),
    ("replug: server.nic-a", "replug: client.nic-b", "33:13: no unplug of client.nic-b is in effect here; in effect:"),
    (
        "replug: server.nic-a",
        "replug: {nick: server.nic-a}",
        "33:13: replug needs the target of an unplug; write - rep",
    ),
    (
        "  - replug: server.nic-a\n",
        "  - replug:\n  - replug:\n",
        "34:5: no unplug is in effect here; in effect: nothing",
    ),
    ("heal: nap", "heal: dial", "35:11: no fault with the id 'dial' is in effect here; in effect: pause (nap)"),
    ("heal: nap", "heal: {id: nap}", "35:11: heal needs the id of a fault's step; write - heal: ID"),
    ("server.web\n", "server.wed\n", "36:12: no program 'server.wed'; did you mean server.web?"),
    ("receive: {}", "receive: {bytes: x, eof: true}", "37:23: receive: bytes and eof both; give one"),
]

EXPECT = [
    ("hello @server", "hello WORLD", "40:11: WORLD shouts; small letters"),
    ("hello @server", "hello WORLD\n    OH no", "41:5: OH shouts; small letters"),
    ("hello @server", "hello @serve", "40:11: no host 'serve'; did you mean server?"),
    ("-- replug --", "-- replag --", "41:5: no step with the id or verb 'replag'; did you mean replug?"),
    (
        "  - start:",
        "  - unplug: server.nic-a\n  - replug:\n  - start:",
        "43:5: replug stands for 2 steps; give the one",
    ),
    ("script: |", "scripts: |", "39:3: no expectation 'scripts'; did you mean script?"),
    ("{from: server, after", "{form: server, after", "42:11: unknown key 'form'; did you mean from?"),
    ("{from: server, after", "{after", "42:10: from is missing; from: Who sends it"),
    ("{from: server, after: dial}", "[{from: server}, {from: sever}]", "42:34: no host 'sever'; did you mean server?"),
    ("from: server, after: dial", "from: server, after: dail", "42:32: no step before this one with the id 'dail'"),
]

TOP = [
    ("name: small", "name: Small lab", "1:7: 'Small lab' is not a lab's name; letters, digits, hyphens"),
    ("name: small", "name:", "1:1: name: found nothing; expected a text"),
    ("title: A small lab\n", "", "1:1: title is missing; title: What it shows, in one line"),
    ("title: A small lab", "titel: A small lab", "2:1: unknown key 'titel'; did you mean title?"),
    ("claim: it loads", "claim: [it loads]", "3:8: claim: found a list; expected a text"),
    ("finding: confirmed", "finding: true", "5:10: finding: found 'true'; expected 'confirmed', 'refuted' or"),
    ("finding: confirmed", "finding: {expected: refuted, recorded: {6.18: no}}", "5:47: 6.18: found 'no'; expected"),
    ("requires: [nftables]", "requires: [nftable]", "7:12: no probe 'nftable'; did you mean nftables?"),
    ("requires: [nftables]", "family: ipv5", "7:9: family: found 'ipv5'; expected 'ipv4' or 'ipv6'; did you mean ipv"),
    ("requires: [nftables]", "takes: 60", "7:8: takes: '60' is not a duration; write it like 50ms or 5s"),
    ("requires: [nftables]", "capture: {snap: 10}", "7:17: snap 10; 64 to 262144 bytes of each frame"),
    ("requires: [nftables]", "capture: {ring: 1GB1}", "7:17: ring: '1GB1' is not a size; write it like 64KiB or 1500"),
    ("requires: [nftables]", "capture: {ring: 1kB}", "7:17: a ring of 1000 bytes; 64KiB to 1GiB"),
    ("requires: [nftables]", "played: {}", "7:1: unknown key 'played'; it belongs to records of runs"),
    ("hosts:\n", "hosts: {}\nhost:\n", "11:1: no hosts; a lab has at least one host"),
    ("hosts:\n", "hosts: many\nhost:\n", "11:8: hosts: found 'many'; expected a mapping"),
    ("steps:\n", "steps: 5\nstep:\n", "27:8: steps: found '5'; expected a list"),
    ("expect:\n", "expect: 5\nexpects:\n", "38:9: expect: found '5'; expected a mapping"),
    ("variants:\n", "variants: 5\nvariant:\n", "43:11: variants is no mapping; write variants: with a name in each"),
]

PARAMETERS = [
    ("default: 9000", 'default: "${how}"', "9:30: parameter port: 'remove' is not a whole number; write one like 9000"),
    ("default: 9000", 'default: "${port}"', "9:30: a cycle of parameters: port -> port; give one of them a value"),
    (
        "default: 9000, ",
        'default: "${a}"}\n  a: "${b}"\n  b: {default: "${port}", ',
        "9:30: a cycle of parameters: port -> a -> b -> port",
    ),
    ("default: 9000", 'default: "${prot}"', "9:31: unknown parameter 'prot'; did you mean port?"),
    ("type: int", "type: integer", "9:16: type: found 'integer'; expected 'text', 'int', 'float'"),
    ("type: int", "type: choice", "9:9: port: no choices; type: choice needs choices: [...]"),
    ("choices: [remove, down], default: remove", "default: remove", "10:8: how: no choices; type: choice needs"),
    (
        "default: remove}",
        "default: cable}",
        "10:57: parameter how: 'cable' is not one of its choices; there are remove",
    ),
    ('listen: "${port}"', 'listen: "${prot}"', "28:23: unknown parameter 'prot'; did you mean port?"),
    ('listen: "${port}"', 'listen: "${port"', "28:23: ${ without }; write ${name}, or $${ for a literal ${"),
    ("says: it loaded", "says: loaded by ${nobody}", "6:17: unknown parameter 'nobody'; there are port, how"),
    ("    hello @server", "    hello @server\n    more ${x}", "41:10: unknown parameter 'x'; there are port, how"),
    ('how: "${how}"', "how: down", "10:3: parameter how is used nowhere; write ${how} where it is meant"),
    ("set: {how: down}", "set: {haw: down}", "46:11: unknown parameter 'haw'; did you mean how?"),
    ("set: {how: down}", "set: {how: dawn}", "46:16: parameter how: 'dawn' is not one of its choices; did you mean d"),
    ("set: {how: down}", "set: how", "46:10: set: found 'how'; expected a mapping"),
    ("title: less is done", "titel: less is done", "48:5: unknown key 'titel'; did you mean title?"),
    ("title: less is done\n", "steps: []\n", "48:5: title is missing; title: What is different, in one line"),
    ("  short:\n", "  too short:\n", "47:3: 'too short' is not a variant name; letters, digits, hyphens, underscores"),
    (
        '      - server: {listen: "${port}"}\n',
        "      - server: {listen: x}\n",
        "51:26: listen: found 'x'; expected a whole number",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), [*HOSTS, *LINKS, *STEPS, *EXPECT, *TOP, *PARAMETERS])
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = complaints(tmp_path, changed(old, new))
    assert any(line.startswith(expected) for line in found), found
    assert all("; " in line for line in found), "what is allowed is missing"


def test_the_good_lab_has_none(tmp_path: Path) -> None:
    assert complaints(tmp_path, GOOD) == []


def test_mistakes_of_every_part_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD
    for old, new in [
        ("title: A small lab", "title: [A small lab]"),
        ("requires: [nftables]", "requires: [nft]\nrequires: [nft]"),
        ("default: 9000", "default: ten"),
        ("ip: 10.77.0.1/24", "ip: 10.77.0.1"),
        ("via: 10.77.0.1", "via: 10.78.0.1"),
        ("[server.nic-a, client.nic-b]", "[server.nic-a, client.nic-x]"),
        ("socket: none", "socket: nope"),
        ("replug: server.nic-a", "replug: client.nic-b"),
        ("hello @server", "HELLO"),
        ("title: less is done", "titel: less is done"),
    ]:
        text = text.replace(old, new, 1)
    lines = [int(line.split(":")[0]) for line in complaints(tmp_path, text)]
    assert lines == sorted(lines)
    assert sorted(set(lines)) == [2, 7, 8, 10, 15, 25, 27, 32, 34, 41, 49]


def test_a_mistake_that_only_a_variant_has_says_so_and_is_told_once(tmp_path: Path) -> None:
    text = changed("choices: [remove, down]", "choices: [remove, down, cable]")
    text = text.replace("set: {how: down}", "set: {how: cable}\n  again:\n    title: the same\n    set: {how: cable}")
    assert complaints(tmp_path, text) == [
        "32:38: how: found 'cable' (in variant down); expected 'remove' or 'down'",
    ]


def test_what_follows_from_a_mistake_is_not_told_again(tmp_path: Path) -> None:
    assert len(complaints(tmp_path, changed("default: 9000", "default: ten"))) == 1
    assert len(complaints(tmp_path, changed("type: int", "type: whole"))) == 1
    assert len(complaints(tmp_path, changed("hosts:\n", "hosts: {}\nhost:\n"))) == 2


def test_a_definition_says_the_path_of_a_mistake() -> None:
    with pytest.raises(LabError) as caught:
        from_definition({"name": "x", "title": "y", "hosts": {"a": {"nics": {"n": {"ip": ["1"]}}}}}, words=SMALL)
    assert str(caught.value) == (
        "definition: hosts.a.nics.n.ip[0]: '1' is not an address of a NIC; "
        "write address and prefix length: 10.77.0.1/24 or fd77::1/64"
    )


def test_validate_returns_what_load_raises(tmp_path: Path) -> None:
    path = saved(tmp_path, changed("finding: confirmed", "finding: maybe"))
    assert [mistake.line for mistake in validate(path, words=SMALL)] == [5]
    assert validate(saved(tmp_path, GOOD), words=SMALL) == []


def test_a_thousand_mistakes_are_cut_to_what_a_person_reads() -> None:
    found = cut([Mistake(line, 1, "x") for line in range(1000, 0, -1)])
    assert len(found) == MOST + 1
    assert found[0].line == 1 and found[-1].wrong == f"and {1000 - MOST} more mistakes after this one"


def test_suggestions_name_what_was_meant_or_what_there_is() -> None:
    assert did_you_mean("clint", ["server", "client"]) == "did you mean client?"
    assert did_you_mean("xyz", ["server", "client"]) == "there are server, client"
    assert there_are([f"h{i}" for i in range(20)]).endswith("h11 and 8 more")
    assert there_are([], "host") == "there is no host"
