"""Java without Maven: the jars inside the wheel `kclpy-ext`, javac into target/clients/java, and a trust store."""
import functools
import hashlib
import os
import pathlib
import subprocess

import amazon_kclpy

from conformance import REPOSITORY

SOURCES = pathlib.Path(__file__).parent / "java"
JARS = pathlib.Path(amazon_kclpy.__file__).parent / "jars"
# Many short-lived machines on few cores: the quick compiler and the smallest collector.
FLAGS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", f"-Dlogback.configurationFile={SOURCES}/logback.xml"]
STORE_PASSWORD = "certificate"  # a trust store holds nothing secret, but keytool wants one


@functools.cache
def classes() -> pathlib.Path:
    """Compiles the sources; a folder for each state of them, so that nothing stale is ever run."""
    sources = sorted(SOURCES.glob("*.java"))
    state = hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:16]
    folder = REPOSITORY / "target" / "clients" / f"java-{state}"
    if not folder.exists():
        made = folder.with_suffix(f".{os.getpid()}")
        subprocess.run(["javac", "-Xlint:all,-classfile,-path,-processing,-serial", "-Werror", "-d", str(made),
                        "-cp", f"{JARS}/*", *map(str, sources)], check=True, timeout=300)
        made.rename(folder)
    return folder


def java(main: str, *arguments: str, flags: tuple[str, ...] = ()) -> list[str]:
    return ["java", *FLAGS, *flags, "-cp", f"{JARS}/*:{classes()}", main, *arguments]


def trusting(certificate: str, folder: pathlib.Path) -> tuple[str, ...]:
    """The flags with which a Java program trusts this certificate and no other."""
    store = folder / "trust.p12"
    subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "anabranch", "-file", certificate,
                    "-keystore", str(store), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD],
                   check=True, capture_output=True, timeout=60)
    return (f"-Djavax.net.ssl.trustStore={store}", f"-Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}",
            "-Djavax.net.ssl.trustStoreType=PKCS12")
