//! Asynchronous sockets: that no wake-up is lost, that futures can be dropped, and that a halt ends all waiting.

mod example;
mod wired;

use rumpkit::net::tokio::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use rumpkit::net::wire::Wire;
use rumpkit::net::{self, errno};
use rumpkit::{Errno, Kernel};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;
use wired::{kernel, kernels, on_wire};

/// Longer than anything here takes: what waits so long waits for ever.
const FOR_EVER: Duration = Duration::from_secs(120);

fn content(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(seed * 2 + 3) >> 4) as u8).collect()
}

async fn echo(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let (mut read, mut write) = stream.into_split();
            tokio::io::copy(&mut read, &mut write).await.unwrap();
            write.shutdown().await.unwrap();
        });
    }
}

/// Both directions at once, in pieces of odd lengths.
async fn exchange(stream: TcpStream, seed: usize, bytes: usize) {
    let (mut read, mut write) = stream.into_split();
    let sent = content(seed, bytes);
    let sending = tokio::spawn({
        let sent = sent.clone();
        async move {
            for piece in sent.chunks(1 + seed * 977 % 70_000) {
                write.write_all(piece).await.unwrap();
            }
            write.shutdown().await.unwrap();
        }
    });
    let mut back = Vec::new();
    read.read_to_end(&mut back).await.unwrap();
    sending.await.unwrap();
    assert!(back == sent, "connection {seed}: {} bytes came back", back.len());
}

/// `connections` at once, over loopback or a wire.
async fn stress(server: Kernel, client: Kernel, address: &'static str, connections: usize, bytes: usize) {
    let listener = TcpListener::bind(&server.process(), address).unwrap();
    let address = listener.local_addr().unwrap();
    let echoing = tokio::spawn(echo(listener));
    let mut tasks = JoinSet::new();
    for seed in 0..connections {
        let process = client.process();
        tasks.spawn(async move {
            let stream = TcpStream::connect(&process, address).await.unwrap();
            exchange(stream, seed, bytes).await;
        });
    }
    timeout(FOR_EVER, async { while tasks.join_next().await.transpose().unwrap().is_some() {} })
        .await
        .unwrap();
    echoing.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_over_loopback_lose_no_wake_up() {
    for kernel in kernels() {
        stress(kernel.clone(), kernel, "127.0.0.1:0", 100, 300_000).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_over_a_wire_lose_no_wake_up() {
    let wire = Wire::new();
    let (server, client) = (on_wire(&wire, "10.0.0.1/24"), on_wire(&wire, "10.0.0.2/24"));
    stress(server, client, "10.0.0.1:7", 20, 300_000).await;
}

/// Most of the first segments are lost, since few wait until it is known who has the address: timers bring the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_whose_first_segment_is_lost_lose_no_timer() {
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let wire = Wire::new();
        let (server, client) = (on_wire(&wire, "10.0.0.1/24"), on_wire(&wire, "10.0.0.2/24"));
        tasks.spawn(stress(server, client, "10.0.0.1:7", 20, 10));
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn one_thread_is_enough() {
    for kernel in kernels() {
        stress(kernel.clone(), kernel, "127.0.0.1:0", 10, 100_000).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn round_trips_of_one_byte_lose_no_wake_up() {
    for kernel in kernels() {
        let listener = TcpListener::bind(&kernel.process(), "127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = TcpStream::connect(&kernel.process(), address).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let answering = tokio::spawn(async move {
            while let Ok(byte) = server.read_u8().await {
                server.write_u8(byte.wrapping_add(1)).await.unwrap();
            }
        });
        let rounds = async {
            for round in 0..20_000_u32 {
                client.write_u8(round as u8).await.unwrap();
                assert_eq!(client.read_u8().await.unwrap(), (round as u8).wrapping_add(1));
            }
        };
        timeout(FOR_EVER, rounds).await.unwrap();
        drop(client);
        timeout(FOR_EVER, answering).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_future_that_is_dropped_has_received_nothing() {
    for kernel in kernels() {
        let socket = UdpSocket::bind(&kernel.process(), "127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        let other = UdpSocket::bind(&kernel.process(), "127.0.0.1:0").unwrap();
        let mut buffer = [0; 8];
        for number in 0..50_u8 {
            let early = timeout(Duration::from_millis(1), socket.recv_from(&mut buffer)).await;
            assert!(early.is_err());
            other.send_to(&[number], to).await.unwrap();
            let (length, from) = timeout(FOR_EVER, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
            assert_eq!((length, buffer[0], from), (1, number, other.local_addr().unwrap()));
        }
        let listener = TcpListener::bind(&kernel.process(), "127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(timeout(Duration::from_millis(1), listener.accept()).await.is_err());
        let _client = TcpStream::connect(&kernel.process(), address).await.unwrap();
        timeout(FOR_EVER, listener.accept()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_socket_serves_many_tasks() {
    for kernel in kernels() {
        let socket = std::sync::Arc::new(UdpSocket::bind(&kernel.process(), "127.0.0.1:0").unwrap());
        let to = socket.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        for _ in 0..20 {
            let socket = socket.clone();
            tasks.spawn(async move {
                let mut buffer = [0; 1];
                socket.recv_from(&mut buffer).await.unwrap();
                buffer[0]
            });
        }
        tokio::task::yield_now().await;
        for number in 0..20_u8 {
            socket.send_to(&[number], to).await.unwrap();
        }
        let mut numbers = timeout(FOR_EVER, tasks.join_all()).await.unwrap();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..20).collect::<Vec<u8>>());
    }
}

/// More at once than may wait at a listener, each with more than a buffer takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn local_connections_lose_no_wake_up() {
    let kernel = kernel();
    let listener = UnixListener::bind(&kernel.process(), "/service").unwrap();
    assert_eq!(listener.local_addr().unwrap(), b"/service");
    let echoing = tokio::spawn(async move {
        loop {
            let (stream, from) = listener.accept().await.unwrap();
            assert!(from.is_empty());
            tokio::spawn(async move {
                let (mut read, mut write) = stream.into_split();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
    });
    let mut tasks = JoinSet::new();
    for seed in 0..300 {
        let process = kernel.process();
        tasks.spawn(async move {
            let stream = UnixStream::connect(&process, "/service").await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), b"/service");
            let (mut read, mut write) = stream.into_split();
            let sent = content(seed, 500_000);
            let sending = tokio::spawn({
                let sent = sent.clone();
                async move {
                    write.write_all(&sent).await.unwrap();
                    write.shutdown().await.unwrap();
                }
            });
            let mut back = Vec::new();
            read.read_to_end(&mut back).await.unwrap();
            sending.await.unwrap();
            assert!(back == sent);
        });
    }
    timeout(FOR_EVER, tasks.join_all()).await.unwrap();
    echoing.abort();
}

#[tokio::test]
async fn local_datagrams_wait_for_room_and_for_each_other() {
    let kernel = kernel();
    let named = UnixDatagram::bind(&kernel.process(), "/named").unwrap();
    let other = UnixDatagram::bind(&kernel.process(), "/other").unwrap();
    other.connect("/named").unwrap();
    let sending = tokio::spawn(async move {
        for number in 0..2000_u32 {
            other.send(&[number.to_ne_bytes().as_slice(), &[0; 1000]].concat()).await.unwrap();
        }
        other
    });
    let mut buffer = [0; 2000];
    for number in 0..2000_u32 {
        let (length, from) = timeout(FOR_EVER, named.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!((length, &buffer[..4], &from[..]), (1004, &number.to_ne_bytes()[..], &b"/other"[..]));
    }
    let other = sending.await.unwrap();
    named.send_to(b"done", "/other").await.unwrap();
    assert_eq!(timeout(FOR_EVER, other.recv(&mut buffer)).await.unwrap().unwrap(), 4);
    let missing = UnixStream::connect(&kernel.process(), "/nowhere").await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let (mut one, mut two) = UnixStream::pair(&kernel.process()).unwrap();
    one.write_all(b"pair").await.unwrap();
    assert_eq!(two.read_u32().await.unwrap(), u32::from_be_bytes(*b"pair"));
}

#[tokio::test]
async fn errors_are_those_of_blocking_sockets() {
    for kernel in kernels() {
        let nobody = net::TcpListener::bind(&kernel.process(), "127.0.0.1:0").unwrap().local_addr().unwrap();
        let refused = TcpStream::connect(&kernel.process(), nobody).await.unwrap_err();
        assert_eq!(
            (refused.kind(), errno(&refused)),
            (ErrorKind::ConnectionRefused, Some(Errno::ECONNREFUSED))
        );
        let listener = net::TcpListener::bind(&kernel.process(), nobody).unwrap();
        let client = net::TcpStream::connect(&kernel.process(), nobody).unwrap();
        let client = TcpStream::from_blocking(client).unwrap();
        let (mut server, _) = TcpListener::from_blocking(listener).unwrap().accept().await.unwrap();
        server.write_all(b"unread").await.unwrap();
        assert_eq!(client.peek(&mut [0; 9]).await.unwrap(), 6);
        drop(client);
        assert_eq!(server.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halt_wakes_everybody() {
    for kernel in kernels() {
        let listener = TcpListener::bind(&kernel.process(), "127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut silent = TcpStream::connect(&kernel.process(), address).await.unwrap();
        let (mut full, _) = listener.accept().await.unwrap();
        let datagrams = UdpSocket::bind(&kernel.process(), "127.0.0.1:0").unwrap();
        let (mut read, write) = TcpStream::connect(&kernel.process(), address).await.unwrap().into_split();
        let accepted = listener.accept().await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { listener.accept().await.map(drop) });
        tasks.spawn(async move { datagrams.recv_from(&mut [0; 1]).await.map(drop) });
        tasks.spawn(async move { read.read_u8().await.map(drop) });
        tasks.spawn(async move { tokio::io::copy(&mut tokio::io::repeat(0), &mut full).await.map(drop) });
        // It has received, and the sender's buffer is full.
        let mut buffer = [0; 1];
        while silent.peek(&mut buffer).await.unwrap() == 0 {}
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(tasks.try_join_next().is_none());
        kernel.init().reboot().unwrap();
        let results = timeout(FOR_EVER, tasks.join_all()).await.unwrap();
        for result in results {
            assert_eq!(errno(&result.unwrap_err()), Some(Errno::ENXIO));
        }
        assert_eq!(errno(&silent.read_u8().await.unwrap_err()), Some(Errno::ENXIO));
        drop((write, accepted));
    }
}

#[test]
fn the_examples_serve_their_pages() {
    let run = |words: &[&str]| {
        let output = example::built(words[0]).args(&words[1..]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for words in [&["http-server"][..], &["http-server", "sockin"]] {
        let text = run(words);
        assert!(text.starts_with("200 OK\n") && text.contains("two kernels"), "{text}");
    }
    let text = run(&["http-get"]);
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n") && text.contains("sockets of the host"), "{text}");
}
