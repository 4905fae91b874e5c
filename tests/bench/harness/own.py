"""Figures that only we are asked for: starts, restarts, fail-over, idling, and what checking signatures costs.

Each is a function of (program, plan, logs) that starts a cluster of its own and returns what it saw.
"""
import contextlib
import shutil
import signal
import statistics
import time

from . import processes, work
from .anabranch import CREDENTIALS, Anabranch, Caller, Lacking, displayed_load
from .paths import RUNS
from .processes import Failed, wait_until
from .servers import displayed

# A cluster that has lost a node is whole again within this, or something is wrong.
WHOLE_MAX_S = 120


def ms(seconds):
    return round(seconds * 1000, 1)


def many(values):
    """Milliseconds of several tries: the middle one counts."""
    return {"p50_ms": ms(statistics.median(values)), "max_ms": ms(max(values)), "tries": len(values)}


def starts(program, plan, logs, flags, nodes):
    """From the start of `ana up` on an empty folder until it is healthy: every node up, every group with its leader."""
    took = []
    for _ in range(plan.scaled(5, 2)):
        server = Anabranch(program, flags, nodes)
        began = time.monotonic()
        with server.running(RUNS / "start", logs):
            took.append(time.monotonic() - began)
    return {**many(took), "command": server.commands[0]}


def start_three(program, plan, logs):
    return starts(program, plan, logs, (), 3)


def start_single(program, plan, logs):
    return starts(program, plan, logs, ("--single",), 1)


def signed(program, plan, logs):
    """Every request signed and every signature checked; elsewhere nobody checks."""
    credentials = RUNS / "credentials.toml"
    credentials.parent.mkdir(parents=True, exist_ok=True)
    credentials.write_text('[[credential]]\naccess_key = "{}"\nsecret_key = "{}"\n'.format(*CREDENTIALS))
    credentials.chmod(0o600)
    found = {}
    server = Signed(program, ("--auth", "on", "--credentials", str(credentials)))
    with server.running(RUNS / "signed", logs):
        for case in work.CASES:
            if case.name not in ("single-1", "single-64", "batch-1"):
                continue
            with contextlib.suppress(Lacking):
                program.ensure_has(("bench", case.bench), case.flags)
                arguments = work.kinesis_command(server, case, plan, case.name)
                arguments = ["--credentials", str(credentials), *arguments]
                shown = displayed(displayed_load(arguments))
                found[case.name] = work.drive(server, program.path, arguments, shown, plan, logs / "ana-load.log")
    if not found:
        raise Lacking("this ana has none of the benches")
    return found


class Signed(Anabranch):
    """Its status wants signatures too: it is asked for by `ana`, which signs."""

    def is_healthy(self):
        credentials = self.flags[self.flags.index("--credentials") + 1]
        with contextlib.suppress(Failed):
            self.ana("--credentials", credentials, "status")
            return True
        return False


def idle(program, plan, logs):
    """100 streams of 3 shards that nobody writes to: CPU time of the nodes, as the kernel counts it, and their memory."""
    streams, shards = plan.scaled(100, 20), 3
    settle_s, measure_s = plan.scaled(20, 13), plan.scaled(30, 10)
    server = Anabranch(program)
    with server.running(RUNS / "idle", logs):
        caller = Caller(server.endpoint, timeout_s=30)
        for number in range(streams):
            body = {"StreamName": f"idle-{number}", "ShardCount": shards}
            # No more than five streams may be in the making at a time, as on AWS.
            wait_until(f"CreateStream {number}", lambda body=body: caller.call("CreateStream", body) is not None, WHOLE_MAX_S)
        for number in range(streams):
            wait_until("ACTIVE", lambda: is_active(caller, f"idle-{number}"), WHOLE_MAX_S, server.processes)
        server.wait_healthy(WHOLE_MAX_S)
        groups = len(server.groups())
        time.sleep(settle_s)
        nodes, door = server.node_pids(), server.processes[0].pid
        first = [cpu_s(nodes), cpu_s([door]), time.monotonic()]
        time.sleep(measure_s)
        last = [cpu_s(nodes), cpu_s([door]), time.monotonic()]
        seconds = last[2] - first[2]
        return {
            "streams": streams, "shards": shards, "groups": groups, "seconds": round(seconds, 1),
            "cpu_percent_nodes": round(100 * (last[0] - first[0]) / seconds, 1),
            "cpu_percent_front_door": round(100 * (last[1] - first[1]) / seconds, 1),
            "rss_mib_nodes": processes.resident_mib(nodes), "rss_mib_front_door": processes.resident_mib([door]),
        }


def cpu_s(pids):
    return sum(it.ticks for it in map(processes.stat, pids) if it) / processes.TICKS_PER_SECOND


def is_active(caller, stream):
    told = caller.call("DescribeStreamSummary", {"StreamName": stream})
    return bool(told) and told["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"


def restart(program, plan, logs):
    """A node with a long log is killed and started: until it answers a read of its own, and until the cluster is whole.

    The log is written by `ana bench put`; each node is killed once, so that leaders are among them.
    """
    log_bytes = plan.scaled(4 * 2**30, 256 * 2**20)
    free = shutil.disk_usage(RUNS).free
    if free < 4 * log_bytes:
        raise Failed(f"needs {4 * log_bytes >> 30} GiB of free disk, {free >> 30} GiB are left")
    server = Anabranch(program)
    serving, healthy = [], []
    with server.running(RUNS / "restart", logs):
        written = 0
        while written < log_bytes:
            told = work.drive(server, program.path, fill_arguments(server, plan), "", plan, logs / "ana-load.log")
            written += told["acknowledged"] * work.RECORD_BYTES
        # Followers that were behind are not part of it.
        server.wait_healthy(WHOLE_MAX_S)
        for node in sorted(it["id"] for it in server.supervised()):
            processes.end(server.pid_of(node), signal.SIGKILL)
            wait_until("noticed", lambda: server.state_of(node) == "down", WHOLE_MAX_S)
            began = time.monotonic()
            server.start_node(node)
            own = Caller(next(it["api"] for it in server.supervised() if it["id"] == node))
            wait_until("serving", lambda: reads(own, "restart"), WHOLE_MAX_S, server.processes, every_s=0.01)
            serving.append(time.monotonic() - began)
            server.wait_healthy(WHOLE_MAX_S)
            healthy.append(time.monotonic() - began)
        on_disk = sum(it.stat().st_blocks * 512 for it in (RUNS / "restart").rglob("*") if it.is_file())
    return {
        "written_gib": round(written / 2**30, 2), "on_disk_gib_all_nodes": round(on_disk / 2**30, 2),
        "serving": many(serving), "healthy": many(healthy),
    }


def fill_arguments(server, plan):
    seconds = plan.scaled(10, 2)
    flags = [str(it) for it in work.BATCH]
    return [
        "--endpoint", server.endpoint, "bench", "put", "--stream", "restart", "--shards", "1", *flags,
        "--seconds", str(seconds), "-o", "json",
    ]


def reads(caller, stream):
    """Whether a read from the start is answered, with records."""
    first = {"StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    told = caller.call("GetShardIterator", first)
    if not told:
        return False
    told = caller.call("GetRecords", {"ShardIterator": told["ShardIterator"], "Limit": 1})
    return bool(told and told["Records"])


def failover(program, plan, logs):
    """The leader of an idle stream is killed: until a put that was sent afterwards is acknowledged."""
    stream, took = "failover", []
    record = {"StreamName": stream, "PartitionKey": "k", "Data": "AAAA"}
    server = Anabranch(program)
    with server.running(RUNS / "failover", logs):
        caller = Caller(server.endpoint)
        if caller.call("CreateStream", {"StreamName": stream, "ShardCount": 1}) is None:
            raise Failed("CreateStream was refused")
        wait_until("ACTIVE", lambda: is_active(caller, stream), WHOLE_MAX_S, server.processes)
        for _ in range(plan.scaled(9, 3)):
            server.wait_healthy(WHOLE_MAX_S)
            if caller.call("PutRecord", record) is None:
                raise Failed("a put to a healthy cluster was refused")
            leader = server.leader_of(stream)
            if leader is None:
                raise Failed(f"{stream} has no leader")
            pid = server.pid_of(leader)
            began = time.monotonic()
            processes.end(pid, signal.SIGKILL)
            # A put that is on its way to the dead is given up after five seconds.
            wait_until("fail-over", lambda: caller.call("PutRecord", record) is not None, 30, every_s=0.002)
            took.append(time.monotonic() - began)
            wait_until("noticed", lambda: server.state_of(leader) == "down", WHOLE_MAX_S)
            server.start_node(leader)
    return {**many(took), "kills": len(took)}


# By name; the words are for people.
FIGURES = {
    "start": ("`ana up` on an empty folder until healthy", start_three),
    "start-single": ("`ana up --single` on an empty folder until healthy", start_single),
    "idle": ("idle streams", idle),
    "failover": ("leader killed without load, until a put is acknowledged", failover),
    "restart": ("a node with a long log after SIGKILL", restart),
    "signed": ("with signatures checked (`--auth on`)", signed),
}
