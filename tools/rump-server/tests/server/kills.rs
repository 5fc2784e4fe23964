//! Clients that are killed at any instant: nothing of them stays.

use crate::tests;
use rump_abi::Errno;
use rump_client::{Connection, Cookie};
use rump_server_rig::{CREAT, Client, NONBLOCK, RDWR, SOON, Scratch, Server, client, url_of, within};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

tests!(a_client_that_is_killed_is_gone, of_a_thousand_forks_whose_clients_are_killed_nothing_stays);

/// Says to this program that it is a client to be killed, and of which server.
pub const VICTIM: &str = "RUMP_TEST_VICTIM";
/// By what it is the child of another client.
const COOKIE: &str = "RUMP_TEST_COOKIE";

const FORKS: u64 = 1000;
const VICTIMS: u64 = 200;
/// As long as all of it may take.
const MOST_TIME: Duration = Duration::from_secs(60);
/// For this long, children are waited for whose parents have gone; and then some.
const GRACE: Duration = Duration::from_secs(30);
/// Threads of the test that have victims.
const HUNTERS: u64 = 4;

/// Forks for ever, and says so for each child; ends when it is killed, or the server says no.
pub fn be_victim(url: &str) -> ! {
    let cookie = std::env::var(COOKIE).unwrap();
    let cookie: Cookie =
        std::array::from_fn(|at| u8::from_str_radix(&cookie[2 * at..2 * at + 2], 16).unwrap());
    let child = |cookie: &Cookie| Client(Connection::child(url_of(url), "victim", cookie, |_| ()).unwrap());
    let parent = child(&cookie);
    parent.open("/file", RDWR | CREAT).unwrap();
    let mut kept = Vec::new();
    loop {
        let cookie = parent.0.prefork().unwrap();
        let child = child(&cookie);
        child.open("/file", RDWR).unwrap();
        std::io::stdout().write_all(b".\n").unwrap();
        kept.push(child);
        kept.truncate(3);
    }
}

fn victim(server: &Server, cookie: &Cookie) -> Child {
    let cookie: String = cookie.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(VICTIM, &server.url).env(COOKIE, cookie);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Has victims until there were enough, and forks; each is killed at another instant of its life.
fn hunt(server: &Server, parent: &Client, seed: u64, [victims, forks]: [&AtomicU64; 2], until: Instant) {
    let mut state = seed + 1;
    while victims.fetch_add(1, Ordering::Relaxed) < VICTIMS || forks.load(Ordering::Relaxed) < FORKS {
        assert!(Instant::now() < until, "{} forks only", forks.load(Ordering::Relaxed));
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let cookie = parent.0.prefork().unwrap();
        let mut victim = victim(server, &cookie);
        let mut said = Vec::new();
        // Every other one has forked first, however slow the machine is.
        if state >> 63 == 0 {
            let mut first = [0; 2];
            victim.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
            said.extend(first);
        }
        thread::sleep(Duration::from_micros((state >> 40) % 40_000));
        victim.kill().unwrap();
        victim.wait().unwrap();
        victim.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        forks.fetch_add(said.len() as u64 / 2, Ordering::Relaxed);
        // It was killed before it came, or not.
        match parent.0.cancel_fork(&cookie) {
            Err(error) if error.errno != Errno::ESRCH => panic!("{error:?}"),
            _ => {}
        }
    }
}

fn a_client_that_is_killed_is_gone() {
    let scratch = Scratch::new();
    let server = scratch.server(&[]);
    let witness = client(&server.url);
    let [reading, writing] = witness.pipe(NONBLOCK);
    let cookie = witness.0.prefork().unwrap();
    let mut victim = victim(&server, &cookie);
    // It has come, and has forked.
    victim.stdout.as_mut().unwrap().read_exact(&mut [0; 1]).unwrap();
    witness.close(writing);
    assert_eq!(witness.read(reading, &mut [0; 1]), Err(Errno::EAGAIN), "the victim has the other end");
    victim.kill().unwrap();
    victim.wait().unwrap();
    within(GRACE, "nobody has the other end", || witness.read(reading, &mut [0; 1]) == Ok(0));
}

/// All victims descend from one process, and so have an end of its pipe, of which it closes its own: at the other end it
/// sees whether any of them is left in the kernel.
fn of_a_thousand_forks_whose_clients_are_killed_nothing_stays() {
    let scratch = Scratch::new();
    let server = scratch.server(&[]);
    let witness = client(&server.url);
    let [reading, writing] = witness.pipe(NONBLOCK);
    within(SOON, "the witness is alone", || server.count("task") <= 4);
    let (fds, threads) = (server.count("fd"), server.count("task"));
    let [victims, forks] = [(); 2].map(|()| AtomicU64::new(0));
    let until = Instant::now() + MOST_TIME;
    thread::scope(|scope| {
        for seed in 0..HUNTERS {
            let (server, witness, counts) = (&server, &witness, [&victims, &forks]);
            scope.spawn(move || hunt(server, witness, seed, counts, until));
        }
    });
    witness.close(writing);
    within(GRACE, "no process is left", || witness.read(reading, &mut [0; 1]) == Ok(0));
    within(SOON, "no descriptor is left", || server.count("fd") == fds);
    // One more may wait for what the witness asks.
    within(SOON, "no thread is left", || server.count("task") <= threads + 1);
    assert!(client(&server.url).pid().is_ok());
    assert_eq!(scratch.halt(&server.url).code, Some(0));
    server.ends();
}
