//! Tokens drawn or forbidden: seeds, probabilities, penalties, grammars.

use super::*;

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
