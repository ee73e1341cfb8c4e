//! The rules of `docs/architecture.md` that no compiler checks, read off the
//! workspace's manifests and sources.
//!
//! Each rule is a function from data to a list of offenders. Here it runs on the
//! repository; beside it, on made-up offenders: a rule that cannot fail guards
//! nothing.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod manifests;
mod sources;
mod workspace;

use manifests::{
    LIBRARIES, PROGRAMS, REASONS, backends_in_manifests, not_inherited, tensors_where_none_belong,
    unused_or_unexplained, wrong_arrows,
};
use sources::{
    MOST_LINES, backends_in_sources, files_too_long, files_without_docs, places_of_this_machine,
};
use workspace::repository;

fn assert_none(rule: &str, offenders: &[String]) {
    let list = offenders.join("\n  ");
    assert!(offenders.is_empty(), "{rule}:\n  {list}");
}

#[test]
fn everything_is_read() {
    let (_, members, files) = repository();
    let named = |name: &str| members.iter().any(|member| member.name() == name);
    assert!(LIBRARIES.iter().all(|(name, _)| named(name)));
    assert!(PROGRAMS.into_iter().all(named));
    let this = "crates/testkit/tests/architecture/main.rs";
    assert!(files.iter().any(|file| file.path == this));
}

#[test]
fn dependencies_point_one_way() {
    let rule = "arrows that docs/architecture.md does not draw";
    assert_none(rule, &wrong_arrows(&repository().1));
}

#[test]
fn data_and_sql_know_no_tensors() {
    let rule = "no tensors belong here";
    assert_none(rule, &tensors_where_none_belong(&repository().1));
}

#[test]
fn libraries_name_no_backend() {
    let (root, members, files) = repository();
    let rule = "a library lets its caller choose the backend";
    assert_none(rule, &backends_in_manifests(&root, &members));
    assert_none(rule, &backends_in_sources(&members, &files));
}

#[test]
fn every_source_file_begins_with_its_docs() {
    let rule = "files without `//!` at their head";
    assert_none(rule, &files_without_docs(&repository().2));
}

#[test]
fn source_files_are_small() {
    let rule = format!("more than {MOST_LINES} lines before the unit tests");
    assert_none(&rule, &files_too_long(&repository().2));
}

#[test]
fn versions_and_lints_are_inherited() {
    let rule = "say it once, in the root manifest";
    assert_none(rule, &not_inherited(&repository().1));
}

#[test]
fn dependencies_are_used_and_explained() {
    let (root, members, files) = repository();
    let reasons = files.iter().find(|file| file.path == REASONS).unwrap();
    let rule = "a dependency needs a use and a reason";
    let offenders = unused_or_unexplained(&root, &members, &reasons.text);
    assert_none(rule, &offenders);
}

#[test]
fn no_file_knows_this_machine() {
    let rule = "paths of one machine, or hosts of package registries";
    assert_none(rule, &places_of_this_machine(&repository().2));
}
