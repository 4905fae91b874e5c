"""Puts the peers and the load generators in place: what is pinned in tests/bench is what is installed, below target/bench."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from .paths import CARGO_TARGET, HERE, ROOT, TARGET
from .processes import Failed, environment, run

JS = TARGET / "js"
VENV = TARGET / "venv"
DEBIAN = TARGET / "debian"
# Building and downloading may take long the first time.
INSTALL_MAX_S = 3600


class NotInstalled(Failed):
    """A peer is not here and could not be had; the message tells how to install it."""


def is_installed(pinned, stamp):
    return stamp.is_file() and stamp.read_bytes() == pinned.read_bytes()


def npm():
    """kinesalite and kinesis-local, from the committed lock file."""
    lock, stamp = HERE / "js" / "package-lock.json", JS / "installed.json"
    if is_installed(lock, stamp):
        return
    if not shutil.which("npm"):
        raise NotInstalled("not installed, needs npm (Node 20)")
    JS.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "js" / name, JS / name)
    run(["npm", "ci", "--ignore-scripts", "--no-progress", "--loglevel=error"], folder=JS, timeout_s=INSTALL_MAX_S)
    shutil.copy(lock, stamp)


def pip():
    """moto, MiniStack and the NATS server, in an environment of their own."""
    pinned, stamp = HERE / "requirements.txt", VENV / "installed.txt"
    if is_installed(pinned, stamp):
        return
    run([sys.executable, "-m", "venv", "--clear", VENV], timeout_s=INSTALL_MAX_S)
    run([VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--requirement", pinned], timeout_s=INSTALL_MAX_S)
    shutil.copy(pinned, stamp)


def debian(package, found):
    """What `found` finds: installed on this machine, or else unpacked below target/bench, which needs no root."""
    if it := found(pathlib.Path("/")) or found(DEBIAN / package):
        return it
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise NotInstalled(f"not installed, and not on Debian: install {package}")
    advice = f"not installed, and could not be fetched: apt-get update && apt-get install {package}"
    try:
        # What an installation would add: the package and what it depends on, as far as it is not here.
        would = run(["apt-get", "install", "--simulate", "--no-install-recommends", package])
        names = re.findall(r"^Inst (\S+)", would, re.MULTILINE)
        archives = DEBIAN / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        run(["apt-get", "download", *names], folder=archives)
        for name in names:
            for archive in archives.glob(f"{name.partition(':')[0]}_*.deb"):
                run(["dpkg", "-x", archive, DEBIAN / package])
    except Failed as failure:
        raise NotInstalled(f"{advice} ({failure})") from None
    if it := found(DEBIAN / package):
        return it
    raise NotInstalled(advice)


def cargo(*arguments):
    subprocess.run(["cargo", *arguments], cwd=ROOT, env={**os.environ}, check=True)


def ana():
    """The program that is measured and that drives all servers of the API: ANA_BIN, or a build as one would install it."""
    if given := os.environ.get("ANA_BIN"):
        return pathlib.Path(given).resolve()
    cargo("build", "--locked", "--profile", "dist", "--workspace", "--bin", "ana")
    return CARGO_TARGET / "dist" / "ana"


def peer_load():
    """The load generators of the peers that have protocols of their own."""
    target = CARGO_TARGET if "CARGO_TARGET_DIR" in os.environ else TARGET / "cargo"
    cargo("build", "--locked", "--release", "--manifest-path", HERE / "Cargo.toml", "--target-dir", target)
    return target / "release" / "ana-peer-load"


def npm_version(package):
    """The release of a package that npm has installed."""
    return json.loads((JS / "node_modules" / package / "package.json").read_text())["version"]


def venv_version(package):
    """The release of a package of the environment."""
    code = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    return run([VENV / "bin" / "python", "-c", code]).strip()


def word_after(text, word):
    found = re.search(rf"{word}\s*v?([0-9][^\s,]*)", text, re.IGNORECASE)
    return found.group(1) if found else "unknown"


__all__ = ["NotInstalled", "ana", "debian", "environment", "npm", "npm_version", "peer_load", "pip", "venv_version", "word_after"]
