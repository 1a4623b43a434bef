"""A small proxy between two processes that fails as networks do: late, reset, silent, cut, gone.

All listening ports live in a process of their own, told by lines of JSON; `Proxies` and `Proxy` are its handles.
A port is ok; refuse, nobody listens; reset, what is open breaks once; mute, bytes are swallowed and nothing comes
back, as on a half-open connection. `at`: the next piece to the target that holds these bytes breaks its line, or
turns it mute; handed on before that or not.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PIECE = 65536
ROOT = Path(__file__).parents[2]


# -- Held by the harness -----------------------------------------------------------------------
class Proxies:
    """The process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.proxy"], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def do(self, act: str, **words: Any) -> Any:
        with self.lock:
            assert self.process.stdin and self.process.stdout
            self.process.stdin.write(json.dumps({"act": act, **words}) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


class Proxy:
    """One port, which it chooses, to the target."""

    def __init__(self, proxies: Proxies, target: tuple[str, int]) -> None:
        self.proxies = proxies
        self.port = free_port()
        proxies.do("open", port=self.port, target=target)

    def fail(self, how: str) -> None:
        """Be so until `heal`; a reset is over at once."""
        self.proxies.do("fail", port=self.port, how=how)

    def heal(self) -> None:
        self.proxies.do("fail", port=self.port, how="ok")

    def fail_at(self, mark: str, *, how: str = "cut", before: bool = False) -> None:
        """Fail with the next bytes of that kind to the target; they are handed on, or, with `before`, not."""
        self.proxies.do("fail_at", port=self.port, mark=mark, how=how, before=before)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- The process -------------------------------------------------------------------------------
class Port:
    def __init__(self, number: int, target: tuple[str, int]) -> None:
        self.number, self.target = number, target
        self.how = "ok"
        self.mark, self.then, self.before = b"", "", False
        self.links: set[asyncio.StreamWriter] = set()
        self.server: asyncio.Server | None = None

    async def listen(self) -> None:
        if self.server is None:
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.number)

    async def fail(self, how: str) -> None:
        if self.how == "mute" and how != "mute":
            self._break()  # what was swallowed is gone
        self.how, self.mark = how, b""
        if how == "refuse" and self.server:
            self.server.close()
            self.server = None
        if how in ("refuse", "reset"):
            self._break()
        if how == "reset":
            self.how = "ok"
        if self.how != "refuse":
            await self.listen()

    def _break(self) -> None:
        for link in self.links:
            link.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links.add(writer)
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            self.links.discard(writer)
            return
        self.links.add(back)
        both = (writer, back)
        await asyncio.gather(
            self._carry(reader, back, both, outward=True), self._carry(there, writer, both)
        )
        self.links -= set(both)

    async def _carry(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        both: tuple[asyncio.StreamWriter, ...],
        outward: bool = False,
    ) -> None:
        try:
            while piece := await source.read(PIECE):
                if self.how == "mute":
                    continue
                if outward and self.mark and self.mark in piece:
                    if await self._met(piece, sink):
                        break
                    continue
                sink.write(piece)
                await sink.drain()
        except OSError:
            pass  # the other side is told below
        finally:
            for link in both if self.how != "mute" else ():
                link.transport.abort() if self.how == "cut" else link.close()

    async def _met(self, piece: bytes, sink: asyncio.StreamWriter) -> bool:
        """Fail here; whether the line is over."""
        self.mark = b""
        if not self.before:
            sink.write(piece)
            await sink.drain()
            if self.then == "cut":
                await asyncio.sleep(0.05)  # time to be carried out before the line is gone
        if self.then == "mute":
            self.how = "mute"
        return self.then == "cut"


async def serve() -> None:
    ports: dict[int, Port] = {}
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        told = json.loads(line)
        port = ports.get(told["port"])
        if told["act"] == "open":
            port = ports[told["port"]] = Port(told["port"], tuple(told["target"]))
            await port.listen()
        elif port and told["act"] == "fail":
            await port.fail(told["how"])
        elif port:
            port.mark, port.then = told["mark"].encode(), told["how"]
            port.before = told["before"]
        print("true", flush=True)
    os._exit(0)  # the harness is gone: so is every line


if __name__ == "__main__":
    asyncio.run(serve())
