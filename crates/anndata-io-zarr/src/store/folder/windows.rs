//! Names to which Windows gives another meaning than that of a file in a folder.

use anndata_storage::{Error, Result, escaped};

/// What Windows takes for a device, whatever extension follows; `COM` and `LPT` with a digit too.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// Refuses a key with a name that would not be a file or folder of the store on this system.
///
/// # Errors
/// If it is Windows and the name is that of a drive, a stream, a device, or one that it would shorten.
pub(super) fn check(key: &str) -> Result<()> {
    if !cfg!(windows) || key.is_empty() {
        return Ok(());
    }
    match key.split('/').find(|name| !is_name(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("'{}' is not the name of a file on Windows", escaped(name));
            Err(Error::unsupported(message).with_advice("keep the store in a .zarr.zip"))
        }
    }
}

/// Whether a name is that of a file on Windows: "Naming Files, Paths, and Namespaces" of its documentation.
fn is_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let is_port =
        |device: &str| stem.strip_prefix(device).is_some_and(|digit| matches!(digit.as_bytes(), [b'0'..=b'9']));
    let is_device = DEVICES.contains(&stem.as_str()) || is_port("COM") || is_port("LPT");
    let is_reserved = |c: char| c < ' ' || "<>:\"|?*\\".contains(c);
    !is_device && !name.contains(is_reserved) && !name.ends_with(['.', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_another_meaning_are_told() {
        for name in [
            "C:", "C:x", "x:stream", "nul", "NUL.txt", "con .x", "com1", "LPT9.a", "a?", "a*", "a.", "a ", "a\u{1}",
            "a\"b",
        ] {
            assert!(!is_name(name), "{name}");
        }
        for name in ["zarr.json", ".zarray", "0.0", "c", "louvain", "com", "com10", "null", "CONx", "é", "a b", "a.b"]
        {
            assert!(is_name(name), "{name}");
        }
        assert_eq!(check("obs/C:x").is_err(), cfg!(windows));
        assert!(check("obs/louvain").is_ok() && check("").is_ok());
    }
}
