//! Reading and writing at positions of a file, whatever the system calls it, so that threads share a handle: one that is cloned
//! with [`File::try_clone`] shares its place in the file with the first.

use std::fs::File;
use std::io::IoSlice;

/// Fills `bytes` with those of a file that begin at `offset`.
///
/// # Errors
/// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the file ends before; what else the system says.
#[cfg(unix)]
pub fn read_exact_at(file: &File, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Writes `bytes` into a file, the first of them at `offset`.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn write_all_at(file: &File, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes pieces into a file, one after the other, the first of them at `offset`: on Linux in as few calls as the system takes them
/// in. A file system has less to do for one large piece than for many small ones.
///
/// # Errors
/// What the system says.
pub fn write_all_pieces_at(file: &File, offset: u64, pieces: &mut [IoSlice<'_>]) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    return write_vectored(pieces, offset, |pieces, offset| Ok(rustix::io::pwritev(file, pieces, offset)?));
    #[cfg(not(target_os = "linux"))]
    pieces
        .iter()
        .try_fold(offset, |at, piece| {
            write_all_at(file, at, piece)?;
            Ok(at + piece.len() as u64)
        })
        .map(drop)
}

/// The most pieces that the system takes in one call.
#[cfg(any(target_os = "linux", test))]
const PIECES: usize = 1024;

/// Writes pieces with a call that may take less than it is given.
#[cfg(any(target_os = "linux", test))]
fn write_vectored(
    mut pieces: &mut [IoSlice<'_>],
    mut offset: u64,
    mut write: impl FnMut(&[IoSlice<'_>], u64) -> std::io::Result<usize>,
) -> std::io::Result<()> {
    // Empty pieces at the front go.
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        let some = pieces.get(..PIECES).unwrap_or(pieces);
        match write(some, offset) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut pieces, written);
                offset += written as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `bytes` with those of a file that begin at `offset`.
///
/// # Errors
/// [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the file ends before; what else the system says.
#[cfg(windows)]
pub fn read_exact_at(file: &File, mut offset: u64, mut bytes: &mut [u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = bytes.get_mut(read..).unwrap_or_default();
                offset += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes `bytes` into a file, the first of them at `offset`.
///
/// # Errors
/// What the system says.
#[cfg(windows)]
pub fn write_all_at(file: &File, mut offset: u64, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, offset) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(texts: &[String]) -> Vec<IoSlice<'_>> {
        texts.iter().map(|text| IoSlice::new(text.as_bytes())).collect()
    }

    #[test]
    fn pieces_follow_each_other() -> std::io::Result<()> {
        let file = tempfile::tempfile()?;
        write_all_at(&file, 0, b"....")?;
        let texts: Vec<String> = (0..3000).map(|at| if at % 7 == 0 { String::new() } else { at.to_string() }).collect();
        write_all_pieces_at(&file, 2, &mut pieces(&texts))?;
        write_all_pieces_at(&file, 0, &mut [])?;
        let all = format!("..{}", texts.concat());
        let mut bytes = vec![0; all.len()];
        read_exact_at(&file, 0, &mut bytes)?;
        assert_eq!(String::from_utf8_lossy(&bytes), all);
        assert_eq!(file.metadata()?.len(), all.len() as u64);
        Ok(())
    }

    #[test]
    fn a_system_that_takes_little_is_asked_again() {
        let texts = ["", "one", "", "two", "three"].map(str::to_owned);
        for most in 1..12 {
            let (mut file, mut is_interrupted) = (vec![b'.'; 2], false);
            let written = write_vectored(&mut pieces(&texts), 2, |pieces, offset| {
                is_interrupted = !is_interrupted;
                if is_interrupted {
                    return Err(std::io::ErrorKind::Interrupted.into());
                }
                assert_eq!(offset, file.len() as u64);
                let before = file.len();
                file.extend(pieces.iter().flat_map(|piece| piece.iter()).take(most));
                Ok(file.len() - before)
            });
            assert!(written.is_ok(), "{written:?}");
            assert_eq!(String::from_utf8_lossy(&file), "..onetwothree", "{most} at a time");
        }
        let full = write_vectored(&mut pieces(&texts), 0, |_, _| Ok(0));
        assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::WriteZero);
        let failed = write_vectored(&mut pieces(&texts), 0, |_, _| Err(std::io::ErrorKind::StorageFull.into()));
        assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
}
