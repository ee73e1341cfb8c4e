//! What every target does with its bytes: the header, the configuration if the
//! format has one, and every tensor's values.

use std::path::Path;

use anneal_llama::ModelFile;

pub fn read_all(name: &str, bytes: &[u8]) {
    let Ok(file) = ModelFile::from_bytes(Path::new(name), bytes.to_vec()) else {
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
}
