//! Publishing to a registry on this machine.

use std::time::Duration;

use super::made_up::{MadeUp, complaint, three_changes};
use crate::release::downstream::{self, Downstream};
use crate::release::index;
use crate::release::publish::{Destination, to};
use crate::release::registry::Registry;
use crate::sh::{Error, Result};

const NAMES: [&str; 4] = ["anndata-storage", "anndata-core", "anndata-io-zarr", "anndata-rs"];

fn destination(registry: &Registry, tags: bool) -> Destination {
    Destination {
        index: registry.index(),
        arguments: registry.in_place_of_crates_io(),
        registry: Some(Registry::NAME.into()),
        token: Some(Registry::token()),
        tags,
        patience: Duration::from_secs(5),
    }
}

fn tags_of(names: &[&str]) -> Vec<String> {
    let mut tags: Vec<String> = names.iter().map(|name| format!("{name}-v0.1.0")).collect();
    tags.sort();
    tags
}

#[test]
fn an_interrupted_run_is_gone_on_with_and_a_project_builds_on_it() -> Result<()> {
    let made = MadeUp::new()?;
    let registry = made.registry()?;
    let destination = destination(&registry, true);
    // The third upload breaks off.
    registry.fail_after(2);
    let error = complaint(to(&made.workspace()?, &destination));
    assert!(error.starts_with("anndata-io-zarr 0.1.0: publish anndata-io-zarr 0.1.0 failed"), "{error}");
    assert!(
        error.ends_with("what was published before stays: run the command again, which goes on from here"),
        "{error}"
    );
    assert_eq!(made.tags()?, tags_of(&NAMES[..2]));
    registry.fail_after(2);
    to(&made.workspace()?, &destination)?;
    assert_eq!(made.tags()?, tags_of(&NAMES));
    let error = complaint(to(&made.workspace()?, &destination));
    assert!(error.starts_with("nothing to publish: every version has its tag"), "{error}");

    let requirement = |name: &str| (name.to_owned(), "0.1".to_owned());
    let project = Downstream {
        dependencies: vec![requirement("anndata-rs"), requirement("anndata-storage")],
        program: "fn main() {\n    let adata = anndata::read();\n    let store: &anndata_storage::Store = &adata.store;\n    \
                  println!(\"{} observations, {} arrays\", adata.n_obs, store.len());\n}\n",
        arguments: Vec::new(),
    };
    let said = downstream::run(&made.workspace()?, &project, &destination.arguments)?;
    assert_eq!(said, "3 observations, 0 arrays\n");
    Ok(())
}

#[test]
fn what_was_uploaded_before_the_tag_is_known_by_its_contents() -> Result<()> {
    let made = MadeUp::new()?;
    let registry = made.registry()?;
    to(&made.workspace()?, &destination(&registry, false))?;
    assert_eq!(made.tags()?, [""; 0]);
    // Another process, at another port, with the same folder.
    drop(registry);
    let registry = made.registry()?;
    registry.fail_after(0);
    to(&made.workspace()?, &destination(&registry, true))?;
    assert_eq!(made.tags()?, tags_of(&NAMES));
    Ok(())
}

#[test]
fn a_version_that_is_there_with_other_contents_is_refused() -> Result<()> {
    let made = MadeUp::new()?;
    let registry = made.registry()?;
    to(&made.workspace()?, &destination(&registry, false))?;
    three_changes(&made)?;
    let error = complaint(to(&made.workspace()?, &destination(&registry, true)));
    assert!(
        error.starts_with("anndata-storage 0.1.0: the registry has this version already, and with other contents"),
        "{error}"
    );
    assert_eq!(made.tags()?, [""; 0]);
    Ok(())
}

#[test]
fn what_is_not_committed_is_not_published() -> Result<()> {
    let made = MadeUp::new()?;
    made.write("notes.txt", "x")?;
    let registry = made.registry()?;
    let error = complaint(to(&made.workspace()?, &destination(&registry, true)));
    assert_eq!(error, "not committed: notes.txt: commit or stash it first");
    assert_eq!(index::versions(&registry.index(), "anndata-storage")?, [].into());
    Ok(())
}

#[test]
fn an_index_that_does_not_show_an_upload_is_told_of() -> Result<()> {
    let made = MadeUp::new()?;
    let registry = made.registry()?;
    made.write("registry/index/ab/cd/abcd", "{\"vers\":\"1.0.0\",\"cksum\":\"00\"}\n")?;
    let versions = index::versions(&registry.index(), "abcd")?;
    assert_eq!(versions, [("1.0.0".to_owned(), "00".to_owned())].into());
    index::wait_for(&registry.index(), "abcd", "1.0.0", Duration::ZERO)?;
    let error = complaint(index::wait_for(&registry.index(), "abcd", "1.1.0", Duration::ZERO));
    assert!(error.starts_with("abcd 1.1.0 was uploaded and is not in the index after 0 s"), "{error}");
    drop(registry);
    let error = complaint(index::versions("sparse+http://127.0.0.1:9/", "abcd").map_err(|e| Error::new(e.to_string())));
    assert!(error.starts_with("the index of the registry does not answer: http://127.0.0.1:9/ab/cd/abcd"), "{error}");
    Ok(())
}
