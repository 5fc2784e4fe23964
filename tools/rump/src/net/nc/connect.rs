//! How `nc` gets somebody to talk to. Nothing blocks but in a wait that the bell ends.

use super::super::bell::{self, Bell, Waited};
use super::{How, Station};
use rumpkit::net::{TcpListener, TcpStream, UdpSocket};
use rumpkit::{Fd, PollEvents};
use std::io;
use std::net::SocketAddr;

/// A socket that talks to one other side.
pub enum Connection {
    /// TCP: the other side says when it has sent all.
    Stream(TcpStream),
    /// UDP: nobody does.
    Datagrams(UdpSocket),
}

impl Connection {
    /// Connects, or waits for somebody who does; none if the bell was rung before. Errors: those of the sockets, TimedOut.
    pub fn open(station: &Station, at: SocketAddr, how: &How, bell: &Bell) -> io::Result<Option<Self>> {
        let process = station.process();
        match (how.listen, how.udp) {
            (false, false) => {
                station.begin();
                let stream = bell::connect(process, at, how.timeout, bell)?;
                if stream.is_some() {
                    how.tell(&format!("connection to {} {} port [tcp] succeeded", at.ip(), at.port()));
                }
                Ok(stream.map(Self::Stream))
            }
            (false, true) => {
                let any = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(process, any)?;
                socket.connect(at)?;
                station.begin();
                Ok(Some(Self::Datagrams(socket)))
            }
            (true, false) => {
                let listener = TcpListener::bind(process, at)?;
                how.tell(&format!("listening on {} {}", at.ip(), at.port()));
                station.begin();
                if bell.wait(listener.as_fd(), PollEvents::IN, None)? == Waited::Rung {
                    return Ok(None);
                }
                let (stream, from) = listener.accept()?;
                how.tell(&format!("connection received on {} {}", from.ip(), from.port()));
                Ok(Some(Self::Stream(stream)))
            }
            (true, true) => {
                let socket = UdpSocket::bind(process, at)?;
                how.tell(&format!("listening on {} {}", at.ip(), at.port()));
                station.begin();
                if bell.wait(socket.as_fd(), PollEvents::IN, None)? == Waited::Rung {
                    return Ok(None);
                }
                let (_, from) = socket.peek_from(&mut [])?;
                how.tell(&format!("datagram received from {} {}", from.ip(), from.port()));
                socket.connect(from)?;
                Ok(Some(Self::Datagrams(socket)))
            }
        }
    }

    /// Its descriptor.
    pub fn fd(&self) -> Fd {
        match self {
            Self::Stream(stream) => stream.as_fd(),
            Self::Datagrams(socket) => socket.as_fd(),
        }
    }

    /// Whether the other side says when it has sent all.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
}
