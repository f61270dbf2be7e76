//! The superblock: where a file begins, how wide its addresses are, and where its root group is.
//!
//! HDF5 File Format Specification Version 3.0, II.A "Disk Format: Level 0A - Format Signature and Superblock". It stands at
//! byte 0, 512, 1024, 2048 and so on; what is before it is the user block.

use crate::checksum::lookup3;
use crate::cursor::{Cursor, Widths};
use crate::error::{Error, Result, Section};
use crate::source::Source;

const SECTION: Section = Section::new("superblock", "II.A");
const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
/// More bytes than any superblock has.
const LONGEST: u64 = 128;

/// What the superblock says of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Superblock {
    /// 0 to 3.
    pub version: u8,
    /// The byte of the file at which it stands, from which addresses count: the length of the user block.
    pub base: u64,
    /// The bytes of an address: 2, 4 or 8.
    pub address_width: usize,
    /// The bytes of a length: 2, 4 or 8.
    pub length_width: usize,
    /// Consistency flags (version 3): bit 0 is set while a program has the file open for writing, bit 2 while it lets others
    /// read it meanwhile.
    pub flags: u32,
    /// The byte after the last one that is in use, as the file says: what is written next goes there.
    pub end: u64,
    /// The address of the root group's object header.
    pub root: u64,
    /// The address of the object header of the superblock extension (II.C), if there is one.
    pub extension: Option<u64>,
    /// How many entries nodes of old groups and chunk indexes have at most.
    pub(crate) ranks: Ranks,
}

/// How many entries the nodes of B-trees of version 1 have: at most twice as many as named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranks {
    pub(crate) group_leaf: u16,
    pub(crate) group_internal: u16,
    pub(crate) chunks: u16,
}

impl Default for Ranks {
    /// What holds where a file does not say.
    fn default() -> Self {
        Self { group_leaf: 4, group_internal: 16, chunks: 32 }
    }
}

impl Superblock {
    /// Finds and reads it.
    pub(crate) fn read(source: &Source) -> Result<Self> {
        let base = find(source)?;
        let len = usize::try_from((source.len() - base).min(LONGEST));
        let len = len.map_err(|_| Error::malformed(SECTION, "is longer than memory"))?;
        let bytes = source.read(base, len).map_err(|error| Error::io(SECTION, error).at(base))?;
        let superblock = Self::parse(&bytes, base, source.len())?;
        Ok(superblock)
    }

    fn parse(bytes: &[u8], base: u64, file_len: u64) -> Result<Self> {
        let mut fields = Cursor::new(bytes, base, Widths { address: 8, length: 8 }, SECTION);
        fields.skip(SIGNATURE.len())?;
        match fields.version(0..=3)? {
            version @ 0..=1 => Self::old(version, fields, base, file_len),
            version => Self::new(version, fields, bytes, base, file_len),
        }
    }

    /// Versions 0 and 1.
    fn old(version: u8, mut fields: Cursor<'_>, base: u64, file_len: u64) -> Result<Self> {
        // Versions of the free space, the root group's entry and shared headers, and a reserved byte.
        fields.skip(4)?;
        let widths = widths(&mut fields)?;
        fields.skip(1)?;
        let mut ranks = Ranks { group_leaf: fields.u16()?, group_internal: fields.u16()?, ..Ranks::default() };
        let flags = fields.u32()?;
        if version == 1 {
            ranks.chunks = fields.u16()?;
            fields.skip(2)?;
        }
        let mut fields = Cursor::new(fields.rest(), base, widths, SECTION);
        let declared_base = fields.needed_address()?;
        fields.address()?;
        let end = fields.needed_address()?;
        let end = checked_end(&fields, end, declared_base, base, file_len)?;
        if fields.address()?.is_some() {
            return Err(fields.unsupported("the file is one of several (it names a driver)"));
        }
        // The symbol table entry of the root group (III.C): an offset of a name, and the header.
        fields.skip(widths.length)?;
        let root = fields.needed_address()?;
        let (address_width, length_width) = (widths.address, widths.length);
        Ok(Self { version, base, address_width, length_width, flags, end, root, extension: None, ranks })
    }

    /// Versions 2 and 3.
    fn new(version: u8, mut fields: Cursor<'_>, bytes: &[u8], base: u64, file_len: u64) -> Result<Self> {
        let widths = widths(&mut fields)?;
        let flags = u32::from(fields.u8()?);
        let begin = fields.position();
        let mut fields = Cursor::new(fields.rest(), base, widths, SECTION);
        let declared_base = fields.needed_address()?;
        let extension = fields.address()?;
        let end = fields.needed_address()?;
        let root = fields.needed_address()?;
        let covered = bytes.get(..begin + fields.position()).unwrap_or_default();
        if fields.u32()? != lookup3(covered) {
            return Err(fields.malformed("the checksum is wrong"));
        }
        let end = checked_end(&fields, end, declared_base, base, file_len)?;
        let (address_width, length_width) = (widths.address, widths.length);
        Ok(Self { version, base, address_width, length_width, flags, end, root, extension, ranks: Ranks::default() })
    }

    /// Whether a program had the file open for writing, or did not close it.
    pub fn is_open_for_writing(&self) -> bool {
        self.version >= 3 && self.flags & 0b101 != 0
    }
}

/// The byte at which the superblock stands.
fn find(source: &Source) -> Result<u64> {
    let mut at = 0_u64;
    while at.checked_add(SIGNATURE.len() as u64).is_some_and(|end| end <= source.len()) {
        let found = source.read(at, SIGNATURE.len()).map_err(|error| Error::io(SECTION, error).at(at))?;
        if found == SIGNATURE {
            return Ok(at);
        }
        at = if at == 0 { 512 } else { at.saturating_mul(2) };
    }
    Err(Error::malformed(SECTION, "this is not an HDF5 file: no signature at byte 0, 512, 1024 and so on"))
}

fn widths(fields: &mut Cursor<'_>) -> Result<Widths> {
    let (address, length) = (fields.u8()?, fields.u8()?);
    if [address, length].iter().all(|width| matches!(width, 2 | 4 | 8)) {
        return Ok(Widths { address: address.into(), length: length.into() });
    }
    Err(fields.unsupported(format!("addresses of {address} and lengths of {length} bytes are not 2, 4 or 8")))
}

/// Where what is in use ends. Refuses a file that was cut short.
fn checked_end(fields: &Cursor<'_>, end: u64, declared_base: u64, base: u64, file_len: u64) -> Result<u64> {
    // The end counts from the base that was known when it was written.
    let end = end.saturating_sub(declared_base).saturating_add(base);
    if end <= file_len {
        return Ok(end);
    }
    Err(fields.malformed(format!("the file was cut short: it should have {end} bytes and has {file_len}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn version_0(end: u64) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0, 0, 0, 0, 0, 8, 8, 0, 4, 0, 16, 0, 0, 0, 0, 0]);
        for address in [0, u64::MAX, end, u64::MAX, 0, 96] {
            bytes.extend(address.to_le_bytes());
        }
        bytes.extend([0; 24]);
        bytes
    }

    fn version_3(end: u64) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([3, 8, 8, 5]);
        for address in [0, u64::MAX, end, 48] {
            bytes.extend(address.to_le_bytes());
        }
        let checksum = lookup3(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<Superblock> {
        Superblock::read(&Source::new(Box::new(bytes)).unwrap())
    }

    #[test]
    fn old_and_new_ones_are_read() -> Result<()> {
        let old = read(version_0(96))?;
        assert_eq!((old.version, old.base, old.root, old.ranks), (0, 0, 96, Ranks::default()));
        let new = read(version_3(48))?;
        assert_eq!((new.version, new.root, new.extension, new.is_open_for_writing()), (3, 48, None, true));
        Ok(())
    }

    #[test]
    fn a_user_block_comes_before_it() -> Result<()> {
        for len in [512, 1024, 2048] {
            let mut bytes = vec![7; len];
            bytes.extend(version_3(48));
            assert_eq!(read(bytes)?.base, len as u64);
        }
        let mut bytes = vec![7; 768];
        bytes.extend(version_3(48));
        assert_eq!(read(bytes).unwrap_err().kind(), ErrorKind::Malformed);
        Ok(())
    }

    #[test]
    fn damage_is_told() {
        assert!(read(version_0(121)).unwrap_err().message().contains("cut short: it should have 121 bytes and has 96"));
        let mut bytes = version_3(48);
        bytes[12] = 3;
        assert_eq!(read(bytes).unwrap_err().message(), "the checksum is wrong");
        let mut bytes = version_3(48);
        bytes[9] = 3;
        assert_eq!(read(bytes).unwrap_err().kind(), ErrorKind::Unsupported);
        let mut bytes = version_0(96);
        bytes[8] = 4;
        assert_eq!(read(bytes).unwrap_err().message(), "version 4 is not known");
        assert!(read(version_3(48)[..40].to_vec()).unwrap_err().message().contains("ends after"));
    }
}
