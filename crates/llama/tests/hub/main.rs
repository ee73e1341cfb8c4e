//! The Hub, played by a server on loopback; no environment is read.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anneal_llama::hub::{HubId, HubOptions, fetch, fetch_tokenizer};
use anneal_llama::{LlamaError, PretrainedTokenizer, load};
use anneal_testkit::{device, fixture_path};
use burn::tensor::{Int, Tensor};
use server::{Request, Server, State};

const COMMIT: &str = "1111111111111111111111111111111111111111";
const NEXT: &str = "2222222222222222222222222222222222222222";

/// A repository whose `main` holds the files given.
fn state(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> State {
    let commits = ["main", COMMIT, "refs/pr/1"].map(|name| (name.into(), COMMIT.into()));
    State {
        commits: BTreeMap::from(commits),
        files: files
            .into_iter()
            .map(|(name, bytes)| ((COMMIT.to_owned(), name), bytes))
            .collect(),
        ..State::default()
    }
}

/// The files of a fixture folder.
fn fixture(folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(fixture_path(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

fn options(server: &Server, cache: &Path) -> HubOptions {
    let mut options = HubOptions::new(cache);
    options.endpoint = server.endpoint.clone();
    options
}

fn get(id: &str, options: &HubOptions) -> Result<PathBuf, LlamaError> {
    fetch(&HubId::parse(id).unwrap(), options, &mut |_| {})
}

/// The files whose bytes were asked for, sorted.
fn downloaded(requests: &[Request]) -> Vec<&str> {
    let resolved = requests.iter().filter(|r| !r.probe);
    let names = resolved.filter_map(|r| r.path.split_once("/resolve/main/"));
    let mut names: Vec<&str> = names.map(|(_, name)| name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn logits(path: &Path) -> Vec<f32> {
    let loaded = load(path, &device()).unwrap();
    let ids = Tensor::<2, Int>::from_ints([[3, 1, 4, 1, 5]], &device());
    let logits = loaded.model.forward(ids, &loaded.config);
    logits.try_into_vec_as::<f32>().unwrap()
}

#[test]
fn a_model_comes_once_and_then_from_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(state(fixture("gguf/hf")));
    let options = options(&server, cache.path());
    let mut seen = Vec::new();
    let id = HubId::parse("org/name").unwrap();
    let path = fetch(&id, &options, &mut |download| {
        seen.push((download.file.to_owned(), download.done, download.size));
    })
    .unwrap();
    assert_eq!(
        path,
        cache
            .path()
            .join("models--org--name/snapshots")
            .join(COMMIT)
            .join("")
    );
    let needed = [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(downloaded(&server.requests()), needed);
    let size = fs::metadata(fixture_path("gguf/hf/model.safetensors"))
        .unwrap()
        .len();
    let last = seen.iter().rfind(|(file, ..)| file == "model.safetensors");
    assert_eq!(last, Some(&("model.safetensors".into(), size, size)));
    assert_eq!(logits(&path), logits(&fixture_path("gguf/hf")));
    assert!(load(&path, &device()).unwrap().tokenizer.is_some());

    // No question is asked again, not even for the files that it lacks.
    assert_eq!(get("org/name", &options).unwrap(), path);
    assert_eq!(server.requests(), []);
    drop(server);
    assert_eq!(get("org/name", &options).unwrap(), path);
}

#[test]
fn a_tokenizer_comes_without_the_weights() {
    let server = Server::start(state(fixture("gguf/hf")));
    let cache = tempfile::tempdir().unwrap();
    let options = options(&server, cache.path());
    let id = HubId::parse("org/name").unwrap();
    let path = fetch_tokenizer(&id, &options, &mut |_| {}).unwrap();
    assert_eq!(
        downloaded(&server.requests()),
        [
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
        ]
    );
    let text = PretrainedTokenizer::open(&path).unwrap();
    let ids = text.tokenizer.encode("SELECT name", false).unwrap();
    let local = PretrainedTokenizer::open(&fixture_path("gguf/hf")).unwrap();
    assert_eq!(ids, local.tokenizer.encode("SELECT name", false).unwrap());
    assert_eq!(text.end_ids, [2]);
    // The weights are all that a model still needs.
    get("org/name", &options).unwrap();
    assert_eq!(downloaded(&server.requests()), ["model.safetensors"]);
}

#[test]
fn a_repository_without_a_tokenizer_says_what_it_lacks() {
    let files = fixture("tiny-llama-untied").into_iter();
    let files = files.filter(|(name, _)| !name.starts_with("tokenizer"));
    let server = Server::start(state(files));
    let cache = tempfile::tempdir().unwrap();
    let id = HubId::parse("org/name").unwrap();
    let options = options(&server, cache.path());
    let error = fetch_tokenizer(&id, &options, &mut |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "org/name@main: tokenizer.model is missing: {} answered 404, no such repository, revision or file; nor is there tokenizer.json; a GGUF file is named in the id, ORG/NAME:FILE.gguf",
            server.endpoint
        )
    );
}

#[test]
fn shards_are_those_that_the_index_names() {
    let mut files = fixture("tiny-llama-untied");
    files.push(("model-00009-of-00009.safetensors".into(), vec![1; 9]));
    files.push(("pytorch_model.bin".into(), vec![1; 9]));
    let server = Server::start(state(files));
    let cache = tempfile::tempdir().unwrap();
    let path = get("org/name", &options(&server, cache.path())).unwrap();
    assert_eq!(
        downloaded(&server.requests()),
        [
            "config.json",
            "generation_config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
        ]
    );
    assert_eq!(logits(&path), logits(&fixture_path("tiny-llama-untied")));
}

#[test]
fn sentencepieces_own_file_comes_where_there_is_no_other_tokenizer() {
    for (folder, wanted) in [("tiny-llama-untied", true), ("gguf/hf", false)] {
        let mut files = fixture(folder);
        files.push(("tokenizer.model".into(), vec![1; 9]));
        let server = Server::start(state(files));
        let cache = tempfile::tempdir().unwrap();
        let path = get("org/name", &options(&server, cache.path())).unwrap();
        assert_eq!(path.join("tokenizer.model").exists(), wanted, "{folder}");
    }
}

#[test]
fn a_gguf_file_comes_alone_and_revisions_are_asked_for() {
    let bytes = fs::read(fixture_path("gguf/tiny-llama-q8_0.gguf")).unwrap();
    let server = Server::start(state([("q8/tiny.gguf".into(), bytes)]));
    let cache = tempfile::tempdir().unwrap();
    let options = options(&server, cache.path());
    for revision in ["refs/pr/1", COMMIT] {
        let path = get(&format!("org/name@{revision}:q8/tiny.gguf"), &options).unwrap();
        assert_eq!(
            logits(&path),
            logits(&fixture_path("gguf/tiny-llama-q8_0.gguf"))
        );
        let requests = server.requests();
        if revision == COMMIT {
            // The same commit was fetched under the other name.
            assert_eq!(requests, []);
        } else {
            assert_eq!(
                requests[0].path,
                "/org/name/resolve/refs%2Fpr%2F1/q8/tiny.gguf"
            );
        }
    }
    let missing = get("org/name@nowhere:q8/tiny.gguf", &options).unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!(
            "org/name@nowhere:q8/tiny.gguf: q8/tiny.gguf is missing: {} answered 404, no such repository, revision or file; the id names it",
            server.endpoint
        )
    );
}

#[test]
fn the_token_is_sent_and_asked_for() {
    let mut guarded = state(fixture("gguf/hf"));
    guarded.guard = Some((401, "hf_right".into()));
    let server = Server::start(guarded);
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    let endpoint = server.endpoint.clone();
    let refused = |options: &HubOptions| get("org/name", options).unwrap_err().to_string();
    assert_eq!(
        refused(&options),
        format!(
            "org/name@main: {endpoint} answered 401 for config.json: there is no such repository, or it is private or gated: set HF_TOKEN to a token that may read it"
        )
    );
    // A refusal is final: it is not asked for again.
    assert_eq!(server.requests().len(), 1);
    options.token = Some("hf_wrong".into());
    let message = refused(&options);
    assert!(message.contains("the token is not accepted"), "{message}");
    assert!(!message.contains("hf_wrong"), "{message}");
    server.state.lock().unwrap().guard = Some((403, "hf_right".into()));
    let message = refused(&options);
    assert!(
        message.contains("403") && message.contains("gives access on its page"),
        "{message}"
    );

    server.requests();
    options.token = Some("hf_right".into());
    get("org/name", &options).unwrap();
    let requests = server.requests();
    let right = Some("Bearer hf_right".to_owned());
    let own = |r: &&Request| !r.path.starts_with("/cdn/");
    assert!(
        requests
            .iter()
            .filter(own)
            .all(|r| r.authorization == right)
    );
    // What hf-hub sends to the other host with the bytes themselves.
    let bytes = |r: &&Request| r.path.starts_with("/cdn/") && !r.probe;
    assert!(requests.iter().filter(bytes).count() > 0);
    assert!(
        requests
            .iter()
            .filter(bytes)
            .all(|r| r.authorization.is_none())
    );
}

#[test]
fn an_interrupted_download_goes_on_where_it_ended() {
    const FILE: &str = "model.safetensors";
    let mut cut = state(fixture("gguf/hf"));
    cut.cuts = vec![
        (FILE.into(), 70_000),
        (FILE.into(), 0),
        (FILE.into(), 1_000),
    ];
    let server = Server::start(cut);
    let cache = tempfile::tempdir().unwrap();
    let path = get("org/name", &options(&server, cache.path())).unwrap();
    let starts: Vec<usize> = server
        .requests()
        .iter()
        .filter(|r| r.path.starts_with("/cdn/") && r.path.ends_with(FILE) && !r.probe)
        .map(|r| r.start)
        .collect();
    assert_eq!(starts, [0, 70_000, 70_000, 71_000]);
    assert_eq!(logits(&path), logits(&fixture_path("gguf/hf")));
}

#[test]
fn half_a_file_is_never_used() {
    const FILE: &str = "model.safetensors";
    let mut cut = state(fixture("gguf/hf"));
    cut.cuts = vec![(FILE.into(), 70_000)];
    let server = Server::start(cut);
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    options.retries = 0;
    let message = get("org/name", &options).unwrap_err().to_string();
    let endpoint = &server.endpoint;
    let prefix = format!("org/name@main: {FILE} can't be fetched from {endpoint}: ");
    assert!(message.starts_with(&prefix), "{message}");
    let repository = cache.path().join("models--org--name");
    assert!(
        !repository
            .join("snapshots")
            .join(COMMIT)
            .join(FILE)
            .exists()
    );

    // Another process was stopped after the last byte, before the file had its name.
    let parts = fs::read_dir(repository.join("blobs")).unwrap();
    let parts = parts.map(|entry| entry.unwrap().path());
    let part = parts.filter(|path| path.extension().is_some_and(|e| e == "part"));
    let part = part.collect::<Vec<_>>().pop().unwrap();
    assert_eq!(fs::metadata(&part).unwrap().len(), 70_000);
    let whole = fs::read(fixture_path("gguf/hf").join(FILE)).unwrap();
    fs::write(&part, &whole).unwrap();
    options.retries = 1;
    let path = get("org/name", &options).unwrap();
    assert!(fs::read(path.join(FILE)).unwrap() == whole);

    // A link to a blob that was deleted is no file either.
    fs::remove_file(fs::canonicalize(path.join(FILE)).unwrap()).unwrap();
    get("org/name", &options).unwrap();
    assert!(fs::read(path.join(FILE)).unwrap() == whole);
}

#[test]
fn a_busy_server_is_asked_again_and_a_dead_one_named() {
    let mut busy = state(fixture("gguf/hf"));
    busy.statuses = vec![503, 429];
    let server = Server::start(busy);
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    get("org/name", &options).unwrap();

    options.cache = cache.path().join("other");
    options.retries = 0;
    server.state.lock().unwrap().statuses = vec![500];
    let message = get("org/name", &options).unwrap_err().to_string();
    assert!(
        message.contains("config.json") && message.contains("500"),
        "{message}"
    );
    let endpoint = server.endpoint.clone();
    drop(server);
    let message = get("org/name", &options).unwrap_err().to_string();
    let prefix = format!("org/name@main: config.json can't be fetched from {endpoint}: ");
    assert!(message.starts_with(&prefix), "{message}");
}

#[test]
fn all_files_are_of_one_commit() {
    let old = fixture("tiny-llama");
    let mut moving = state(old);
    for (name, bytes) in fixture("gguf/hf") {
        moving.files.insert((NEXT.into(), name), bytes);
    }
    moving.move_main = Some(("model.safetensors".into(), NEXT.into()));
    let server = Server::start(moving);
    let cache = tempfile::tempdir().unwrap();
    let options = options(&server, cache.path());
    let path = get("org/name", &options).unwrap();
    assert!(path.ends_with(Path::new(NEXT)), "{}", path.display());
    assert_eq!(logits(&path), logits(&fixture_path("gguf/hf")));
}

#[test]
fn offline_asks_nobody() {
    let server = Server::start(state(fixture("gguf/hf")));
    let cache = tempfile::tempdir().unwrap();
    let mut options = options(&server, cache.path());
    options.offline = true;
    let shown = cache.path().display();
    assert_eq!(
        get("org/name", &options).unwrap_err().to_string(),
        format!(
            "org/name@main: config.json is not in {shown}, and the Hub may not be asked (HF_HUB_OFFLINE)"
        )
    );
    assert_eq!(server.requests(), []);

    // huggingface_hub leaves no word of the optional files that it never asked for.
    let repository = cache.path().join("models--org--name");
    let snapshot = repository.join("snapshots").join(NEXT);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), NEXT).unwrap();
    for (name, bytes) in fixture("tiny-llama") {
        fs::write(snapshot.join(name), bytes).unwrap();
    }
    let path = get("org/name", &options).unwrap();
    assert_eq!(logits(&path), logits(&fixture_path("tiny-llama")));
    assert_eq!(server.requests(), []);
}

#[test]
fn repositories_that_hold_no_model_say_what_is_missing() {
    let refused = |files: Vec<(&str, &str)>| {
        let files = files
            .into_iter()
            .map(|(name, text)| (name.into(), text.into()));
        let server = Server::start(state(files));
        let cache = tempfile::tempdir().unwrap();
        let error = get("org/name", &options(&server, cache.path())).unwrap_err();
        let message = error.to_string().replace(&server.endpoint, "HUB");
        message.replace(cache.path().to_str().unwrap(), "CACHE")
    };
    assert_eq!(
        refused(vec![("x.gguf", "GGUF")]),
        "org/name@main: config.json is missing: HUB answered 404, no such repository, revision or file; a model folder has it; a GGUF file is named in the id, ORG/NAME:FILE.gguf"
    );
    assert_eq!(
        refused(vec![("config.json", "{}"), ("pytorch_model.bin", "x")]),
        "org/name@main: model.safetensors is missing, and so is model.safetensors.index.json; weights are read from safetensors alone, or from a GGUF file that the id names, ORG/NAME:FILE.gguf"
    );
    let index = |name: &str| {
        let index = format!(r#"{{"weight_map": {{"a": "{name}"}}}}"#);
        let files = vec![
            ("config.json", "{}"),
            ("model.safetensors.index.json", index.as_str()),
        ];
        refused(files)
    };
    let place = format!("CACHE/models--org--name/snapshots/{COMMIT}/model.safetensors.index.json");
    for (name, entry) in [("../x", "weight_map.a"), ("a?b", "weight_map")] {
        let message = index(name);
        let prefix = format!("{place}: {entry} is \"{name}\"; expected ");
        assert!(message.starts_with(&prefix), "{message}");
    }
    let message = index("absent.safetensors");
    assert!(
        message.contains("absent.safetensors is missing"),
        "{message}"
    );
    let message = refused(vec![
        ("config.json", "{}"),
        ("model.safetensors.index.json", "{"),
    ]);
    assert!(
        message.starts_with(&place) && message.contains("line 1"),
        "{message}"
    );
}
