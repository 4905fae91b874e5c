"""What is to be reached, in one table, and whether it was."""
import dataclasses

REACHED, MISSED, NOT_MEASURED = "reached", "missed", "not measured"
# Of a peer's figures, the largest that it reached with one message at a time in a request, however many in flight.
BEST = "best"


@dataclasses.dataclass(frozen=True)
class Target:
    """A figure of ours (`case`, `member`; a dotted name reaches into an object) and what it must be: at least or at most a
    number, and so many times the same figure of peers: (factor, peer, its case)."""
    what: str
    case: str
    member: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    times: tuple = ()


RATE, P50, P99 = "records_per_s", "latency_us_p50", "latency_us_p99"
DISK = "written_bytes_per_acknowledged_byte_and_replica"


def batch(shards):
    case = f"batch-{shards}"
    return Target(
        f"PutRecords 500 x 1 KiB, 4 in flight, {shards} shard{'s' if shards > 1 else ''}", case, RATE,
        at_least=120_000, unit="records/s", times=((4, "ministack", case), (7, "kinesalite", case), (3, "nats", BEST)),
    )


def single(in_flight):
    case = f"single-{in_flight}"
    return Target(
        f"PutRecord, {in_flight} in flight", case, RATE, at_least=30_000, unit="records/s",
        times=((7, "kinesalite", case), (1, "nats", case)),
    )


TARGETS = [
    batch(1),
    batch(16),
    single(64),
    single(256),
    Target("PutRecord, 1 in flight, p50", "single-1", P50, at_most=600, unit="us",
           times=((0.5, "rabbitmq", "single-1"), (0.5, "etcd", "single-1"), (0.5, "nats", "single-1"))),
    Target("PutRecord, 1 in flight, p99", "single-1", P99, at_most=3000, unit="us"),
    Target("GetRecords from the start", "get-1", RATE, at_least=300_000, unit="records/s", times=((4, "ministack", "get-1"),)),
    Target("put to fan-out push, 1,000 records/s, p50", "fanout", "push_us.p50", at_most=5000, unit="us"),
    Target("put to fan-out push, 1,000 records/s, p99", "fanout", "push_us.p99", at_most=20_000, unit="us"),
    Target("write p99 with a reader of old records, to that without", "mixed", "p99_ratio", at_most=1.5, unit="times"),
    Target("bytes written per acknowledged byte and replica, 500 KiB a request", "batch-1", DISK, at_most=1.1),
    Target("bytes written per acknowledged byte and replica, 100 KiB a request", "batch-100kb", DISK, at_most=1.1),
    Target("100 idle streams of 3 shards, CPU of three nodes", "idle", "cpu_percent_nodes", at_most=6, unit="% of a core"),
    Target("100 idle streams of 3 shards, memory of three nodes", "idle", "rss_mib_nodes", at_most=400, unit="MiB"),
    Target("`ana up` to healthy", "start", "p50_ms", at_most=1500, unit="ms"),
    Target("`ana up --single` to healthy", "start-single", "p50_ms", at_most=300, unit="ms"),
    Target("restart of a node with 4 GiB of log after SIGKILL, to healthy", "restart", "healthy.p50_ms", at_most=3000, unit="ms"),
    Target("leader fail-over without load, p50", "failover", "p50_ms", at_most=1000, unit="ms"),
]


def figure(results, server, case, member):
    """A number of the results, or None when it was not measured."""
    cases = results["servers"].get(server, {}).get("cases", {})
    if case == BEST:
        singles = [name for name in cases if name.startswith("single-")]
        found = [it for it in (figure(results, server, name, member) for name in singles) if it is not None]
        return max(found, default=None)
    return reach(cases.get(case, {}).get("median"), member)


def reach(value, member):
    """A member of an object; a dotted name reaches into it. None when it is not there."""
    for name in member.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


@dataclasses.dataclass(frozen=True)
class Judged:
    what: str
    asked: str
    reached: str
    verdict: str


def judge(results):
    """One row for each number and for each comparison."""
    rows = []
    for target in TARGETS:
        ours = figure(results, "ana", target.case, target.member)
        for bound, good, word in (
            (target.at_least, lambda value, bound: value >= bound, "at least"),
            (target.at_most, lambda value, bound: value <= bound, "at most"),
        ):
            if bound is not None:
                verdict = NOT_MEASURED if ours is None else REACHED if good(ours, bound) else MISSED
                asked = f"{word} {number(bound)} {target.unit}".strip()
                rows.append(Judged(target.what, asked, number(ours), verdict))
        for factor, peer, case in target.times:
            theirs = figure(results, peer, case, target.member)
            label = results["servers"].get(peer, {}).get("label", peer)
            faster = target.at_least is not None
            asked = f"{'at least' if faster else 'at most'} {factor:g} times {label}{' at its best' if case == BEST else ''}"
            if not ours or not theirs:
                rows.append(Judged(target.what, asked, "", NOT_MEASURED))
                continue
            ratio = ours / theirs
            good = ratio >= factor if faster else ratio <= factor
            rows.append(Judged(target.what, asked, f"{ratio:.2f} times ({number(theirs)})", REACHED if good else MISSED))
    return rows


def number(value):
    """As people write it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
