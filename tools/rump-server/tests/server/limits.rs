//! What clients may have at once.

use crate::tests;
use rump_abi::Errno;
use rump_server_rig::{Scratch, client, soon};
use std::thread;
use std::time::Duration;

tests!(
    clients_beyond_the_most_wait_at_the_door,
    calls_beyond_the_most_are_to_be_tried_again,
    descriptors_are_counted
);

fn clients_beyond_the_most_wait_at_the_door() {
    let scratch = Scratch::new();
    let server = scratch.server(&["--clients", "2"]);
    // The one that `Scratch::server` made may not have gone yet.
    let both = [client(&server.url), client(&server.url)];
    let url = server.url.clone();
    let third = thread::spawn(move || client(&url).pid());
    thread::sleep(Duration::from_millis(700));
    assert!(!third.is_finished());
    assert!(both.iter().all(|client| client.pid().is_ok()));
    drop(both);
    soon("the third comes in", || third.is_finished());
    assert!(third.join().unwrap().is_ok());
}

fn calls_beyond_the_most_are_to_be_tried_again() {
    let scratch = Scratch::new();
    let server = scratch.server(&["--calls", "1"]);
    let client = client(&server.url);
    let [reading, _writing] = client.pipe(0);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client.read(reading, &mut [0; 1]));
        soon("the other call is in flight", || client.pid() == Err(Errno::EAGAIN));
        // A call that waits is in the way of no halt.
        assert_eq!(scratch.halt(&server.url).code, Some(0));
        soon("it ends", || waiting.is_finished());
        assert!(waiting.join().unwrap().is_err());
    });
    server.ends();
}

fn descriptors_are_counted() {
    let scratch = Scratch::new();
    let server = scratch.server(&["--descriptors", "8"]);
    let client = client(&server.url);
    let opened: Vec<_> = (0..9).map(|_| client.open("/", 0)).take_while(Result::is_ok).collect();
    assert!(opened.len() <= 8, "{opened:?}");
    assert_eq!(client.open("/", 0), Err(Errno::EMFILE));
}
