"""pymongoarrow reads from an Argon server, and writes to it."""

import datetime
import sys

import pyarrow as pa
import pymongoarrow.monkey
from pymongo import MongoClient
from pymongoarrow.api import Schema, find_arrow_all, find_pandas_all, write

pymongoarrow.monkey.patch_all()
client = MongoClient(sys.argv[1])
flights = client["arrow"]["flights"]
day = datetime.datetime(2026, 11, 24)
flights.insert_many(
    {"_id": n, "carrier": "AB"[n % 2], "delay": n % 60 / 2, "on": day + datetime.timedelta(hours=n)}
    for n in range(5000)
)
schema = Schema(
    {"_id": pa.int64(), "carrier": pa.string(), "delay": pa.float64(), "on": pa.timestamp("ms")}
)
table = find_arrow_all(flights, {"carrier": "A"}, schema=schema)
assert (table.num_rows, table.column_names) == (2500, ["_id", "carrier", "delay", "on"])
frame = find_pandas_all(flights, {}, schema=schema)
assert frame["delay"].sum() == sum(n % 60 / 2 for n in range(5000))
groups = flights.aggregate_arrow_all(
    [{"$group": {"_id": "$carrier", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}],
    schema=Schema({"_id": pa.string(), "n": pa.int64()}),
)
assert groups.to_pydict() == {"_id": ["A", "B"], "n": [2500, 2500]}
lsn = client["arrow"].command("argonResolve", "main")["lsn"]
client["arrow"].command("argonBranchCreate", "exp")
write(client["arrow~exp"]["copies"], table)
assert client["arrow~exp"]["copies"].count_documents({}) == 2500
flights.delete_many({})
assert find_arrow_all(client[f"arrow~main~{lsn}"]["flights"], {}, schema=schema).num_rows == 5000
