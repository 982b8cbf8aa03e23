"""All checks of a record, the worst of them, and one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

from netlab.judge import verdict
from netlab.records import Segment, SocketTable, Step, Verdict, record_from_json, record_to_json
from tests.judge.builder import HALF_OPEN_LAB, Builder, Lab, half_open, judged


def test_the_half_open_run_passes_in_one_sentence() -> None:
    record = judged(half_open())
    assert record.verdict is Verdict.PASS
    assert record.sentence == (
        "pass: the connection was half-open: at 0.730 s client was ESTABLISHED while server held no socket for it; "
        '"world" (packet 6) was answered by RST (NO_SOCKET), packet 7.'
    )
    assert len(record.checks) == 7


def test_a_lab_may_say_it_in_its_own_words() -> None:
    record = judged(half_open(), replace(HALF_OPEN_LAB, says="nobody was there."))
    assert record.sentence == "pass: nobody was there."


def test_a_failure_says_what_and_why_instead() -> None:
    run = half_open()
    run.segment(735, "server", "F.", 1, 6)
    record = judged(run, replace(HALF_OPEN_LAB, says="nobody was there"))
    assert record.verdict is Verdict.FAIL
    assert record.sentence.startswith(
        "fail: look: half-open client: it only looked half-open: the FIN of server waited"
    )
    assert record.sentence.endswith("(and 2 more)")


def test_the_worst_check_is_the_verdict() -> None:
    run = half_open()
    run.events = [event for event in run.events if not isinstance(event, SocketTable)]
    assert judged(run).verdict is Verdict.UNKNOWN
    run.segment(735, "server", "F.", 1, 6)
    assert judged(run).verdict is Verdict.FAIL


def test_a_lab_that_expects_nothing_is_unknown() -> None:
    record = judged(half_open(), Lab())
    assert (record.verdict, record.checks) == (Verdict.UNKNOWN, ())
    assert record.sentence == "unknown: the lab expects nothing, so nothing was shown"


def test_steps_that_were_not_played_are_unknown() -> None:
    record = judged(Builder(), Lab(steps=HALF_OPEN_LAB.steps))
    assert [check.verdict for check in record.checks] == [Verdict.UNKNOWN] * 6
    assert record.verdict is Verdict.UNKNOWN
    assert [check.step for check in record.checks] == [0, 1, 2, 3, 4, 5]


def test_a_fault_that_could_not_be_played_fails() -> None:
    run = half_open()
    run.events = [
        replace(event, error="no such NIC") if isinstance(event, Step) and event.index == 1 else event
        for event in run.events
    ]
    record = judged(run)
    assert record.sentence.startswith("fail: step 2: replug server.nic-a: no such NIC")


def test_a_capture_with_holes_is_unknown_whatever_the_lab_asks() -> None:
    run = half_open()
    run.trouble("wire", "client: 3 packets dropped")
    record = judged(run, Lab(steps=HALF_OPEN_LAB.steps[3:]))
    assert record.verdict is Verdict.UNKNOWN
    assert record.sentence == "unknown: witnesses: the wire witness: client: 3 packets dropped"


def test_trouble_of_the_kernels_witness_alone_is_no_doubt_about_the_wire() -> None:
    run = half_open()
    run.trouble("kernel", "no tracefs")
    assert judged(run).verdict is Verdict.PASS


def test_an_interrupted_run_is_unknown_at_best() -> None:
    run = half_open()
    run.more["interrupted"] = "Ctrl-C"
    assert judged(run).verdict is Verdict.UNKNOWN


def test_judging_again_changes_nothing() -> None:
    once = judged(half_open())
    again = verdict.judge(HALF_OPEN_LAB, record_from_json(json.loads(json.dumps(record_to_json(once)))))
    assert again == once


def test_exit_codes() -> None:
    assert [verdict.exit_code(each) for each in Verdict] == [0, 3, 1]


def test_judging_needs_neither_the_kernel_nor_pydantic() -> None:
    code = (
        "import sys\n"
        "for name in ('fcntl', 'pwd', 'grp', 'resource', 'termios', 'pyroute2', 'pydantic', 'ruamel', 'asyncio'):\n"
        "    sys.modules[name] = None\n"
        "from netlab.judge import verdict, diagnosis, resets\n"
        "from netlab.expectations import EXPECTATIONS\n"
        "from netlab.steps import STEPS\n"
        "EXPECTATIONS.all(), [STEPS[word] for word in ('check', 'half-open', 'impostor')]\n"
        "print(*[name for name in sys.modules if name.startswith(('netlab.kernel', 'netlab.agent'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")


def test_segments_of_the_wire_may_be_missing_while_the_lab_is_played() -> None:
    """The orchestrator asks each step at once: without the wire nothing fails that may still pass."""
    run = half_open()
    run.events = [event for event in run.events if not isinstance(event, Segment)]
    steps = judged(run, Lab(steps=HALF_OPEN_LAB.steps))
    assert Verdict.FAIL not in [check.verdict for check in steps.checks]
