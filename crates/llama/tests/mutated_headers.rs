//! Hundreds of thousands of damaged headers: no panic, and no allocation that the
//! file does not justify. The fuzz targets in `fuzz/` look on from there.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod damage;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anneal_llama::{LlamaError, ModelFile, load};
use anneal_testkit::{device, fixture_path};
use damage::{Gguf, list};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

/// Counts what each thread holds, so that tests side by side don't meet.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    LIVE.set(LIVE.get() + change);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait; this one adds up sizes and calls the system's"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new live side by side while the system copies.
        count(size as isize);
        count(-(layout.size() as isize));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A result, and the most bytes that were held at once on the way to it.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = work();
    (result, (PEAK.get() - before) as usize)
}

/// What a file of this length justifies. The dearest things are a list of
/// four-byte numbers, 6 bytes for one, and reading Q2_K, 12 for one; the rest
/// is for messages.
fn justified(file: usize) -> usize {
    16 * file + (64 << 10)
}

/// A file to damage.
struct Seed {
    name: &'static str,
    bytes: Vec<u8>,
    /// Where the data begins: damage behind it changes nothing.
    header: usize,
}

impl Seed {
    fn new(name: &'static str, bytes: Vec<u8>) -> Self {
        let file = ModelFile::from_bytes(Path::new(name), bytes.clone()).unwrap();
        let data: usize = file.tensors().iter().map(|t| t.bytes).sum();
        Self {
            name,
            header: bytes.len() - data,
            bytes,
        }
    }

    fn fixture(name: &'static str) -> Self {
        Self::new(name, std::fs::read(fixture_path(name)).unwrap())
    }

    fn damaged(&self, random: &mut ChaCha8Rng) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for _ in 0..random.random_range(1..4) {
            // Counts and lengths stand at the front.
            let reach = if random.random() { self.header } else { 64 };
            let place = random.random_range(0..reach.min(bytes.len()).max(1));
            damage_at(&mut bytes, place, random);
            if bytes.is_empty() {
                break;
            }
        }
        bytes
    }
}

/// Numbers at the edges of what fields can hold.
const EXTREMES: [u64; 14] = [
    0,
    1,
    7,
    31,
    33,
    255,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 62,
    1 << 63,
    u64::MAX,
];

/// What JSON is made of.
const JSON: &[u8] = b"0123456789-+.eE,:[]{}\"\\ ";

fn damage_at(bytes: &mut Vec<u8>, place: usize, random: &mut ChaCha8Rng) {
    let length = random.random_range(1..40).min(bytes.len() - place);
    match random.random_range(0..9) {
        0 | 1 => bytes[place] ^= 1 << random.random_range(0..8),
        2 => bytes[place] = random.random(),
        3 => bytes[place] = JSON[random.random_range(0..JSON.len())],
        4 | 5 => {
            let extreme = EXTREMES[random.random_range(0..EXTREMES.len())].to_le_bytes();
            let width = [1, 2, 4, 8][random.random_range(0..4)].min(bytes.len() - place);
            bytes[place..place + width].copy_from_slice(&extreme[..width]);
        }
        6 => bytes.truncate(place),
        7 => {
            let piece = bytes[place..place + length].to_vec();
            let to = random.random_range(0..=place);
            bytes.splice(to..to, piece);
        }
        _ => {
            bytes.drain(place..place + length);
        }
    }
}

/// Opens damaged bytes and does all that a header is for.
fn try_one(seed: &Seed, bytes: Vec<u8>, pick: usize) -> Result<(), LlamaError> {
    let file = ModelFile::from_bytes(Path::new(seed.name), bytes)?;
    let tensors = file.tensors();
    file.metadata();
    if let Some(tensor) = tensors.get(pick % tensors.len().max(1)) {
        let values = file.read(&tensor.name).unwrap();
        let elements = tensor.shape.iter().product::<usize>();
        assert!(values.is_err() || values.is_ok_and(|v| v.len() == elements));
    }
    // Most damaged files are no Llama's; the answer must only be one.
    drop(file.config());
    Ok(())
}

/// Damages a file many times over; returns how often it was still readable.
fn hammer(seed: &Seed, tries: u64, check: impl Fn(&[u8], &Result<(), LlamaError>)) -> u64 {
    let mut accepted = 0;
    for number in 0..tries {
        let mut random = ChaCha8Rng::seed_from_u64(number);
        let bytes = seed.damaged(&mut random);
        let kept = bytes.clone();
        let pick = random.random_range(0..1_000);
        let tried = catch_unwind(AssertUnwindSafe(|| peak(|| try_one(seed, bytes, pick))));
        let Ok((result, peak)) = tried else {
            panic!("{}: try {number} panicked", seed.name);
        };
        let most = justified(kept.len());
        assert!(
            peak <= most,
            "{}: try {number} took {peak} bytes of {most}",
            seed.name
        );
        if let Err(error) = &result {
            assert!(error.to_string().contains(seed.name), "{error}");
        }
        check(&kept, &result);
        accepted += u64::from(result.is_ok());
    }
    // Neither has the damage no effect, nor does it stop all at the first field.
    assert!(
        accepted > tries / 100 && accepted < tries / 2,
        "{}: {accepted} of {tries}",
        seed.name
    );
    accepted
}

#[test]
fn damaged_gguf_headers_never_panic() {
    let mut crafted = Gguf::sound();
    let numbers: Vec<u8> = (0..20u32).flat_map(u32::to_le_bytes).collect();
    crafted.metadata.push(("numbers", 9, list(4, 20, &numbers)));
    crafted
        .metadata
        .push(("switches", 9, list(7, 5, &[1, 0, 1, 1, 0])));
    crafted
        .metadata
        .push(("nested", 9, list(9, 1, &list(4, 2, &[0; 8]))));
    for (seed, tries) in [
        (Seed::new("crafted.gguf", crafted.bytes()), 120_000),
        (Seed::fixture("gguf_quants/types.gguf"), 100_000),
        (Seed::fixture("gguf/tiny-llama-q4_1.gguf"), 20_000),
        (Seed::fixture("gguf_quants/mixed.gguf"), 20_000),
    ] {
        hammer(&seed, tries, |_, _| {});
    }
}

#[test]
fn damaged_safetensors_headers_never_panic_and_the_format_s_crate_agrees() {
    for (seed, tries) in [
        (Seed::fixture("gguf_quants/goldens.safetensors"), 120_000),
        (
            Seed::fixture("tiny-llama/adapter-qv/adapter_model.safetensors"),
            60_000,
        ),
    ] {
        hammer(&seed, tries, |bytes, ours| {
            let theirs = SafeTensors::deserialize(bytes);
            match (ours, theirs) {
                (Ok(()), Err(error)) => panic!("the crate refuses: {error}"),
                (Err(ours), Ok(_)) => panic!("the crate accepts, but: {ours}"),
                _ => {}
            }
        });
    }
}

#[test]
fn lists_cost_a_small_multiple_of_the_file() {
    let million = |kind: u32, width: usize| {
        let mut file = Gguf::sound();
        let elements = vec![0; width * 1_000_000];
        file.metadata
            .push(("long", 9, list(kind, 1_000_000, &elements)));
        let bytes = file.bytes();
        let (file, peak) = peak(|| ModelFile::from_bytes(Path::new("x.gguf"), bytes));
        let described = file.unwrap().metadata()["long"].clone();
        assert!(described.starts_with("a list of 1000000"), "{described}");
        peak
    };
    // Truth values, bytes, and two-byte numbers are counted, not kept.
    for (kind, width) in [(7, 1), (0, 1), (3, 2)] {
        assert!(million(kind, width) < 10_000);
    }
    // Four-byte numbers take 24 bytes, eight-byte numbers and texts as well.
    for (kind, width) in [(4, 4), (6, 4), (12, 8), (8, 8)] {
        assert!(million(kind, width) < 24_010_000);
    }
}

#[test]
fn a_configuration_that_claims_much_is_refused_before_anything_is_allocated() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = fixture_path("tiny-llama");
    let weights = folder.path().join("model.safetensors");
    std::fs::copy(fixture.join("model.safetensors"), &weights).unwrap();
    let config = std::fs::read_to_string(fixture.join("config.json")).unwrap();
    // Burn's first use of the device is not the file's doing.
    load(&fixture, &device()).unwrap();
    // The largest that a configuration may claim.
    let largest = 1 << 30;
    for (field, value, claim) in [
        ("vocab_size", 131, largest),
        ("hidden_size", 42, largest),
        ("intermediate_size", 72, largest),
        ("num_hidden_layers", 3, 1 << 12),
        ("num_attention_heads", 6, 1 << 16),
    ] {
        let (from, to) = (
            format!("\"{field}\": {value}"),
            format!("\"{field}\": {claim}"),
        );
        assert!(config.contains(&from), "{from}");
        std::fs::write(
            folder.path().join("config.json"),
            config.replace(&from, &to),
        )
        .unwrap();
        let (error, peak) = peak(|| load(folder.path(), &device()).unwrap_err());
        assert!(
            matches!(error, LlamaError::Weights { .. }),
            "{field}: {error}"
        );
        let most = justified(std::fs::metadata(&weights).unwrap().len() as usize);
        assert!(peak < most, "{field}: {peak} of {most}");
    }
}
