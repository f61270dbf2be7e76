//! A text as blocks of whole lines.

use std::io::Read;
use std::sync::mpsc::Receiver;

use anndata_storage::{Error, Result};

use super::{BOM, Source, at_line, damaged};

/// How many bytes a block has, if its lines are not longer.
const BLOCK: usize = 1 << 20;
/// The longest line that is read.
const LONGEST_LINE: usize = 1 << 30;

/// Some lines of a text, each of them whole.
#[derive(Debug)]
pub(crate) struct Block {
    /// The number of the first line; that of the file is 1.
    pub(crate) first_line: u64,
    /// The lines with what ends them; the last of the text may lack it.
    pub(crate) bytes: Vec<u8>,
}

impl Block {
    /// The lines, without what ends them, and their numbers. A carriage return before the end is part of it.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let bytes = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let mut rest = (!self.bytes.is_empty()).then_some(bytes);
        let lines = std::iter::from_fn(move || {
            let bytes = rest?;
            let (line, after) = match memchr::memchr(b'\n', bytes).and_then(|end| bytes.split_at_checked(end)) {
                Some((line, after)) => (line, after.strip_prefix(b"\n")),
                None => (bytes, None),
            };
            rest = after;
            Some(line.strip_suffix(b"\r").unwrap_or(line))
        });
        (self.first_line..).zip(lines)
    }

    /// The lines that follow the first `lines`.
    pub(crate) fn after(mut self, lines: u64) -> Self {
        let ends = memchr::memchr_iter(b'\n', &self.bytes);
        // Fallback: so many lines are not in memory.
        let start = match lines.checked_sub(1).map(|last| usize::try_from(last).unwrap_or(usize::MAX)) {
            None => 0,
            Some(last) => ends.into_iter().nth(last).map_or(self.bytes.len(), |end| end + 1),
        };
        self.bytes.drain(..start.min(self.bytes.len()));
        self.first_line += lines;
        self
    }

    /// The number of the line that a rest of the block begins in.
    pub(crate) fn line_of(&self, rest: &[u8]) -> u64 {
        let before = self.bytes.len().saturating_sub(rest.len());
        let ends = self.bytes.get(..before).map_or(0, |before| memchr::memchr_iter(b'\n', before).count());
        self.first_line + ends as u64
    }
}

/// The blocks of a text, one after the other. A byte order mark is passed over.
#[derive(Debug)]
pub(crate) struct Blocks {
    source: Source,
    /// The beginning of a line whose end was not read yet.
    carried: Vec<u8>,
    next_line: u64,
    ended: bool,
    /// What was put back.
    waiting: Option<Block>,
    /// The memory of blocks that nobody needs any more.
    spare: Option<Receiver<Vec<u8>>>,
}

impl Blocks {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, carried: Vec::new(), next_line: 1, ended: false, waiting: None, spare: None }
    }

    /// Takes the memory for blocks from here, as far as there is some.
    pub(super) fn reuse(&mut self, spare: Receiver<Vec<u8>>) {
        self.spare = Some(spare);
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The next block, or `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Block>> {
        if let Some(block) = self.waiting.take() {
            return Ok(Some(block));
        }
        self.read_block().map_err(|error| error.in_file(&self.source.path))
    }

    /// Makes a block, such as the rest of one, the next.
    pub(crate) fn put_back(&mut self, block: Block) {
        self.waiting = (!block.bytes.is_empty()).then_some(block);
    }

    /// The next line that is not empty, without what ends it, and its number.
    pub(crate) fn next_line(&mut self) -> Result<Option<(u64, Vec<u8>)>> {
        while let Some(block) = self.next()? {
            let found = block.lines().find(|(_, line)| !line.is_empty()).map(|(number, line)| (number, line.to_vec()));
            let Some((number, line)) = found else { continue };
            let lines = number - block.first_line + 1;
            self.put_back(block.after(lines));
            return Ok(Some((number, line)));
        }
        Ok(None)
    }

    fn read_block(&mut self) -> Result<Option<Block>> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = self.spare.as_ref().and_then(|spare| spare.try_recv().ok()).unwrap_or_default();
        bytes.clear();
        bytes.reserve(self.carried.len() + BLOCK);
        bytes.append(&mut self.carried);
        loop {
            let before = bytes.len();
            let read = (&mut self.source.text).take(BLOCK as u64).read_to_end(&mut bytes).map_err(damaged)?;
            if self.next_line == 1 && before == 0 {
                check_start(&mut bytes)?;
            }
            if read == 0 {
                self.ended = true;
                break;
            }
            let new = bytes.get(before.min(bytes.len())..).unwrap_or_default();
            if let Some(end) = memchr::memrchr(b'\n', new) {
                self.carried = bytes.split_off((before + end + 1).min(bytes.len()));
                break;
            }
            if bytes.len() > LONGEST_LINE {
                let error = Error::limit_exceeded(format!("it is longer than {LONGEST_LINE} bytes"));
                return Err(at_line(error, self.next_line));
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first_line = self.next_line;
        self.next_line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Some(Block { first_line, bytes }))
    }
}

/// Passes over the mark of UTF-8, and refuses other encodings.
fn check_start(bytes: &mut Vec<u8>) -> Result<()> {
    if bytes.starts_with(&BOM) {
        bytes.drain(..BOM.len());
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(at_line(Error::unsupported("the text is UTF-16; only UTF-8 is read"), 1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks_of(text: &[u8]) -> Result<Vec<Block>> {
        let source = Source {
            path: "a.txt".into(),
            stored: text.len() as u64,
            text: Box::new(std::io::Cursor::new(text.to_vec())),
        };
        let mut blocks = Blocks::new(source);
        std::iter::from_fn(|| blocks.next().transpose()).collect()
    }

    #[test]
    fn lines_are_whole_and_numbered() -> Result<()> {
        let line = [b"x".repeat(99), b"\r\n".to_vec()].concat();
        let text = [BOM.to_vec(), line.repeat(50_000), b"last".to_vec()].concat();
        let blocks = blocks_of(&text)?;
        assert!(blocks.len() > 3);
        let lines: Vec<(u64, &[u8])> = blocks.iter().flat_map(Block::lines).collect();
        assert_eq!(lines.len(), 50_001);
        assert!(lines.iter().zip(1..).all(|((number, _), expected)| *number == expected));
        assert!(lines[..50_000].iter().all(|(_, line)| *line == b"x".repeat(99)));
        assert_eq!(lines[50_000].1, b"last");
        let last = blocks.last().expect("there are some");
        assert_eq!(last.line_of(&last.bytes[last.bytes.len() - 2..]), 50_001);
        Ok(())
    }

    #[test]
    fn what_is_not_utf_8_by_its_mark_is_refused() {
        let error = blocks_of(&[0xff, 0xfe, b'a', 0]).unwrap_err();
        assert_eq!(error.to_string(), "a.txt: line 1: the text is UTF-16; only UTF-8 is read");
        assert!(blocks_of(b"").unwrap().is_empty());
    }
}
