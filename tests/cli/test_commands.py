"""list, show, validate, schema, new, and how mistakes are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import GOOD_LAB, lab_folder, netlab

COMMANDS = ["run", "list", "show", "validate", "judge", "doctor", "schema", "new"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples(command: str) -> None:
    done = netlab(command, "--help")
    assert done.returncode == 0
    assert f"  netlab {command}" in done.stdout.partition("Examples:")[2]
    assert "\b" not in done.stdout


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["list", "--nonsense"], ["run", "a", "b"], ["judge"], ["--set", "a=b"]]
)
def test_wrong_usage_exits_2_with_a_message_and_no_traceback(arguments: list[str]) -> None:
    done = netlab(*arguments)
    assert done.returncode == 2
    assert "Usage: netlab" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [["show", "no-such-lab"], ["run", "no-such-lab"], ["show", "no/such/lab.yaml"]])
def test_unknown_lab_exits_2(arguments: list[str]) -> None:
    done = netlab(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("netlab: find the lab 'no") or "no" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("setting", ["how", "=down", ""])
def test_setting_that_is_not_key_value_exits_2(tmp_path: Path, setting: str) -> None:
    done = netlab("run", "hello", "--labs", lab_folder(tmp_path), "--set", setting)
    assert done.returncode == 2
    assert "KEY=VALUE" in done.stderr


@pytest.mark.parametrize("before", [True, False])
def test_labs_folder_is_taken_before_and_after_the_command(tmp_path: Path, before: bool) -> None:
    option = ["--labs", str(lab_folder(tmp_path))]
    done = netlab(*(option if before else []), "list", *([] if before else option), cwd=tmp_path)
    assert done.returncode == 0
    assert "hello" in done.stdout
    assert "on another port" in done.stdout


def test_list_as_json_is_one_document(tmp_path: Path) -> None:
    done = netlab("list", "--labs", lab_folder(tmp_path), "--json", cwd=tmp_path)
    labs = {lab["name"]: lab for lab in json.loads(done.stdout)["labs"]}
    assert labs["hello"]["variants"] == {"other": "on another port", "third": "on a third one"}
    assert done.stderr == ""


def test_list_shows_a_broken_lab_with_its_first_mistake(tmp_path: Path) -> None:
    done = netlab("list", "--labs", lab_folder(tmp_path, "broken", "name: [\n"), cwd=tmp_path)
    assert done.returncode == 0
    assert "✗" in next(line for line in done.stdout.splitlines() if line.startswith("broken"))


def test_lab_in_the_current_folder_hides_others_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "labs" / "hello").mkdir(parents=True)
    (tmp_path / "labs" / "hello" / "lab.yaml").write_text(GOOD_LAB.replace("Two hosts", "My own hosts"))
    done = netlab("list", "--labs", lab_folder(tmp_path), cwd=tmp_path)
    assert "My own hosts" in done.stdout
    assert "Two hosts" not in done.stdout


def test_show_tells_claim_network_steps_and_variants(tmp_path: Path) -> None:
    done = netlab("show", "hello", "--labs", lab_folder(tmp_path), "--variant", "other")
    assert done.returncode == 0, done.stderr
    for text in ("hello (other)", "a connection can be made", "RFC 9293", "├── server.eth0", "└── client.eth0"):
        assert text in done.stdout
    assert "connect server:9001" in done.stdout
    assert "port = 9001" in done.stdout
    assert "on a third one" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 98


def test_show_takes_a_path_and_gives_one_json_document(tmp_path: Path) -> None:
    done = netlab("show", lab_folder(tmp_path) / "hello" / "lab.yaml", "--json")
    shown = json.loads(done.stdout)
    assert (shown["name"], shown["variant"]) == ("hello", None)
    assert shown["definition"]["hosts"]["server"]
    assert done.stderr == ""


def test_validate_says_nothing_is_wrong_or_everything_that_is(tmp_path: Path) -> None:
    good = lab_folder(tmp_path) / "hello" / "lab.yaml"
    bad = lab_folder(tmp_path, "bad", GOOD_LAB.replace("title:", "titel:")) / "bad" / "lab.yaml"
    assert netlab("validate", good).returncode == 0
    done = netlab("validate", good, bad)
    assert done.returncode == 2
    assert f"{good}: a valid lab" in done.stdout
    assert f"{bad}:2:1: " in done.stdout


def test_validate_as_json_lists_the_mistakes_of_each_file(tmp_path: Path) -> None:
    bad = lab_folder(tmp_path, "bad", "name: [\n") / "bad" / "lab.yaml"
    done = netlab("validate", bad, tmp_path / "missing.yaml", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 2
    assert document["valid"] is False
    assert [file["valid"] for file in document["files"]] == [False, False]
    assert document["files"][0]["mistakes"][0]["line"] >= 1
    assert done.stderr == ""


def test_schema_is_a_json_schema() -> None:
    done = netlab("schema")
    assert done.returncode == 0
    assert "$schema" in json.loads(done.stdout)


def test_new_lab_is_valid_and_never_overwritten(tmp_path: Path) -> None:
    done = netlab("new", "my-lab", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "labs" / "my-lab"
    assert (made / "README.md").is_file()
    assert netlab("validate", made / "lab.yaml").returncode == 0
    before = (made / "lab.yaml").read_bytes()
    again = netlab("new", "my-lab", cwd=tmp_path)
    assert again.returncode == 2
    assert (made / "lab.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["../outside", "Has Space", "", "a/b", "."])
def test_new_lab_with_a_name_that_is_none_exits_2(tmp_path: Path, name: str) -> None:
    done = netlab("new", name, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == []


def test_doctor_as_json_is_one_document() -> None:
    done = netlab("doctor", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["runs"] else 3)
    assert {"probe", "group", "question", "required", "status", "text", "remedy"} == set(document["probes"][0])


def test_doctor_names_each_probe_with_what_it_found() -> None:
    from netlab.probes import GROUPS, PROBES

    done = netlab("doctor")
    assert [word for word in PROBES.words if f" {word} " not in done.stdout] == []
    headings = [line for line in done.stdout.splitlines() if line in GROUPS.values()]
    assert headings == list(GROUPS.values())
