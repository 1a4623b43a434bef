"""OpenTelemetry: the spans of a signal go to the collector that TRACES_TO names; without it nothing is loaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tradershub.core import spans
from tradershub.core.net import vetted

ACCEPTED = "accept"  # the root of each trace
log = structlog.get_logger("tradershub.telemetry")
_root: ContextVar[str] = ContextVar("root", default="")


def set_up() -> None:
    """Trace where TRACES_TO names a collector. Raises ImproperlyConfigured where its library is missing."""
    if not settings.TRACES_TO:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(
            "TRACES_TO needs OpenTelemetry: pip install -r requirements-telemetry.txt"
        ) from error
    exporter = _vetting(OTLPSpanExporter(endpoint=settings.TRACES_TO), settings.TRACES_TO)
    spans.trace_with(HubTracer(BatchSpanProcessor(exporter, schedule_delay_millis=1000)))


class HubTracer:
    """Makes each span a part of its signal's trace. processor: what becomes of the spans that ended."""

    def __init__(self, processor: Any) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        provider = TracerProvider(
            resource=Resource.create({"service.name": "tradershub"}), id_generator=_ids()
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("tradershub")

    @contextmanager
    def span(self, name: str, origin: str, **facts: Any) -> Iterator[Any]:
        from opentelemetry import trace

        active = trace.get_current_span().get_span_context()
        within = None if active.trace_id == spans.trace_id(origin) else _within(origin)
        with self._tracer.start_as_current_span(name, context=within, attributes=facts) as made:
            yield made

    def past(
        self, name: str, origin: str, begun: dt.datetime, ended: dt.datetime, **facts: Any
    ) -> None:
        from opentelemetry.context import Context

        is_root = name == ACCEPTED
        token = _root.set(origin if is_root else "")
        try:
            within = Context() if is_root else _within(origin)
            made = self._tracer.start_span(
                name, context=within, attributes=facts, start_time=_nanoseconds(begun)
            )
        finally:
            _root.reset(token)
        made.end(end_time=_nanoseconds(ended))


def _within(origin: str) -> Any:
    """Under the span of the signal's acceptance, which another process may have made."""
    from opentelemetry import trace

    root = trace.SpanContext(
        trace_id=spans.trace_id(origin),
        span_id=spans.root_id(origin),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(root))


def _ids() -> Any:
    """Ids by chance, but for the root's, which follow from the signal."""
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            origin = _root.get()
            return spans.trace_id(origin) if origin else int(super().generate_trace_id())

        def generate_span_id(self) -> int:
            origin = _root.get()
            return spans.root_id(origin) if origin else int(super().generate_span_id())

    return Ids()


def _vetting(exporter: Any, address: str) -> Any:
    """The exporter, which looks at where it sends before each time: a sandbox sends to this machine alone."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    class Vetting(SpanExporter):
        def export(self, found: Sequence[Any]) -> Any:
            try:
                vetted(host, port, ports=(port,), trusted=(f"{host}:{port}",))
            except httpx.ConnectError as error:
                log.warning("traces_not_sent", spans=len(found), why=str(error))
                return SpanExportResult.FAILURE
            return exporter.export(found)

        def shutdown(self) -> None:
            exporter.shutdown()

    return Vetting()


def _nanoseconds(at: dt.datetime) -> int:
    return int((at - EPOCH) / dt.timedelta(microseconds=1)) * 1000


EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
