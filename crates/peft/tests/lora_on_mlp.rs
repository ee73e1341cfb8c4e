//! The example `lora_on_mlp`: its checks hold, and its account is complete.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "../examples/lora_on_mlp.rs"]
#[allow(dead_code, reason = "the example's own `main`")]
mod example;

#[test]
fn the_example_learns_and_agrees_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut out = Vec::new();
    // What it checks itself ends it with an error.
    let account = example::run(&mut out, folder.path()).unwrap();
    assert!(
        account.before.loss > 1.0 && account.after.loss < 0.2,
        "{account:?}"
    );
    assert!(account.mirrored.right > 95.0, "{account:?}");
    assert!(
        account.loaded == 0.0 && account.merged <= 1e-5,
        "{account:?}"
    );

    let text = String::from_utf8(out).unwrap();
    for part in [
        "trainable params: 1,034 || all params: 18,317 || trainable%: 5.6450",
        "full fine-tuning would train 17283 parameters",
        "3 weights merged",
        "use_dora",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    // The adapter is the file, and not the network.
    let size = |name: &str| folder.path().join(name).metadata().unwrap().len();
    let values = 4 * 1034;
    let file = size("default/adapter_model.safetensors");
    assert!((values..values + 1000).contains(&file), "{file}");
}

#[test]
fn a_folder_that_cannot_be_made_ends_it_with_a_sentence() {
    // The folder cannot be made where a file is.
    let file = tempfile::NamedTempFile::new().unwrap();
    let failure = example::run(&mut Vec::new(), file.path()).unwrap_err();
    let text = failure.to_string();
    assert!(text.starts_with("cannot write "), "{text}");
}
