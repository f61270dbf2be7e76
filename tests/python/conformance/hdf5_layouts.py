"""Arrays in every layout that h5py can write, and parts of them to read.

Drawn are: the versions of the file format, the index of the chunks, lengths and maximal lengths, filters and masks of
filters, fill values, when space is allocated, chunks that were never written, arrays that shrank and grew, and partial
chunks that are stored without filters.
"""

from __future__ import annotations

import ctypes

import h5py
import numpy as np

#: Bounds of the version of the file format that libhdf5 writes.
VERSIONS = [("earliest", "v108"), ("earliest", "latest"), ("v108", "v108"), ("v110", "v110"), ("v112", "latest"), ("latest", "latest")]
DTYPES = ["<i1", "<u1", "<i2", ">i2", "<i4", ">i4", "<u8", "<i8", "<f2", "<f4", ">f4", "<f8", ">f8", "?", "<c8", "S3", "text"]
FILTERS = ["none", "none", "gzip", "gzip", "shuffle", "shuffle gzip", "lzf", "fletcher32", "gzip fletcher32", "shuffle lzf fletcher32", "scaleoffset"]
#: Kinds of layouts: how chunks are found again depends on the maximal lengths, on how many there are, and on the version.
KINDS = ["compact", "contiguous", "one chunk", "fixed", "unlimited first", "unlimited last", "unlimited all", "many chunks"]
DONT_FILTER_PARTIAL_CHUNKS = 2


def fill_file(rng, group, count):
    """`count` arrays in a group. Returns the parts of each that are to be read, by its name."""
    # Before version 1.10 of the format there are no options of chunks.
    has_options = group.file.libver[1] != "v108"
    parts = {}
    for i in range(count):
        name, kind = f"a{i}", KINDS[i % len(KINDS)]
        while name not in parts:
            try:
                drawn = one(rng, group, name, kind, has_options)
                whole(group[name])
            except (OSError, RuntimeError):
                # libhdf5 itself does not resize or read it, as a scale and offset where its filter was left out.
                del group[name]
                continue
            parts[name] = drawn
    return parts


def one(rng, group, name, kind, has_options):
    shape, chunks, maxshape = lengths(rng, kind)
    dtype = str(rng.choice(DTYPES))
    if kind == "many chunks":
        dtype = str(rng.choice(["<i2", "<f4"]))
    plist = properties(rng, kind, chunks, dtype, has_options)
    space = h5py.h5s.create_simple(shape, maxshape)
    dataset = h5py.Dataset(h5py.h5d.create(group.id, name.encode(), type_of(dtype), space, plist))
    is_chunked = chunks is not None
    write(rng, dataset, dtype, is_chunked)
    if is_chunked and maxshape != shape and rng.random() < 0.6:
        resize(rng, dataset, dtype)
    if is_chunked and dtype not in ("text", "?") and rng.random() < 0.3:
        write_unfiltered(rng, dataset)
    dataset.attrs["encoding-type"] = "string-array" if dtype in ("text", "S3") else "array"
    dataset.attrs["encoding-version"] = "0.2.0"
    return [part(rng, dataset.shape) for _ in range(4)]


def lengths(rng, kind):
    """Lengths, lengths of chunks (None without) and maximal lengths."""
    ndim = int(rng.integers(1, 4))
    shape = tuple(int(n) for n in rng.integers(0 if rng.random() < 0.1 else 1, 13, ndim))
    unlimited = h5py.h5s.UNLIMITED
    if kind in ("compact", "contiguous"):
        return shape, None, shape
    if kind == "one chunk":
        chunks = tuple(max(n, 1) for n in shape)
        return shape, chunks, shape if rng.random() < 0.6 else chunks
    if kind == "many chunks":
        shape = (int(rng.integers(1100, 3000)),)
        return shape, (1,), [shape, (unlimited,), (5000,)][rng.integers(3)]
    chunks = tuple(int(n) for n in rng.integers(1, 6, ndim))
    more = tuple(int(n + k) for n, k in zip(shape, rng.integers(0, 9, ndim), strict=True))
    if kind == "fixed":
        return shape, tuple(min(c, max(m, 1)) for c, m in zip(chunks, more, strict=True)), tuple(max(m, 1) for m in more)
    if kind == "unlimited all":
        return shape, chunks, (unlimited,) * ndim
    axis = 0 if kind == "unlimited first" else int(rng.integers(ndim))
    maxshape = tuple(unlimited if i == axis else max(m, c) for i, (m, c) in enumerate(zip(more, chunks, strict=True)))
    return shape, chunks, maxshape


def type_of(dtype):
    return h5py.h5t.py_create(h5py.string_dtype() if dtype == "text" else np.dtype(dtype), logical=True)


def properties(rng, kind, chunks, dtype, has_options):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_fill_time(int(rng.choice([h5py.h5d.FILL_TIME_IFSET, h5py.h5d.FILL_TIME_ALLOC])))
    if dtype not in ("text", "?") and rng.random() < 0.4:
        plist.set_fill_value(values(rng, (1,), dtype)[0:1].reshape(()))
    if kind == "compact":
        plist.set_layout(h5py.h5d.COMPACT)
        return plist
    times = [h5py.h5d.ALLOC_TIME_DEFAULT, h5py.h5d.ALLOC_TIME_EARLY, h5py.h5d.ALLOC_TIME_INCR, h5py.h5d.ALLOC_TIME_LATE]
    filters = str(rng.choice(FILTERS)) if chunks is not None and dtype != "text" else "none"
    plist.set_alloc_time(int(rng.choice(times)))
    if chunks is None:
        return plist
    plist.set_chunk(chunks)
    if "scaleoffset" in filters and np.dtype(dtype).kind not in "iu":
        filters = "gzip"
    for name in filters.split():
        match name:
            case "gzip":
                plist.set_deflate(int(rng.integers(1, 10)))
            case "shuffle":
                plist.set_shuffle()
            case "lzf":
                plist.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL)
            case "fletcher32":
                plist.set_fletcher32()
            case "scaleoffset":
                plist.set_scaleoffset(h5py.h5z.SO_INT, 0)
    if has_options and filters != "none" and rng.random() < 0.3:
        library().H5Pset_chunk_opts(plist.id, DONT_FILTER_PARTIAL_CHUNKS)
    return plist


def library():
    """The library that h5py has loaded."""
    with open("/proc/self/maps") as maps:
        path = next(line.split()[-1] for line in maps if "libhdf5" in line and "_hl" not in line)
    found = ctypes.CDLL(path)
    found.H5Pset_chunk_opts.argtypes = [ctypes.c_int64, ctypes.c_uint]
    return found


# ------------------------------------------------------------------ values


def values(rng, shape, dtype):
    count = int(np.prod(shape))
    if dtype == "text":
        out = np.empty(shape, dtype=object)
        out.flat = [str(rng.choice(["", "a", "é✓", "long " * 9])) for _ in range(count)]
        return out
    if dtype == "S3":
        return np.array([bytes(rng.choice(list(b"abc"), rng.integers(0, 4)).astype("u1")) for _ in range(count)], dtype="S3").reshape(shape)
    return rng.integers(0, 100, shape).astype(dtype)


def write(rng, dataset, dtype, is_chunked):
    """Write all, a part, or nothing; the rest is filled."""
    what = rng.choice(["all", "all", "part", "nothing"] if is_chunked else ["all", "all", "nothing"])
    if 0 in dataset.shape or what == "nothing":
        return
    if what == "all":
        dataset[...] = values(rng, dataset.shape, dtype)
        return
    for _ in range(2):
        box = tuple(slice(*sorted(int(k) for k in rng.integers(0, n + 1, 2))) for n in dataset.shape)
        shape = tuple(s.stop - s.start for s in box)
        if 0 not in shape:
            dataset[box] = values(rng, shape, dtype)


def resize(rng, dataset, dtype):
    """Shrink, grow, or shrink and grow again; now and then write what has come."""
    for _ in range(int(rng.integers(1, 3))):
        most = [n + 7 if m is None else m for n, m in zip(dataset.shape, dataset.maxshape, strict=True)]
        dataset.resize(tuple(int(rng.integers(0 if rng.random() < 0.1 else 1, m + 1)) if m else 0 for m in most))
        if rng.random() < 0.5 and 0 not in dataset.shape:
            last = (slice(dataset.shape[0] - 1, None), *(slice(None) for _ in dataset.shape[1:]))
            dataset[last] = values(rng, (1, *dataset.shape[1:]), dtype)


def write_unfiltered(rng, dataset):
    """Store one whole chunk without filters, as its mask says."""
    offset = tuple(int(rng.integers(0, -(-n // c))) * c for n, c in zip(dataset.shape, dataset.chunks, strict=True)) if 0 not in dataset.shape else None
    count = dataset.id.get_create_plist().get_nfilters()
    if offset is None or count == 0:
        return
    raw = values(rng, dataset.chunks, dataset.dtype.str if dataset.dtype.kind != "S" else "S3")
    dataset.id.write_direct_chunk(offset, raw.tobytes(), filter_mask=(1 << count) - 1)


# ------------------------------------------------------------------ parts


def part(rng, shape):
    """A selection of each axis: a range as `[start, stop]`, or `{"at": positions}` in any order, with repeats."""
    return [selection(rng, n) for n in shape]


def selection(rng, n):
    if n and rng.random() < 0.5:
        return {"at": [int(k) for k in rng.integers(0, n, rng.integers(0, 7))]}
    return sorted(int(k) for k in rng.integers(0, n + 1, 2))


def select(whole, part):
    """What a part holds, of all values."""
    for axis, wanted in enumerate(part):
        positions = wanted["at"] if isinstance(wanted, dict) else range(*wanted)
        whole = np.take(whole, np.array(positions, dtype=int), axis=axis)
    return whole


def whole(dataset):
    """All values of an array as h5py reads them."""
    if h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.kind == "O":
        dataset = dataset.asstr()
    return dataset[...]


def described(dataset):
    """How an array is stored."""
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    return f"{dataset.dtype} {dataset.shape} of at most {dataset.maxshape}, chunks {dataset.chunks}, filters {filters}, {dataset.file.libver}"
