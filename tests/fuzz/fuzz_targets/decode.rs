//! See `quadzero_fuzz::decode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| quadzero_fuzz::decode(input));
