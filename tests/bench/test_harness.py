"""Tests of what scripts/bench is made of; nothing is installed and no server is started:

    python3 -m unittest discover tests/bench
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

from harness import install, machine, processes, report, servers, targets, work
from harness.anabranch import Lacking, Program
from harness.disk import DiskProbe


def results(**servers_):
    """Results of servers, by their figures: results(ana={"batch-1": {...}})."""
    kinds = {it.name: it for it in (*servers.KINESIS, *servers.REPLICATED)}
    told = {}
    for name, cases in servers_.items():
        name = name.replace("_", "-")
        kind = kinds.get(name)
        told[name] = {
            "label": kind.label if kind else name, "acknowledgement": "it is there", "replicas": 3, "version": "1.0",
            "commands": [f"{name} serve"], "cases": {case: {"median": it, "runs": [it]} for case, it in cases.items()},
        }
    return {
        "run": {"command": "scripts/bench", "date": "2026-11-30", "commit": "0123456789", "what": "one turn", "load_before": 0.0},
        "machine": machine.facts("/"), "servers": told, "skipped": {"etcd": "not installed"},
    }


def verdicts(judged, what):
    return [(it.asked, it.verdict) for it in judged if it.what == what]


class Targets(unittest.TestCase):
    WHAT = "PutRecords 500 x 1 KiB, 4 in flight, 1 shard"

    def test_numbers_and_ratios_are_judged_one_by_one(self):
        rate = lambda value: {"records_per_s": value}
        judged = targets.judge(results(
            ana={"batch-1": rate(120_000)}, ministack={"batch-1": rate(30_001)}, kinesalite={"batch-1": rate(17_000)},
            nats={"single-64": rate(30_000), "single-2048": rate(41_000), "get-1": rate(9e9)}))
        self.assertEqual(verdicts(judged, self.WHAT), [
            ("at least 120,000 records/s", targets.REACHED),
            ("at least 4 times MiniStack", targets.MISSED),
            ("at least 7 times kinesalite", targets.REACHED),
            ("at least 3 times NATS JetStream, `sync_interval: always` at its best", targets.MISSED),
        ])

    def test_latencies_are_bounded_from_above(self):
        p50 = lambda value: {"latency_us_p50": value}
        judged = targets.judge(results(ana={"single-1": p50(601)}, rabbitmq={"single-1": p50(1203)}, etcd={"single-1": p50(1200)}))
        self.assertEqual([verdict for _, verdict in verdicts(judged, "PutRecord, 1 in flight, p50")], [
            targets.MISSED, targets.REACHED, targets.MISSED, targets.NOT_MEASURED])

    def test_what_was_not_measured_is_never_reached(self):
        judged = targets.judge(results())
        self.assertEqual({it.verdict for it in judged}, {targets.NOT_MEASURED})
        self.assertGreater(len(judged), len(targets.TARGETS))

    def test_nested_members(self):
        judged = targets.judge(results(ana={"fanout": {"push_us": {"p50": 5000, "p99": 20_001}}}))
        self.assertEqual(verdicts(judged, "put to fan-out push, 1,000 records/s, p50")[0][1], targets.REACHED)
        self.assertEqual(verdicts(judged, "put to fan-out push, 1,000 records/s, p99")[0][1], targets.MISSED)

    def test_every_target_is_about_something_that_is_measured(self):
        ours = {it.name for it in work.CASES} | {"start", "start-single", "idle", "failover", "restart"}
        peers = {it.name for it in (*servers.KINESIS, *servers.REPLICATED)}
        for target in targets.TARGETS:
            self.assertIn(target.case, ours)
            for _, peer, case in target.times:
                self.assertIn(peer, peers)
                self.assertTrue(case == targets.BEST or case in ours or case in work.REPLICATED_CASES, case)


class Page(unittest.TestCase):
    def test_the_part_between_the_marks_is_replaced_and_nothing_else(self):
        shown = results(
            ana={"batch-1": {"records_per_s": 100_000, "command": "ana bench put"}, "single-1": {"latency_us_p50": 500, "latency_us_p99": 2100}},
            ministack={"batch-1": {"records_per_s": 25_000.0}, "single-1": {"latency_us_p50": 700, "latency_us_p99": 900}})
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "PERFORMANCE.md")
            report.write(shown, page)
            text, before = page.read_text(), report.PAGE.read_text()
        self.assertEqual(text.partition(report.BEGIN)[0], before.partition(report.BEGIN)[0])
        self.assertEqual(text.partition(report.END)[2], before.partition(report.END)[2])
        self.assertIn("| 100,000 |", text)
        self.assertIn("| MiniStack | 4 |", text)
        self.assertIn("0.50 / 2.10", text)
        self.assertIn("- etcd: not installed", text)

    def test_commands_are_told_without_this_machine(self):
        said = servers.displayed("/home/me/target/bench/venv/bin/moto_server -p 34567 --data /x/runs/moto/1 --limit 1000")
        self.assertEqual(said, "moto_server -p PORT --data DIR/1 --limit 1000")

    def test_reasons_are_told_without_this_machine(self):
        shown = results()
        shown["skipped"] = {"etcd": f"etcd ended with 0: {servers.ROOT}/target/bench/runs/etcd/1/a.log / {servers.ROOT}/usr/sbin/etcd: 68: busy"}
        text = report.generated(shown)
        self.assertIn("- etcd: etcd ended with 0: DIR/1/a.log / ", text)
        self.assertNotIn(str(servers.ROOT), text)

    def test_medians_are_taken_member_by_member(self):
        runs = [{"a": 1, "b": {"c": 9}, "s": "x", "n": None}, {"a": 3, "b": {"c": 7}, "s": "x", "n": 4}, {"a": 2, "b": {"c": 8}, "s": "x"}]
        self.assertEqual(work.median(runs), {"a": 2, "b": {"c": 8}, "s": "x", "n": 4})

    def test_a_turn_is_told_beside_what_the_disk_did_meanwhile(self):
        shown = results(ana={"fanout": {"push_us": {"p50": 1500, "p99": 4000, "max": 9000}}})
        self.assertNotIn("turn by turn", report.generated(shown))
        case = shown["servers"]["ana"]["cases"]["fanout"]
        case["runs"] = [
            {"push_us": {"max": 9000}, "disk_probe": {"max_ms": 7.6}},
            {"push_us": {"max": 319_000}, "disk_probe": {"max_ms": 287.2}},
        ]
        self.assertIn("| 9.00 / 8, 319 / 287 ms |", report.generated(shown))


class Disk(unittest.TestCase):
    def test_the_probe_tells_of_the_slowest_write_and_leaves_nothing(self):
        slow = 0.1
        written = os.fdatasync
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch("os.fdatasync") as sync:
            sync.side_effect = lambda file: (time.sleep(slow if sync.call_count == 3 else 0), written(file))
            with DiskProbe(pathlib.Path(folder)) as probe:
                processes.wait_until("writes", lambda: len(probe.took) > 5, 10)
            self.assertEqual(os.listdir(folder), [])
        self.assertGreaterEqual(probe.figures()["max_ms"], slow * 1000)
        self.assertEqual(probe.figures()["writes"], len(probe.took))


class Unpacked(unittest.TestCase):
    def test_a_script_that_may_be_running_is_not_written_again(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(install, "debian") as debian:
            root = pathlib.Path(folder)
            debian.return_value = root
            erl = root / "usr/lib/erlang/bin/erl"
            erl.parent.mkdir(parents=True)
            erl.write_text("#!/bin/sh\nROOTDIR=/usr/lib/erlang\nexec x\n")
            servers.Rabbitmq.root()
            self.assertIn(f"ROOTDIR={root}/usr/lib/erlang\n", erl.read_text())
            erl.chmod(0o500)
            with unittest.mock.patch.object(pathlib.Path, "write_text") as writing:
                servers.Rabbitmq.root()
            writing.assert_not_called()


class OlderBuilds(unittest.TestCase):
    def test_what_a_build_lacks_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder, "ana")
            program.write_text('#!/bin/sh\n[ "$2" = put ] && echo "Usage: ana bench put [OPTIONS]\n --in-flight <N>" || exit 2\n')
            program.chmod(0o755)
            ana = Program(program)
            ana.ensure_has(("bench", "put"), ("--in-flight", 4))
            with self.assertRaisesRegex(Lacking, "no `bench put` with --single"):
                ana.ensure_has(("bench", "put"), ("--single", "--in-flight", 4))
            with self.assertRaisesRegex(Lacking, "no `bench get`$"):
                ana.ensure_has(("bench", "get"), ("--fill-records",))


class Processes(unittest.TestCase):
    """A server that leaves a daemon behind, as some do."""
    SERVER = "setsid sleep 1000 & (setsid sleep 1001 &) ; sleep 1002"

    def test_stopping_a_server_ends_everything_below_it(self):
        processes.adopt_orphans()
        with tempfile.TemporaryDirectory() as folder:
            server = processes.Process(["sh", "-c", self.SERVER], pathlib.Path(folder, "log"))
            processes.wait_until("children", lambda: len(processes.descendants(os.getpid())) >= 4, 10)
            started = processes.descendants(os.getpid())
            processes.stop([server])
            processes.end_everything()
        self.assertEqual([pid for pid in started if processes.stat(pid)], [])

    def test_an_interrupted_run_leaves_nothing(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(how=how), tempfile.TemporaryDirectory() as folder:
                code = (
                    "import pathlib, sys, time\n"
                    f"sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})\n"
                    "from harness import command, processes\n"
                    "command.end_in_order(); processes.adopt_orphans()\n"
                    f"folder = pathlib.Path({folder!r})\n"
                    "try:\n"
                    f"    server = processes.Process(['sh', '-c', {self.SERVER!r}], folder / 'log')\n"
                    "    processes.wait_until('children', lambda: len(processes.descendants(server.pid)) >= 2, 10)\n"
                    "    (folder / 'pids').write_text(' '.join(map(str, processes.descendants(processes.os.getpid()))))\n"
                    "    time.sleep(60)\n"
                    "except command.Interrupted: pass\n"
                    "finally: processes.end_everything()\n"
                )
                run = subprocess.Popen([sys.executable, "-c", code])
                told = pathlib.Path(folder, "pids")
                processes.wait_until("start", lambda: told.is_file() and told.read_text(), 20)
                time.sleep(0.1)
                run.send_signal(how)
                self.assertEqual(run.wait(20), 0)
                pids = [int(it) for it in told.read_text().split()]
                self.assertGreaterEqual(len(pids), 3)
                self.assertEqual([pid for pid in pids if processes.stat(pid)], [])


if __name__ == "__main__":
    unittest.main()
