"""The page made of the figures: the part of docs/PERFORMANCE.md between two marks."""
from .paths import PAGE
from .servers import KINESIS, REPLICATED, displayed
from .targets import BEST, figure, judge, number, reach

BEGIN = "<!-- scripts/bench writes from here -->"
END = "<!-- to here -->"

RATE, P50, P99 = "records_per_s", "latency_us_p50", "latency_us_p99"


def table(heads, rows):
    """Markdown; the first column is words, the others are figures."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def words(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def ms(us):
    return "" if us is None else f"{us / 1000:.2f}" if us < 10_000 else f"{us / 1000:,.0f}"


def rate(results, server, case):
    return number(figure(results, server, case, RATE))


def latency(results, server, case):
    p50, p99 = (figure(results, server, case, it) for it in (P50, P99))
    return f"{ms(p50)} / {ms(p99)}" if p50 is not None else ""


def present(results, names):
    """Those that took part, or should have: (name, what is known of it)."""
    return [(name, results["servers"][name]) for name in names if name in results["servers"]]


def label(name, server):
    why = server.get("not_measured")
    return f"{server['label']} {server.get('version', '')}".strip() + (f": not measured, {displayed(why)}" if why else "")


def peers_table(results, unit, kinds, columns):
    """Ours and these peers, one a row; a column is its head and what it tells of a server's name."""
    names = ["ana", *(it.name for it in kinds)]
    rows = [[label(name, server), *(of(name) for _, of in columns)] for name, server in present(results, names)]
    return table([unit, *(head for head, _ in columns)], rows)


def kinesis_table(results):
    columns = [
        ("PutRecords x 500, 1 shard", lambda it: rate(results, it, "batch-1")),
        ("16 shards", lambda it: rate(results, it, "batch-16")),
        ("PutRecord, 64 in flight", lambda it: rate(results, it, "single-64")),
        ("256 in flight", lambda it: rate(results, it, "single-256")),
        ("256, 4 shards", lambda it: rate(results, it, "single-256-4")),
        ("1 in flight, p50 / p99 ms", lambda it: latency(results, it, "single-1")),
        ("GetRecords, 1 shard", lambda it: rate(results, it, "get-1")),
        ("16 shards", lambda it: rate(results, it, "get-16")),
    ]
    return peers_table(results, "records/s", KINESIS, columns)


def replicated_table(results):
    columns = [
        ("64 in flight", lambda it: rate(results, it, "single-64")),
        ("256", lambda it: rate(results, it, "single-256")),
        ("256, 4 logs", lambda it: rate(results, it, "single-256-4")),
        ("2,048", lambda it: rate(results, it, "single-2048")),
        ("2,048, 4 logs", lambda it: rate(results, it, "single-2048-4")),
        ("1 in flight, p50 / p99 ms", lambda it: latency(results, it, "single-1")),
    ]
    return peers_table(results, "messages/s", REPLICATED, columns)


def ratio(ours, theirs):
    return f"{ours / theirs:.2g}" if ours and theirs and ours / theirs < 10 else f"{ours / theirs:,.0f}" if ours and theirs else ""


def ratios_table(results):
    """How many times as fast ours is; latencies are turned round so that more is better everywhere."""
    def rates(peer, case, theirs=None):
        return ratio(figure(results, "ana", case, RATE), figure(results, peer, theirs or case, RATE))

    def latencies(peer):
        return ratio(figure(results, peer, "single-1", P50), figure(results, "ana", "single-1", P50))

    rows = []
    for name, server in present(results, [it.name for it in (*KINESIS, *REPLICATED)]):
        speaks_kinesis = name in {it.name for it in KINESIS}
        batch = None if speaks_kinesis else BEST
        rows.append([
            server["label"], rates(name, "batch-1", batch), rates(name, "batch-16", batch), rates(name, "single-64"),
            rates(name, "single-256"), rates(name, "single-256-4"), latencies(name), rates(name, "get-1"), rates(name, "get-16"),
        ])
    heads = [
        "times as fast as", "PutRecords, 1 shard", "16 shards", "PutRecord, 64", "256", "256, 4 shards",
        "1 in flight, p50", "GetRecords, 1 shard", "16 shards",
    ]
    return table(heads, rows)


def beside_disk(results, case, member):
    """Each turn's figure, and the longest write of the probe on the same disk meanwhile."""
    runs = results["servers"].get("ana", {}).get("cases", {}).get(case, {}).get("runs", [])
    pairs = [(reach(it, member), reach(it, "disk_probe.max_ms")) for it in runs]
    return ", ".join(f"{ms(us)} / {disk:,.0f}" for us, disk in pairs if us is not None and disk is not None)


def own_rows(results):
    def of(case, member):
        return figure(results, "ana", case, member)

    def both(case, prefix=""):
        p50, largest = of(case, f"{prefix}p50_ms"), of(case, f"{prefix}max_ms")
        return f"{p50:,.0f} ms, largest {largest:,.0f} ms, of {number(of(case, prefix + 'tries'))}" if p50 is not None else ""

    yield "put to fan-out push, 1,000 records/s: p50 / p99 / largest", " / ".join(
        ms(of("fanout", f"push_us.{it}")) for it in ("p50", "p99", "max")) + " ms" if of("fanout", "push_us.p50") else ""
    if turns := beside_disk(results, "fanout", "push_us.max"):
        yield "the same turn by turn: largest / longest 4 KiB write of a probe on the same disk meanwhile", f"{turns} ms"
    yield "writing at half speed beside a reader of old records: write p99 without / with it, what it reads", (
        f"{ms(of('mixed', f'without_reader.{P99}'))} / {ms(of('mixed', f'with_reader.{P99}'))} ms, "
        f"{number(of('mixed', 'read_records_per_s'))} records/s" if of("mixed", "p99_ratio") else "")
    for case, what in (("batch-1", "500 KiB"), ("batch-100kb", "100 KiB")):
        written = of(case, "written_bytes_per_acknowledged_byte_and_replica")
        yield f"bytes written per acknowledged byte and replica, {what} a request", number(written)
    yield f"{number(of('idle', 'streams'))} idle streams of 3 shards ({number(of('idle', 'groups'))} groups), three nodes together", (
        f"{of('idle', 'cpu_percent_nodes')} % of a core, {number(of('idle', 'rss_mib_nodes'))} MiB"
        if of("idle", "rss_mib_nodes") else "")
    yield "`ana up` on an empty folder until healthy", both("start")
    yield "`ana up --single` on an empty folder until healthy", both("start-single")
    yield f"a node with {of('restart', 'written_gib')} GiB of log after SIGKILL: until it answers a read", both("restart", "serving.")
    yield "until the cluster is healthy again", both("restart", "healthy.")
    yield "leader killed without load: until a put sent afterwards is acknowledged", both("failover")
    if of("signed", f"batch-1.{RATE}") or of("signed", f"single-64.{RATE}"):
        yield "with signatures checked (`--auth on`): PutRecords x 500, 1 shard; PutRecord, 64 in flight; 1 in flight, p50", (
            f"{number(of('signed', f'batch-1.{RATE}'))} records/s; {number(of('signed', f'single-64.{RATE}'))}/s; "
            f"{ms(of('signed', f'single-1.{P50}'))} ms")


def commands(results):
    """How each was started, and one of the commands that drove it."""
    rows = []
    for name, server in results["servers"].items():
        cases = server.get("cases", {})
        driven = next((it["median"]["command"] for case, it in cases.items() if "command" in it.get("median", {})
                       and case in ("batch-1", "single-256")), "")
        for number_, command in enumerate(dict.fromkeys(server.get("commands", []))):
            rows.append([server["label"] if number_ == 0 else "", f"`{command}`"])
        if driven:
            rows.append(["", f"`{driven}`"])
    return words(["", "started with, and driven by"], rows)


def generated(results):
    """Everything between the marks."""
    run, machine = results["run"], results["machine"]
    own = [[what, told] for what, told in own_rows(results) if told]
    judged = [[it.what, it.asked, it.reached, it.verdict] for it in judge(results)]
    missing = [f"- {case}: {displayed(why)}" for case, why in results["skipped"].items()]
    parts = [
        f"`{run['command']}`, {run['date']}, commit {run['commit']}: {run['what']}. Machine: {machine['cores']} cores "
        f"({machine['cpu']}) shared by client and servers, {machine['memory_gib']} GiB of memory, one disk "
        f"({machine['disk']}), {machine['kernel']}; load average before it began {run['load_before']:.1f}.",
        "## Servers of the Kinesis API\n" + kinesis_table(results),
        "## Replicated, three nodes, with protocols of their own\n"
        "Single messages of 1 KiB over three connections; ours go through HTTP/1.1, JSON and base64.\n\n"
        + replicated_table(results),
        "## How many times as fast\n"
        "Anabranch, three nodes, against each; of latencies the other way round, so that more is better everywhere. "
        "PutRecords against a peer that has no batches: against its best rate of single messages.\n\n" + ratios_table(results),
    ]
    if own:
        parts.append("## Anabranch alone\n" + words(["", "figure"], own))
    parts.append("## Targets\n" + words(["what", "asked", "figure", ""], judged))
    parts.append("## What an acknowledgement means\n" + words(
        ["", "acknowledged when", "nodes"],
        [[label(name, it), it["acknowledgement"], str(it["replicas"])] for name, it in results["servers"].items()]))
    parts.append("## Commands\n" + commands(results))
    if remarks := [f"- {case}: {what}" for case, what in results.get("remarks", {}).items()]:
        parts.append("## Seen on the way\n" + "\n".join(remarks))
    if missing:
        parts.append("## Not measured\n" + "\n".join(missing))
    return "\n\n".join(parts)


def write(results, path):
    """Puts the generated part between the marks of the page; the text around them stays."""
    page = PAGE.read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has lost its marks: {BEGIN} and {END}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{before}{BEGIN}\n{generated(results)}\n{END}{after}")


def verdicts(results):
    """The table of targets for a terminal."""
    rows = judge(results)
    widths = [max(len(getattr(it, name)) for it in rows) for name in ("what", "asked", "reached")]
    lines = [f"{it.what:<{widths[0]}}  {it.asked:<{widths[1]}}  {it.reached:>{widths[2]}}  {it.verdict}" for it in rows]
    return "\n".join(lines)
