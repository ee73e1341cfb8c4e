//! The way from files to examples: the same whatever the number of threads, and nothing lost unseen.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]
#![allow(clippy::result_large_err, reason = "the error is shown and gone")]

use std::io::Write;
use std::path::{Path, PathBuf};

use anneal_data::{
    ChatTemplate, Cleaner, DataError, Encoder, ExamplesDigest, Fault, LengthPolicy, OnBadRow,
    PrepareReport, Prepared, PreparedRow, Preparer, Reason, Row, Rows, Sample, SetApart, Source,
    SpecialTokens, count_reasons,
};
use serde_json::{Value, json};

/// ChatML that refuses a turn with the word `refused`.
const TEMPLATE: &str = "{% for message in messages %}{% if 'refused' in message.content %}{{ raise_exception('no such turn') }}{% endif %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const MAX_LENGTH: usize = 420;
const FORMATS: usize = 7;
const ROWS_PER_FORMAT: usize = 429;

/// One row of a format; every 10th is too long, every 13th refused by the template, every 17th by a check.
fn row(format: usize, index: usize) -> Value {
    let mut word = format!("nr {index}");
    if index % 10 == 3 {
        word += &" long".repeat(100);
    }
    if index % 13 == 4 {
        word += " refused";
    }
    if index % 17 == 5 {
        word += " unwanted";
    }
    // A schema that fits only without its last tables, for every third row.
    let tables = if index.is_multiple_of(3) { 12 } else { 2 };
    let schema: Vec<String> = (0..tables)
        .map(|table| format!("CREATE TABLE t{table} (name TEXT)"))
        .collect();
    let (schema, answer) = (schema.join("; "), format!("SELECT {index}"));
    let turns = |user: &str, assistant: &str| json!([{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]);
    match format {
        0 => json!({"question": word, "context": schema, "answer": answer}),
        1 => {
            json!({"db_id": "d", "question": word, "sql": answer, "context": schema, "exec_ok": index % 19 != 6})
        }
        2 => json!({"instruction": word, "input": "", "output": answer}),
        3 => {
            json!({"conversations": [{"from": "human", "value": word}, {"from": "gpt", "value": answer}]})
        }
        4 => json!({"messages": turns(&word, &answer)}),
        5 => {
            let mut prompt = turns("before", "earlier answer");
            let asked = json!({"role": "user", "content": word});
            prompt.as_array_mut().unwrap().push(asked);
            json!({"prompt": prompt, "completion": [{"role": "assistant", "content": answer}]})
        }
        _ => json!({"prompt": word, "chosen": answer, "rejected": format!("{answer} wrong")}),
    }
}

/// A file of each format; of 3,003 rows altogether.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = (0..FORMATS).map(|format| {
        let path = folder.join(format!("{format}.jsonl"));
        let rows = (0..ROWS_PER_FORMAT).map(|index| format!("{}\n", row(format, index)));
        std::fs::write(&path, rows.collect::<String>()).unwrap();
        path
    });
    files.collect()
}

fn question(row: &Row) -> &str {
    match &row.sample {
        Sample::Sql(sample) => &sample.question,
        Sample::Conversation(turns) => &turns[0].content,
        Sample::Completion(row) => &row.prompt.last().unwrap().content,
        Sample::Preference(row) => &row.prompt[0].content,
    }
}

fn bytes(text: &str) -> Result<Vec<u32>, std::io::Error> {
    Ok(text.bytes().map(u32::from).collect())
}

type Bytes = fn(&str) -> Result<Vec<u32>, std::io::Error>;
const BYTES: &Bytes = &(bytes as Bytes);

fn preparer(on_bad_row: OnBadRow) -> Preparer<'static, Bytes> {
    let unwanted = |row: &Row| match question(row).contains("unwanted") {
        true => Err(Fault::new(Reason::new("unwanted"), "")),
        false => Ok(()),
    };
    let template = ChatTemplate::with_tokens(TEMPLATE, &SpecialTokens::new()).unwrap();
    let encoder = Encoder::new(template, MAX_LENGTH).unwrap();
    Preparer::new(BYTES, encoder.with_policy(LengthPolicy::ShortenContext))
        .with_cleaner(Cleaner::default().with("words", unwanted).unwrap())
        .with_on_bad_row(on_bad_row)
}

/// What a run gave, whether it ended well, and what was set apart when rows were read.
struct Run {
    kept: Vec<PreparedRow>,
    end: Result<PrepareReport, DataError>,
    unread: Vec<SetApart>,
    records: usize,
}

fn run(paths: Vec<PathBuf>, on_bad_row: OnBadRow, threads: usize) -> Run {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let source = Source::of_files(paths).unwrap();
    let mut rows = Rows::new(source.records()).with_on_bad_row(on_bad_row);
    let mut kept = Vec::new();
    let end = pool.build().unwrap().install(|| {
        preparer(on_bad_row).run(&mut rows, |row| {
            kept.push(row);
            Ok::<(), DataError>(())
        })
    });
    Run {
        kept,
        end,
        unread: rows.take_set_apart(),
        records: rows.records_read(),
    }
}

fn digest(rows: &[PreparedRow]) -> String {
    ExamplesDigest::of(rows.iter().flat_map(|row| row.prepared.examples()))
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let paths = files(folder.path());
    let first = run(paths.clone(), OnBadRow::SetApart, 1);
    let report = first.end.unwrap();
    for threads in [2, 5] {
        let other = run(paths.clone(), OnBadRow::SetApart, threads);
        assert_eq!(digest(&other.kept), digest(&first.kept));
        assert_eq!(other.kept, first.kept);
        assert_eq!(other.end.unwrap(), report);
        assert_eq!(other.unread, first.unread);
    }

    // What must come out, counted from how the rows were made; a check comes before the template, and the
    // template before the length.
    let all = 0..ROWS_PER_FORMAT;
    let of = |divisor: usize, rest: usize| all.clone().filter(move |i| i % divisor == rest);
    let marked = of(19, 6).count();
    assert_eq!(first.records, FORMATS * ROWS_PER_FORMAT);
    assert_eq!(first.unread.len(), marked);
    assert_eq!(report.rows, FORMATS * ROWS_PER_FORMAT - marked);
    let lengths = report.lengths;
    assert_eq!(
        report.rows,
        lengths.kept + lengths.dropped + report.set_apart.len()
    );
    assert_eq!(lengths.kept, first.kept.len());
    let per_format = |count: &dyn Fn(usize) -> bool| {
        let rows = (0..FORMATS).flat_map(|format| (0..ROWS_PER_FORMAT).map(move |i| (format, i)));
        rows.filter(|&(format, i)| !(format == 1 && i % 19 == 6) && count(i))
            .count()
    };
    let unwanted = per_format(&|i| i % 17 == 5);
    let refused = per_format(&|i| i % 17 != 5 && i % 13 == 4);
    let long = per_format(&|i| i % 17 != 5 && i % 13 != 4 && i % 10 == 3);
    let reasons: Vec<_> = count_reasons(&report.set_apart).into_iter().collect();
    assert_eq!(
        reasons,
        [
            (("encode".into(), "template refuses it".into()), refused),
            (("words".into(), "unwanted".into()), unwanted),
        ]
    );
    assert_eq!(lengths.dropped, long);
    let shortened = |i: &usize| i % 17 != 5 && i % 13 != 4 && i % 10 != 3 && i.is_multiple_of(3);
    let both = all.clone().filter(shortened).count()
        + all.clone().filter(|i| shortened(i) && i % 19 != 6).count();
    assert_eq!(lengths.shortened, both);
    let dropped: usize = first.kept.iter().map(|row| row.tables_dropped).sum();
    assert_eq!(lengths.tables_dropped, dropped);
    let longest = first.kept.iter().flat_map(|row| row.prepared.examples());
    assert!(longest.map(anneal_data::Example::len).max().unwrap() <= MAX_LENGTH);
    assert!(lengths.longest > MAX_LENGTH);
    let places: Vec<_> = report
        .set_apart
        .iter()
        .map(|row| row.place.to_string())
        .collect();
    assert_eq!(places[0], format!("`{}` line 5", paths[0].display()));
}

#[test]
fn a_completion_trains_nothing_of_its_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let path = files(folder.path()).swap_remove(5);
    let done = run(vec![path], OnBadRow::SetApart, 2);
    assert!(done.kept.len() > 300);
    let mut trained_tokens = 0;
    for row in &done.kept {
        let Prepared::Example(example) = &row.prepared else {
            panic!("{row:?}")
        };
        let text = |trained: bool| -> String {
            let tokens = example.input_ids.iter().zip(&example.trained);
            let tokens = tokens.filter(|(_, is_trained)| **is_trained == trained);
            tokens.map(|(id, _)| char::from_u32(*id).unwrap()).collect()
        };
        let place = row.place.to_string();
        let line: usize = place.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(text(true), format!("SELECT {}<|im_end|>", line - 1));
        assert!(text(false).contains("earlier answer<|im_end|>"));
        trained_tokens += text(true).len();
    }
    assert_eq!(done.end.unwrap().trained_tokens, trained_tokens);
}

#[test]
fn the_first_bad_row_in_order_ends_a_run_that_is_to_fail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    // One refused by the template in the second chunk, before one of an earlier stage in the third.
    let good = json!({"question": "q", "context": "CREATE TABLE t (x)", "answer": "SELECT 1"});
    let mut lines = vec![good.to_string(); 3_000];
    lines[1_500] = lines[1_500].replace("\"q\"", "\"refused\"");
    lines[1_501] = "{\"question\": 1}".into();
    lines[2_900] = "no JSON".into();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let name = path.display();
    for threads in [1, 5] {
        let done = run(vec![path.clone()], OnBadRow::Fail, threads);
        let message = done.end.unwrap_err().to_string();
        let start = format!("`{name}` line 1501: ");
        assert!(
            message.starts_with(&start) && message.contains("no such turn"),
            "{message}"
        );
        assert_eq!(done.kept.len(), 1_500);
        assert_eq!(
            done.kept[1_499].place.to_string(),
            format!("`{name}` line 1500")
        );
    }
    // Without that row it is the next one, which no later stage saw.
    lines[1_500] = good.to_string();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let done = run(vec![path.clone()], OnBadRow::Fail, 2);
    let message = done.end.unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("`{name}` line 1502: ")),
        "{message}"
    );
    assert_eq!(done.kept.len(), 1_501);
    // And set apart, both are counted, with their places.
    let done = run(vec![path.clone()], OnBadRow::SetApart, 2);
    let report = done.end.unwrap();
    assert_eq!(
        (done.records, report.rows, done.kept.len()),
        (3_000, 2_998, 2_998)
    );
    let places: Vec<_> = done
        .unread
        .iter()
        .map(|row| row.place.to_string())
        .collect();
    assert_eq!(
        places,
        [format!("`{name}` line 1502"), format!("`{name}` line 2901")]
    );
}

#[test]
fn a_file_that_breaks_off_ends_the_run_whatever_the_policy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl.xz");
    let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 6);
    for index in 0..3_000 {
        let digest = anneal_data::sha256_hex(format!("{index}"));
        let row = json!({"instruction": digest, "output": format!("SELECT {index}")});
        writeln!(writer, "{row}").unwrap();
    }
    let whole = writer.finish().unwrap();
    std::fs::write(&path, &whole[..whole.len() - whole.len() / 4]).unwrap();
    for policy in [OnBadRow::Fail, OnBadRow::SetApart] {
        let done = run(vec![path.clone()], policy, 2);
        let message = done.end.unwrap_err().to_string();
        assert!(
            done.kept.len() > 1_000 && done.kept.len() < 3_000,
            "{}",
            done.kept.len()
        );
        let start = format!(
            "`{}` line {}: xz data is damaged",
            path.display(),
            done.kept.len() + 1
        );
        assert!(message.starts_with(&start), "{message}");
        assert_eq!(done.unread, []);
        assert_eq!(done.records, done.kept.len());
    }
}
