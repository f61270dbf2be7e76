"""Makes HDF5 files with h5py, and says what is in each, line by line, as tests/support/dump.rs says it.

    python make_fixtures.py FOLDER            every kind of file, each with its NAME.txt
    python make_fixtures.py --small FOLDER    the few small ones that are kept in tests/data
    python make_fixtures.py --dump FOLDER FILE...   what is in other files, as FOLDER/0.txt, 1.txt, ...
"""

import ctypes
import pathlib
import sys

import h5py
import numpy as np
from h5py import h5d, h5g, h5i, h5p, h5s, h5t

LIBRARY = next(iter((pathlib.Path(h5py.__file__).parent.parent / "h5py.libs").glob("libhdf5-*.so*")), None)
C = ctypes.CDLL(str(LIBRARY)) if LIBRARY else None
if C:
    C.H5Dget_chunk_index_type.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_int)]
    C.H5Pset_shared_mesg_nindexes.argtypes = [ctypes.c_int64, ctypes.c_uint]
    C.H5Pset_shared_mesg_index.argtypes = [ctypes.c_int64, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint]
    C.H5Pset_chunk_opts.argtypes = [ctypes.c_int64, ctypes.c_uint]
    C.H5Pset_sym_k.argtypes = [ctypes.c_int64, ctypes.c_uint, ctypes.c_uint]

INDEXES = ["btree1", "single", "implicit", "fixed", "extensible", "btree2"]


def escape(text):
    """Letters, digits and a few more as they are, all others as \\xNN."""
    text = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if chr(b).isalnum() and b < 128 or b in b"_-./" else f"\\x{b:02x}" for b in text)


# What is in a file


def order(tid):
    return {h5t.ORDER_LE: "LE", h5t.ORDER_BE: "BE", h5t.ORDER_VAX: "VAX", h5t.ORDER_NONE: "LE"}[tid.get_order()]


def describe(tid):
    kind, size = tid.get_class(), tid.get_size()
    if kind == h5t.INTEGER:
        sign = "u" if tid.get_sign() == h5t.SGN_NONE else "s"
        return f"int{size}{order(tid)}{sign}+{tid.get_offset()}:{tid.get_precision()}"
    if kind == h5t.FLOAT:
        fields = ",".join(str(x) for x in tid.get_fields())
        return f"float{size}{order(tid)}+{tid.get_offset()}:{tid.get_precision()}({fields})-{tid.get_ebias()}"
    if kind == h5t.STRING and tid.is_variable_str():
        return f"vtext pad{tid.get_strpad()} set{tid.get_cset()}"
    if kind == h5t.STRING:
        return f"text{size} pad{tid.get_strpad()} set{tid.get_cset()}"
    if kind == h5t.BITFIELD:
        return f"bits{size}"
    if kind == h5t.OPAQUE:
        return f"opaque{size} {escape(tid.get_tag())}"
    if kind == h5t.COMPOUND:
        members = range(tid.get_nmembers())
        # Where fields are in memory is not where they are in the file, if a text is among them.
        offsets = ["?" if has_lists(tid) else tid.get_member_offset(i) for i in members]
        fields = (f"{escape(tid.get_member_name(i))}@{offsets[i]}:{describe(tid.get_member_type(i))}" for i in members)
        return f"record{'?' if has_lists(tid) else size}({';'.join(fields)})"
    if kind == h5t.REFERENCE:
        return "object" if tid.equal(h5t.STD_REF_OBJ) else "region"
    if kind == h5t.ENUM:
        names = (f"{escape(tid.get_member_name(i))}={tid.get_member_value(i)}" for i in range(tid.get_nmembers()))
        return f"enum({describe(tid.get_super())};{';'.join(names)})"
    if kind == h5t.VLEN:
        return f"list({describe(tid.get_super())})"
    if kind == h5t.ARRAY:
        return f"array{list(tid.get_array_dims())}({describe(tid.get_super())})"
    return f"class{kind}"


def has_lists(tid):
    kind = tid.get_class()
    if kind == h5t.COMPOUND:
        return any(has_lists(tid.get_member_type(i)) for i in range(tid.get_nmembers()))
    if kind == h5t.ARRAY:
        return has_lists(tid.get_super())
    return kind == h5t.VLEN or kind == h5t.STRING and tid.is_variable_str()


def extent(space):
    if space.get_simple_extent_type() == h5s.NULL:
        return "null"
    if space.get_simple_extent_type() == h5s.SCALAR:
        return "scalar"
    # The library forgets what all ones mean where lengths have 4 bytes.
    unlimited = [h5s.UNLIMITED, 0xFFFFFFFF]
    most = ["none" if x in unlimited else str(x) for x in space.get_simple_extent_dims(True)]
    return f"{list(space.get_simple_extent_dims())} of [{', '.join(most)}]"


def attribute(obj, name):
    aid = obj.attrs.get_id(name)
    tid, space = aid.get_type(), aid.get_space()
    head = f"  attribute {escape(name)} {describe(tid)} {extent(space)}"
    if space.get_simple_extent_type() == h5s.NULL:
        return head
    if tid.get_class() == h5t.STRING and tid.is_variable_str():
        values = np.asarray(obj.attrs[name], dtype=object).ravel()
        texts = (v if isinstance(v, bytes) else str(v).encode("utf-8", "surrogateescape") for v in values)
        return f"{head} {','.join(text.hex() for text in texts)}"
    if tid.get_class() == h5t.VLEN and not has_lists(tid.get_super()):
        values = np.asarray(obj.attrs[name], dtype=object).ravel() if extent(space) != "scalar" else [obj.attrs[name]]
        return f"{head} {','.join(np.asarray(v, tid.get_super().dtype).tobytes().hex() for v in values)}"
    if has_lists(tid):
        return f"{head} ?"
    data = np.zeros(aid.shape, f"V{tid.get_size()}")
    if data.size:
        aid.read(data, tid)
    if tid.get_class() == h5t.REFERENCE:
        # In memory a reference has 8 bytes, of which the file has as many as an address has.
        width = h5i.get_file_id(obj.id).get_create_plist().get_sizes()[0]
        return f"{head} {''.join(data.tobytes()[at : at + width].hex() for at in range(0, data.nbytes, 8))}"
    return f"{head} {data.tobytes().hex()}"


def fill(plist, tid):
    if plist.fill_value_defined() == h5d.FILL_VALUE_UNDEFINED:
        return "undefined"
    if plist.fill_value_defined() == h5d.FILL_VALUE_DEFAULT:
        return "zeros"
    if has_lists(tid):
        return "?"
    data = np.zeros((), tid.dtype)
    plist.get_fill_value(data)
    return data.tobytes().hex()


def place(info, chunk):
    return [offset // length for offset, length in zip(info.chunk_offset, chunk)]


def chunks(dataset):
    did, shape, chunk = dataset.id, dataset.shape, dataset.chunks
    kind = ctypes.c_int()
    C.H5Dget_chunk_index_type(did.id, ctypes.byref(kind))
    yield f"  chunks {list(chunk)} {INDEXES[kind.value]}"
    growing = [axis for axis, most in enumerate(dataset.maxshape) if most is None]
    # The library lists such chunks in the wrong places.
    unsure = kind.value == 4 and growing != [0]
    found = []
    if did.get_storage_size():
        did.chunk_iter(found.append)
    found = [([] if unsure else place(x, chunk), x.byte_offset, x.size, x.filter_mask) for x in found]
    for position, offset, size, mask in sorted(found):
        yield f"  chunk {'?' if unsure else position} {offset} {size} {mask}"
    if dataset.name.rsplit("/")[-1].startswith("full"):
        grid = [-(-n // c) for n, c in zip(shape, chunk)]
        for position in np.ndindex(*grid):
            first = dataset[tuple(p * c for p, c in zip(position, chunk))]
            yield f"  first {list(position)} {np.asarray(first, dataset.dtype).tobytes().hex()}"


def layout(dataset):
    did = dataset.id
    plist = did.get_create_plist()
    tid = did.get_type()
    yield f"  type {describe(tid)}"
    yield f"  shape {extent(did.get_space())}"
    yield f"  fill {fill(plist, tid)}"
    for i in range(plist.get_nfilters()):
        number, flags, values, _ = plist.get_filter(i)
        yield f"  filter {number} {flags & 1} {list(values)}"
    if plist.get_external_count() if hasattr(plist, "get_external_count") else dataset.external:
        yield "  external"
    elif plist.get_layout() == h5d.VIRTUAL:
        yield "  virtual"
    elif plist.get_layout() == h5d.COMPACT:
        yield "  compact"
    elif plist.get_layout() == h5d.CONTIGUOUS:
        written = did.get_storage_size() > 0 and did.get_offset() is not None
        yield f"  contiguous {did.get_offset() if written else 'none'}"
    else:
        yield from chunks(dataset)


def walk(path, obj, seen):
    kind = {h5i.GROUP: "group", h5i.DATASET: "dataset", h5i.DATATYPE: "type"}[h5i.get_type(obj.id)]
    yield f"{kind} {escape(path)}"
    if kind == "dataset":
        yield from layout(obj)
    if kind == "type":
        yield f"  type {describe(obj.id)}"
    for name in obj.attrs:
        yield attribute(obj, name)
    address = h5py.h5o.get_info(obj.id).addr
    if kind != "group" or address in seen:
        return
    seen.add(address)
    for name in obj:
        below = path.rstrip("/").encode("utf-8", "surrogateescape") + b"/" + name.encode("utf-8", "surrogateescape")
        link = obj.get(name, getlink=True)
        shown = f"link {escape(below)}"
        if isinstance(link, h5py.SoftLink):
            yield f"{shown} soft {escape(link.path)} {'leads' if name in obj and leads(obj, name) else 'dangles'}"
        elif isinstance(link, h5py.ExternalLink):
            yield f"{shown} external {escape(link.filename)} {escape(link.path)}"
        else:
            yield f"{shown} hard"
            yield from walk(below.decode("utf-8", "surrogateescape"), obj[name], seen)


def leads(group, name):
    try:
        return group.get(name) is not None
    except (KeyError, OSError):
        return False


def dump(path):
    with h5py.File(path, "r") as file:
        return "\n".join(walk("/", file["/"], set())) + "\n"


# Files


def numbers(f):
    for name in ["i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "u1", "<u4", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c16", "?"]:
        f.create_dataset(f"n{name.strip('<?>')}{'b' if '>' in name else ''}", data=np.arange(3).astype(name))
        f.attrs[f"a{name}"] = np.arange(2).astype(name)
    odd = h5t.STD_I32LE.copy()
    odd.set_precision(20)
    odd.set_offset(3)
    h5d.create(f.id, b"twenty", odd, h5s.create_simple((4,)))
    bfloat = h5t.IEEE_F32LE.copy()
    bfloat.set_fields(15, 7, 8, 0, 7)
    bfloat.set_precision(16)
    bfloat.set_size(2)
    bfloat.set_ebias(127)
    h5d.create(f.id, b"bfloat", bfloat, h5s.create_simple((4,)))
    h5d.create(f.id, b"bits", h5t.STD_B16LE, h5s.create_simple((4,)))
    f["longdouble"] = np.arange(2, dtype=np.longdouble)


def texts(f):
    f["text"] = ["obs", "", "variable länge", "x" * 5000]
    f["scalar"] = "one"
    f["bytes"] = np.array([b"a", b"bcd"])
    f["ascii"] = np.array(["a", "b"], h5py.string_dtype("ascii"))
    for cset, pad in [(h5t.CSET_UTF8, h5t.STR_SPACEPAD), (h5t.CSET_ASCII, h5t.STR_NULLTERM)]:
        tid = h5t.C_S1.copy()
        tid.set_size(7)
        tid.set_cset(cset)
        tid.set_strpad(pad)
        h5d.create(f.id, b"fixed%d" % pad, tid, h5s.create_simple((2,)))
    f.attrs["encoding-type"] = "anndata"
    f.attrs["column-order"] = np.array(["a", "b", ""], object)
    f.attrs["bytes"] = np.bytes_(b"abc")
    f.attrs["empty"] = np.array([], h5py.string_dtype())


def types(f):
    plain = np.dtype([("a", "<i4"), ("b", ">f8"), ("c", "S3")])
    f.create_dataset("record", data=np.zeros(3, plain))
    f.create_dataset("padded", data=np.zeros(3, np.dtype([("a", "i1"), ("b", "f8"), ("c", "i2")], align=True)))
    nested = np.dtype([("x", plain), ("y", "<i2", (2, 3)), ("text", h5py.string_dtype())])
    f.create_dataset("nested", (2,), nested)
    f.create_dataset("enum", data=np.zeros(3, h5py.enum_dtype({"NO": -1, "MAYBE": 0, "YES": 7}, "i2")))
    f.create_dataset("opaque", data=np.zeros(3, np.dtype("V5")))
    f.create_dataset("times", data=np.zeros(3, "M8[s]").astype(h5py.opaque_dtype("M8[s]")))
    f.create_dataset("array", (2,), np.dtype(("<f4", (2, 2))))
    f.create_dataset("lists", (3,), h5py.vlen_dtype(np.dtype("<u2")))
    f["lists"][1] = [1, 2, 3]
    f.create_dataset("object", (2,), h5py.ref_dtype)
    f["object"][0] = f["record"].ref
    f.create_dataset("region", (2,), h5py.regionref_dtype)
    f["named"] = np.dtype("<i4")
    f["named"].attrs["of"] = "a type"
    f.create_dataset("of_named", (2,), f["named"])
    f.attrs["record"] = np.zeros(2, plain)
    f.attrs["reference"] = f["record"].ref
    f.attrs.create("lists", np.array([np.array([1, 2], "<u2"), np.array([], "<u2")], object), dtype=h5py.vlen_dtype(np.dtype("<u2")))
    f.attrs.create("named", 5, dtype=f["named"])
    f.attrs["null"] = h5py.Empty("f8")
    f.attrs["cube"] = np.arange(24, dtype="<i2").reshape(2, 3, 4)


def layouts(f):
    ramp = np.arange(12 * 10, dtype="<u2").reshape(12, 10)
    f["contiguous"] = ramp
    f.create_dataset("unwritten", (5, 5), "<f4")
    f["null"] = h5py.Empty("<i4")
    f["none"] = np.zeros((0, 3))
    compact = h5p.create(h5p.DATASET_CREATE)
    compact.set_layout(h5d.COMPACT)
    h5d.create(f.id, b"compact", h5t.STD_I32LE, h5s.create_simple((4,)), compact)
    h5p_fill = {"zero": 0, "some": 7}
    for name, value in h5p_fill.items():
        f.create_dataset(f"fill_{name}", (3,), "<i4", fillvalue=value)
    undefined = h5p.create(h5p.DATASET_CREATE)
    undefined.set_fill_time(h5d.FILL_TIME_NEVER)
    h5d.create(f.id, b"no_fill_time", h5t.STD_I32LE, h5s.create_simple((4,)), undefined)
    f.create_dataset("gzip", data=ramp, chunks=(5, 4), compression=4, shuffle=True, fletcher32=True)
    f.create_dataset("lzf", data=ramp, chunks=(5, 4), compression="lzf")
    f.create_dataset("scaled", data=ramp, chunks=(5, 4), scaleoffset=0)
    f["s"] = h5py.SoftLink("/contiguous")


def indexes(f):
    ramp = np.arange(12 * 10, dtype="<u2").reshape(12, 10)
    most = {"single": None, "fixed": (20, 20), "first": (None, 10), "last": (12, None), "both": (None, None), "wide": (30, None)}
    for name, maxshape in most.items():
        for kind, filters in {"": {}, "_gzip": {"compression": 1}}.items():
            chunk = (12, 10) if name == "single" else (5, 4)
            prefix = "part" if kind else "full"
            f.create_dataset(f"{prefix}_{name}{kind}", data=ramp, chunks=chunk, maxshape=maxshape, **filters)
    early = h5p.create(h5p.DATASET_CREATE)
    early.set_chunk((5, 4))
    early.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    for name, most in {"full_implicit": (12, 10), "full_implicit_most": (20, 30)}.items():
        did = h5d.create(f.id, name.encode(), h5t.STD_U16LE, h5s.create_simple((12, 10), most), early)
        did.write(h5s.ALL, h5s.ALL, ramp)
    sparse = f.create_dataset("sparse", (100, 100), "<i4", chunks=(10, 10), maxshape=(None, 100))
    sparse[55, 55] = 1
    shrunk = f.create_dataset("shrunk", data=ramp, chunks=(5, 4), maxshape=(None, None))
    shrunk.resize((6, 3))
    masked = f.create_dataset("masked", (8,), "<i4", chunks=(4,), compression=1, shuffle=True, maxshape=(None,))
    masked.id.write_direct_chunk((0,), bytes(16), 3)
    masked.id.write_direct_chunk((4,), bytes(9), 2)


def many_chunks(f):
    f.create_dataset("full_fixed", data=np.arange(5000, dtype="<i4"), chunks=(1,), maxshape=(6000,))
    f.create_dataset("full_extensible", data=np.arange(9000, dtype="<i4"), chunks=(1,), maxshape=(None,))
    f.create_dataset("full_last", data=np.arange(9000, dtype="<i4").reshape(3, 3000), chunks=(2, 1), maxshape=(3, None))
    f.create_dataset("full_both", data=np.arange(3000, dtype="<i4").reshape(3000, 1), chunks=(1, 1), maxshape=(None, None))
    f.create_dataset("part", data=np.arange(3000, dtype="<i4"), chunks=(1,), maxshape=(None,), shuffle=True)
    holes = f.create_dataset("holes", (1 << 20,), "<i4", chunks=(1,), maxshape=(None,))
    holes[5] = holes[70_000] = holes[900_000] = 1
    fixed = f.create_dataset("fixed_holes", (1 << 16,), "<i4", chunks=(1,))
    fixed[5] = fixed[50_000] = 1


def links(f):
    for name in ["b", "a", "ü", "c"]:
        f.create_group(name)["x"] = 1
    f["hard"] = f["a"]
    f["a/up"] = f["/"]
    f["soft"] = h5py.SoftLink("/a/x")
    f["relative"] = h5py.SoftLink("x")
    f["a/relative"] = h5py.SoftLink("./x")
    f["dangling"] = h5py.SoftLink("/nowhere")
    f["circle"] = h5py.SoftLink("/circle")
    f["chain"] = h5py.SoftLink("/soft")
    f["external"] = h5py.ExternalLink("other.h5", "/a")
    many = f.create_group("many")
    for i in range(300):
        many.create_group(f"member {i * 7919 % 300}")
    del many["member 5"], many["member 250"]


def attributes(f):
    g = f.create_group("dense")
    for i in range(60):
        g.attrs[f"a{i * 37 % 60}"] = i
    del g.attrs["a7"]
    g = f.create_group("few")
    for name in ["z", "y", "x"]:
        g.attrs[name] = name * 3
    f.create_group("large").attrs["large"] = np.arange(4000, dtype="<i4")
    if f.file.libver[0] != "earliest":
        f["large"].attrs["huge"] = np.arange(50_000, dtype="<i4")


EVERYTHING = [numbers, texts, types, layouts, indexes, many_chunks, links, attributes]


def create(path, version="earliest", parts=EVERYTHING, track=False, prepare=None, **options):
    """A file with a group for each of the parts."""
    plist = h5p.create(h5p.FILE_CREATE)
    if track:
        plist.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
        plist.set_attr_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    if prepare:
        prepare(plist)
    access = h5p.create(h5p.FILE_ACCESS)
    bounds = {"earliest": h5py.h5f.LIBVER_EARLIEST, "latest": h5py.h5f.LIBVER_LATEST}
    for name in ["v18", "v110", "v112", "v114", "v200"]:
        if hasattr(h5py.h5f, f"LIBVER_{name.upper()}"):
            bounds[name] = getattr(h5py.h5f, f"LIBVER_{name.upper()}")
    access.set_libver_bounds(bounds[version], bounds["latest"])
    fid = h5py.h5f.create(bytes(path), h5py.h5f.ACC_TRUNC, plist, access)
    with h5py.File(fid) as f:
        h5py.get_config().track_order = track
        for part in parts:
            part(f.create_group(part.__name__) if len(parts) > 1 else f)
        h5py.get_config().track_order = False


def shared(flags, cutoff):
    """Messages of all types in heaps of their own."""

    def prepare(plist):
        C.H5Pset_shared_mesg_nindexes(plist.id, len(flags))
        for number, types in enumerate(flags):
            C.H5Pset_shared_mesg_index(plist.id, number, types, cutoff)

    return prepare


def edges(f):
    """Chunks at the edge are not filtered."""
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_chunk((5, 4))
    plist.set_deflate(4)
    C.H5Pset_chunk_opts(plist.id, 2)
    did = h5d.create(f.id, b"edges", h5t.STD_U16LE, h5s.create_simple((12, 10), (12, 20)), plist)
    did.write(h5s.ALL, h5s.ALL, np.arange(120, dtype="<u2").reshape(12, 10))


def elsewhere(f):
    f.create_dataset("external", (4,), "<i4", external=[("values.bin", 0, 16)])
    source = h5py.VirtualSource("values.h5", "x", (4,), "<i4")
    virtual = h5py.VirtualLayout((4,), "<i4")
    virtual[:] = source
    f.create_virtual_dataset("virtual", virtual)
    f["here"] = 1


def small(folder):
    """Files of a few KiB, of every structure there is."""
    few = [lambda f: few_members(f)]
    for version in ["earliest", "latest"]:
        create(folder / f"{version}.h5", version, few)
    create(folder / "tracked.h5", "latest", few, track=True)
    create(folder / "user_block.h5", "v18", few, prepare=lambda plist: plist.set_userblock(512))
    create(folder / "shared.h5", "latest", few, prepare=shared([0x1A, 0x1000], 1))
    create(folder / "narrow.h5", "earliest", few, prepare=lambda plist: plist.set_sizes(4, 4))


def few_members(f):
    f.attrs["encoding-type"] = "anndata"
    f.attrs["shape"] = np.array([3, 4], "<i4")
    f["obs/n"] = np.array([True, False])
    f["obs/names"] = ["a", "bc"]
    f.create_dataset("X", data=np.arange(12, dtype="<f4").reshape(4, 3), chunks=(2, 2), compression=1)
    f.create_dataset("full", data=np.arange(12, dtype="<i2"), chunks=(5,), maxshape=(None,))
    f["record"] = np.zeros(2, [("a", "<i4"), ("b", ">f8")])
    f["soft"] = h5py.SoftLink("/obs/n")
    dense = f.create_group("dense")
    for i in range(10):
        dense.attrs[f"a{i}"] = np.int8(i)
        dense[f"m{i}"] = h5py.SoftLink("x")


def everything(folder):
    small(folder)
    for version in ["earliest", "v18", "v110", "v112", "v114", "v200", "latest"]:
        if version not in ["earliest", "latest"] and not hasattr(h5py.h5f, f"LIBVER_{version.upper()}"):
            continue
        create(folder / f"all-{version}.h5", version)
        create(folder / f"all-{version}-tracked.h5", version, track=True)
    for size in [512, 4096]:
        create(folder / f"user-block-{size}.h5", "latest", prepare=lambda plist: plist.set_userblock(size))
    for version in ["earliest", "latest"]:
        every = shared([0x2, 0x8, 0x820, 0x1000], 1)
        create(folder / f"shared-{version}.h5", version, [numbers, texts, types, layouts, attributes], prepare=every)
        create(folder / f"one-index-{version}.h5", version, [types, attributes], prepare=shared([0x182A], 50))
    for addresses, lengths in [(4, 4), (4, 8), (8, 4)]:
        sizes = lambda plist: plist.set_sizes(addresses, lengths)
        create(folder / f"widths-{addresses}-{lengths}.h5", "earliest", prepare=sizes)
        # The library cannot read the new indexes that it writes with lengths of 4 bytes.
        if lengths == 8:
            create(folder / f"widths-{addresses}-{lengths}-latest.h5", "latest", prepare=sizes)
    create(folder / "edges.h5", "latest", [edges])
    create(folder / "elsewhere.h5", "latest", [elsewhere])
    create(folder / "ranks.h5", "earliest", prepare=lambda plist: C.H5Pset_sym_k(plist.id, 3, 2))


def main(arguments):
    if arguments[0] == "--dump":
        for number, path in enumerate(arguments[2:]):
            (pathlib.Path(arguments[1]) / f"{number}.txt").write_text(dump(path))
        return
    folder = pathlib.Path(arguments[-1])
    folder.mkdir(parents=True, exist_ok=True)
    (small if arguments[0] == "--small" else everything)(folder)
    for path in sorted(folder.glob("*.h5")):
        path.with_suffix(".txt").write_text(dump(path))


main(sys.argv[1:])
