"""Plays many labs, several at once, and says what was found of each one's claim.

    labs                 which labs and variants are meant
    runner               plays them side by side and yields an Outcome as each ends: the client's half
    forks                the process that is warm, and forks one process for each run
    outcome              what came of one lab in one variant
    claim evidence       an Outcome as a row of the catalogue of claims (docs/claims.md)
    markdown html        the catalogue of claims as a page
    recording            writes what was found into the lab files

Rules: above the orchestrator, below the command line. One lab's failure, lack or death is its own outcome and never
ends the others.
"""
