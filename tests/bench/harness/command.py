"""scripts/bench: the same work against Anabranch and what a user would pick instead, in turn, in one run.

Installs the peers below target/bench from their registries, as pinned in tests/bench; starts each on loopback with free
ports, one at a time; drives every server of the Kinesis API with `ana bench`, the others with tests/bench; turn by turn
(A B C A B C ...), so that a noisy minute hits everybody; figures are medians. Writes target/bench/results.json, and with
everything measured in full docs/PERFORMANCE.md; a partial or quick run writes target/bench/PERFORMANCE.md instead.

  scripts/bench                      everything: about 40 minutes, 30 GiB of disk
  scripts/bench --quick              everything, shortly, once: shows that it works, its figures mean little
  scripts/bench --only ana,ministack  only these (see the list below); the targets compare what there is
  scripts/bench --check              exit code 1 when a target is missed or was not measured
  scripts/bench --from target/bench/results.json --check      no run: the page and the check from an earlier one

Needs Rust 1.95, Python 3.11, Node 20 with npm. etcd and RabbitMQ are taken from the machine, or unpacked from Debian's
packages etcd-server and rabbitmq-server (no root); what cannot be had is reported as not measured.
ANA_BIN=FILE measures that program instead of building one.
"""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import sys
import time

from . import install, machine, own, paths, processes, report, work
from .anabranch import Anabranch, Lacking, Program
from .processes import Failed
from .servers import KINESIS, REPLICATED
from .targets import MISSED, NOT_MEASURED, judge

OURS = "ana"
NAMES = [OURS, *(it.name for it in (*KINESIS, *REPLICATED)), *own.FIGURES]


def arguments(argv):
    names = "names for --only: " + ", ".join(NAMES)
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, epilog=names, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short durations, one turn")
    parser.add_argument("--only", metavar="NAMES", type=lambda it: it.split(","), help="comma-separated, of the list below")
    parser.add_argument("--check", action="store_true", help="print the targets; exit code 1 when one is not reached")
    parser.add_argument("--runs", type=int, help="turns; 3 without it, 1 with --quick")
    parser.add_argument("--seconds", type=int, help="of each measurement; 5 without it, 2 with --quick")
    parser.add_argument("--page", metavar="FILE", help="where the page is written instead")
    parser.add_argument("--from", dest="source", metavar="FILE", help="results of an earlier run, instead of a run")
    given = parser.parse_args(argv)
    if unknown := [it for it in given.only or [] if it not in NAMES]:
        parser.error(f"unknown: {', '.join(unknown)}; {names}")
    return given


class Interrupted(BaseException):
    """Ctrl-C, or told to end."""


def end_in_order():
    """The first signal ends the run in order; those after it are not heard, so that all processes are ended."""
    def told(number, _frame):
        for each in ENDS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    for each in ENDS:
        signal.signal(each, told)


ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text):
    print(text, flush=True)


class Run:
    """One run: what is measured, and what was seen so far."""

    def __init__(self, given):
        self.only = set(given.only or NAMES)
        quick = given.quick
        self.plan = work.Plan(given.runs or (1 if quick else 3), given.seconds or (2 if quick else 5), quick)
        self.ana = self.peer_load = None
        self.runs = {}
        self.servers = {}
        self.skipped = {}
        self.remarks = {}
        self.failed = False

    def skip(self, name, failure, is_fault):
        """Something is not measured: told at once and once, and on the page."""
        if name not in self.skipped:
            say(f"{name}: not measured: {failure}")
            self.skipped[name] = str(failure)
        self.failed |= is_fault

    def prepare(self):
        """Builds and installs; what cannot be had is left out and told."""
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        paths.RUNS.mkdir(parents=True, exist_ok=True)
        for file in paths.LOGS.iterdir():
            file.unlink()
        self.ana = Program(install.ana())
        wanted = [kind() for kind in (*KINESIS, *REPLICATED) if kind.name in self.only]
        if any(kind.name in self.only for kind in REPLICATED):
            self.peer_load = install.peer_load()
        ours = [Anabranch(self.ana)] if OURS in self.only or self.only & set(own.FIGURES) else []
        found = []
        for server in (*ours, *wanted):
            self.servers[server.name] = told = {
                "label": server.label, "acknowledgement": server.acknowledgement, "replicas": server.replicas, "cases": {}}
            try:
                told["version"] = server.install()
                say(f"{server.name}: {told['version']}")
                found.append(server)
            except Failed as failure:
                told["not_measured"] = str(failure)
                self.skip(server.name, failure, is_fault=not isinstance(failure, install.NotInstalled))
        return [it for it in found if it.name in self.only]

    def measure(self, servers):
        for turn in range(1, self.plan.runs + 1):
            for server in servers:
                say(f"turn {turn} of {self.plan.runs}: {server.name}")
                try:
                    with server.running(paths.RUNS / server.name, paths.LOGS):
                        self.servers[server.name]["commands"] = server.commands
                        self.turn(server, turn)
                except (Failed, OSError) as failure:
                    self.skip(server.name, failure, is_fault=True)
        for name, (label, figure) in own.FIGURES.items():
            if name in self.only:
                say(f"{OURS}: {label}")
                self.one(OURS, name, lambda figure=figure: figure(self.ana, self.plan, paths.LOGS))

    def turn(self, server, turn):
        if isinstance(server, tuple(REPLICATED)):
            for case, (_in_flight, logs) in work.REPLICATED_CASES.items():
                if logs <= server.logs_max:
                    self.one(server.name, case, lambda case=case: work.run_replicated(
                        server, self.peer_load, case, self.plan, paths.LOGS))
            return
        for case in work.CASES:
            if server.name == OURS or not case.only_ours:
                batches = self.runs.get(server.name, {}).get("batch-1", [])
                rate = batches[-1]["records_per_s"] if batches else None
                self.one(server.name, case.name, lambda case=case, rate=rate: work.run_kinesis(
                    server, self.ana, case, self.plan, turn, paths.LOGS, rate))

    def one(self, server, case, measured):
        """One measurement. One that cannot be had does not end the others."""
        if f"{server} {case}" in self.skipped:
            return
        try:
            figures = measured()
        except Lacking as failure:
            self.skip(f"{server} {case}", failure, is_fault=False)
            return
        except (Failed, OSError, KeyError, ValueError, TypeError) as failure:
            self.skip(f"{server} {case}", f"{type(failure).__name__}: {failure}", is_fault=True)
            return
        self.runs.setdefault(server, {}).setdefault(case, []).append(figures)
        took, gave = figures.get("filled_records"), figures.get("filled_records_read")
        if took != gave:
            self.remarks[f"{server} {case}"] = f"gave back {gave:,} of the {took:,} records that it had acknowledged"
        say(f"  {case}: {short(figures)}")

    def results(self, began, load_before):
        for server, cases in self.runs.items():
            for case, runs in cases.items():
                self.servers[server]["cases"][case] = {"median": work.median(runs), "runs": runs}
        plan = self.plan
        what = f"medians of {plan.runs} turns of {plan.seconds} s" if plan.runs > 1 else f"one turn of {plan.seconds} s"
        return {
            "run": {
                "command": " ".join(["scripts/bench", *sys.argv[1:]]), "date": began.strftime("%Y-%m-%d"),
                "commit": self.commit, "what": what + (", quick: shows that it works, no more" if plan.quick else ""),
                "load_before": load_before, "took_s": round(time.monotonic() - self.since),
            },
            "machine": machine.facts(paths.TARGET), "servers": self.servers, "skipped": self.skipped,
            "remarks": self.remarks,
        }

    def carry_out(self):
        # What is run is what was there at the start.
        self.commit, self.since = machine.commit(), time.monotonic()
        began, load_before = datetime.datetime.now(datetime.timezone.utc), machine.load_average()
        try:
            self.measure(self.prepare())
        finally:
            shutil.rmtree(paths.RUNS, ignore_errors=True)
        results = self.results(began, load_before)
        paths.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        return results


def short(figures):
    """What a person wants to see pass by."""
    wanted = (
        "records_per_s", "latency_us_p50", "latency_us_p99", "failed_requests", "refused", "cpu_percent_servers",
        "rss_mib_servers", "push_us", "p99_ratio", "p50_ms", "max_ms", "serving", "healthy", "cpu_percent_nodes",
        "rss_mib_nodes", "groups",
    )
    told = [f"{name} {figures[name]}" for name in wanted if figures.get(name) not in (None, 0)]
    return ", ".join(told) or ", ".join(figures)


def main(argv):
    given = arguments(argv)
    if given.source:
        try:
            results, failed, whole = json.loads(pathlib.Path(given.source).read_text()), False, False
        except (OSError, ValueError) as error:
            sys.exit(f"scripts/bench: {given.source}: {error}")
    else:
        end_in_order()
        processes.adopt_orphans()
        run = Run(given)
        try:
            results = run.carry_out()
        except Interrupted as interrupted:
            say(f"interrupted by signal {interrupted}: ending what was started")
            return 130
        finally:
            for left in processes.end_everything():
                say(f"ended process {left}, which was left over")
        failed, whole = run.failed, not given.quick and not given.only
    page = paths.PAGE if whole else paths.TARGET / "PERFORMANCE.md"
    page = pathlib.Path(given.page) if given.page else page
    report.write(results, page)
    say(f"written: {os.path.relpath(page)}" + ("" if given.source else f", {os.path.relpath(paths.RESULTS)}"))
    if given.check:
        say(report.verdicts(results))
        if any(it.verdict in (MISSED, NOT_MEASURED) for it in judge(results)):
            return 1
    if failed:
        say("some of it could not be measured: see above, and target/bench/logs")
    return 1 if failed else 0


