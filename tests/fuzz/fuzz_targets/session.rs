//! See `quadzero_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| quadzero_fuzz::session(input));
