//! Calls that may hang in the kernel, such as a look at a file on a server that is gone, and the system's resolver.

use std::panic::resume_unwind;
use tokio::task::{JoinHandle, spawn_blocking};

/// At most one such call at a time. One that was given up still runs, and the next asks for its answer instead of adding a thread
/// that hangs as well.
#[derive(Debug)]
pub(crate) struct Blocking<T>(Option<JoinHandle<T>>);

impl<T> Default for Blocking<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Blocking<T> {
    /// Calls it elsewhere.
    pub(crate) async fn call(&mut self, f: impl FnOnce() -> T + Send + 'static) -> T {
        let answer = self.0.get_or_insert_with(|| spawn_blocking(f)).await;
        self.0 = None;
        // Nobody aborts it.
        answer.unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn a_call_that_hangs_is_not_made_a_second_time() {
        let mut blocking = Blocking::default();
        let (release, hangs) = mpsc::channel::<u8>();
        let given_up = timeout(Duration::from_millis(1), blocking.call(move || hangs.recv().unwrap())).await;
        assert!(given_up.is_err());
        release.send(7).unwrap();
        assert_eq!(blocking.call(|| unreachable!("the first still runs")).await, 7);
        assert_eq!(blocking.call(|| 8).await, 8);
    }
}
