"""Runs `kpl_producer.py` in its own environment (.venv/kpl, or ANA_KPL_PYTHON)."""
import os
import pathlib

from conformance import REPOSITORY
from walk import walk

PYTHON = os.environ.get("ANA_KPL_PYTHON", str(REPOSITORY / ".venv" / "kpl" / "bin" / "python"))
PRODUCER = pathlib.Path(__file__).parent / "kpl_producer.py"


def put_aggregated(cluster, stream: str, prefix: str, keys: int, rounds: int) -> list[dict]:
    """What became of each user record, in the order in which they were given to the producer."""
    command = [PYTHON, str(PRODUCER), cluster.endpoint, stream, prefix, str(keys), str(rounds)]
    told = walk(command, "aiokpl", "HTTP/1.1", cluster.environment())
    return [each for each in told if "record" in each]
