//! What the fuzz targets do with an input. Each takes any octets, asserts what must hold, and returns.
//!
//! ```text
//! cargo run --manifest-path tests/fuzz/Cargo.toml --target-dir target --example seeds      the corpus, to begin with
//! cargo fuzz run decode --fuzz-dir tests/fuzz --target-dir target/fuzz -s none             or session, or configuration
//! ```
//!
//! That is for the stable toolchain; a nightly one adds the address sanitizer where `-s none` is left out. An input that a target fails
//! on goes to `found/` and a folder of the target's name, once it passes.
//!
//! `tests/replay.rs` has each target, as it is built for fuzzing, run the seeds and what was found before.

mod configuration;
mod decode;
mod seeds;
mod session;

pub use configuration::configuration;
pub use decode::decode;
pub use seeds::{Seed, seeds};
pub use session::session;
