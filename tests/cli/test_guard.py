"""Every error has its exit code and its message; none has a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from netlab.cli.guard import guarded
from netlab.errors import (
    CleanupError,
    KernelError,
    LabError,
    Mistake,
    NeedError,
    NetlabError,
    RecordError,
    StepError,
    UsageError,
)


def ending(error: BaseException) -> int:
    """The exit code of a command that raises this."""

    @guarded
    def command() -> int:
        raise error

    with pytest.raises(typer.Exit) as end:
        command()
    return int(end.value.exit_code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LabError("lab.yaml", [Mistake(3, 5, "no host 'x'", "there are a, b")]), 2),
        (UsageError("run into /tmp: it is not empty"), 2),
        (RecordError("read record.json: no such file"), 2),
        (NeedError("make namespaces: EPERM"), 3),
        (KernelError("add a link", "server", "nic-a", 17), 3),
        (StepError("kill server: it is gone"), 3),
        (CleanupError("namespace 4026532 is still there"), 3),
        (NetlabError("run the lab: its supervisor failed"), 3),
        (PermissionError(13, "Permission denied", "/root/x"), 3),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_has_its_exit_code_and_one_line(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(error) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_lab_mistakes_begin_with_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    ending(LabError("lab.yaml", [Mistake(9, 1, "b"), Mistake(3, 5, "a")]))
    assert capsys.readouterr().err == "lab.yaml:3:5: a\nlab.yaml:9:1: b\n"


def test_defect_is_called_one_and_keeps_its_traceback_in_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.delenv("NETLAB_DEBUG", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert ending(ZeroDivisionError("division by zero")) == 3
    err = capsys.readouterr().err
    assert "a defect of netlab" in err
    assert "Traceback" not in err
    kept = list(tmp_path.glob("netlab-defect-*.txt"))
    assert len(kept) == 1
    assert str(kept[0]) in err
    assert "ZeroDivisionError" in kept[0].read_text()


def test_defect_shows_its_traceback_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETLAB_DEBUG", "1")
    ending(ZeroDivisionError("division by zero"))
    assert "Traceback" in capsys.readouterr().err


def test_exit_code_of_a_command_is_its_own() -> None:
    @guarded
    def command() -> int:
        return 1

    with pytest.raises(typer.Exit) as end:
        command()
    assert end.value.exit_code == 1
