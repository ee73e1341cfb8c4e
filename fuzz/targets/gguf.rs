//! GGUF files, whole: see `read_all`.

#![no_main]

mod read_all;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| read_all::read_all("fuzz.gguf", bytes));
