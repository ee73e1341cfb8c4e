//! Options and prompts that are refused.

use super::*;

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
