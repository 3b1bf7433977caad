//! The harness: real daemons in network namespaces of the test's own.
//!
//! ```text
//!        left 192.0.2.1                          right 192.0.2.2
//!   +---------------------+     veth pair     +---------------------+
//!   |  2001:db8::1        |         |         |  2001:db8::2        |
//!   |  quadzero           | wire --------wire |  gobgpd, bird, ...  |
//!   +---------------------+         |         +---------------------+
//!                                dumpcap -> tshark reads every message
//! ```
//!
//! Nothing leads out of the two namespaces, and their names hold the test's process id and a counter, so
//! that tests run beside each other. Whatever a test starts is a value: dropping it, by a panic as well,
//! kills the process by its id and removes the namespace. A test that fails prints the logs of all its
//! daemons. A daemon that is missing is a failure that names its Debian package, never a test skipped.
//!
//! Nobody sleeps and hopes here: [`wait_until`] polls for what is expected, and says what it waited for.

mod capture;
mod daemon;
mod net;
mod process;
mod quadzero;

pub use capture::{Capture, Recording};
pub use daemon::{Adapter, BIRD, Daemon, EXABGP, FRR, GOBGP, Neighbor, OPENBGPD, Path};
pub use net::{FAR, LEFT, LEFT6, Namespace, RIGHT, RIGHT6, Wire};
pub use process::{Process, installed};
pub use quadzero::{Quadzero, binary, root};

use std::thread;
use std::time::{Duration, Instant};

/// Tests of several labs: `suite! { gobgp: Lab::new(GOBGP), frr: Lab::new(FRR); { one two } }` makes the tests `gobgp::one`, `frr::two` and
/// so on, each of which makes its lab and calls `one(&lab)` beside the macro.
#[macro_export]
macro_rules! suite {
    ($($name:ident: $lab:expr),*; $behaviours:tt) => { $($crate::suite!(@ $name, $lab, $behaviours);)* };
    (@ $name:ident, $lab:expr, { $($behaviour:ident)* }) => {
        mod $name {
            use super::*;

            $(#[test]
            fn $behaviour() {
                super::$behaviour(&$lab);
            })*
        }
    };
}

/// Long enough for every back-off of two speakers to pass; no wait that succeeds takes as long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until `condition` holds.
///
/// # Panics
/// When it does not within `limit`.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    wait_for(what, limit, || condition().then_some(()));
}

/// Polls until `look` finds something.
///
/// # Panics
/// When it does not within `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
