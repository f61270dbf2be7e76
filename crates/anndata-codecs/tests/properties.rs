//! Every codec: what it encodes it decodes; what nobody encoded is an error, and takes no more memory than was allowed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use anndata_codecs::{
    Bitshuffle, BitshuffleInner, Blosc, ByteCodec, Checksum, ChecksumKind, ChecksumPosition, Lz4Framing, LzmaFormat,
    Szip,
};
use anndata_storage::Codec;
use proptest::collection::vec;
use proptest::prelude::*;

/// Notes the largest piece of memory that the thread asked for.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does what is asked for; here it is only looked at.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: handed on as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: handed on as it is.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
        // SAFETY: handed on as it is.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// What hostile input may become, and what the libraries in Rust take beside it, as bzip2 does for its blocks.
const MAX: usize = 1 << 16;
const TABLES: usize = 8 << 20;

fn all() -> Vec<ByteCodec> {
    let bitshuffle = |size, compression| ByteCodec::Bitshuffle(Bitshuffle { size, block: 0, compression });
    let mut codecs = vec![
        ByteCodec::Zlib { level: 0 },
        ByteCodec::Zlib { level: 4 },
        ByteCodec::Gzip { level: 9 },
        ByteCodec::Zstd { level: 3, checksum: true },
        ByteCodec::Zstd { level: 0, checksum: false },
        ByteCodec::Zstd { level: -5, checksum: false },
        ByteCodec::Lz4(Lz4Framing::Numcodecs),
        ByteCodec::Lz4(Lz4Framing::Hdf5 { block: 0 }),
        ByteCodec::Lz4(Lz4Framing::Hdf5 { block: 100 }),
        ByteCodec::Lzf,
        ByteCodec::Shuffle { size: 4 },
        ByteCodec::Shuffle { size: 7 },
        bitshuffle(1, BitshuffleInner::None),
        bitshuffle(1, BitshuffleInner::Lz4),
        bitshuffle(1, BitshuffleInner::Zstd { level: 3 }),
    ];
    for kind in [ChecksumKind::Crc32c, ChecksumKind::Crc32, ChecksumKind::Adler32, ChecksumKind::Fletcher32] {
        codecs.extend(
            [ChecksumPosition::Start, ChecksumPosition::End]
                .map(|position| ByteCodec::Checksum(Checksum { kind, position })),
        );
    }
    if cfg!(feature = "blosc") {
        for (compressor, shuffle) in [("blosclz", 0), ("lz4", 1), ("lz4hc", 2), ("zlib", 1), ("zstd", 2)] {
            let compressor = compressor.to_owned();
            codecs.push(ByteCodec::Blosc(Blosc { compressor, level: 5, shuffle, type_size: 4, block_size: 0 }));
        }
    }
    if cfg!(feature = "bzip2") {
        codecs.push(ByteCodec::Bzip2 { level: 1 });
    }
    if cfg!(feature = "lzma") {
        codecs.push(ByteCodec::Lzma(LzmaFormat::Xz { level: 1 }));
        codecs.push(ByteCodec::Lzma(LzmaFormat::Alone { level: 0 }));
    }
    codecs
}

/// Those whose length is not their own: a checksum and a rearrangement say nothing of what was cut off.
fn says_its_length(codec: &ByteCodec) -> bool {
    !matches!(codec, ByteCodec::Checksum(_) | ByteCodec::Shuffle { .. })
        && !matches!(codec, ByteCodec::Bitshuffle(Bitshuffle { compression: BitshuffleInner::None, .. }))
}

/// Some repeat themselves, some do not.
fn values() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..5000),
        vec(0..4_u8, 0..5000),
        (any::<u32>(), 0..3000_u32)
            .prop_map(|(start, len)| { (0..len).flat_map(|i| start.wrapping_add(i / 7).to_le_bytes()).collect() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_encoded_decodes(values in values()) {
        for codec in all() {
            let (mut stored, mut exact, mut found) = (vec![9; 7], vec![1; values.len()], vec![9; 7]);
            codec.encode(&values, &mut stored).unwrap();
            codec.decode_into(&stored, &mut exact).unwrap();
            prop_assert!(exact == values, "{codec:?}");
            codec.decode(&stored, values.len(), &mut found).unwrap();
            prop_assert!(found == values, "{codec:?}");
        }
    }

    #[test]
    fn a_wrong_length_is_an_error(values in values(), cut in any::<prop::sample::Index>()) {
        for codec in all() {
            let (mut stored, mut out) = (Vec::new(), Vec::new());
            codec.encode(&values, &mut stored).unwrap();
            let mut longer = vec![0; values.len() + 1];
            prop_assert!(codec.decode_into(&stored, &mut longer).is_err_and(|error| error.is_invalid_data()), "{codec:?}");
            if let Some(shorter) = longer.get_mut(..values.len().saturating_sub(1)).filter(|_| !values.is_empty()) {
                prop_assert!(codec.decode_into(&stored, shorter).is_err_and(|error| error.is_invalid_data()), "{codec:?}");
                let error = codec.decode(&stored, values.len() - 1, &mut out).unwrap_err();
                prop_assert!(error.is_limit_exceeded(), "{codec:?}: {error:?}");
            }
            if !stored.is_empty() {
                let cut = &stored[..cut.index(stored.len())];
                let mut exact = vec![0; values.len()];
                let error = codec.decode_into(cut, &mut exact).err();
                // What a block of zeros would be, and what was not cut, are right all the same.
                prop_assert!(error.is_some_and(|error| error.is_invalid_data()), "{codec:?} cut to {}", cut.len());
                prop_assert!(!says_its_length(&codec) || codec.decode(cut, MAX, &mut out).is_err() || out != values);
            }
        }
    }

    #[test]
    fn hostile_bytes_take_no_more_than_was_allowed(
        noise in vec(any::<u8>(), 0..300),
        values in values(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        from_head in any::<bool>(),
    ) {
        let mut codecs = all();
        codecs.extend(Szip::new(&[37, 8, 16, 64]).map(ByteCodec::Szip));
        for codec in codecs {
            let mut damaged = noise.clone();
            if !matches!(codec, ByteCodec::Szip(_)) {
                codec.encode(&values, &mut damaged).unwrap();
                // Half of the time in the header, where the lengths are.
                let end = if from_head { damaged.len().min(20) } else { damaged.len() };
                for (at, byte) in flips.iter().filter(|_| end > 0) {
                    damaged[at.index(end)] = *byte;
                }
            }
            for stored in [&noise, &damaged] {
                LARGEST.set(0);
                let mut out = Vec::new();
                let decoded = codec.decode(stored, MAX, &mut out);
                prop_assert!(decoded.is_err() || out.len() <= MAX, "{codec:?}");
                let _ = codec.decode_into(stored, &mut vec![0; 5000]);
                prop_assert!(LARGEST.get() <= TABLES, "{codec:?}: {} bytes at once", LARGEST.get());
            }
        }
    }
}

/// Headers that claim what nobody stored.
#[test]
fn claims_of_enormous_lengths_are_refused_before_memory_is_taken() {
    let huge = 1_u64 << 36;
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &huge.to_le_bytes(), &[1, 0, 0]].concat();
    let lz4_hdf5 = [&huge.to_be_bytes()[..], &[0, 0, 16, 0, 0, 0, 0, 1, 0]].concat();
    let bits = ByteCodec::Bitshuffle(Bitshuffle { size: 4, block: 0, compression: BitshuffleInner::Lz4 });
    let claims = [
        (ByteCodec::Zstd { level: 0, checksum: false }, zstd),
        (ByteCodec::Lz4(Lz4Framing::Numcodecs), vec![0xff; 16]),
        (ByteCodec::Lz4(Lz4Framing::Hdf5 { block: 0 }), lz4_hdf5.clone()),
        (bits, lz4_hdf5),
    ];
    for (codec, stored) in claims {
        LARGEST.set(0);
        let error = codec.decode(&stored, MAX, &mut Vec::new()).unwrap_err();
        assert!(
            error.is_limit_exceeded() && error.message().contains("the limits allow 65536"),
            "{codec:?}: {error:?}"
        );
        assert!(codec.decode_into(&stored, &mut [0; 16]).is_err_and(|error| error.is_invalid_data()), "{codec:?}");
        assert!(LARGEST.get() <= MAX, "{codec:?}: {} bytes at once", LARGEST.get());
    }
}

/// A few bytes that become many: the work ends where the limit is.
#[test]
fn bombs_are_stopped_at_the_limit() {
    let zeros = vec![0; 8 << 20];
    for codec in all().iter().filter(|codec| says_its_length(codec)) {
        let (mut stored, mut out) = (Vec::new(), Vec::new());
        codec.encode(&zeros, &mut stored).unwrap();
        LARGEST.set(0);
        let error = codec.decode(&stored, MAX, &mut out).unwrap_err();
        assert!(error.is_limit_exceeded(), "{codec:?}: {error:?}");
        assert!(codec.decode_into(&stored, &mut [0; 4000]).is_err_and(|error| error.is_invalid_data()), "{codec:?}");
        assert!(LARGEST.get() <= TABLES, "{codec:?}: {} bytes at once", LARGEST.get());
    }
}

#[test]
fn codecs_that_were_left_out_name_their_feature() {
    for (codec, there) in [
        (ByteCodec::Bzip2 { level: 1 }, cfg!(feature = "bzip2")),
        (ByteCodec::Lzma(LzmaFormat::Xz { level: 1 }), cfg!(feature = "lzma")),
    ] {
        let encoded = codec.encode(b"abc", &mut Vec::new());
        let Codec::Other { name, .. } = codec.spec() else { unreachable!("a codec that specs name") };
        assert_eq!(encoded.is_ok(), there);
        let said = encoded.is_err_and(|error| error.is_unsupported() && error.message().contains(&name));
        assert_eq!(said, !there);
    }
}
