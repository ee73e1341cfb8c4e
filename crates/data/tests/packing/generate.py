"""Rows that TRL's `pack_dataset(strategy="bfd")` makes of random lengths: writes trl.json beside itself.

trl 1.16.0, datasets 5.2.0. The lengths are drawn by a generator that the test repeats (Knuth's MMIX LCG,
state 1), so that they need not be stored.
"""

import json
import pathlib

from datasets import Dataset
from trl.data_utils import pack_dataset

CAPACITY, COUNT = 1024, 20_000
SETS = [
    ("uniform 2 to 1024", 2, 1024, 1),
    ("uniform 2 to 384", 2, 384, 1),
    ("mostly short, 16 to 1024", 16, 1024, 3),
    ("over a third, 342 to 700", 342, 700, 1),
]


def lengths(shortest, longest, power):
    state = 1
    for _ in range(COUNT):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        draw = (state >> 48) ** power
        yield shortest + ((draw * (longest - shortest + 1)) >> (16 * power))


sets = []
for name, shortest, longest, power in SETS:
    drawn = list(lengths(shortest, longest, power))
    dataset = Dataset.from_dict({"input_ids": [[0] * length for length in drawn]})
    rows = [
        len(pack_dataset(dataset, CAPACITY, strategy="bfd", map_kwargs={"batch_size": size}))
        for size in (1000, None)
    ]
    sets.append(
        {
            "name": name, "shortest": shortest, "longest": longest, "power": power,
            "tokens": sum(drawn), "rows": rows[0], "rows_whole": rows[1],
        }
    )
path = pathlib.Path(__file__).with_name("trl.json")
path.write_text(json.dumps({"capacity": CAPACITY, "count": COUNT, "sets": sets}, indent=1) + "\n")
