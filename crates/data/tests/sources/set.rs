//! Several files as one source.

use anneal_data::Source;

use super::*;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    write("b.jsonl", b"{\"n\": 2}\n{\"n\": 3}\n");
    write("a.jsonl", b"{\"n\": 1}\n");
    write("c.csv.gz", &gzip(b"n\n4\n"));
    write(".hidden.jsonl", b"{\"n\": 9}\n");
    write("x[1].jsonl", b"{\"n\": 5}\n");
    std::fs::create_dir(folder.path().join("d.jsonl")).unwrap();
    folder
}

fn parse(folder: &tempfile::TempDir, texts: &[&str]) -> Result<Source, DataError> {
    let root = folder.path().display();
    let texts: Vec<String> = texts.iter().map(|text| format!("{root}/{text}")).collect();
    Source::parse(&texts)
}

fn names(source: &Source) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    source.files().iter().map(name).collect()
}

#[test]
fn patterns_are_sorted_and_files_follow_in_order() {
    let folder = folder();
    let source = parse(&folder, &["c.csv.gz", "[ab].jsonl"]).unwrap();
    assert_eq!(names(&source), ["c.csv.gz", "a.jsonl", "b.jsonl"]);
    let mut records = source.records();
    assert_eq!(records.bytes_read(), 0);
    let rows: Vec<_> = records
        .by_ref()
        .map(|row| row.unwrap().fields["n"].to_string())
        .collect();
    assert_eq!(rows, ["\"4\"", "1", "2", "3"]);
    assert_eq!(records.bytes_read(), records.total_bytes());
    let sizes = source.fingerprints().unwrap();
    assert_eq!(
        sizes.iter().map(|file| file.bytes).sum::<u64>(),
        records.total_bytes()
    );
    // Neither hidden files nor folders match.
    let all = parse(&folder, &["*.jsonl"]).unwrap();
    assert_eq!(names(&all), ["a.jsonl", "b.jsonl", "x[1].jsonl"]);
    // A file that exists is no pattern, which would match `x1.jsonl`.
    assert_eq!(
        names(&parse(&folder, &["x[1].jsonl"]).unwrap()),
        ["x[1].jsonl"]
    );
}

#[test]
fn what_names_no_files_is_refused() {
    let folder = folder();
    let root = folder.path().display().to_string();
    let message = |texts: &[&str]| {
        let error = parse(&folder, texts).unwrap_err();
        assert!(!error.is_row_error());
        error.to_string().replace(&root, "ROOT")
    };
    assert_eq!(message(&["*.tsv"]), "pattern `ROOT/*.tsv` matches no file");
    assert_eq!(
        message(&["."]),
        "`ROOT/.` is a folder; name its files, such as `ROOT/./*.jsonl`"
    );
    assert!(message(&["a**.jsonl"]).starts_with("pattern `ROOT/a**.jsonl`: "));
    assert_eq!(
        message(&["a.jsonl", "*.jsonl"]),
        "`ROOT/a.jsonl` is named twice; its rows would count twice"
    );
    let none: [&str; 0] = [];
    assert_eq!(
        Source::parse(&none).unwrap_err().to_string(),
        "no file is named; name a file, a pattern such as `data/*.jsonl`, or a data set"
    );
    assert!(message(&["none.jsonl"]).starts_with("cannot read `ROOT/none.jsonl`: "));
}

#[test]
fn wrong_rows_are_passed_and_a_wrong_file_ends_all() {
    let folder = folder();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("wrong.jsonl", "{\"n\": 1}\n{\n{\"n\": 2}\n");
    write("cut.json", "[{\"n\": 3}, {\"n\"");
    write("empty.jsonl", "");
    for (last, message) in [
        ("cut.json", "EOF while parsing"),
        ("empty.jsonl", "is empty"),
    ] {
        let source = parse(&folder, &["wrong.jsonl", last, "a.jsonl"]).unwrap();
        let mut records = source.records();
        let items: Vec<_> = records.by_ref().collect();
        assert!(items[1].as_ref().unwrap_err().is_row_error());
        let error = items.last().unwrap().as_ref().unwrap_err();
        assert!(!error.is_row_error());
        let text = error.to_string();
        assert!(text.contains(last) && text.contains(message), "{text}");
        assert_eq!(items.len(), if last == "cut.json" { 5 } else { 4 });
        assert!(records.next().is_none() && records.next().is_none());
    }
}

#[test]
fn question_files_may_be_compressed() {
    let row = "{\"db_id\": \"a\", \"question\": \"q\", \"sql\": \"s\"}\n";
    for (ending, compress) in COMPRESSIONS {
        let file = file(&format!("q.jsonl{ending}"), compress(row.as_bytes()));
        let rows = anneal_data::read_questions(&file.path).unwrap();
        assert_eq!(rows[0].sql, "s", "{ending}");
    }
}

#[cfg(not(feature = "hub"))]
#[test]
fn an_id_of_the_hub_asks_for_the_feature() {
    for id in ["owner/name", "owner/name@main:test", "hf://owner/name"] {
        assert_eq!(
            Source::parse(&[id]).unwrap_err().to_string(),
            format!(
                "`{id}` is no file; if it is a data set of the Hugging Face Hub, build with the feature `hub`"
            )
        );
    }
    // The tests' folder has a folder `src`; what is misspelt in it is a path.
    let message = Source::parse(&["src/rows"]).unwrap_err().to_string();
    assert!(message.starts_with("cannot read `src/rows`: "), "{message}");
}
