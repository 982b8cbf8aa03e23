"""What judges a run. Pure: records in, checks and sentences out, on any operating system and without privileges.

    script.py  ──▶ match.py        the wire script, and whether the wire did what it says
    resets.py                      one RST as three witnesses tell it
    diagnosis.py ──▶ origin.py     half-open or impostor; where an RST came from
    verdict.py                     all checks of a record, the worst of them, and one sentence

Rules: nothing here imports a plugin folder, the kernel, pydantic or a clock. Plugins (steps, expectations, outputs)
import from here.
"""
