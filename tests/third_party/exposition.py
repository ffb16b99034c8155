"""Reads /metrics in its three formats with readers that are not ours, and holds them against one another.

Text and OpenMetrics are parsed by prometheus_client, protobuf by google.protobuf with the fields of client_model's
metrics.proto, written down here. Numbers that change by themselves are left out: what differs between two pages of text.
Usage: exposition.py URL; prints what was compared as JSON, exits with 1 and the difference otherwise.
"""

import gzip
import json
import math
import os
import sys
import urllib.request

# Without the library in C, which is another package.
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.decoder import _DecodeVarint32
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

PROTOBUF = ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
            "encoding=delimited")


def fetch(url, accept, coding="identity"):
    request = urllib.request.Request(url, headers={"Accept": accept, "Accept-Encoding": coding})
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
        assert answer.headers.get("Content-Encoding", "identity") == coding, answer.headers
        return gzip.decompress(body) if coding == "gzip" else body


def message_classes():
    kinds = descriptor_pb2.FieldDescriptorProto
    messages = {
        "LabelPair": [("name", 1, kinds.TYPE_STRING), ("value", 2, kinds.TYPE_STRING)],
        "Timestamp": [("seconds", 1, kinds.TYPE_INT64), ("nanos", 2, kinds.TYPE_INT32)],
        "Exemplar": [("label", 1, ["LabelPair"]), ("value", 2, kinds.TYPE_DOUBLE),
                     ("timestamp", 3, "Timestamp")],
        "Counter": [("value", 1, kinds.TYPE_DOUBLE), ("exemplar", 2, "Exemplar")],
        "Gauge": [("value", 1, kinds.TYPE_DOUBLE)],
        "Bucket": [("cumulative_count", 1, kinds.TYPE_UINT64),
                   ("upper_bound", 2, kinds.TYPE_DOUBLE), ("exemplar", 3, "Exemplar")],
        "BucketSpan": [("offset", 1, kinds.TYPE_SINT32), ("length", 2, kinds.TYPE_UINT32)],
        "Histogram": [("sample_count", 1, kinds.TYPE_UINT64), ("sample_sum", 2, kinds.TYPE_DOUBLE),
                      ("bucket", 3, ["Bucket"]), ("schema", 5, kinds.TYPE_SINT32),
                      ("zero_threshold", 6, kinds.TYPE_DOUBLE),
                      ("zero_count", 7, kinds.TYPE_UINT64), ("positive_span", 12, ["BucketSpan"]),
                      ("positive_delta", 13, [kinds.TYPE_SINT64])],
        "Metric": [("label", 1, ["LabelPair"]), ("gauge", 2, "Gauge"), ("counter", 3, "Counter"),
                   ("histogram", 7, "Histogram")],
        "MetricFamily": [("name", 1, kinds.TYPE_STRING), ("help", 2, kinds.TYPE_STRING),
                         ("type", 3, kinds.TYPE_INT32), ("metric", 4, ["Metric"])],
    }
    file = descriptor_pb2.FileDescriptorProto(name="metrics.proto", package="read", syntax="proto2")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            one = message.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            if isinstance(kind, list):
                one.label, kind = kinds.LABEL_REPEATED, kind[0]
            if isinstance(kind, str):
                one.type, one.type_name = kinds.TYPE_MESSAGE, ".read." + kind
            else:
                one.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(
        pool.FindMessageTypeByName("read.MetricFamily"))


def families(body):
    of = message_classes()
    place = 0
    while place < len(body):
        length, place = _DecodeVarint32(body, place)
        family = of()
        family.ParseFromString(body[place:place + length])
        place += length
        yield family


def series_of(parsed):
    """Samples by name, labels and the number of a bucket's bound; times are not there."""
    found = {}
    for family in parsed:
        for sample in family.samples:
            labels = dict(sample.labels)
            if "le" in labels:
                labels["le"] = str(float(labels["le"]))
            key = (sample.name, tuple(sorted(labels.items())))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


def labels_of(metric, **more):
    return tuple(sorted([(one.name, one.value) for one in metric.label] + list(more.items())))


def native(histogram):
    """Counts by upper bound, from spans and deltas."""
    counts, number, count, deltas = [], 0, 0, iter(histogram.positive_delta)
    for span in histogram.positive_span:
        number += span.offset
        for _ in range(span.length):
            count += next(deltas)
            counts.append((2 ** (number / 2 ** histogram.schema), count))
            number += 1
    assert next(deltas, None) is None, "more deltas than buckets"
    return counts


def series_of_protobuf(body):
    found, natives = {}, {}
    for family in families(body):
        for metric in family.metric:
            if metric.HasField("counter"):
                found[(family.name, labels_of(metric))] = metric.counter.value
            elif metric.HasField("gauge"):
                found[(family.name, labels_of(metric))] = metric.gauge.value
            else:
                one = metric.histogram
                found[(family.name + "_count", labels_of(metric))] = one.sample_count
                found[(family.name + "_sum", labels_of(metric))] = one.sample_sum
                for bucket in one.bucket:
                    bound = labels_of(metric, le=str(bucket.upper_bound))
                    found[(family.name + "_bucket", bound)] = bucket.cumulative_count
                counts = native(one)
                inside = sum(count for _, count in counts) + one.zero_count
                assert inside == one.sample_count, f"{family.name}: {inside} of {one.sample_count}"
                natives[(family.name, labels_of(metric))] = counts
    return found, natives


def same(one, other):
    return one == other or (math.isnan(one) and math.isnan(other))


def main(url):
    before = series_of(text(fetch(url, "text/plain").decode()))
    opened = fetch(url, "application/openmetrics-text;version=1.0.0", "gzip").decode()
    packed, natives = series_of_protobuf(fetch(url, PROTOBUF, "gzip"))
    after = series_of(text(fetch(url, "text/plain").decode()))
    still = {key: value for key, value in after.items() if same(before.get(key, math.inf), value)}
    parsed = list(openmetrics(opened))
    named = series_of(parsed)
    for key, value in still.items():
        for other, what in ((named, "OpenMetrics"), (packed, "protobuf")):
            assert key in other and same(other[key], value), f"{key} is {value}, {what}: {other.get(key)}"
    exemplars = [(sample.name, sample.exemplar) for family in parsed for sample in family.samples
                 if sample.exemplar]
    for name, exemplar in exemplars:
        assert name.endswith(("_bucket", "_total")), name
        assert list(exemplar.labels) == ["run_id"] and exemplar.timestamp, exemplar
    steps = [key for key in natives if key[0] == "outrider_step_duration_seconds"]
    print(json.dumps({
        "series": len(after), "still": len(still), "native": len(natives), "steps": len(steps),
        "runs": [exemplar.labels["run_id"] for _, exemplar in exemplars],
        "exemplars": sorted({name for name, _ in exemplars}),
    }))


if __name__ == "__main__":
    main(sys.argv[1])
