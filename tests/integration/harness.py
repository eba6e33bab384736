"""Real servers and a real engine for the integration tests.

Everything lives in one temporary directory, listens on free loopback ports, and is ended by its own pid.
A test is a function whose name is a sentence; run(tests) reports them as TAP and ends with the counts.
Words on the command line choose the tests whose sentence holds one of them.
"""
import atexit
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

SOURCE = Path(os.environ.get("MILLRACE_SOURCE", Path(__file__).resolve().parents[2]))
MILLRACE = os.environ.get("MILLRACE_BIN", str(SOURCE / "build/app/millrace"))
KAFKA_LOCAL = os.environ.get("MILLRACE_KAFKA", str(SOURCE / "scripts/kafka-local"))
REDIS_SERVER = os.environ.get("MILLRACE_REDIS", "redis-server")

WORK = Path(tempfile.mkdtemp(prefix="millrace-test."))
atexit.register(shutil.rmtree, WORK, ignore_errors=True)


class Skipped(Exception):
    """What a test needs and the machine does not give: `raise Skipped("a cgroup of its own")`."""


def own_ports():
    """A sixteenth of the ports for this program alone: another one that runs beside it must not be given the port of a
    server that was ended here and is about to come back.

    Below those that the system gives to outgoing connections, one of which might have it before its server comes.
    """
    first, each = 10240, 610
    for slot in range(16):
        held = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            held.bind(f"\0millrace-test-ports-{slot}")  # a name without a file, gone with the process
            return held, range(first + slot * each, first + (slot + 1) * each)
        held.close()
    return None, range(first, first + 16 * each)


PORTS_HELD, PORTS = own_ports()


def free_port():
    while True:
        with socket.socket() as probe:
            port = random.SystemRandom().choice(PORTS)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def wait_for(condition, seconds=20, what="the condition"):
    """The first true value of `condition()`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.02)


def millrace(*arguments, check=True, environment=None, timeout=120):
    """Run a command to its end: (exit code, standard output, standard error)."""
    done = subprocess.run([MILLRACE, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(environment or {})})
    if check and done.returncode != 0:
        raise AssertionError(f"millrace {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr}")
    return done.returncode, done.stdout, done.stderr


class Kafka:
    """A broker started by scripts/kafka-local."""

    def __init__(self):
        self.directory = WORK / "kafka"
        subprocess.run([KAFKA_LOCAL, "start", self.directory], check=True, stdout=subprocess.DEVNULL)
        atexit.register(self.stop)
        self.servers = subprocess.run([KAFKA_LOCAL, "bootstrap", self.directory], check=True,
                                      capture_output=True, text=True).stdout.strip()

    def start_again(self):
        """After stop(): the same topics, on the same port."""
        subprocess.run([KAFKA_LOCAL, "start", self.directory], check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        subprocess.run([KAFKA_LOCAL, "stop", self.directory], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)


class Redis:
    """A redis-server; start() again after stop() uses the same port."""

    def __init__(self):
        self.port = free_port()
        self.directory = WORK / f"redis-{self.port}"
        self.directory.mkdir()
        self.process = None
        atexit.register(self.stop)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [REDIS_SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir",
             str(self.directory)], stdout=subprocess.DEVNULL)
        wait_for(lambda: self.command("PING") == "PONG", what="Redis")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def command(self, *words):
        """One command over a socket of its own; None while the server does not answer."""
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
                parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
                connection.sendall(b"*%d\r\n" % len(parts) +
                                   b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
                return read_reply(connection.makefile("rb"))
        return None


def read_reply(stream):
    line = stream.readline().rstrip()
    kind, rest = line[:1], line[1:]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        return RuntimeError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
    if kind == b"*":
        return [read_reply(stream) for _ in range(int(rest))]
    raise OSError("connection closed")


class Engine:
    """`millrace run` with a configuration of its own; start() after an end goes on with the same state."""

    def __init__(self, name, log=None, cache=None, state=None, placements="", partitions=1, beside=None):
        """`beside`: another node of the same deployment, with its secrets, checkpoints and models."""
        self.directory = WORK / name
        self.directory.mkdir()
        home = beside.directory if beside else self.directory
        self.port = free_port()
        self.process = None
        self.environment = {}  # of its processes, over our own
        self.words = ["run"]  # the command that start() runs
        self.config = self.directory / "millrace.yaml"
        log = {"path": self.directory / "log", "clock": "data", "partitions": partitions, **(log or {})}
        state = {"path": home / "checkpoints", "interval": "300ms", **(state or {})}
        sections = {
            "log": log,
            "cache": cache or {"kind": "memory"},
            "state": state,
            "models": {"path": home / "models"},
            "http": {"listen": f"127.0.0.1:{self.port}"},
            "security": {"deployment_secret": f"file:{home}/secret",
                         "control_key": f"file:{home}/control.key"},
        }
        (home / "control.key").write_text("a key that every node of the test knows")
        lines = []
        for section, values in sections.items():
            lines.append(f"{section}:")
            for key, value in values.items():
                if isinstance(value, dict):
                    lines.append(f"  {key}:")
                    lines += [f"    {inner}: {text}" for inner, text in value.items()]
                else:
                    lines.append(f"  {key}: {value}")
        self.config.write_text("\n".join(lines) + "\n" + placements)
        self.log_file = self.directory / "run.log"
        atexit.register(self.kill)

    def start(self, wait=True, preexec_fn=None):
        with open(self.log_file, "ab") as sink:
            self.process = subprocess.Popen([MILLRACE, *self.words, "--config", self.config], stdout=sink, stderr=sink,
                                            env={**os.environ, **self.environment}, preexec_fn=preexec_fn)
        if wait:
            wait_for(self.is_caught_up, 40, "the engine")
        return self

    def is_caught_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the engine ended with {self.process.returncode}: {self.log_text()[-2000:]}")
        status, ready = self.get("/readyz", quiet=True)
        checks = {check["name"]: check["ready"] for check in (ready or {}).get("checks", [])}
        return checks.get("log") and checks.get("feeds")

    def log_text(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def run_to_the_end(self, check=True):
        return millrace("run", "--config", self.config, "--until-end", check=check, environment=self.environment)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process = None
        return code

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def request(self, method, path, body=None, quiet=False):
        """(status, parsed body or None); with quiet a refused connection is (0, None)."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            text = json.dumps(body) if isinstance(body, (dict, list)) else body
            connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
            response = connection.getresponse()
            content = response.read()
            connection.close()
        except OSError:
            if quiet:
                return 0, None
            raise
        try:
            return response.status, json.loads(content)
        except ValueError:
            return response.status, content.decode(errors="replace")

    def get(self, path, quiet=False):
        return self.request("GET", path, quiet=quiet)

    def post(self, path, body):
        return self.request("POST", path, body)

    def owned(self):
        """How many partitions it owns now; 0 while it does not answer."""
        _, text = self.get("/metrics", quiet=True)
        return (text or "").count("\nmillrace_partition_next_offset{")

    def metric(self, name):
        """The sum of a metric's series."""
        _, text = self.get("/metrics")
        return sum(float(line.split()[-1]) for line in text.splitlines()
                   if line.startswith(name + "{") or line.startswith(name + " "))


def run(tests):
    """Each test in turn; a failed one does not stop the others."""
    if len(sys.argv) > 1:
        tests = [test for test in tests if any(word in test.__name__ for word in sys.argv[1:])]
    failed = skipped = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__.removeprefix("test_").replace("_", " ")
        begun = time.monotonic()
        try:
            test()
            print(f"ok {number} - {name} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Skipped as need:
            skipped += 1
            print(f"skipped: needs {need}\nok {number} - {name} # SKIP needs {need}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            traceback.print_exc(file=sys.stdout)
    print(f"1..{len(tests)}")
    print(f"{len(tests) - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)
