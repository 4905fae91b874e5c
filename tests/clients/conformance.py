"""What the clients really called, and the page made of it.

A client's calls are recorded where the client itself reports them (botocore's events, an SDK's interceptor), never from
a list. Each stage of `scripts/test` leaves one file per client in target/conformance/STAGE, the Rust tests in e2e among
them; `docs/CONFORMANCE.md` is made of all of them:

    scripts/test e2e clients kcl conformance

A cell is filled only by calls that were answered, in tests that passed. An operation nobody called fails the run.
"""
import argparse
import collections
import datetime
import functools
import json
import os
import pathlib
import re
import sys
import threading

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RECORDS = REPOSITORY / "target" / "conformance"
STAGES = ("e2e", "clients", "kcl")
# A run by hand, of a few tests perhaps, is written where no page is made of it.
FOLDER = pathlib.Path(os.environ.get("ANA_CONFORMANCE_DIR", RECORDS / "by-hand"))
PAGE = REPOSITORY / "docs" / "CONFORMANCE.md"

# The promise: every operation of the model of May 2026.
OPERATIONS = """
AddTagsToStream CreateStream DecreaseStreamRetentionPeriod DeleteResourcePolicy DeleteStream DeregisterStreamConsumer
DescribeAccountSettings DescribeLimits DescribeStream DescribeStreamConsumer DescribeStreamSummary
DisableEnhancedMonitoring EnableEnhancedMonitoring GetRecords GetResourcePolicy GetShardIterator
IncreaseStreamRetentionPeriod ListShards ListStreamConsumers ListStreams ListTagsForResource ListTagsForStream
MergeShards PutRecord PutRecords PutResourcePolicy RegisterStreamConsumer RemoveTagsFromStream SplitShard
StartStreamEncryption StopStreamEncryption SubscribeToShard TagResource UntagResource UpdateAccountSettings
UpdateMaxRecordSize UpdateShardCount UpdateStreamMode UpdateStreamWarmThroughput
""".split()

JAVA = "2.33.0, the newest that can be had without Maven, does not know the four operations that came after it"
# The page's columns, left to right: file name, heading, and what a reader must know about the client's gaps.
COLUMNS = [
    ("boto3", "boto3", ""),
    ("aws-cli", "AWS CLI", "the CLI has no command for SubscribeToShard: AWS removed it"),
    ("js-h2c", "JS h2c", ""),
    ("js-tls", "JS TLS", ""),
    ("rust", "Rust", ""),
    ("java-http1", "Java 1.1", JAVA),
    ("java-h2c", "Java h2c", JAVA),
    ("java-tls", "Java TLS", JAVA),
    ("kcl-polling", "KCL poll", "the KCL calls what it needs and nothing else"),
    ("kcl-fanout", "KCL fan-out", "the KCL calls what it needs and nothing else"),
    ("aiokpl", "aiokpl", "a producer calls what it needs and nothing else"),
]



class Recorder:
    """Collects (client, operation, answered or refused) per test, and writes one file per client at the end."""

    def __init__(self):
        self.facts = {}
        self.calls = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
        self.failed_tests = set()
        self.test = None
        self.lock = threading.Lock()  # tests call from threads of their own

    def client(self, name: str, version: str, transport: str, body: str):
        with self.lock:
            facts = self.facts.setdefault(name, {"version": version, "transport": set(), "body": set()})
            facts["transport"].add(transport)
            facts["body"].add(body)

    def call(self, name: str, operation: str, answered: bool):
        assert name in self.facts, f"{name} was never introduced"
        with self.lock:
            self.calls[name][self.test][(operation, answered)] += 1

    def write(self):
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name, facts in self.facts.items():
            answered, refused, failed = collections.Counter(), collections.Counter(), set()
            for test, calls in self.calls[name].items():
                for (operation, good), count in calls.items():
                    (answered if good else refused)[operation] += count
                    if test in self.failed_tests:
                        failed.add(operation)
            document = {
                "version": facts["version"],
                "transport": sorted(facts["transport"]),
                "body": sorted(facts["body"]),
                "when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
                "tests": sorted(self.calls[name]),
                "answered": dict(sorted(answered.items())),
                "refused": dict(sorted(refused.items())),
                "failed": sorted(failed),
            }
            (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def load() -> dict[str, dict]:
    """What is known of each client: the stages that ran it, taken together."""
    found = {}
    for name, _, _ in COLUMNS:
        parts = [json.loads(path.read_text()) for stage in STAGES if (path := RECORDS / stage / f"{name}.json").exists()]
        if parts:
            found[name] = functools.reduce(together, parts)
    return found


def together(one: dict, other: dict) -> dict:
    union = {key: sorted({*one[key], *other[key]}) for key in ("transport", "body", "tests", "failed")}
    sums = {key: collections.Counter(one[key]) + collections.Counter(other[key]) for key in ("answered", "refused")}
    return {**union, **sums, "version": other["version"], "when": max(one["when"], other["when"])}


def cell(seen: dict, operation: str) -> str:
    if operation in seen["failed"]:
        return "**failed**"
    return "✓" if seen["answered"].get(operation) else ""


def page(found: dict[str, dict]) -> str:
    columns = [(name, heading, note) for name, heading, note in COLUMNS if name in found]
    lines = [
        "# Conformance: real, unmodified clients against three real nodes",
        "Generated by `scripts/test e2e clients kcl conformance` from what the clients themselves reported; do not edit.",
        "",
        "✓: called, answered, and every test that called it passed. Empty: this client did not call it. "
        "The nodes run as `ana up` starts them: three zones, three processes, one address.",
        "",
        "| operation | " + " | ".join(heading for _, heading, _ in columns) + " |",
        "|---|" + ":-:|" * len(columns),
    ]
    for operation in OPERATIONS:
        lines.append(f"| {operation} | " + " | ".join(cell(found[name], operation) for name, _, _ in columns) + " |")
    totals = [sum(cell(found[name], operation) == "✓" for operation in OPERATIONS) for name, _, _ in columns]
    lines.append("| **of 39** | " + " | ".join(map(str, totals)) + " |")
    lines += ["", "| client | version | transport | body | tests | run on |", "|---|---|---|---|---|---|"]
    for name, heading, note in columns:
        seen = found[name]
        row = [heading, seen["version"], ", ".join(seen["transport"]), ", ".join(seen["body"]),
               str(len(seen["tests"])), seen["when"]]
        lines.append("| " + " | ".join(row) + " |")
    notes = [f"- {heading}: {note}." for _, heading, note in columns if note]
    lines += ["", "## Gaps by design", *notes, "", "## What was run"]
    for name, heading, _ in columns:
        by_file = collections.Counter(test.split("::")[0] for test in found[name]["tests"])
        files = ", ".join(f"`{file}` ({count})" for file, count in sorted(by_file.items()))
        lines.append(f"- {heading}: {files}")
    return "\n".join(lines) + "\n"


def without_dates(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", "", text)


def complaints(found: dict[str, dict]) -> list[str]:
    missing = [name for name, _, _ in COLUMNS if name not in found]
    wrong = [f"no record of {name}: run its stage first" for name in missing]
    for operation in OPERATIONS:
        if not any(cell(seen, operation) == "✓" for seen in found.values()):
            wrong.append(f"{operation}: no client called it and was answered")
        wrong += [f"{operation}: a test of {name} failed" for name, seen in found.items() if operation in seen["failed"]]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes docs/CONFORMANCE.md of what the clients recorded.")
    parser.add_argument("--dates", action="store_true", help="write the page even when only its dates changed")
    arguments = parser.parse_args()
    found = load()
    wrong = complaints(found)
    for each in wrong:
        print(f"conformance: {each}", file=sys.stderr)
    if wrong:
        return 1
    made = page(found)
    known = PAGE.read_text() if PAGE.exists() else ""
    if arguments.dates or without_dates(made) != without_dates(known):
        PAGE.write_text(made)
        print(f"wrote {PAGE.relative_to(REPOSITORY)}")
    answered = sum(cell(seen, operation) == "✓" for seen in found.values() for operation in OPERATIONS)
    print(f"all {len(OPERATIONS)} operations were answered; {answered} pairs of operation and client")
    return 0


if __name__ == "__main__":
    sys.exit(main())
