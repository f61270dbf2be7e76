//! Versions, and how much a change raises them.

use std::fmt;
use std::str::FromStr;

use crate::sh::{Error, Result};

/// A version without pre-release and build parts, which this project does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

/// What a release does to those who depend on the crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Nothing that they see.
    Patch,
    /// It gives them more.
    Minor,
    /// It breaks some of them.
    Major,
}

impl Version {
    /// The version that follows. Below 1.0, as Cargo reads requirements, the second number tells of breaks.
    pub(crate) fn after(self, level: Level) -> Self {
        let Self { major, minor, patch } = self;
        match (level, major, minor) {
            (_, 0, 0) | (Level::Patch, ..) | (Level::Minor, 0, _) => Self { major, minor, patch: patch + 1 },
            (Level::Major, 0, _) | (Level::Minor, ..) => Self { major, minor: minor + 1, patch: 0 },
            (Level::Major, ..) => Self { major: major + 1, minor: 0, patch: 0 },
        }
    }

    /// Whether a requirement of the other version takes this one, which is not older.
    pub(crate) fn is_compatible_with(self, other: Self) -> bool {
        self.significant() == other.significant()
    }

    /// The numbers of a requirement that takes every compatible version: `1`, `0.2`, `0.0.3`.
    pub(crate) fn significant(self) -> String {
        match self {
            Self { major: 0, minor: 0, patch } => format!("0.0.{patch}"),
            Self { major: 0, minor, .. } => format!("0.{minor}"),
            Self { major, .. } => major.to_string(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By way of a text, so that a width counts.
        f.pad(&format!("{}.{}.{}", self.major, self.minor, self.patch))
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Option<Vec<u64>> = text.split('.').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self { major, minor, patch }),
            _ => Err(Error::new(format!("{text} is not a version of the form MAJOR.MINOR.PATCH"))),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "patch" => Ok(Self::Patch),
            "minor" => Ok(Self::Minor),
            "major" => Ok(Self::Major),
            _ => Err(Error::new(format!("{text} is not a level: major, minor or patch"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_raises_the_number_that_cargo_reads() -> Result<()> {
        let cases = [
            ("1.2.3", ["1.2.4", "1.3.0", "2.0.0"]),
            ("0.2.3", ["0.2.4", "0.2.4", "0.3.0"]),
            ("0.0.3", ["0.0.4", "0.0.4", "0.0.4"]),
        ];
        for (from, to) in cases {
            let from: Version = from.parse()?;
            assert_eq!([Level::Patch, Level::Minor, Level::Major].map(|level| from.after(level).to_string()), to);
        }
        Ok(())
    }

    #[test]
    fn compatible_is_what_a_requirement_takes() -> Result<()> {
        let compatible = |a: &str, b: &str| Ok::<_, Error>(a.parse::<Version>()?.is_compatible_with(b.parse()?));
        assert!(compatible("0.1.2", "0.1.0")? && compatible("1.9.0", "1.0.0")? && compatible("0.0.3", "0.0.3")?);
        assert!(!compatible("0.2.0", "0.1.0")? && !compatible("2.0.0", "1.0.0")? && !compatible("0.0.4", "0.0.3")?);
        for wrong in ["1.2", "1.2.3-beta", "1.2.x", ""] {
            let error = wrong.parse::<Version>().map(|v| v.to_string()).err().map(|e| e.to_string());
            assert_eq!(error, Some(format!("{wrong} is not a version of the form MAJOR.MINOR.PATCH")));
        }
        Ok(())
    }
}
