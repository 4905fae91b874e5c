"""Where things are."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERE = ROOT / "tests" / "bench"
PAGE = ROOT / "docs" / "PERFORMANCE.md"
# Everything that is installed or written.
TARGET = ROOT / "target" / "bench"
RUNS = TARGET / "runs"
LOGS = TARGET / "logs"
RESULTS = TARGET / "results.json"
CARGO_TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
