//! Data sets of the Hub, played by a server on loopback; no environment is read.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]
#![allow(clippy::result_large_err, reason = "the error is shown and gone")]

mod server;

use std::collections::BTreeMap;
use std::path::Path;

use anneal_data::{DataError, HubOptions, Source};
use server::{Server, State};

const COMMIT: &str = "1111111111111111111111111111111111111111";
const NEXT: &str = "2222222222222222222222222222222222222222";

fn parquet(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sources");
    std::fs::read(folder.join(name)).unwrap()
}

/// Two files of `train`, one of `test`, and what is no data.
fn files() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("README.md".to_owned(), b"text".to_vec()),
        (
            "data/train-00001-of-00002.parquet".to_owned(),
            parquet("rows.gzip.parquet"),
        ),
        (
            "data/train-00000-of-00002.parquet".to_owned(),
            parquet("rows.zstd.parquet"),
        ),
        (
            "data/test-00000-of-00001.parquet".to_owned(),
            parquet("types.parquet"),
        ),
    ])
}

fn state(revision: &str, files: BTreeMap<String, Vec<u8>>) -> State {
    let mut state = State::default();
    let empty = BTreeMap::from([("README.md".to_owned(), Vec::new())]);
    state.revisions.insert("main".into(), (NEXT.into(), empty));
    state
        .revisions
        .insert(revision.into(), (COMMIT.into(), files));
    state
}

fn options(server: &Server, cache: &Path) -> HubOptions {
    let mut options = HubOptions::new(cache);
    options.endpoint = server.endpoint.clone();
    options
}

fn parse(id: &str, options: &HubOptions) -> Result<Source, DataError> {
    Source::parse_with_hub(&[id], options, &mut |_| {})
}

fn rows(source: &Source) -> usize {
    let rows: Result<Vec<_>, _> = source.records().collect();
    rows.unwrap().len()
}

#[test]
fn a_split_comes_once_and_in_order() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(state("main", files()));
    let mut options = options(&server, cache.path());
    let mut seen = Vec::new();
    let source = Source::parse_with_hub(&["owner/name"], &options, &mut |progress| {
        seen.push((progress.file.to_owned(), progress.done, progress.size));
    })
    .unwrap();
    let folder = cache
        .path()
        .join("datasets--owner--name/snapshots")
        .join(COMMIT)
        .join("data");
    let names = [
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ];
    assert_eq!(source.files(), names.map(|name| folder.join(name)));
    assert_eq!(rows(&source), 1_200);
    let size = parquet("rows.gzip.parquet").len() as u64;
    assert_eq!(
        seen.last(),
        Some(&(format!("data/{}", names[1]), size, size))
    );

    // Only the list is asked for again.
    server.requests();
    assert_eq!(
        parse("hf://owner/name@main:train", &options).unwrap(),
        source
    );
    let list = "/api/datasets/owner/name/revision/main".to_owned();
    assert_eq!(server.requests(), [(list, 0)]);

    options.offline = true;
    assert_eq!(parse("owner/name", &options).unwrap(), source);
    assert_eq!(
        parse(&format!("owner/name@{COMMIT}"), &options).unwrap(),
        source
    );
    std::fs::remove_file(folder.join(names[1])).unwrap();
    assert_eq!(
        parse("owner/name", &options).unwrap_err().to_string(),
        format!(
            "owner/name:train: not all of its files are in {}, and the Hub may not be asked (HF_HUB_OFFLINE)",
            cache.path().display()
        )
    );
    assert_eq!(server.requests(), []);
}

#[test]
fn the_hubs_own_parquet_files_stand_in() {
    let converted = BTreeMap::from([
        (
            "default/train/0000.parquet".to_owned(),
            parquet("rows.zstd.parquet"),
        ),
        (
            "default/test/0000.parquet".to_owned(),
            parquet("types.parquet"),
        ),
    ]);
    let server = Server::start(state("refs/convert/parquet", converted));
    let cache = tempfile::tempdir().unwrap();
    let options = options(&server, cache.path());
    assert_eq!(rows(&parse("owner/name:test", &options).unwrap()), 3);
    // A revision that is named is the only one that is asked.
    let message = |id: &str| parse(id, &options).unwrap_err().to_string();
    assert_eq!(
        message("owner/name@main"),
        "owner/name@main:train: the repository has no Parquet file, and the Hub has made none of it; download its files and name them"
    );
    assert_eq!(
        message("owner/name:dev"),
        "owner/name:dev: there is no such split; the repository has [\"default/test\", \"default/train\"]"
    );
    assert_eq!(
        message("owner/name@v9"),
        format!(
            "owner/name@v9:train: {} answered 404 for the list of files: there is no such data set, revision or file",
            server.endpoint
        )
    );
}

#[test]
fn the_token_is_sent_and_asked_for() {
    let mut guarded = state("main", files());
    guarded.guard = Some((401, "hf_right".into()));
    let server = Server::start(guarded);
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    let refused = |options: &HubOptions| parse("owner/name", options).unwrap_err().to_string();
    assert_eq!(
        refused(&options),
        format!(
            "owner/name:train: {} answered 401 for the list of files: there is no such data set, or it is private or gated: set HF_TOKEN to a token that may read it",
            server.endpoint
        )
    );
    // A refusal is final: it is not asked for again.
    assert_eq!(server.requests().len(), 1);
    options.token = Some("hf_wrong".into());
    let message = refused(&options);
    assert!(message.contains("the token is not accepted") && !message.contains("hf_wrong"));
    options.token = Some("hf_right".into());
    assert_eq!(rows(&parse("owner/name", &options).unwrap()), 1_200);
}

#[test]
fn what_breaks_off_goes_on_and_what_is_busy_is_asked_again() {
    let mut cut = state("main", files());
    cut.statuses = vec![503, 429];
    cut.cuts = vec![0, 3_000];
    let server = Server::start(cut);
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    assert_eq!(rows(&parse("owner/name", &options).unwrap()), 1_200);
    let requests = server.requests();
    let first = requests
        .iter()
        .filter(|(path, _)| path.ends_with("00000-of-00002.parquet"));
    assert_eq!(
        first.map(|(_, start)| *start).collect::<Vec<_>>(),
        [0, 3_000, 3_000]
    );

    options.cache = cache.path().join("other");
    options.retries = 0;
    server.state.lock().unwrap().cuts = vec![3_000];
    let message = parse("owner/name", &options).unwrap_err().to_string();
    let prefix = format!(
        "owner/name:train: data/train-00000-of-00002.parquet can't be fetched from {}: ",
        server.endpoint
    );
    assert!(message.starts_with(&prefix), "{message}");
}

/// A process was stopped after the last byte, before the file had its name.
#[test]
fn a_partial_file_with_all_bytes_is_fetched_again() {
    let mut cut = state("main", files());
    cut.cuts = vec![3_000];
    let server = Server::start(cut);
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    options.retries = 0;
    parse("owner/name", &options).unwrap_err();
    let blobs = cache.path().join("datasets--owner--name/blobs");
    let parts = std::fs::read_dir(blobs).unwrap();
    let parts = parts.map(|entry| entry.unwrap().path());
    let part = parts.filter(|path| path.extension().is_some_and(|ending| ending == "part"));
    let part = part.collect::<Vec<_>>().pop().unwrap();
    assert_eq!(std::fs::metadata(&part).unwrap().len(), 3_000);
    std::fs::write(&part, parquet("rows.zstd.parquet")).unwrap();

    options.retries = 1;
    assert_eq!(rows(&parse("owner/name", &options).unwrap()), 1_200);
    assert!(!part.exists());
    let refused = server.requests();
    let refused = refused
        .iter()
        .filter(|(_, start)| *start == parquet("rows.zstd.parquet").len());
    assert_eq!(refused.count(), 1);
}

#[test]
fn all_files_are_of_one_commit() {
    let mut moving = state("main", files());
    moving.moved = Some((NEXT.into(), files()));
    let server = Server::start(moving);
    let cache = tempfile::tempdir().unwrap();
    let source = parse("owner/name", &options(&server, cache.path())).unwrap();
    let of_next = |path: &&std::path::PathBuf| path.to_string_lossy().contains(NEXT);
    assert_eq!(source.files().iter().filter(of_next).count(), 2);
}

#[test]
fn a_name_that_leads_elsewhere_is_refused() {
    let files = BTreeMap::from([("../train.parquet".to_owned(), parquet("types.parquet"))]);
    let server = Server::start(state("main", files));
    let cache = tempfile::tempdir().unwrap();
    let message = parse("owner/name", &options(&server, cache.path()))
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "owner/name:train: the repository names \"../train.parquet\"; expected letters, digits, '.', '_', '-', '+' and '='"
    );
}
