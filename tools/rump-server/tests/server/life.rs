//! How servers begin and end.

use crate::tests;
use crate::{HALT, SERVER};
use rump_abi::Errno;
use rump_server_rig::{RDWR, Scratch, Server, client, soon};
use rustix::process::Signal;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

tests!(
    a_server_goes_to_the_background_when_clients_may_come,
    a_server_stays_in_the_foreground_if_it_is_told_to,
    signals_end_a_server_cleanly,
    a_server_is_halted_by_its_name_in_the_environment,
    relative_paths_are_in_the_folder_of_the_program,
    where_a_server_is_there_is_no_second,
    a_server_that_was_killed_leaves_its_place_to_the_next,
    a_server_has_several_places,
    components_are_those_that_are_named,
    the_server_of_all_has_all,
    a_verbose_server_tells_what_it_has,
);

fn a_server_goes_to_the_background_when_clients_may_come() {
    let scratch = Scratch::new();
    // `Scratch::server` connects as soon as the program has ended.
    let server = scratch.server(&[]);
    assert_eq!(client(&server.url).pid().map(|pid| pid > 0), Ok(true));
    // It has let go of the terminal, and leads a session.
    for fd in 0..3 {
        let held = std::fs::read_link(format!("/proc/{}/fd/{fd}", server.pid.as_raw_nonzero())).unwrap();
        assert_eq!(held, Path::new("/dev/null"));
    }
    assert_eq!(rustix::process::getsid(Some(server.pid)), Ok(server.pid));
}

fn a_server_stays_in_the_foreground_if_it_is_told_to() {
    let scratch = Scratch::new();
    let mut child = scratch.command(SERVER, &["-s", "unix://sock"]).stderr(Stdio::null()).spawn().unwrap();
    soon("it listens", || std::os::unix::net::UnixStream::connect(scratch.path("sock")).is_ok());
    let server = Server::at(&scratch.path("sock"));
    assert_eq!(server.pid.as_raw_nonzero().get() as u32, child.id());
    server.signal(Signal::TERM);
    soon("it ends", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn signals_end_a_server_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = Scratch::new();
        let server = scratch.server(&[]);
        let bystander = client(&server.url);
        bystander.pid().unwrap();
        server.signal(signal);
        server.ends();
        assert!(!scratch.path("sock").exists());
        assert_eq!(bystander.pid(), Err(Errno::ENOTCONN));
    }
}

fn a_server_is_halted_by_its_name_in_the_environment() {
    let scratch = Scratch::new();
    let server = scratch.server(&[]);
    let said = scratch.finish(scratch.command(HALT, &[]).env("RUMP_SERVER", &server.url));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    server.ends();
    assert!(!scratch.path("sock").exists());
    // There is none any more.
    let said = scratch.finish(scratch.command(HALT, &[]).env("RUMP_SERVER", &server.url));
    assert_eq!(said.code, Some(1));
    assert!(said.err.starts_with("rump_halt: ") && said.err.contains(&server.url), "{}", said.err);
}

fn relative_paths_are_in_the_folder_of_the_program() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("below")).unwrap();
    let said = scratch.run(SERVER, &["unix://below/sock"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let server = Server::at(&scratch.path("below/sock"));
    let said = scratch.finish(scratch.command(HALT, &["unix://sock"]).current_dir(scratch.path("below")));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    server.ends();
    assert!(!scratch.path("below/sock").exists());
}

fn where_a_server_is_there_is_no_second() {
    let scratch = Scratch::new();
    let server = scratch.server(&[]);
    let there = client(&server.url);
    let said = scratch.run(SERVER, &["unix://sock"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("unix://sock: ") && said.err.contains("in use"), "{}", said.err);
    assert!(there.pid().is_ok() && client(&server.url).pid().is_ok());
    // Nor where something is that is no socket.
    std::fs::write(scratch.path("file"), "text").unwrap();
    let said = scratch.run(SERVER, &["unix://file"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("unix://file: "), "{}", said.err);
    assert_eq!(std::fs::read(scratch.path("file")).unwrap(), b"text");
}

fn a_server_that_was_killed_leaves_its_place_to_the_next() {
    let scratch = Scratch::new();
    let killed = scratch.server(&[]);
    killed.signal(Signal::KILL);
    killed.ends();
    assert!(scratch.path("sock").exists());
    let said = scratch.halt(&killed.url);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("there is no server at"), "{}", said.err);
    let next = scratch.server(&[]);
    assert_ne!(next.pid, killed.pid);
    assert!(client(&next.url).pid().is_ok());
    assert_eq!(scratch.halt(&next.url).code, Some(0));
    next.ends();
    // What listens, but is no server, keeps its place as well, and is not halted.
    let _other = UnixListener::bind(scratch.path("sock")).unwrap();
    assert_eq!(scratch.run(SERVER, &["unix://sock"]).code, Some(1));
}

fn a_server_has_several_places() {
    let scratch = Scratch::new();
    let said = scratch.run(SERVER, &["unix://one", "unix://two"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let server = Server::at(&scratch.path("one"));
    let two = client(&scratch.url("two"));
    let one = client(&scratch.url("one"));
    // One kernel is behind both.
    let file = one.open("/file", RDWR | rump_server_rig::CREAT).unwrap();
    assert_eq!(one.write(file, b"text"), Ok(4));
    let mut bytes = [0; 8];
    assert_eq!(two.read(two.open("/file", 0).unwrap(), &mut bytes), Ok(4));
    assert_eq!(&bytes[..4], b"text");
    assert_eq!(scratch.halt(&scratch.url("two")).code, Some(0));
    server.ends();
    assert!(!scratch.path("one").exists() && !scratch.path("two").exists());
}

/// socket(2) of the internet.
fn socket(url: &str) -> Result<i64, Errno> {
    client(url).call(rump_abi::netbsd::numbers::__SOCKET30, &[2, 2, 0], &[])
}

fn components_are_those_that_are_named() {
    let scratch = Scratch::new();
    let bare = scratch.server(&[]);
    assert_eq!(socket(&bare.url), Err(Errno::EAFNOSUPPORT));
    assert_eq!(scratch.halt(&bare.url).code, Some(0));
    bare.ends();
    for word in ["rumpnet_netinet", "librumpnet_netinet.so"] {
        for flag in ["-l", "-m"] {
            let server = scratch.server(&[flag, word]);
            assert!(socket(&server.url).is_ok(), "{flag} {word}");
            assert_eq!(scratch.halt(&server.url).code, Some(0));
            server.ends();
        }
    }
}

fn the_server_of_all_has_all() {
    let scratch = Scratch::new();
    symlink(SERVER, scratch.path("rump_allserver")).unwrap();
    let server = scratch.server_of(&scratch.path("rump_allserver"), "sock", &[]);
    assert!(socket(&server.url).is_ok());
    let client = client(&server.url);
    client.on_path(rump_abi::netbsd::numbers::MKDIR, "/kern", &[0o755]).unwrap();
    assert_eq!(client.mount("kernfs", "kernfs", "/kern"), Ok(0));
}

fn a_verbose_server_tells_what_it_has() {
    let scratch = Scratch::new();
    let said = scratch.run(SERVER, &["-v", "-l", "rumpfs_ext2fs", "unix://sock"]);
    let server = Server::at(&scratch.path("sock"));
    assert_eq!(said.code, Some(0));
    assert!(said.err.contains(&format!("clients may come to {}", server.url)), "{}", said.err);
    assert!(said.err.contains("ext2fs"), "{}", said.err);
}
