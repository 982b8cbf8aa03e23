"""Asks a Redis server one question a line, and says what comes back.

    python3 client.py HOST [OPTION=VALUE …] < COMMANDS

The options are those of redis.Redis; `retry=none` switches its own retries off. An error ends it.
"""

import ast
import sys
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

options = dict(option.split("=", 1) for option in sys.argv[2:])
options = {name: None if value == "none" else ast.literal_eval(value) for name, value in options.items()}
if "retry" in options:
    options["retry"] = Retry(NoBackoff(), 0)
client = redis.Redis(sys.argv[1], decode_responses=True, **options)
client.ping()
print(f"connected, redis-py {redis.__version__}", flush=True)
for question in sys.stdin:
    asked = time.monotonic()
    try:
        print("answer:", client.execute_command(*question.split()), flush=True)
    except redis.RedisError as error:
        sys.exit(f"after {time.monotonic() - asked:.1f} s: {type(error).__name__}: {error}")
