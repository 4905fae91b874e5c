"""What the figures were taken on. Nothing here tells which machine it was."""
import contextlib
import os
import pathlib
import platform
import subprocess

from .paths import PAGE, ROOT


def told(path, default=""):
    with contextlib.suppress(OSError):
        return pathlib.Path(path).read_text().strip()
    return default


def value_of(path, name):
    """The first `name : value` of a file of /proc."""
    for line in told(path).split("\n"):
        if line.partition(":")[0].strip() == name:
            return line.partition(":")[2].strip()
    return ""


def disk(folder):
    """The block device and the file system that a folder lies on, in words."""
    device = os.stat(folder).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    kind = ""
    for line in told("/proc/self/mountinfo").split("\n"):
        fields = line.split(" ")
        if len(fields) > 2 and fields[2] == number:
            kind = fields[fields.index("-") + 1]
    node = pathlib.Path(f"/sys/dev/block/{number}")
    if not node.exists():
        return f"no block device of its own, {kind or 'unknown file system'}"
    node = node.resolve()
    if (node / "partition").exists():
        node = node.parent
    driver = (node / "device" / "driver")
    how = told(node / "device" / "model") or (driver.resolve().name if driver.exists() else "unknown driver")
    spins = ", it spins" if told(node / "queue" / "rotational") == "1" else ""
    cache = told(node / "queue" / "write_cache")
    return f"{how}{spins}, {kind}{', ' + cache if cache else ''}"


def facts(folder):
    memory_kib = int(value_of("/proc/meminfo", "MemTotal").split()[0] or 0)
    return {
        "cpu": value_of("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 2**20),
        "disk": disk(folder),
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
    }


def load_average():
    return float(told("/proc/loadavg", "0").split()[0])


def commit():
    """What is measured; figures of a tree that nobody can check out again are marked. The page itself does not count."""
    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{PAGE.relative_to(ROOT)}")
    return git("describe", "--always", "--abbrev=10") + ("-dirty" if changed else "")
