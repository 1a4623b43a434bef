"""One trace a signal, over all who carry it on; nothing where no collector is named."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.trading.conftest import desk, fast, no_queue, risk  # noqa: F401
from tests.trading.test_pipeline import charts  # noqa: F401
from tradershub import telemetry
from tradershub.core import spans
from trading import tasks


@pytest.fixture
def kept():
    exporter = InMemorySpanExporter()
    spans.trace_with(telemetry.HubTracer(SimpleSpanProcessor(exporter)))
    yield exporter
    spans.trace_with(None)


def test_a_signal_is_one_trace_from_its_acceptance_to_its_record(charts, kept):  # noqa: F811
    signal = charts.signal()
    tasks.run_signal(signal.pk)

    found = {span.name: span for span in kept.get_finished_spans()}
    assert set(found) == {
        "accept", "wait for a worker", "run", "gates", "wait in the lane", "send", "record"
    }  # fmt: skip
    assert {span.context.trace_id for span in found.values()} == {spans.trace_id(signal.origin)}
    root = found["accept"]
    assert root.parent is None
    parents = {span.parent.span_id for span in found.values() if span.parent}
    assert parents == {root.context.span_id, found["run"].context.span_id}
    assert all(span.start_time <= span.end_time for span in found.values())


def test_without_a_collector_nothing_is_traced(settings):
    settings.TRACES_TO = ""
    telemetry.set_up()
    assert spans.span("run", "x") is spans.NOTHING


def test_a_missing_library_is_said(settings, monkeypatch):
    settings.TRACES_TO = "http://127.0.0.1:4318/v1/traces"
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace.export", None)
    with pytest.raises(ImproperlyConfigured, match=r"requirements-telemetry\.txt"):
        telemetry.set_up()


def test_a_sandbox_sends_traces_to_this_machine_alone(settings):
    settings.SANDBOX = True
    inner = InMemorySpanExporter()
    away = telemetry._vetting(inner, "http://192.0.2.1:4318/v1/traces")
    here = telemetry._vetting(inner, "http://127.0.0.1:4318/v1/traces")
    assert away.export([]) == SpanExportResult.FAILURE
    assert here.export([]) == SpanExportResult.SUCCESS
