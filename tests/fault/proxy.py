"""The other end of fault_proxy (fault_proxy.c): a server behind faults.  What it can do: fault_proxy --help."""
import atexit
import os
import subprocess
from pathlib import Path

from harness import MILLRACE

PROGRAM = Path(os.environ.get("MILLRACE_FAULT_PROXY", Path(MILLRACE).parents[1] / "tests/fault_proxy"))


class Proxy:
    def __init__(self, target_port):
        assert PROGRAM.is_file(), f"{PROGRAM} is not built"
        self.process = subprocess.Popen([PROGRAM, f"127.0.0.1:{target_port}"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        atexit.register(self.stop)
        self.port = int(self.process.stdout.readline().split()[1])

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def do(self, *words):
        answer = self.ask(*words)
        assert answer == "ok", (words, answer)

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)
