//! A server that is killed and begun again, under clients that look for it.

use crate::tests;
use rump_abi::Errno;
use rump_client::Retry;
use rump_server_rig::{SOON, Scratch, client, within};
use rustix::process::Signal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

tests!(clients_find_the_server_that_takes_the_place_of_one_that_was_killed);

const CLIENTS: usize = 16;
const RESTARTS: usize = 8;
/// As long as a client looks for a server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Clients end with the test, however that ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A call that was in flight is lost, and says so; the next one is made at the next server.
fn clients_find_the_server_that_takes_the_place_of_one_that_was_killed() {
    let scratch = Scratch::new();
    let mut server = scratch.server(&[]);
    let (is_over, answers) = (AtomicBool::new(false), [(); CLIENTS].map(|()| AtomicU64::new(0)));
    thread::scope(|scope| {
        let _over = Over(&is_over);
        for answered in &answers {
            let (client, is_over) = (client(&server.url), &is_over);
            client.0.set_retry(Retry::For(PATIENCE));
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    match client.pid() {
                        Ok(_) => answered.fetch_add(1, Ordering::Relaxed),
                        Err(Errno::ENOTCONN) => continue,
                        Err(errno) => panic!("{errno:?}"),
                    };
                }
            });
        }
        for _ in 0..RESTARTS {
            server.signal(Signal::KILL);
            server.ends();
            server = scratch.server(&[]);
            let before = answers.each_ref().map(|answered| answered.load(Ordering::Relaxed));
            within(SOON, "all are served again", || {
                answers.iter().zip(before).all(|(answered, before)| answered.load(Ordering::Relaxed) > before)
            });
        }
    });
    within(SOON, "nobody of them is left", || server.count("task") <= 4);
    assert!(client(&server.url).pid().is_ok());
    assert_eq!(scratch.halt(&server.url).code, Some(0));
    server.ends();
}
