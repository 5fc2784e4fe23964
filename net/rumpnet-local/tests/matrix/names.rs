//! Names of sockets.

use crate::system::*;
use rump_abi::SocketType::{Datagram, Stream};
use rump_abi::{Errno::*, FileType, MessageFlags, OpenFlags};

behaviours! {
    a_name_makes_a_node
    a_name_is_taken_once
    a_socket_is_named_once
    a_node_outlives_its_socket
    a_name_that_is_removed_is_nobodys
    a_file_is_no_socket
    the_way_to_a_name_is_walked
    a_node_is_not_opened
    abstract_names_are_no_files
    an_abstract_name_may_have_any_bytes
    a_name_is_chosen_if_none_is_given
    both_sides_of_a_connection_have_names
    pairs_have_no_names
}

fn a_name_makes_a_node(s: &dyn System) {
    let (name, fifo) = (s.path("socket"), s.path("fifo"));
    s.named(&name);
    s.mkfifo(&fifo).unwrap();
    let (file_type, mode) = s.type_at(&name).unwrap();
    // The permissions that the umask leaves of all.
    assert_eq!((file_type, mode), (FileType::Socket, s.type_at(&fifo).unwrap().1));
}

fn a_name_is_taken_once(s: &dyn System) {
    let (name, file) = (s.path("socket"), s.path("file"));
    s.named(&name);
    assert_eq!(s.bind(s.socket(Datagram).unwrap(), &name), Err(EADDRINUSE));
    s.open(&file, OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    assert_eq!(s.bind(s.socket(Stream).unwrap(), &file), Err(EADDRINUSE));
}

fn a_socket_is_named_once(s: &dyn System) {
    let fd = s.named(&s.path("one"));
    assert_eq!(s.bind(fd, &s.path("two")), Err(EINVAL));
    assert_eq!(s.type_at(&s.path("two")), Err(ENOENT));
}

fn a_node_outlives_its_socket(s: &dyn System) {
    let name = s.path("socket");
    let fd = s.named(&name);
    s.close(fd).unwrap();
    assert_eq!(s.type_at(&name).unwrap().0, FileType::Socket);
    assert_eq!(s.connect(s.socket(Datagram).unwrap(), &name), Err(ECONNREFUSED));
    assert_eq!(s.bind(s.socket(Datagram).unwrap(), &name), Err(EADDRINUSE));
    s.unlink(&name).unwrap();
    s.named(&name);
}

fn a_name_that_is_removed_is_nobodys(s: &dyn System) {
    let name = s.path("socket");
    let before = s.named(&name);
    s.unlink(&name).unwrap();
    assert_eq!(s.connect(s.socket(Datagram).unwrap(), &name), Err(ENOENT));
    let after = s.named(&name);
    let from = s.socket(Datagram).unwrap();
    s.send(from, b"new", MessageFlags::DONTWAIT, Some(&name), &[]).unwrap();
    assert_eq!(s.take(before, 9), Err(EAGAIN));
    assert_eq!(s.take(after, 9), Ok(b"new".to_vec()));
}

fn a_file_is_no_socket(s: &dyn System) {
    let file = s.path("file");
    s.open(&file, OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    assert_eq!(s.connect(s.socket(Stream).unwrap(), &file), Err(ECONNREFUSED));
}

fn the_way_to_a_name_is_walked(s: &dyn System) {
    let file = s.path("file");
    s.open(&file, OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    let fd = s.socket(Stream).unwrap();
    assert_eq!(s.bind(fd, &s.path("none/socket")), Err(ENOENT));
    assert_eq!(s.bind(fd, &s.path("file/socket")), Err(ENOTDIR));
    assert_eq!(s.connect(fd, &s.path("none")), Err(ENOENT));
}

fn a_node_is_not_opened(s: &dyn System) {
    let name = s.path("socket");
    s.named(&name);
    // Linux: ENXIO. POSIX and BSD: EOPNOTSUPP.
    let expected = if s.is_host() { ENXIO } else { EOPNOTSUPP };
    assert_eq!(s.open(&name, OpenFlags::RDWR), Err(expected));
}

fn abstract_names_are_no_files(s: &dyn System) {
    let name = s.abstract_name("own");
    let fd = s.named(&name);
    assert_eq!(s.own_name(fd), Ok(name.clone()));
    assert_eq!(s.bind(s.socket(Datagram).unwrap(), &name), Err(EADDRINUSE));
    s.close(fd).unwrap();
    s.named(&name);
}

fn an_abstract_name_may_have_any_bytes(s: &dyn System) {
    let name = [&s.abstract_name("n")[..], b"\0\xff/..\0"].concat();
    let to = s.named(&name);
    assert_eq!(s.own_name(to), Ok(name.clone()));
    let from = s.socket(Datagram).unwrap();
    s.send(from, b"x", MessageFlags::DONTWAIT, Some(&name), &[]).unwrap();
    assert_eq!(s.connect(from, &name[..name.len() - 1]), Err(ECONNREFUSED));
}

fn a_name_is_chosen_if_none_is_given(s: &dyn System) {
    let fds = [s.socket(Datagram).unwrap(), s.socket(Datagram).unwrap()];
    let names = fds.map(|fd| {
        s.bind(fd, b"").unwrap();
        s.own_name(fd).unwrap()
    });
    assert_ne!(names[0], names[1]);
    for (fd, name) in fds.iter().zip(&names) {
        assert_eq!((name[0], name.len()), (0, 6));
        assert!(name[1..].iter().all(|digit| digit.is_ascii_hexdigit()));
        let from = s.socket(Datagram).unwrap();
        s.send(from, b"x", MessageFlags::DONTWAIT, Some(name), &[]).unwrap();
        assert_eq!(s.take(*fd, 1), Ok(b"x".to_vec()));
    }
}

fn both_sides_of_a_connection_have_names(s: &dyn System) {
    let (name, own) = (s.path("server"), s.path("client"));
    let listener = s.listener(Stream, &name, 1);
    let client = s.socket(Stream).unwrap();
    s.bind(client, &own).unwrap();
    s.connect(client, &name).unwrap();
    let (server, from) = s.accept(listener).unwrap();
    assert_eq!(from, own);
    assert_eq!(s.own_name(server), Ok(name.clone()));
    assert_eq!(s.peer_name(server), Ok(own.clone()));
    assert_eq!((s.own_name(client), s.peer_name(client)), (Ok(own), Ok(name)));
}

fn pairs_have_no_names(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    assert_eq!((s.own_name(a), s.peer_name(a)), (Ok(vec![]), Ok(vec![])));
    s.bind(b, &s.abstract_name("late")).unwrap();
    assert_eq!(s.peer_name(a), Ok(s.abstract_name("late")));
}
