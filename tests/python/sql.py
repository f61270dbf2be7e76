"""The Python half of ``cargo xtask sql``: random queries, and what pandas and scipy answer.

Usage::

    sql.py FOLDER N SEED

writes three stores (CSR in HDF5, CSC in zarr, dense in HDF5; other genes, categories and missing values in each) into FOLDER, and
``queries.json``: N queries with conditions, joins of ``obs`` with ``x``, groups, order and limit, and the rows that each is to give.
Rows of a query without ``ORDER BY`` are in any order.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

STORES = [("a", "a.h5ad", "csr", 240, range(0, 30)), ("b", "b.zarr", "csc", 130, range(5, 45)), ("c", "c.h5ad", "dense", 75, range(0, 30))]
KINDS = ["T cell", "B cell", "NK", "monocyte", "it's", "é"]


def make(folder, rng):
    """The stores, and the tables that they are."""
    all_obs, all_x, start = [], [], 0
    for at, (key, name, kind, n, genes) in enumerate(STORES):
        values = rng.poisson(0.4, (n, len(genes))).astype(np.float32) * 0.5
        values[rng.random(values.shape) < 0.1] *= -1
        # No negative zeros, which DataFusion tells from zeros.
        values += 0.0
        kinds = rng.choice(KINDS[at : at + 4], n).astype(object)
        kinds[rng.random(n) < 0.1] = None
        age = pd.array(rng.integers(0, 90, n), dtype="Int64")
        age[rng.random(n) < 0.2] = pd.NA
        obs = pd.DataFrame(
            {
                "kind": pd.Categorical(kinds, categories=KINDS[at : at + 4]),
                "donor": rng.choice(["d1", "d2", "d3"], n),
                "age": age,
                "score": rng.integers(-8, 8, n) / 4,
                "good": rng.random(n) < 0.6,
                "n": rng.integers(0, 9, n).astype(np.int16),
            },
            index=[f"{key}{row}" for row in range(n)],
        )
        matrix = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "dense": np.asarray}[kind](values)
        adata = ad.AnnData(matrix, obs=obs, var=pd.DataFrame(index=[f"g{gene}" for gene in genes]))
        if name.endswith("zarr"):
            adata.write_zarr(folder / name)
        else:
            adata.write_h5ad(folder / name, compression="gzip")
        # Read again, as what is stored is what is asked.
        read = ad.read_zarr(folder / name) if name.endswith("zarr") else ad.read_h5ad(folder / name)
        table = read.obs.copy()
        table["kind"] = table["kind"].astype(object)
        table.insert(0, "obs_id", np.arange(start, start + n))
        table.insert(1, "obs_name", read.obs_names.astype(str))
        table["_store"], table["_row"] = key, np.arange(n)
        all_obs.append(table.reset_index(drop=True))
        if kind == "dense":
            rows, columns = np.indices(read.X.shape).reshape(2, -1)
            data = np.asarray(read.X).reshape(-1)
        else:
            coo = read.X.tocoo()
            rows, columns, data = coo.row, coo.col, coo.data
        names = np.asarray(read.var_names.astype(str))[columns]
        all_x.append(pd.DataFrame({"obs_id": rows + start, "var_name": names, "value": data.astype(np.float64)}))
        start += n
    obs = pd.concat(all_obs, ignore_index=True)
    obs["age"] = obs["age"].astype("Int64")
    x = pd.concat(all_x, ignore_index=True)
    return {"obs": obs, "x": x.merge(obs[["obs_id", "obs_name", "_store"]], on="obs_id"), "joined": x.merge(obs, on="obs_id")}


def literal(value):
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def condition(rng, table):
    """A condition, as SQL and as the rows of a table that meet it."""
    column = rng.choice([name for name in table.columns if name not in ("good",)] + (["good"] if "good" in table else []))
    own = table[column]
    if column == "good":
        return ("good", own) if rng.random() < 0.5 else ("NOT good", ~own)
    if rng.random() < 0.15:
        return (f"{column} IS NULL", own.isna()) if rng.random() < 0.5 else (f"{column} IS NOT NULL", own.notna())
    some = own.dropna().to_numpy()
    picked = [value.item() if hasattr(value, "item") else value for value in rng.choice(some, 3)]
    if rng.random() < 0.25:
        return f"{column} IN ({', '.join(map(literal, picked))})", own.isin(picked)
    if isinstance(picked[0], str) and rng.random() < 0.25:
        start = picked[0][:1]
        return f"{column} LIKE '{start}%'", own.map(lambda text: isinstance(text, str) and text.startswith(start)).astype(bool)
    operator = rng.choice(["=", "<>", "<", "<=", ">", ">="])
    value = picked[0]
    known = own.notna()
    meets = pd.Series(False, index=own.index)
    # As bytes, which is how SQL orders text, and Python too.
    compare = {
        "=": lambda a: a == value,
        "<>": lambda a: a != value,
        "<": lambda a: a < value,
        "<=": lambda a: a <= value,
        ">": lambda a: a > value,
        ">=": lambda a: a >= value,
    }[str(operator)]
    meets[known] = [bool(compare(each)) for each in own[known]]
    return f"{column} {operator} {literal(value)}", meets


def plain(value):
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, str):
        return value
    return float(value)


def query(rng, tables):
    which = rng.choice(["obs", "x", "joined", "joined"])
    table = tables[which]
    source = {
        "obs": "data.obs",
        "x": "(SELECT obs_id, var_name, value, obs_name, _store FROM data.x)",
        "joined": "(SELECT o.*, x.var_name, x.value FROM data.x x JOIN data.obs o ON x.obs_id = o.obs_id)",
    }[which]
    sql, meets = condition(rng, table)
    for _ in range(rng.integers(0, 3)):
        more, also = condition(rng, table)
        if rng.random() < 0.3:
            sql, meets = f"({sql} OR {more})", meets | also
        else:
            sql, meets = f"{sql} AND {more}", meets & also
    rows = table[meets.astype(bool)]
    if rng.random() < 0.5:
        of = [name for name in ["kind", "donor", "good", "_store", "var_name", "n"] if name in table]
        keys = list(dict.fromkeys(rng.choice(of, rng.integers(1, 3))))
        number = str(rng.choice([name for name in ["age", "score", "value", "n", "obs_id"] if name in table]))
        groups = rows.groupby(keys, dropna=False, observed=True)[number]
        found = groups.agg(["size", "count", lambda own: own.sum(min_count=1), "min", "max", "mean"]).reset_index()
        keys = ", ".join(keys)
        text = f"SELECT {keys}, count(*), count({number}), sum({number}), min({number}), max({number}), avg({number})"
        return f"{text} FROM {source} WHERE {sql} GROUP BY {keys}", found
    order = ["obs_id"] + (["var_name"] if which != "obs" else [])
    shown = list(dict.fromkeys([*rng.choice(list(table.columns), 3), *order]))
    down = bool(rng.random() < 0.5)
    found = rows.sort_values(order, ascending=not down)[shown]
    text = f"SELECT {', '.join(shown)} FROM {source} WHERE {sql} ORDER BY "
    text += ", ".join(f"{name} {'DESC' if down else 'ASC'}" for name in order)
    if rng.random() < 0.5:
        limit, offset = int(rng.integers(0, 20)), int(rng.integers(0, 5))
        text, found = f"{text} LIMIT {limit} OFFSET {offset}", found.iloc[offset : offset + limit]
    return text, found


if __name__ == "__main__":
    folder, n, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = np.random.default_rng(seed)
    tables = make(folder, rng)
    queries = []
    for _ in range(n):
        sql, found = query(rng, tables)
        rows = [[plain(value) for value in row] for row in found.itertuples(index=False, name=None)]
        queries.append({"sql": sql, "ordered": "ORDER BY" in sql, "rows": rows})
    stores = [[key, name] for key, name, *_ in STORES]
    (folder / "queries.json").write_text(json.dumps({"stores": stores, "queries": queries}))
