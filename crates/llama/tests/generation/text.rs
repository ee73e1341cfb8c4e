//! Tokens as they come, and texts that end an answer.

use super::*;

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
