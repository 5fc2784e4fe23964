//! smoltcp, as its examples drive it: one thread, its own tap, waiting in `poll`. Its program takes the bytes into memory of
//! its own, as ours does.

use crate::{CHUNK, OURS, PORT, TAP, Way, configure, linux_end};
use rump_benches::Outcome;
use rump_benches::namespace::Namespace;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Medium, TunTapInterface, wait};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// No less than what we have.
const BUFFER: usize = 4 << 20;

/// How long so many bytes take.
pub fn run(way: Way, bytes: usize) -> Outcome<Duration> {
    let linux = Namespace::new()?;
    thread::scope(|scope| {
        // It tries again until the tap is there.
        let linux_end = scope.spawn(|| linux_end(&linux, way, bytes).map_err(|error| error.to_string()));
        linux.enter(|| {
            let device = TunTapInterface::new(TAP, Medium::Ethernet)?;
            configure(&linux)?;
            serve(device, way, bytes)
        })?;
        Ok(linux_end.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    })
}

fn serve(mut device: TunTapInterface, way: Way, bytes: usize) -> Outcome {
    let fd = device.as_raw_fd();
    let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, 1]).into());
    let mut interface = Interface::new(config, &mut device, Instant::now());
    interface.update_ip_addrs(|addresses| {
        let _ = addresses.push(IpCidr::new(IpAddress::from(OURS), 24));
    });
    let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
    let mut sockets = SocketSet::new(vec![]);
    let handle = sockets.add(tcp::Socket::new(buffer(), buffer()));
    sockets.get_mut::<tcp::Socket>(handle).listen(PORT)?;
    let (mut chunk, mut sent, mut is_over) = (vec![0; CHUNK], 0, false);
    let limit = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        interface.poll(Instant::now(), &mut device, &mut sockets);
        let socket = sockets.get_mut::<tcp::Socket>(handle);
        if way == Way::FromLinux {
            while socket.can_recv() {
                socket.recv_slice(&mut chunk)?;
            }
            if !is_over && socket.state() == tcp::State::CloseWait {
                socket.send_slice(b".")?;
                socket.close();
                is_over = true;
            }
        } else {
            while socket.can_send() && sent < bytes {
                sent += socket.send_slice(&chunk[..CHUNK.min(bytes - sent)])?;
            }
            if !is_over && sent == bytes {
                socket.close();
                is_over = true;
            }
        }
        if is_over && matches!(socket.state(), tcp::State::Closed | tcp::State::TimeWait) {
            return Ok(());
        }
        if std::time::Instant::now() > limit {
            return Err(format!("smoltcp is in the state {} after a minute", socket.state()).into());
        }
        let delay = interface.poll_delay(Instant::now(), &sockets);
        let most = smoltcp::time::Duration::from_millis(100);
        wait(fd, Some(delay.map_or(most, |delay| delay.min(most))))?;
    }
}
