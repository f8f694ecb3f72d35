"""`make bench`: the gateway under load, beside a bare pass-through in the same run, on one core each.

The provider is `manage.py fakeprovider`, the load comes from wrk; both share the second core, so that the first one is
the server's alone. Everything is on: token check, routing, breaker, limits, and the usage record committed before the
end of each answer. What counts are the ratios: absolute numbers are the machine's.

    make bench                      everything, some minutes
    make bench ARGS="--seconds 3"   shorter and rougher
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import re
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
EVENTS = 50
SLOW_STREAMS = 1000
PROMPT = "x" * 500


@dataclass(frozen=True)
class Load:
    """What wrk measured of one server."""

    rate: float
    median_ms: float
    cpu_us: float
    """CPU time of the server's processes for each call."""


@dataclass
class Served:
    port: int
    process: subprocess.Popen[bytes]
    token: str = ""

    def pids(self) -> list[int]:
        """The process and what it started."""
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    queue += map(int, (task / "children").read_text().split())
        return found

    def cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Of the largest process."""
        return max(
            int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024  # type: ignore[index]
            for pid in self.pids()
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--calls", type=int, default=100_000, help="before memory is read")
    parser.add_argument(
        "--skip", default="", help="parts to leave out: load,workers,memory,streams,profile"
    )
    options = parser.parse_args()
    skipped = set(options.skip.split(","))
    wrk = subprocess.run(
        [ROOT / "scripts/wrk"], check=True, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="aim-bench-") as folder:
        bench = Bench(Path(folder), wrk, options.seconds)
        print(f"{machine()}\n")
        with bench.provider():
            if "load" not in skipped:
                bench.compare()
            if "workers" not in skipped:
                bench.workers()
            if "memory" not in skipped:
                bench.memory(options.calls)
            if "streams" not in skipped:
                bench.slow_streams()
            if "profile" not in skipped:
                bench.profile()


class Bench:
    def __init__(self, folder: Path, wrk: str, seconds: int) -> None:
        self.folder, self.wrk, self.seconds = folder, wrk, seconds
        self.provider_port = free_port()
        self.data = folder / "data"
        self.token = ""

    # --- servers ---

    @contextlib.contextmanager
    def provider(self) -> Iterator[None]:
        with running(
            [PYTHON, "manage.py", "fakeprovider", "--port", str(self.provider_port)], {}, 1
        ) as process:
            wait_for(self.provider_port, process)
            yield

    @contextlib.contextmanager
    def gateway(self, workers: int = 1, core: int | None = 0) -> Iterator[Served]:
        environment = {
            "AIM_DATA_DIR": str(self.data),
            "AIM_PRIVATE_ENDPOINTS": f"127.0.0.1:{self.provider_port}",
            "AIM_LOG_LEVEL": "WARNING",
            "AIM_WORKERS": str(workers),
        }
        if not self.token:
            self.token = self.account(environment)
        port = free_port()
        with running(
            [PYTHON, "manage.py", "serve", "--port", str(port)], environment, core
        ) as process:
            wait_for(port, process, "/healthz")
            yield Served(port, process, self.token)

    def account(self, environment: dict[str, str]) -> str:
        """An account with a key for the fake provider, and its token."""
        password = secrets.token_urlsafe(16)

        def manage(*words: str, **more: str) -> str:
            done = subprocess.run(
                [PYTHON, "manage.py", *words], cwd=ROOT, env={**os.environ, **environment, **more}, check=True,
                capture_output=True, text=True,
            )  # fmt: skip
            return done.stdout

        manage("migrate", "-v0")
        manage(
            "createsuperuser",
            "--noinput",
            "--email",
            "bench@example.com",
            DJANGO_SUPERUSER_PASSWORD=password,
        )
        script = (
            "from marketplace.models import User; from integrations.audit import Actor;"
            "from integrations.actions import integrations, tokens;"
            "from integrations.inputs import IntegrationInput;"
            "u = User.objects.get(); a = Actor(user_id=u.pk);"
            f"i = IntegrationInput(key='sk-bench-0000', base_url='http://127.0.0.1:{self.provider_port}/v1');"
            "integrations.create(a, u, 'openai-compatible', i);"
            "print(tokens.issue(a, u, 'bench', ('chat',))[1].plain())"
        )
        return manage("shell", "-v0", "-c", script).strip()

    @contextlib.contextmanager
    def passthrough(self) -> Iterator[Served]:
        port = free_port()
        provider = f"127.0.0.1:{self.provider_port}"
        script = [PYTHON, "-m", "scripts.bench_passthrough", str(port), provider]
        with running(script, {"DJANGO_SETTINGS_MODULE": "marketplace.settings"}, 0) as process:
            wait_for(port, process)
            yield Served(port, process)

    # --- measurements ---

    def load(
        self,
        served: Served,
        stream: bool,
        clients: int,
        seconds: int | None = None,
        model: str = "",
    ) -> Load:
        script = self.script(served, stream, model)
        options = (
            f"-t1 -c{clients} -d{seconds or self.seconds}s --latency --timeout 20s -s {script}"
        )
        address = f"http://127.0.0.1:{served.port}"
        before = served.cpu_seconds()
        done = subprocess.run(
            ["taskset", "-c", "1", self.wrk, *options.split(), address],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        if "Non-2xx" in done or "Socket errors" in done:
            raise SystemExit(f"the server did not answer every call:\n{done}")
        calls = int(found(r"(\d+) requests in", done))
        return Load(
            rate=float(found(r"Requests/sec:\s+([\d.]+)", done)),
            median_ms=milliseconds(found(r"50%\s+([\d.]+\w+)", done)),
            cpu_us=(served.cpu_seconds() - before) / calls * 1e6,
        )

    def script(self, served: Served, stream: bool, model: str) -> Path:
        """What wrk sends."""
        if not model:
            model = f"fake-fast-chunks-{EVENTS}" if stream else "fake-fast"
            model = f"openai-compatible/{model}" if served.token else model
        messages = [{"role": "user", "content": PROMPT}]
        body = json.dumps({"model": model, "stream": stream, "messages": messages})
        path = self.folder / "wrk.lua"
        path.write_text(
            'wrk.method = "POST"\nwrk.path = "/v1/chat/completions"\n'
            'wrk.headers["content-type"] = "application/json"\n'
            f'wrk.headers["authorization"] = "Bearer {served.token or "none"}"\n'
            f"wrk.body = [[{body}]]\n"
        )
        return path

    def compare(self) -> None:
        """Calls per second of one worker on one core, beside the pass-through, in turns so that both meet the same
        machine.
        """
        print(
            f"{'':32}{'gateway':>10}{'pass-through':>14}{'ratio':>8}{'CPU per call':>20}{'ratio':>8}"
        )
        with self.gateway() as gateway, self.passthrough() as bare:
            for kind, stream in (("JSON", False), (f"streams of {EVENTS} events", True)):
                for clients in (16, 64):
                    self.load(gateway, stream, clients, 2)
                    self.load(bare, stream, clients, 2)
                    ours, theirs = (
                        self.load(gateway, stream, clients),
                        self.load(bare, stream, clients),
                    )
                    name = f"{kind}, {clients} clients"
                    share = ours.rate / theirs.rate
                    cpu = f"{ours.cpu_us:.0f} / {theirs.cpu_us:.0f} µs"
                    print(
                        f"{name:32}{ours.rate:8.0f}/s{theirs.rate:12.0f}/s{share:8.0%}{cpu:>20}"
                        f"{theirs.cpu_us / ours.cpu_us:8.0%}"
                    )
            direct = Served(self.provider_port, gateway.process)
            ours, none = self.load(gateway, False, 1), self.load(direct, False, 1)
            print(f"latency added at one client: {ours.median_ms - none.median_ms:.2f} ms (median)")
        started = time.monotonic()
        with self.gateway():
            print(
                f"from `manage.py serve` to its first answer: {time.monotonic() - started:.2f} s\n"
            )

    def workers(self) -> None:
        """What a second worker is worth, asked for the built-in sandbox: a provider beside them would need a core too.
        wrk still takes its part of one, so CPU per call is told as well.
        """
        rates = []
        for count in (1, 2):
            with self.gateway(count, core=None) as gateway:
                self.load(gateway, False, 64, 2, "sandbox/sandbox")
                measured = self.load(gateway, False, 64, model="sandbox/sandbox")
                rates.append(measured.rate)
                print(
                    f"{count} worker(s), no core of its own: {measured.rate:.0f}/s, {measured.cpu_us:.0f} µs CPU/call"
                )
        print(f"two workers: {rates[1] / rates[0]:.2f} × one\n")

    def memory(self, calls: int) -> None:
        with self.gateway() as gateway:
            sizes = []
            measured = self.load(gateway, False, 64, 5)
            for _ in range(4):
                self.load(gateway, False, 64, max(1, round(calls / 4 / measured.rate)))
                sizes.append(gateway.resident_mb())
        print(
            f"resident after each quarter of {calls:,} calls: {', '.join(f'{size:.0f}' for size in sizes)} MB\n"
        )

    def slow_streams(self) -> None:
        """A thousand open streams, and what a new call's first event takes meanwhile."""
        with self.gateway() as gateway:
            idle, busy, each = asyncio.run(_with_open_streams(gateway))
        print(
            f"first event of a new call: {idle:.1f} ms idle, {busy:.1f} ms with {SLOW_STREAMS} open slow streams; "
            f"{each:.0f} kB for each of them\n"
        )

    def profile(self) -> None:
        """The twenty functions in which the process is found most often, and a file with all of them."""
        raw = self.folder / "profile.txt"
        with self.gateway() as gateway:
            self.load(gateway, False, 16, 2)
            spy = subprocess.Popen(
                [Path(PYTHON).parent / "py-spy", "record", "-p", str(gateway.process.pid), "-d", str(self.seconds),
                 "-r", "250", "--gil", "-f", "raw", "-o", str(raw)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            self.load(gateway, False, 16, self.seconds + 2)
            spy.wait()
        if not raw.exists():
            print("no profile: py-spy may not look into processes here")
            return
        own: Counter[str] = Counter()
        for line in raw.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            own[re.sub(r":\d+\)$", ")", stack.rpartition(";")[2])] += int(count)
        total = sum(own.values())
        print("profile, JSON calls, own time:")
        for name, count in own.most_common(20):
            print(f"{count / total:6.1%}  {name}")


async def _with_open_streams(gateway: Served) -> tuple[float, float, float]:
    """Median milliseconds to the first event, alone and with the open streams, and kilobytes for each stream."""
    headers = {"authorization": f"Bearer {gateway.token}"}
    address = f"http://127.0.0.1:{gateway.port}/v1/chat/completions"

    def body(model: str) -> dict[str, object]:
        messages = [{"role": "user", "content": PROMPT}]
        return {"model": f"openai-compatible/{model}", "stream": True, "messages": messages}

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def first_event(model: str) -> float:
            begun = time.perf_counter()
            async with session.post(address, json=body(model), headers=headers) as answer:
                await answer.content.readany()
                return (time.perf_counter() - begun) * 1000

        async def held(opened: asyncio.Semaphore) -> None:
            async with session.post(
                address, json=body("fake-chunks-600-pace-1000"), headers=headers
            ) as answer:
                await answer.content.readany()
                opened.release()
                async for _ in answer.content.iter_any():
                    pass

        for _ in range(20):
            await first_event("fake-fast-chunks-5")
        idle = statistics.median([await first_event("fake-fast-chunks-5") for _ in range(50)])
        before, opened = gateway.resident_mb(), asyncio.Semaphore(0)
        tasks = []
        for _ in range(SLOW_STREAMS):
            tasks.append(asyncio.create_task(held(opened)))
            await asyncio.sleep(0.002)
        for _ in range(SLOW_STREAMS):
            await opened.acquire()
        await asyncio.sleep(2)
        each = (gateway.resident_mb() - before) * 1024 / SLOW_STREAMS
        busy = statistics.median([await first_event("fake-fast-chunks-5") for _ in range(50)])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return idle, busy, each


@contextlib.contextmanager
def running(
    command: list[str], environment: dict[str, str], core: int | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on ``core``, or on any; ended at the end."""
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    process = subprocess.Popen(
        [*pinned, *command], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def wait_for(port: int, process: subprocess.Popen[bytes], path: str = "") -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            if not path:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1):
                return
        if process.poll() is not None:
            raise SystemExit("a server ended before it answered")
        time.sleep(0.05)
    raise SystemExit("a server did not answer")


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk said something else:\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {platform.system()}"


if __name__ == "__main__":
    main()
