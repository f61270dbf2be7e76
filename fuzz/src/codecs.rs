//! Every codec of chunks, on bytes that nobody encoded.

use anndata_codecs::{
    Bitshuffle, BitshuffleInner, Blosc, ByteCodec, Checksum, ChecksumKind, ChecksumPosition, Lz4Framing, LzmaFormat,
    Szip,
};

/// The most bytes that an input may become.
const MAX: usize = 1 << 16;

fn all() -> Vec<ByteCodec> {
    let bitshuffle = |size, compression| ByteCodec::Bitshuffle(Bitshuffle { size, block: 0, compression });
    let mut codecs = vec![
        ByteCodec::Zlib { level: 4 },
        ByteCodec::Gzip { level: 4 },
        ByteCodec::Zstd { level: 3, checksum: true },
        ByteCodec::Lz4(Lz4Framing::Numcodecs),
        ByteCodec::Lz4(Lz4Framing::Hdf5 { block: 100 }),
        ByteCodec::Lzf,
        ByteCodec::Shuffle { size: 4 },
        bitshuffle(2, BitshuffleInner::None),
        bitshuffle(4, BitshuffleInner::Lz4),
        bitshuffle(8, BitshuffleInner::Zstd { level: 3 }),
    ];
    for kind in [ChecksumKind::Crc32c, ChecksumKind::Crc32, ChecksumKind::Adler32, ChecksumKind::Fletcher32] {
        codecs.push(ByteCodec::Checksum(Checksum { kind, position: ChecksumPosition::End }));
    }
    for (compressor, shuffle) in [("blosclz", 0), ("lz4", 1), ("zlib", 1), ("zstd", 2)] {
        let compressor = compressor.to_owned();
        codecs.push(ByteCodec::Blosc(Blosc { compressor, level: 5, shuffle, type_size: 4, block_size: 0 }));
    }
    // The position of a codec stands in inputs that are kept: what is new comes last. The rare ones are only with the fuzzer.
    codecs.push(ByteCodec::Bzip2 { level: 1 });
    codecs.push(ByteCodec::Lzma(LzmaFormat::Xz { level: 1 }));
    codecs.push(ByteCodec::Lzma(LzmaFormat::Alone { level: 1 }));
    codecs.extend(SZIP.iter().filter_map(|values| Szip::new(values)).map(ByteCodec::Szip));
    codecs
}

/// What files say of szip: options, samples of a block, bits of an element, samples of a line.
const SZIP: [[u32; 4]; 3] = [[141, 4, 8, 16], [133, 8, 32, 64], [169, 32, 64, 256]];

/// The first byte says which codec, the second how long the result should be. What decodes can be encoded, and is the same then.
pub(crate) fn run(input: &[u8]) {
    let [which, length, stored @ ..] = input else { return };
    let codecs = all();
    let codec = &codecs[usize::from(*which) % codecs.len()];
    let (mut decoded, mut again, mut back) = (Vec::new(), Vec::new(), Vec::new());
    if codec.decode(stored, MAX, &mut decoded).is_ok() {
        assert!(decoded.len() <= MAX, "{codec:?}: {} bytes", decoded.len());
        let mut exact = vec![0; decoded.len()];
        codec.decode_into(stored, &mut exact).expect("what decodes at all decodes into its own length");
        assert!(exact == decoded, "{codec:?}: two ways of decoding differ");
        // Szip is read alone.
        if !matches!(codec, ByteCodec::Szip(_)) {
            codec.encode(&decoded, &mut again).expect("what was decoded can be encoded");
            codec.decode(&again, decoded.len(), &mut back).expect("what was encoded can be decoded");
            assert!(back == decoded, "{codec:?}: not the same after encoding");
        }
    }
    let _ = codec.decode_into(stored, &mut vec![0; usize::from(*length)]);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let values: Vec<u8> = (0_u8..30).flat_map(|at| [at / 5, 0, 0, 1]).collect();
    let encode = |(which, codec): (u8, ByteCodec)| {
        let mut stored = Vec::new();
        codec.encode(&values, &mut stored).ok()?;
        Some([vec![which, u8::try_from(values.len()).unwrap()], stored].concat())
    };
    (0..).zip(all()).filter_map(encode).collect()
}
