//! quadzero: the on-premises edge of an Azure forced-tunneling design. The library behind the binary, so that tests can
//! use it.
//!
//! ```text
//!   command line --cli--> check, export, decode              nothing is started
//!                    +--> run, azure, lab                    sessions, until a signal
//!                    +--> azure show, doctor                 what a running mock, or a log, has to say
//!                            |
//!                 config: a file -> checked values, or every error with its line
//! ```

pub mod api;
pub mod check;
pub mod cli;
pub mod config;
pub mod console;
pub mod control;
pub mod daemon;
pub mod decode;
pub mod doctor;
pub mod export;
pub mod history;
pub mod intent;
pub mod lab;
mod liveness;
pub mod logging;
pub mod probes;
pub mod reload;
pub mod router;
pub mod running;
pub mod show;
pub mod why;
