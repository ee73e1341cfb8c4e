//! Every type of a GGUF's weights: values bit for bit, and a model of them all.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_llama::{ModelFile, load};
use anneal_testkit::{Fixture, LOGIT_TOLERANCE, device, fixture_path, max_difference, unpadded};

#[test]
fn every_type_has_the_values_of_the_gguf_package_to_the_bit() {
    let file = ModelFile::open(&fixture_path("gguf_quants/types.gguf")).unwrap();
    let goldens = Fixture::open("gguf_quants/types.safetensors");
    let tensors = file.tensors();
    let names: Vec<String> = tensors.iter().map(|t| t.kind.clone()).collect();
    assert_eq!(names, goldens.names(), "a tensor is named for its type");
    assert_eq!(names.len(), 13);
    for tensor in tensors {
        assert_eq!(tensor.shape, [3, 256]);
        let values = file.read(&tensor.name).unwrap().unwrap();
        let expected = goldens.float::<2>(&tensor.name, &device());
        let expected: Vec<f32> = expected.try_into_vec_as().unwrap();
        assert_eq!(values.len(), expected.len());
        let mut pairs = values.iter().zip(&expected).enumerate();
        let wrong = pairs.find(|(_, (a, e))| a.to_bits() != e.to_bits());
        assert_eq!(wrong, None, "{}", tensor.name);
    }
}

#[test]
fn a_model_of_mixed_types_has_transformers_logits() {
    let path = fixture_path("gguf_quants/mixed.gguf");
    let mut types: Vec<String> = ModelFile::open(&path)
        .unwrap()
        .tensors()
        .into_iter()
        .map(|t| t.kind)
        .collect();
    types.sort();
    types.dedup();
    assert_eq!(types.len(), 13, "{types:?}");

    let loaded = load(&path, &device()).unwrap();
    let config = &loaded.config;
    assert!(config.num_key_value_heads < config.num_attention_heads);
    assert!(!config.tie_word_embeddings);
    let fixture = Fixture::open("gguf_quants/goldens.safetensors");
    let logits = loaded
        .model
        .forward(fixture.int::<2>("input_ids", &device()), config);
    let expected = fixture.float::<3>("logits", &device());
    let (_, lengths) = fixture.ints("lengths");
    let [logits, expected] = [logits, expected].map(|padded| unpadded(&padded, &lengths));
    let difference = max_difference(logits, expected);
    assert!(difference < LOGIT_TOLERANCE, "{difference:e}");
}
