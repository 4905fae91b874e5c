"""The work: the same for every server of the Kinesis API, and as near to it as their protocols allow for the others."""
import dataclasses
import json
import os
import statistics

from . import processes
from .anabranch import Lacking, displayed_load
from .disk import DiskProbe
from .paths import RUNS
from .processes import Failed
from .servers import displayed

RECORD_BYTES = 1024
# Over what its work is to last, a program that drives a server may take so long.
GRACE_S = 300
# Reading ends at the tip; it is broken off, and failed, after so long.
READ_MAX_S = 120


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much of everything."""
    runs: int
    seconds: int
    quick: bool

    def scaled(self, full, quick):
        return quick if self.quick else full


@dataclasses.dataclass(frozen=True)
class Case:
    """One run of `ana bench`: a name for the results, words for people, and what it is told. Filled in are {fill}, records
    that are there before it is read, {half}, half the rate that the case batch-1 had just reached, and {gigabyte}. Where it
    is about how long things take at a given rate, a probe of the disk runs beside it."""
    name: str
    label: str
    bench: str
    flags: tuple = ()
    shards: int = 1
    only_ours: bool = False
    probes_disk: bool = False


BATCH = ("--records-per-request", "500", "--record-bytes", RECORD_BYTES, "--in-flight", "4")
SINGLE = ("--single", "--record-bytes", RECORD_BYTES)

# What needs little goes first, so that it does not find what more has left behind.
CASES = [
    Case("single-1", "PutRecord, 1 in flight", "put", (*SINGLE, "--in-flight", "1")),
    Case("single-64", "PutRecord, 64 in flight", "put", (*SINGLE, "--in-flight", "64")),
    Case("single-256", "PutRecord, 256 in flight", "put", (*SINGLE, "--in-flight", "256")),
    Case("single-256-4", "PutRecord, 256 in flight, 4 shards", "put", (*SINGLE, "--in-flight", "256"), shards=4),
    Case("batch-1", "PutRecords x 500, 4 in flight, 1 shard", "put", BATCH),
    Case("batch-16", "PutRecords x 500, 4 in flight, 16 shards", "put", BATCH, shards=16),
    Case("get-1", "GetRecords from the start, 1 shard", "get", ("--fill-records", "{fill}")),
    Case("get-16", "GetRecords from the start, 16 shards", "get", ("--fill-records", "{fill}"), shards=16),
    Case("batch-100kb", "PutRecords x 100, 4 in flight, 1 shard", "put",
         ("--records-per-request", "100", "--record-bytes", RECORD_BYTES, "--in-flight", "4"), only_ours=True),
    Case("fanout", "put to fan-out push, 1,000 records/s", "fanout",
         ("--rate", "1000", "--record-bytes", RECORD_BYTES), shards=4, only_ours=True, probes_disk=True),
    Case("mixed", "writing at half speed beside a reader of an old gigabyte", "mixed",
         ("--rate", "{half}", "--record-bytes", RECORD_BYTES, "--fill-records", "{gigabyte}"), only_ours=True,
         probes_disk=True),
]

# In flight and logs of the peers that have protocols of their own.
REPLICATED_CASES = {
    "single-1": (1, 1), "single-64": (64, 1), "single-256": (256, 1), "single-2048": (2048, 1),
    "single-256-4": (256, 4), "single-2048-4": (2048, 4),
}


def kinesis_command(server, case, plan, stream, batch_rate=None):
    """What `ana` is told."""
    if "{half}" in case.flags and not batch_rate:
        raise Lacking("half of what? The case batch-1 was not measured")
    values = {
        "fill": plan.scaled(server.fill, max(server.fill // 10, 1000)),
        "half": (batch_rate or 0) // 2,
        "gigabyte": plan.scaled(10**9, 10**8) // RECORD_BYTES,
    }
    flags = [str(it).format(**values) for it in case.flags]
    seconds = READ_MAX_S if case.bench == "get" else plan.seconds
    return [
        "--endpoint", server.endpoint, "bench", case.bench, "--stream", stream, "--shards", str(case.shards),
        *flags, "--seconds", str(seconds), "-o", "json",
    ]


def drive(server, program, arguments, shown, plan, log):
    """Runs a load generator against a running server, measured from outside as well."""
    os.sync()  # what an earlier case has written is not paid for by this one
    first = processes.used(server.processes)
    # 1: it has its figures and is not content, as with a peer that gives back fewer records than it took. That is told,
    # and is no reason to leave the peer's speed out.
    good = (0,) if server.name == "ana" else (0, 1)
    out = processes.run([program, *arguments], log=log, timeout_s=plan.seconds * 10 + GRACE_S, good=good)
    last = processes.used(server.processes)
    try:
        told = json.loads(out)
    except ValueError:
        raise Failed(f"{shown}: no JSON: {out[-200:]!r}") from None
    figures = {**told, **processes.percent(first, last), "rss_mib_servers": processes.resident_mib(server.pids())}
    return {**figures, "command": shown}


def run_kinesis(server, ana, case, plan, turn, logs, batch_rate):
    ana.ensure_has(("bench", case.bench), case.flags)
    arguments = kinesis_command(server, case, plan, f"{case.name}-{turn}", batch_rate)
    told = (displayed(displayed_load(arguments)), plan, logs / f"{server.name}-load.log")
    if not case.probes_disk:
        return drive(server, ana.path, arguments, *told)
    with DiskProbe(RUNS) as probe:
        figures = drive(server, ana.path, arguments, *told)
    return {**figures, "disk_probe": probe.figures()}


def run_replicated(server, program, case, plan, logs):
    in_flight, count = REPLICATED_CASES[case]
    arguments = [server.peer, *(word for url in server.urls for word in ("--server", url))]
    arguments += ["--logs", count, "--in-flight", in_flight, "--record-bytes", RECORD_BYTES, "--seconds", plan.seconds]
    shown = displayed(" ".join(map(str, ["ana-peer-load", *arguments])))
    return drive(server, program, arguments, shown, plan, logs / f"{server.name}-load.log")


def median(values):
    """Of numbers, members of objects one by one; what is no number is that of the first run."""
    first = values[0]
    if isinstance(first, dict):
        return {name: median([it[name] for it in values if name in it]) for name in first}
    if isinstance(first, bool) or not isinstance(first, (int, float)):
        numbers = [it for it in values if isinstance(it, (int, float)) and not isinstance(it, bool)]
        return statistics.median(numbers) if numbers else first
    numbers = [it for it in values if it is not None]
    return statistics.median(numbers)
