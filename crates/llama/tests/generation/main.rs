//! Sampling, processors, stop strings and streaming, on the tiny models.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_llama::{
    FinishReason, GenerateOptions, Generated, Generator, LlamaConfig, LlamaError, LlamaForCausalLM,
    LoadedModel, LogitsProcessor, RandomWeights, RowContext, Token, generate, load,
};
use anneal_testkit::{Fixture, assert_close, device, fixture_path};
use burn::tensor::{Device, Int, Tensor};

mod choosing;
mod options;
mod text;

fn tiny() -> LoadedModel {
    load(&fixture_path("tiny-llama"), &device()).unwrap()
}

fn with_text() -> LoadedModel {
    load(&fixture_path("gguf/tiny-llama-q4_1.gguf"), &device()).unwrap()
}

fn generator<'a>(
    loaded: &'a LoadedModel,
    options: GenerateOptions,
    device: &'a Device,
) -> Generator<'a> {
    let generator = Generator::new(&loaded.model, &loaded.config, device).with_options(options);
    match &loaded.tokenizer {
        Some(tokenizer) => generator.with_tokenizer(tokenizer),
        None => generator,
    }
}

fn sampled() -> GenerateOptions {
    GenerateOptions {
        max_new_tokens: 20,
        temperature: 1.1,
        top_k: 60,
        top_p: 0.97,
        min_p: 0.01,
        repetition_penalty: 1.15,
        seed: 11,
        ..GenerateOptions::default()
    }
}

/// Prompts of unequal lengths.
fn prompts() -> Vec<Vec<u32>> {
    vec![
        vec![7, 90, 3, 41, 55, 8, 21],
        vec![100],
        vec![64, 2, 2, 9],
        vec![31, 5],
    ]
}

fn assert_same(found: &Generated, expected: &Generated, place: &str) {
    assert_eq!(found.token_ids, expected.token_ids, "{place}");
    assert_eq!(
        (&found.text, found.finish),
        (&expected.text, expected.finish),
        "{place}"
    );
    for (f, e) in found.logprobs.iter().zip(&expected.logprobs) {
        assert!((f - e).abs() < 1e-4, "{place}: {f} against {e}");
    }
}

/// Each prompt alone, in its place of the batch.
fn assert_rows_are_single_runs(loaded: &LoadedModel, options: &GenerateOptions) -> Vec<Generated> {
    let device = device();
    let together = generator(loaded, options.clone(), &device)
        .generate(&prompts())
        .unwrap();
    for (row, prompt) in prompts().into_iter().enumerate() {
        let options = GenerateOptions {
            first_row: row as u64,
            ..options.clone()
        };
        let alone = generator(loaded, options, &device)
            .generate(&[prompt])
            .unwrap();
        assert_same(&together[row], &alone[0], &format!("row {row}"));
    }
    together
}

#[test]
fn sampled_rows_of_a_batch_are_their_single_runs() {
    let loaded = tiny();
    let mut options = sampled();
    let whole = assert_rows_are_single_runs(&loaded, &options);
    assert!(whole.iter().all(|row| row.finish == FinishReason::Length));
    // The same again, with rows that end early, each at another place.
    options.end_ids = vec![
        whole[0].token_ids[4],
        whole[2].token_ids[11],
        whole[3].token_ids[0],
    ];
    let cut = assert_rows_are_single_runs(&loaded, &options);
    let lengths: Vec<usize> = cut.iter().map(|row| row.token_ids.len()).collect();
    assert!(
        lengths[0] <= 5 && lengths[2] <= 12 && lengths[3] == 1,
        "{lengths:?}"
    );
    for (cut, whole) in cut.iter().zip(&whole) {
        assert_eq!(cut.token_ids, whole.token_ids[..cut.token_ids.len()]);
    }
    let ended = cut
        .iter()
        .filter(|row| row.finish == FinishReason::EndToken);
    assert!(ended.count() >= 3);
}

#[test]
fn greedy_rows_that_end_early_are_their_single_runs() {
    let loaded = with_text();
    let mut options = GenerateOptions {
        max_new_tokens: 16,
        ..GenerateOptions::default()
    };
    let whole = assert_rows_are_single_runs(&loaded, &options);
    options.end_ids = vec![whole[1].token_ids[2], whole[2].token_ids[7]];
    assert_rows_are_single_runs(&loaded, &options);
    let text = whole[0].text.as_deref().unwrap();
    let middle = text.char_indices().nth(text.chars().count() / 2).unwrap().0;
    options.stop = vec![text[middle..].chars().take(2).collect()];
    let stopped = assert_rows_are_single_runs(&loaded, &options);
    assert!(
        stopped
            .iter()
            .any(|row| row.finish == FinishReason::StopString)
    );
}

#[test]
fn answers_longer_than_the_cache_begins_with_go_on_as_before() {
    let mut config = LlamaConfig::smollm2_135m();
    (
        config.vocab_size,
        config.hidden_size,
        config.intermediate_size,
    ) = (50, 24, 40);
    (
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
    ) = (3, 1, 8);
    config.num_hidden_layers = 2;
    let mut weights = RandomWeights::new(0.4, 11);
    let model = LlamaForCausalLM::from_source(&config, &mut weights, &device()).unwrap();
    // The cache grows twice, and a limit that nothing reaches costs nothing.
    let options = GenerateOptions {
        max_new_tokens: 1_400,
        temperature: 1.0,
        ..GenerateOptions::default()
    };
    let prompts = [vec![3, 1, 4], vec![9]];
    let answers = generate(&model, &config, &prompts, &options, &device()).unwrap();
    for (prompt, answer) in prompts.iter().zip(answers) {
        assert_eq!(answer.token_ids.len(), 1_400);
        let ids: Vec<i64> = prompt
            .iter()
            .chain(&answer.token_ids)
            .map(|&id| id.into())
            .collect();
        let ids = Tensor::<1, Int>::from_data(ids.as_slice(), &device()).unsqueeze::<2>();
        // The same log-probabilities from one pass without a cache.
        let logits = model.forward(ids.clone(), &config);
        let logits = logits.narrow(1, prompt.len() - 1, 1_400).squeeze_dim(0);
        let own = burn::tensor::activation::log_softmax::<2>(logits, 1);
        let chosen = ids.narrow(1, prompt.len(), 1_400).reshape([1_400, 1]);
        let own = own.gather(1, chosen).reshape([1_400]);
        let found = Tensor::<1>::from_floats(answer.logprobs.as_slice(), &device());
        assert_close(found, own, 1e-4);
    }
}
