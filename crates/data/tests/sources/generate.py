"""Parquet and Arrow files for the tests of this folder, with the rows that they hold.

Written by pyarrow 26.0.1 on Python 3.11; no randomness. Run in this folder:

    python generate.py

`rows.*` hold the same 600 rows in every codec and container; `types.*` hold one row per case of every
type; `types.json` is what a reader should make of them, written out by hand below.
"""

import datetime as dt
import json

import pyarrow as pa
import pyarrow.parquet as pq

assert pa.__version__ == "26.0.1", pa.__version__

rows = pa.table(
    {
        "question": [f"Größe {i}?\n" for i in range(600)],
        "n": pa.array([None if i % 3 == 0 else i - 350 for i in range(600)], pa.int16()),
    }
)
for codec in ["none", "snappy", "gzip", "lz4", "zstd", "brotli"]:
    pq.write_table(rows, f"rows.{codec}.parquet", compression=codec, row_group_size=300)
with pa.OSFile("rows.arrow", "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
    writer.write_table(rows, max_chunksize=300)
options = pa.ipc.IpcWriteOptions(compression="lz4")
with pa.OSFile("rows.stream.arrow", "wb") as sink:
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows, max_chunksize=300)

point = pa.struct([("x", pa.int32()), ("y", pa.float64())])
columns = {
    "string": pa.array(["a", None, "\u00e4\U0001f600"], pa.string()),
    "large": pa.array(["", "b", None], pa.large_string()),
    "view": pa.array(["longer than twelve bytes", "short", None], pa.string_view()),
    "dictionary": pa.array(["x", None, "x"]).dictionary_encode(),
    "int8": pa.array([-128, 127, None], pa.int8()),
    "uint64": pa.array([0, 2**64 - 1, None], pa.uint64()),
    "float32": pa.array([0.5, -1.25, None], pa.float32()),
    "float64": pa.array([0.1, 1e300, None], pa.float64()),
    "bool": pa.array([True, False, None]),
    "null": pa.array([None, None, None], pa.null()),
    "list": pa.array([["a", None], [], None], pa.list_(pa.string())),
    "struct": pa.array([{"x": 1, "y": None}, None, {"x": None, "y": 2.5}], point),
    "turns": pa.array(
        [[{"role": "user", "content": "hi"}], [], None],
        pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
    ),
    "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
    "time": pa.array(
        [dt.datetime(2024, 2, 29, 12, 30), None, dt.datetime(1969, 12, 31, 23, 59, 59)],
        pa.timestamp("us"),
    ),
    "zoned": pa.array([dt.datetime(2024, 2, 29, 12, 30), None, None], pa.timestamp("ms", tz="UTC")),
    "date": pa.array([dt.date(2024, 2, 29), None, None], pa.date32()),
    "binary": pa.array([b"\x00\xff", None, b""], pa.binary()),
}
types = pa.table(columns)
pq.write_table(types, "types.parquet")
with pa.OSFile("types.arrow", "wb") as sink, pa.ipc.new_file(sink, types.schema) as writer:
    writer.write_table(types)

expected = {
    "string": ["a", None, "\u00e4\U0001f600"],
    "large": ["", "b", None],
    "view": ["longer than twelve bytes", "short", None],
    "dictionary": ["x", None, "x"],
    "int8": [-128, 127, None],
    "uint64": [0, 18446744073709551615, None],
    "float32": [0.5, -1.25, None],
    "float64": [0.1, 1e300, None],
    "bool": [True, False, None],
    "null": [None, None, None],
    "list": [["a", None], [], None],
    "struct": [{"x": 1, "y": None}, None, {"x": None, "y": 2.5}],
    "turns": [[{"role": "user", "content": "hi"}], [], None],
    "map": [{"k": 1}, {}, None],
    "time": ["2024-02-29T12:30:00", None, "1969-12-31T23:59:59"],
    "zoned": ["2024-02-29T12:30:00Z", None, None],
    "date": ["2024-02-29", None, None],
    "binary": ["00ff", None, ""],
}
assert list(expected) == list(columns)
with open("types.json", "w") as file:
    json.dump([{name: values[row] for name, values in expected.items()} for row in range(3)], file, indent=1)

# What is refused: two columns of one name, and a file without rows.
twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
pq.write_table(twice, "twice.parquet")
pq.write_table(rows.slice(0, 0), "empty.parquet")
