//! bzip2, in safe bounds: a stream does not say how long it becomes, and 46 bytes can become 100 MB.

use anndata_storage::Result;

#[cfg(feature = "bzip2")]
pub(crate) fn decode(stored: &[u8], max: usize, out: &mut Vec<u8>) -> Result<()> {
    // Several streams one after the other are one, as bzip2's own program has it.
    let stream = bzip2::bufread::MultiBzDecoder::new(stored);
    crate::buffer::read_to_end(stream, max, out, crate::fault::damaged_by("bz2"))
}

#[cfg(feature = "bzip2")]
pub(crate) fn encode(bytes: &[u8], level: u8, out: &mut Vec<u8>) -> Result<()> {
    use std::io::Read as _;
    if !(1..=9).contains(&level) {
        return Err(anndata_storage::Error::invalid_input(format!("bz2 has no level {level}: levels are 1 to 9")));
    }
    out.clear();
    let mut stream = bzip2::bufread::BzEncoder::new(bytes, bzip2::Compression::new(u32::from(level)));
    stream.read_to_end(out).map_err(crate::fault::cannot_encode("bz2"))?;
    Ok(())
}

#[cfg(not(feature = "bzip2"))]
pub(crate) fn decode(_stored: &[u8], _max: usize, _out: &mut Vec<u8>) -> Result<()> {
    Err(crate::fault::left_out("bz2", "bzip2"))
}

#[cfg(not(feature = "bzip2"))]
pub(crate) fn encode(_bytes: &[u8], _level: u8, _out: &mut Vec<u8>) -> Result<()> {
    Err(crate::fault::left_out("bz2", "bzip2"))
}
