//! What clients may have at once, and who they are.

use crate::tests;
use rump_abi::Errno;
use rump_abi::netbsd::numbers;
use rump_server_rig::{Scratch, client, soon};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

tests!(
    clients_beyond_the_most_wait_at_the_door,
    calls_beyond_the_most_are_to_be_tried_again,
    descriptors_are_counted,
    a_client_is_the_user_that_it_is_at_the_host,
);

/// Says to this program that it is a client, and of which server.
pub const VISITOR: &str = "RUMP_TEST_VISITOR";

/// Tells who it is in the kernel, and what becomes of a directory that it makes in the superuser's.
pub fn be_visitor(url: &str) -> ! {
    let client = client(url);
    let who = [numbers::GETUID, numbers::GETGID].map(|number| client.call(number, &[], &[]).unwrap());
    let path = if who[0] == 0 { "/made" } else { "/made/within" };
    println!("{who:?} {:?}", client.on_path(numbers::MKDIR, path, &[0o755]));
    std::process::exit(0);
}

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

/// Who runs the server is the superuser; the socket is for nobody else until somebody says so.
fn a_client_is_the_user_that_it_is_at_the_host() {
    const OTHER: u32 = 54321;
    let scratch = Scratch::new();
    let server = scratch.server(&[]);
    // Where others find it.
    let program = scratch.path("visitor");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let visit = |uid: Option<u32>| {
        let mut visitor = scratch.command(&program, &[]);
        visitor.env(VISITOR, &server.url);
        if let Some(uid) = uid {
            visitor.uid(uid).gid(uid + 1);
        }
        scratch.finish(&mut visitor)
    };
    assert_eq!(visit(None).out, "[0, 0] Ok(0)\n");
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    open(&scratch.0, 0o755);
    let refused = visit(Some(OTHER));
    assert!(refused.code != Some(0) && refused.out.is_empty(), "{refused:?}");
    open(&scratch.path("sock"), 0o666);
    assert_eq!(visit(Some(OTHER)).out, "[54321, 54322] Err(EACCES)\n");
}
