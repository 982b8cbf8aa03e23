"""Asks a PostgreSQL server one question a line, and says what comes back: python3 client.py CONNINFO < QUESTIONS.

CONNINFO is libpq's: "host=server user=postgres keepalives_idle=1". An error ends it, as it would end most programs.
"""

import sys
import time

import psycopg

connection = psycopg.connect(sys.argv[1], autocommit=True)
print("connected", flush=True)
for question in sys.stdin:
    asked = time.monotonic()
    try:
        print("answer:", connection.execute(question).fetchone()[0], flush=True)
    except psycopg.OperationalError as error:
        waited = time.monotonic() - asked
        sys.exit(f"after {waited:.1f} s: {' / '.join(str(error).split(chr(10)))}")
