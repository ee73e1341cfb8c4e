//! GGUF files: header, table of tensors, configuration, and every tensor's
//! values.

#![no_main]

use std::path::Path;

use anneal_llama::ModelFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = ModelFile::from_bytes(Path::new("fuzz.gguf"), bytes.to_vec()) else {
        return;
    };
    file.metadata();
    for tensor in file.tensors() {
        // Listed tensors are there; their type may be one that is not read.
        let values = file.read(&tensor.name).expect("listed");
        assert!(
            values.is_err()
                || values.is_ok_and(|v| v.len() == tensor.shape.iter().product::<usize>())
        );
    }
    drop(file.config());
});
