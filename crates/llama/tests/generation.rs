//! Sampling, processors, stop strings and streaming, on the tiny models.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_llama::{
    FinishReason, GenerateOptions, Generated, Generator, LlamaError, LoadedModel, LogitsProcessor,
    RowContext, Token, generate, load,
};
use anneal_testkit::{Fixture, assert_close, device, fixture_path};
use burn::tensor::{Device, Int, Tensor};

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
fn a_seed_gives_the_same_tokens_again_and_another_seed_others() {
    let (loaded, device) = (tiny(), device());
    let run = |options: GenerateOptions| {
        generator(&loaded, options, &device)
            .generate(&[vec![7, 90], vec![7, 90]])
            .unwrap()
    };
    let first = run(sampled());
    assert_eq!(first, run(sampled()));
    // The same prompt in two places draws two answers.
    assert_ne!(first[0].token_ids, first[1].token_ids);
    let other = run(GenerateOptions {
        seed: 12,
        ..sampled()
    });
    assert_ne!(first[0].token_ids, other[0].token_ids);
}

#[test]
fn draws_of_a_model_follow_its_probabilities() {
    let (loaded, device) = (tiny(), device());
    let prompt = vec![17, 4, 99];
    let (rows, temperature) = (4000, 1.5);
    let options = GenerateOptions {
        max_new_tokens: 1,
        temperature,
        seed: 1,
        ..GenerateOptions::default()
    };
    let drawn = generate(
        &loaded.model,
        &loaded.config,
        &vec![prompt; rows],
        &options,
        &device,
    )
    .unwrap();
    let ids = Tensor::<2, Int>::from_ints([[17, 4, 99]], &device);
    let logits = loaded
        .model
        .forward(ids, &loaded.config)
        .try_into_vec_as::<f32>()
        .unwrap();
    let weights = logits[2 * 131..]
        .iter()
        .map(|&l| (f64::from(l) / temperature).exp());
    let weights: Vec<f64> = weights.collect();
    let total: f64 = weights.iter().sum();
    let mut counts = vec![0.0; 131];
    for row in &drawn {
        counts[row.token_ids[0] as usize] += 1.0;
    }
    // Tokens expected less than five times count together.
    let (mut chi_square, mut cells, mut rare) = (0.0, 0, (0.0, 0.0));
    for (count, weight) in counts.iter().zip(&weights) {
        let expected = weight / total * rows as f64;
        if expected < 5.0 {
            rare = (rare.0 + count, rare.1 + expected);
        } else {
            chi_square += (count - expected) * (count - expected) / expected;
            cells += 1;
        }
    }
    chi_square += (rare.0 - rare.1) * (rare.0 - rare.1) / rare.1;
    // Wilson and Hilferty's 0.999 quantile for as many degrees of freedom.
    let k = f64::from(cells);
    let quantile = k * (1.0 - 2.0 / (9.0 * k) + 3.0902 * (2.0 / (9.0 * k)).sqrt()).powi(3);
    assert!(cells > 20, "{cells}");
    assert!(
        chi_square < quantile,
        "{chi_square} with {k} degrees; {quantile}"
    );
}

/// The model's own log-probability of each token of an answer.
fn own_logprobs(loaded: &LoadedModel, prompt: &[u32], answer: &[u32]) -> Vec<f64> {
    let ids: Vec<i64> = prompt.iter().chain(answer).map(|&id| id.into()).collect();
    let ids = Tensor::<1, Int>::from_data(ids.as_slice(), &device()).unsqueeze::<2>();
    let logits = loaded
        .model
        .forward(ids, &loaded.config)
        .try_into_vec_as::<f32>()
        .unwrap();
    let vocabulary = loaded.config.vocab_size;
    let rows = logits.chunks(vocabulary).skip(prompt.len() - 1);
    rows.zip(answer)
        .map(|(row, &id)| {
            let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
            f64::from(row[id as usize]) - sum.ln()
        })
        .collect()
}

#[test]
fn log_probabilities_are_the_models_own_whatever_was_drawn() {
    let (loaded, device) = (tiny(), device());
    for options in [
        sampled(),
        GenerateOptions {
            repetition_penalty: 3.0,
            ..GenerateOptions::default()
        },
    ] {
        let options = GenerateOptions {
            max_new_tokens: 15,
            ..options
        };
        let found = generator(&loaded, options, &device)
            .generate(&prompts())
            .unwrap();
        for (row, prompt) in found.iter().zip(prompts()) {
            let expected = own_logprobs(&loaded, &prompt, &row.token_ids);
            assert_eq!(row.logprobs.len(), expected.len());
            for (f, e) in row.logprobs.iter().zip(expected) {
                assert!((f64::from(*f) - e).abs() < 1e-4, "{f} against {e}");
            }
        }
    }
}

#[test]
fn greedy_with_a_penalty_continues_as_in_transformers() {
    let (loaded, goldens) = (tiny(), Fixture::open("sampling/goldens.safetensors"));
    let ids = |name: &str| -> Vec<u32> {
        let (_, ids) = goldens.ints(name);
        ids.into_iter().map(|id| id as u32).collect()
    };
    let prompts: Vec<Vec<u32>> = (0..2)
        .map(|i| ids(&format!("penalised.{i}.prompt")))
        .collect();
    let options = GenerateOptions {
        max_new_tokens: 12,
        repetition_penalty: 1.4,
        ..GenerateOptions::default()
    };
    let found = generate(&loaded.model, &loaded.config, &prompts, &options, &device()).unwrap();
    for (i, row) in found.iter().enumerate() {
        assert_eq!(row.token_ids, ids(&format!("penalised.{i}.ids")));
        let logprobs = Tensor::<1>::from_floats(row.logprobs.as_slice(), &device());
        let expected = goldens.float::<1>(&format!("penalised.{i}.logprobs"), &device());
        assert_close(logprobs, expected, 1e-4);
    }
}

/// Allows only even ids after odd ones and odd ones after even, and ends a row
/// with its own id after as many tokens as its place says; its state would be
/// wrong if rows shared it.
struct Alternate {
    row: usize,
    calls: usize,
}

const END: u32 = 130;

impl LogitsProcessor for Alternate {
    fn process(&mut self, context: RowContext<'_>, logits: &mut [f32]) {
        assert_eq!(
            (context.row, context.generated.len()),
            (self.row, self.calls)
        );
        self.calls += 1;
        let last = context.generated.last().or(context.prompt.last()).unwrap();
        let ends = context.generated.len() > 3 * self.row;
        for (id, logit) in logits.iter_mut().enumerate() {
            let id = id as u32;
            if (id == END) != ends || (!ends && id % 2 == last % 2) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}

#[test]
fn a_grammar_keeps_its_state_in_each_row_of_a_ragged_batch() {
    let (loaded, device) = (tiny(), device());
    for temperature in [0.0, 1.3] {
        let options = GenerateOptions {
            temperature,
            end_ids: vec![END],
            ..sampled()
        };
        let generator = generator(&loaded, options, &device)
            .with_processor(|row| Box::new(Alternate { row, calls: 0 }));
        let found = generator.generate(&prompts()).unwrap();
        for (row, (answer, prompt)) in found.iter().zip(prompts()).enumerate() {
            assert_eq!(answer.token_ids.len(), 3 * row + 2);
            assert_eq!(answer.token_ids.last(), Some(&END));
            let mut last = *prompt.last().unwrap();
            for &id in &answer.token_ids[..3 * row + 1] {
                assert_ne!(id % 2, last % 2);
                last = id;
            }
        }
    }
}

struct Fill {
    from: usize,
    value: f32,
}

impl LogitsProcessor for Fill {
    fn process(&mut self, context: RowContext<'_>, logits: &mut [f32]) {
        if context.row == 1 && context.generated.len() >= self.from {
            logits.fill(self.value);
        }
    }
}

#[test]
fn a_row_without_a_choice_is_an_error_that_names_it() {
    let (loaded, device) = (tiny(), device());
    for temperature in [0.0, 0.8] {
        let run = |value: f32| {
            let options = GenerateOptions {
                max_new_tokens: 9,
                temperature,
                ..GenerateOptions::default()
            };
            let generator = generator(&loaded, options, &device)
                .with_processor(move |_| Box::new(Fill { from: 2, value }));
            let mut stream = generator.stream(&[vec![1, 2, 3], vec![4]]).unwrap();
            let before: Vec<_> = stream.by_ref().take(4).collect();
            assert!(before.iter().all(Result::is_ok));
            let error = stream.next().unwrap().unwrap_err();
            assert!(stream.next().is_none());
            error.to_string()
        };
        assert_eq!(
            run(f32::NEG_INFINITY),
            "prompt 1: every token is forbidden at position 3"
        );
        for value in [f32::NAN, f32::INFINITY] {
            assert_eq!(
                run(value),
                "prompt 1: the logits at position 3 hold NaN or infinite values"
            );
        }
    }
}

#[test]
fn a_model_that_gives_no_numbers_is_an_error() {
    let (mut loaded, device) = (tiny(), device());
    let norm = &mut loaded.model.model.norm.weight;
    *norm = norm.clone().map(|weight| weight * f32::NAN);
    for temperature in [0.0, 1.0] {
        let options = GenerateOptions {
            max_new_tokens: 9,
            temperature,
            ..GenerateOptions::default()
        };
        let error = generator(&loaded, options, &device)
            .generate(&[vec![5, 6]])
            .unwrap_err();
        let message = error.to_string();
        assert_eq!(
            message,
            "prompt 0: the logits at position 2 hold NaN or infinite values"
        );
    }
}

#[test]
fn the_stream_is_the_batch_token_by_token() {
    let (loaded, device) = (with_text(), device());
    let options = GenerateOptions {
        end_ids: vec![2],
        ..sampled()
    };
    let generator = generator(&loaded, options, &device);
    let whole = generator.generate(&prompts()).unwrap();
    let tokens: Vec<Token> = generator
        .stream(&prompts())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (row, whole) in whole.iter().enumerate() {
        let mine: Vec<&Token> = tokens.iter().filter(|token| token.row == row).collect();
        let ids: Vec<u32> = mine.iter().map(|token| token.id).collect();
        let logprobs: Vec<f32> = mine.iter().map(|token| token.logprob).collect();
        let text: String = mine
            .iter()
            .filter_map(|token| token.text.as_deref())
            .collect();
        assert_eq!((&ids, &logprobs), (&whole.token_ids, &whole.logprobs));
        assert_eq!(Some(&text), whole.text.as_ref());
        // What came piece by piece is what the tokenizer makes of all ids.
        assert_eq!(
            text,
            loaded
                .tokenizer
                .as_ref()
                .unwrap()
                .decode(&ids, false)
                .unwrap()
        );
        let (last, before) = mine.split_last().unwrap();
        assert_eq!(last.finish, Some(whole.finish));
        assert!(before.iter().all(|token| token.finish.is_none()));
    }
    // Dropping it early is fine, and so is one that has nothing to do.
    assert_eq!(generator.stream(&prompts()).unwrap().take(3).count(), 3);
    assert_eq!(generator.stream(&[]).unwrap().count(), 0);
}

/// Writes the given tokens, whatever the model says.
struct Script(Vec<u32>);

impl LogitsProcessor for Script {
    fn process(&mut self, context: RowContext<'_>, logits: &mut [f32]) {
        logits.fill(f32::NEG_INFINITY);
        logits[self.0[context.generated.len()] as usize] = 0.0;
    }
}

#[test]
fn a_stop_string_is_found_across_tokens_and_cut_off_the_text() {
    let (loaded, device) = (with_text(), device());
    let script = loaded
        .tokenizer
        .as_ref()
        .unwrap()
        .encode("SELECT é; 😀 END; more", false)
        .unwrap();
    let run = |stop: &[&str], new: usize| {
        let options = GenerateOptions {
            max_new_tokens: new,
            stop: stop.iter().map(|&stop| stop.into()).collect(),
            ..GenerateOptions::default()
        };
        let script = &script;
        let generator = generator(&loaded, options, &device)
            .with_processor(move |_| Box::new(Script(script.clone())));
        let found = generator.generate(&[vec![5]]).unwrap().remove(0);
        assert_eq!(found.token_ids, script[..found.token_ids.len()]);
        assert_eq!(found.token_ids.len(), found.logprobs.len());
        let all = loaded
            .tokenizer
            .as_ref()
            .unwrap()
            .decode(&found.token_ids, false)
            .unwrap();
        (found.text.unwrap(), all, found.finish)
    };
    let (text, all, finish) = run(&["END;"], script.len());
    assert_eq!(
        (text.as_str(), finish),
        ("SELECT é; 😀 ", FinishReason::StopString)
    );
    // The tokens go on to the one that completed it.
    assert_eq!(all, "SELECT é; 😀 END;");
    let (text, _, finish) = run(&["more and more", "é; 😀"], script.len());
    assert_eq!(
        (text.as_str(), finish),
        ("SELECT ", FinishReason::StopString)
    );
    // What might have begun a stop string is text after all once the row ends.
    let (text, all, finish) = run(&["more and more"], script.len());
    assert_eq!(
        (text.as_str(), finish),
        (all.as_str(), FinishReason::Length)
    );
    assert!(text.ends_with("more"));
    // A character cut off by the limit is U+FFFD, and may be looked for too.
    let cut = script.iter().take_while(|&&id| {
        let text = loaded
            .tokenizer
            .as_ref()
            .unwrap()
            .decode(&[id], false)
            .unwrap();
        text != "\u{FFFD}"
    });
    let cut = cut.count() + 1;
    let (text, _, finish) = run(&["never"], cut);
    assert_eq!(
        (text.as_str(), finish),
        ("SELECT \u{FFFD}", FinishReason::Length)
    );
    let (text, _, finish) = run(&["\u{FFFD}"], cut);
    assert_eq!(
        (text.as_str(), finish),
        ("SELECT ", FinishReason::StopString)
    );
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let (loaded, device) = (tiny(), device());
    let refused = |options: GenerateOptions| -> String {
        let error = generator(&loaded, options, &device)
            .generate(&[vec![1]])
            .unwrap_err();
        error.to_string()
    };
    let default = GenerateOptions::default;
    let cases = [
        (
            GenerateOptions {
                max_new_tokens: 0,
                ..default()
            },
            "max_new_tokens is 0; expected 1 or more",
        ),
        (
            GenerateOptions {
                temperature: -0.5,
                ..default()
            },
            "temperature is -0.5; expected 0 (the most probable token) or a finite number above 0",
        ),
        (
            GenerateOptions {
                temperature: f64::NAN,
                ..default()
            },
            "temperature is NaN; expected 0 (the most probable token) or a finite number above 0",
        ),
        (
            GenerateOptions {
                temperature: f64::INFINITY,
                ..default()
            },
            "temperature is inf; expected 0 (the most probable token) or a finite number above 0",
        ),
        (
            GenerateOptions {
                top_p: 0.0,
                ..default()
            },
            "top_p is 0; expected a number above 0 and at most 1 (1 is off)",
        ),
        (
            GenerateOptions {
                top_p: 1.01,
                ..default()
            },
            "top_p is 1.01; expected a number above 0 and at most 1 (1 is off)",
        ),
        (
            GenerateOptions {
                min_p: f64::NAN,
                ..default()
            },
            "min_p is NaN; expected a number from 0 (off) to 1",
        ),
        (
            GenerateOptions {
                min_p: -0.1,
                ..default()
            },
            "min_p is -0.1; expected a number from 0 (off) to 1",
        ),
        (
            GenerateOptions {
                repetition_penalty: 0.0,
                ..default()
            },
            "repetition_penalty is 0; expected a number above 0 (1 is off)",
        ),
        (
            GenerateOptions {
                stop: vec!["a".into(), String::new()],
                ..default()
            },
            "stop is an empty text; expected texts of at least one character",
        ),
        (
            GenerateOptions {
                stop: vec!["a".into()],
                ..default()
            },
            "stop strings are looked for in text, which needs a tokenizer; there is none",
        ),
    ];
    for (options, message) in cases {
        assert_eq!(refused(options), message);
    }
    // With the default of 128 new tokens there is no place among 128 positions.
    let error = generator(&loaded, default(), &device)
        .generate(&[vec![1]])
        .unwrap_err();
    assert!(matches!(
        error,
        LlamaError::TooLong {
            index: 0,
            length: 1,
            new: 128,
            limit: 128
        }
    ));
}
