//! What the command line takes.

use super::made_up::complaint;
use crate::release::run;

#[test]
fn what_a_subcommand_does_not_take_is_named() {
    let said = |arguments: &[&str]| complaint(run(arguments));
    assert_eq!(said(&["plan", "--dry-run"]), "release plan takes no --dry-run");
    assert_eq!(said(&["publish", "--install"]), "release publish takes no --install");
    assert_eq!(said(&["publish", "--registry"]), "--registry needs a value");
    assert!(said(&["publish", "--crate", "x"]).starts_with("unknown argument --crate"));
    assert_eq!(said(&["prepare", "--level", "huge"]), "huge is not a level: major, minor or patch");
    assert!(said(&["plan", "--crate", "anndata-x"]).starts_with("there is no crate anndata-x to publish"));
    for arguments in [&[][..], &["undo"]] {
        assert!(said(arguments).starts_with("usage: cargo xtask COMMAND"), "{arguments:?}");
    }
}
