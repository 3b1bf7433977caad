//! See `quadzero_fuzz::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| quadzero_fuzz::configuration(input));
