"""Processes of a run: each is started here, measured here, and ended here by its id.

Must stay true: nothing that a run has started outlives it, whatever ends the run. Descendants that lose their parent
become children of this program (it is their subreaper), so they are found and ended as well; a child gets SIGTERM when
this program is killed.
"""
import collections
import contextlib
import ctypes
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LIBC = ctypes.CDLL(None, use_errno=True)
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# How long a server may take to end in order.
END_MAX_S = 30
PORTS_GIVEN = set()


class Failed(Exception):
    """Something that was to be measured could not be, for a reason that is told."""


def adopt_orphans():
    if LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def free_port():
    """A port on loopback that nobody listens on at this moment, and that was not given away before."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        if port not in PORTS_GIVEN:
            PORTS_GIVEN.add(port)
            return port


def environment(extra=None):
    """That of this program without what would change where clients and servers look, and with what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANA_", "PYTHON"))}
    return {**kept, "NO_COLOR": "1", **(extra or {})}


Stat = collections.namedtuple("Stat", "parent ticks")


def stat(pid):
    """What the kernel tells of a process; None when it has gone."""
    with contextlib.suppress(OSError):
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        fields = text[text.rindex(")") + 2:].split()  # a name may contain anything
        if fields[0] != "Z":
            return Stat(int(fields[1]), int(fields[11]) + int(fields[12]))
    return None


def descendants(pid):
    """All processes below one, by their ids; zombies are not among them."""
    children = collections.defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (told := stat(entry.name)):
            children[told.parent].append(int(entry.name))
    found, below = [], list(children[pid])
    while below:
        found.append(below.pop())
        below.extend(children[found[-1]])
    return found


def end(pid, how):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)


class Process:
    """A server and everything below it."""

    def __init__(self, arguments, log, env=None, folder=None):
        self.arguments = [str(it) for it in arguments]
        self.log = log
        with log.open("ab") as out:
            self.popen = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=folder,
                env=environment(env), start_new_session=True, preexec_fn=end_with_parent,
            )

    @property
    def pid(self):
        return self.popen.pid

    def has_ended(self):
        return self.popen.poll() is not None

    def ensure_alive(self):
        if self.has_ended():
            raise Failed(f"{pathlib.Path(self.arguments[0]).name} ended with {self.popen.returncode}: {self.last_words()}")

    def last_words(self):
        """The end of its log, on one line."""
        lines = self.log.read_text(errors="replace").split("\n")
        return " / ".join(line.strip() for line in lines if line.strip())[-400:]

    def pids(self):
        return [self.pid, *descendants(self.pid)]


def stop(processes):
    """Lets servers end in order, all at once, and ends what is left of them."""
    pids = [pid for process in processes for pid in process.pids()]
    for process in processes:
        if not process.has_ended():
            end(process.pid, signal.SIGTERM)
    until = time.monotonic() + END_MAX_S
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.popen.wait(max(0.0, until - time.monotonic()))
    end_all(pids)
    for process in processes:
        process.popen.wait()


def end_with_parent():
    """Runs in the child before its program: whatever ends the run ends it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def end_all(pids):
    """Ends processes by their ids and waits until they have gone."""
    until = time.monotonic() + END_MAX_S
    left = [pid for pid in pids if stat(pid)]
    for pid in left:
        end(pid, signal.SIGKILL)
    while any(stat(pid) for pid in left) and time.monotonic() < until:
        time.sleep(0.02)


def end_everything():
    """The last act of a run. Returns what had been left over."""
    left = descendants(os.getpid())
    end_all(left)
    return left


def run(arguments, env=None, folder=None, timeout_s=600, log=None, good=(0,)):
    """Runs a program to its end and returns what it printed; it fails when its exit code is not a good one. It is ended with this program, and when it takes too long."""
    popen = subprocess.Popen(
        [str(it) for it in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        cwd=folder, env=environment(env), start_new_session=True, preexec_fn=end_with_parent, text=True,
    )
    try:
        out, err = popen.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise Failed(f"{pathlib.Path(str(arguments[0])).name} took more than {timeout_s} s") from None
    finally:
        if popen.poll() is None:
            end_all([popen.pid, *descendants(popen.pid)])
            popen.wait()
    if log:
        with log.open("a") as file:
            file.write(f"$ {' '.join(map(str, arguments))}\n{err}{out}\n")
    if popen.returncode not in good:
        words = " / ".join(line.strip() for line in (err or out).split("\n") if line.strip())[-400:]
        raise Failed(f"{pathlib.Path(str(arguments[0])).name} ended with {popen.returncode}: {words}")
    return out


Used = collections.namedtuple("Used", "at cpu_s load_cpu_s")


def used(processes):
    """CPU time so far: of servers with all below them, and of programs that ran to their end."""
    told = [stat(pid) for process in processes for pid in process.pids()]
    ticks = sum(it.ticks for it in told if it)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Used(time.monotonic(), ticks / TICKS_PER_SECOND, ended.ru_utime + ended.ru_stime)


def percent(first, last):
    """CPU between two looks; 100 is one core."""
    seconds = last.at - first.at
    return {
        "cpu_percent_servers": round(100 * (last.cpu_s - first.cpu_s) / seconds),
        "cpu_percent_load": round(100 * (last.load_cpu_s - first.load_cpu_s) / seconds),
    }


def resident_mib(pids):
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            pages += int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * PAGE_BYTES / 2**20)


def wait_until(what, is_so, within_s, processes=(), every_s=0.01):
    """Asks again and again; a server that has ended meanwhile is told of."""
    until = time.monotonic() + within_s
    while not is_so():
        for process in processes:
            process.ensure_alive()
        if time.monotonic() > until:
            raise Failed(f"{what}: not within {within_s} s")
        time.sleep(every_s)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
