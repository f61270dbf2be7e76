//! How stored types are read.

use super::*;

#[test]
fn fixes_work_in_place() {
    let mut bytes = *b"\x01\x02\x03\x04";
    Fix::Swap(2).apply(&mut bytes, 4);
    assert_eq!(bytes, [2, 1, 4, 3]);
    let mut texts = *b"a\0xyabcd";
    Fix::Terminate.apply(&mut texts, 4);
    assert_eq!(&texts, b"a\0\0\0abcd");
    let mut texts = *b" a  bcd ";
    Fix::Strip.apply(&mut texts, 4);
    assert_eq!(&texts, b" a\0\0bcd\0");
}

#[test]
fn texts_move_the_fields_that_follow_them() -> Result<(), String> {
    let part = |offset, count, node| Part { offset: ByteCount { file: offset, memory: offset }, count, node };
    let number = Node::Plain { size: 4, fix: Fix::None };
    let mut parts =
        [part(0, 1, number.clone()), part(20, 1, number.clone()), part(4, 2, Node::Text), part(24, 1, number)];
    let size = lay_out(&mut parts, 28, false)?;
    assert_eq!(size, ByteCount { file: 44, memory: 28 });
    assert_eq!(parts.clone().map(|part| part.offset.file), [0, 36, 4, 40]);
    // Where offsets are those of the file already, they stay.
    parts.iter_mut().for_each(|part| part.offset.memory = part.offset.file);
    assert_eq!(lay_out(&mut parts, 44, true)?.file, 44);
    assert_eq!(parts.map(|part| part.offset.file), [0, 36, 4, 40]);
    Ok(())
}
