//! GGUF files that contradict themselves: each is refused with its place.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod damage;

use std::path::Path;

use anneal_llama::{LlamaError, ModelFile};
use damage::{Gguf, list, text};

fn refusal(bytes: Vec<u8>) -> String {
    let error = ModelFile::from_bytes(Path::new("x.gguf"), bytes).unwrap_err();
    assert!(matches!(error, LlamaError::Gguf { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.starts_with("x.gguf: damaged GGUF at byte "));
    message
}

/// What a sound file says once it is damaged.
fn damaged(damage: impl Fn(&mut Gguf)) -> String {
    let mut file = Gguf::sound();
    damage(&mut file);
    refusal(file.bytes())
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

#[test]
fn the_undamaged_file_is_read() {
    let file = ModelFile::from_bytes(Path::new("x.gguf"), Gguf::sound().bytes()).unwrap();
    let tensors = file.tensors();
    let row = |i: usize| (&tensors[i].name[..], &tensors[i].kind[..], tensors[i].bytes);
    assert_eq!((row(0), row(1)), (("a", "F32", 32), ("b", "Q8_0", 34)));
    assert_eq!(tensors[0].shape, [2, 4]);
    assert_eq!(file.metadata()["llama.block_count"], "2");
    assert!(file.read("c").is_none());
}

#[test]
fn versions_and_counts() {
    let version = |version| damaged(|file| file.version = version);
    let supported = "supported: 2 and 3, little-endian";
    assert_says(&version(1), &["at byte 4: version 1; ", supported]);
    assert_says(&version(4), &["at byte 4: version 4; ", supported]);
    assert_says(&version(3u32.swap_bytes()), &["the file is big-endian"]);
    assert_says(
        &damaged(|file| file.tensor_count = Some(1 << 60)),
        &[
            "at byte 8: the number of tensors is 1152921504606846976, but the rest of the file can hold",
        ],
    );
    assert_says(
        &damaged(|file| file.value_count = Some(u64::MAX)),
        &["at byte 16: the number of metadata values is 18446744073709551615"],
    );
    // One more than there are: the table's first row is read as a value.
    let more = damaged(|file| file.value_count = Some(3));
    assert_says(
        &more,
        &["a tensor name of 562949953421312 bytes, but the file ends"],
    );
    assert_says(
        &refusal(b"GGUF\x03\0".to_vec()),
        &["at byte 4: the version of 4 bytes, but the file ends 2 bytes on"],
    );
}

#[test]
fn metadata() {
    let value = |kind: u32, bytes: Vec<u8>| {
        damaged(move |file| file.metadata.push(("k", kind, bytes.clone())))
    };
    let endless = value(8, (1u64 << 40).to_le_bytes().to_vec());
    assert_says(&endless, &["k of 1099511627776 bytes, but the file ends"]);
    assert_says(
        &value(13, vec![]),
        &["k has the unknown value type 13; expected 0 to 12"],
    );
    assert_says(
        &value(7, vec![2]),
        &["k is a truth value of 2; expected 0 or 1"],
    );
    let mut latin = text("caf");
    latin[0] = 4;
    latin.push(0xE9);
    assert_says(&value(8, latin), &["k is not UTF-8"]);
    for kind in [4, 7, 8, 9, 12] {
        let message = value(9, list(kind, 1 << 62, &[]));
        assert_says(
            &message,
            &["the length of k is 4611686018427387904, but the rest"],
        );
    }
    let nested = (0..6).fold(Vec::new(), |inner, _| list(9, 1, &inner));
    assert_says(&value(9, nested), &["k has lists nested more than 4 deep"]);
    assert_says(
        &damaged(|file| file.metadata.push(file.metadata[0].clone())),
        &["the metadata key \"general.architecture\" stands twice"],
    );
    let mut file = Gguf::sound();
    for (found, wrong) in [("24", 24u32), ("0", 0)] {
        file.metadata.truncate(2);
        let bytes = wrong.to_le_bytes().to_vec();
        file.metadata.push(("general.alignment", 4, bytes));
        let error = ModelFile::from_bytes(Path::new("x.gguf"), file.bytes()).unwrap_err();
        let expected = format!("x.gguf: general.alignment is {found}; expected a power of two");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn shapes_and_types() {
    let tensor = |sizes: &[u64], kind: u32| {
        damaged(|file| file.tensors[1] = ("b", sizes.to_vec(), kind, 32))
    };
    assert_says(
        &tensor(&[], 0),
        &["\"b\" has 0 dimensions; expected 1 to 4"],
    );
    assert_says(
        &tensor(&[1; 5], 0),
        &["\"b\" has 5 dimensions; expected 1 to 4"],
    );
    assert_says(&tensor(&[32, 0], 0), &["\"b\" has a dimension of size 0"]);
    let overflow = "the size of \"b\" overflows with a dimension of 4294967296";
    assert_says(&tensor(&[1 << 32; 3], 0), &[overflow]);
    // Fits as a count, not in bytes.
    assert_says(
        &tensor(&[1 << 62], 0),
        &["the size of \"b\" in bytes overflows"],
    );
    assert_says(
        &tensor(&[1 << 40], 0),
        &["\"b\" takes 4398046511104 bytes at offset 32 of the data, but the file has"],
    );
    assert_says(&tensor(&[32], 5), &["\"b\" has the unknown tensor type 5"]);
    assert_says(
        &tensor(&[48, 2], 8),
        &["\"b\" has rows of 48 values, which the 32-value blocks of Q8_0 do not divide"],
    );
    assert_says(
        &damaged(|file| file.tensors[1].0 = "a"),
        &["the tensor \"a\" stands twice in the table"],
    );
}

#[test]
fn places() {
    let offset = |offset: u64| damaged(move |file| file.tensors[1].3 = offset);
    let unaligned = "\"b\" lies at offset 33, which is no multiple of the alignment, 32";
    assert_says(&offset(33), &[unaligned]);
    assert_says(
        &offset(0),
        &[
            "\"b\" begins at byte",
            "inside \"a\", which takes 32 bytes from",
        ],
    );
    assert_says(
        &offset(64),
        &[
            "\"b\" takes 34 bytes at offset 64",
            "the file is cut off or the offset wrong",
        ],
    );
    // An offset that would come round into the header.
    assert_says(
        &offset(u64::MAX - 31),
        &["\"b\" takes 34 bytes at offset 18446744073709551584"],
    );
    assert_says(
        &damaged(|file| file.data = 65),
        &["\"b\" takes 34 bytes at offset 32 of the data"],
    );
    // The file may say that places are coarser.
    let coarse = damaged(|file| {
        let bytes = 64u32.to_le_bytes().to_vec();
        file.metadata.push(("general.alignment", 4, bytes));
    });
    assert_says(
        &coarse,
        &["\"b\" lies at offset 32, which is no multiple of the alignment, 64"],
    );
}
