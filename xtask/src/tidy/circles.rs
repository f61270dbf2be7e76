//! No modules of a crate import each other in a circle.
//!
//! A crate is read in layers: what stands side by side in a folder has an order, from what knows nothing of the others up to
//! what uses them all. A **subject** is a file with the folder of its name, `foo.rs` and `foo/`; within it, the file defines
//! what its children implement, so that they may name each other. Between subjects of the same folder, names lead one way.
//!
//! One module depends on another where its code names what is **defined** there: in a `use` line, in a path, in a type, in a
//! call, or in the arguments of a macro. A name is followed through every re-export and glob to the file that defines it,
//! so that no circle hides behind the root of a crate. These say nothing:
//!
//! - `mod x;` and `pub use x::Y;`: who declares a module and passes its items on does not depend on it, unless the code of
//!   the file itself mentions `Y`;
//! - a `use` of a module: what is named through it counts;
//! - tests (`#[cfg(test)]`), and methods, which no path names.
//!
//! An inline module belongs to the file that it stands in.

pub(crate) mod modules;
mod names;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::modules::Crate;
use self::names::Mention;
use super::File;
use crate::sh::Result;

/// From each module to those beside it that it depends on, with a mention that shows it.
type Arrows = BTreeMap<usize, BTreeMap<usize, Mention>>;

/// Find the circles of every crate.
pub(crate) fn check(files: &[File]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for root in files.iter().filter(|file| is_root(&file.path)) {
        let krate = Crate::parse(root, files)?;
        let arrows = arrows(&krate);
        found.extend(circles(&arrows).iter().map(|circle| complaint(&krate, &arrows, circle)));
    }
    Ok(found)
}

fn is_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs")
}

/// A mention counts where the ways to the two modules part.
fn arrows(krate: &Crate<'_>) -> Arrows {
    let mut arrows = Arrows::new();
    for mention in names::mentions(krate) {
        let ways = krate.way(mention.from).into_iter().zip(krate.way(mention.to));
        if let Some((from, to)) = ways.into_iter().find(|(from, to)| from != to) {
            arrows.entry(from).or_default().entry(to).or_insert(mention);
        }
    }
    arrows
}

/// Circles that have no file in common, the shortest first. Without them there is none.
fn circles(arrows: &Arrows) -> Vec<Vec<usize>> {
    let (mut found, mut done) = (Vec::new(), BTreeSet::new());
    while let Some(circle) = arrows.keys().filter_map(|&file| way_back(arrows, file, &done)).min_by_key(Vec::len) {
        done.extend(circle.iter().copied());
        found.push(circle);
    }
    found
}

/// The shortest way from a file to itself that avoids some files.
fn way_back(arrows: &Arrows, start: usize, avoid: &BTreeSet<usize>) -> Option<Vec<usize>> {
    let (mut ways, mut seen) = (VecDeque::from([vec![start]]), avoid.clone());
    while let Some(way) = ways.pop_front() {
        for &next in way.last().and_then(|last| arrows.get(last)).into_iter().flat_map(BTreeMap::keys) {
            if next == start && !avoid.contains(&start) {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back(way.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}

/// A circle as one reads it, with a mention for each of its arrows.
fn complaint(krate: &Crate<'_>, arrows: &Arrows, circle: &[usize]) -> String {
    let next = circle.iter().cycle().skip(1);
    let mentions = circle.iter().zip(next).filter_map(|(from, to)| arrows.get(from).and_then(|arrows| arrows.get(to)));
    let line = |mention: &Mention| {
        format!("\n    {} names {}, defined in {}", krate.file(mention.from), mention.name, krate.file(mention.to))
    };
    let lines: String = mentions.map(line).collect();
    format!("modules import each other in a circle; move what they share into a module below them:{lines}")
}

#[cfg(test)]
mod tests;
