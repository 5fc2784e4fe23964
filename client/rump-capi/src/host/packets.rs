//! Ends of networks of a host of callbacks: frames of Ethernet, one at a time, without offloads.

use super::adapter::{CallbackHost, c_string};
use super::callbacks::{Pointer, RumpHost};
use super::{Missing, check};
use bytes::Bytes;
use rump_abi::Errno;
use rump_hyper::HostResult;
use rump_hyper::packet::{HEADER_BYTES, Medium, Offloads, Outgoing, PacketInfo, PacketIo, Received, Sent};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// Bytes before IP.
const ETHERNET_BYTES: usize = 14;
/// Room for a tag of a virtual network besides.
const TAG_BYTES: usize = 4;
/// Frames that are taken at a time.
const MOST_FRAMES: usize = 64;
/// In the first byte of an address: it is a group's.
const GROUP: u8 = 1;
/// Bytes of IP in a frame, as IPv4 needs them at least and as its length says at most.
const MTU: std::ops::RangeInclusive<u32> = 68..=65_535;

struct End {
    table: RumpHost,
    end: Pointer,
    name: String,
    address: [u8; 6],
    mtu: u32,
}

/// Errors: ENOSYS (the host has none), those of the host, EINVAL (its largest packet is none, or its address is nobody's or a
/// group's).
pub(super) fn open(host: &Arc<CallbackHost>, name: &str) -> HostResult<Arc<dyn PacketIo>> {
    let table = host.table;
    let open = table.packet_open.ok_or(Missing("ends of networks"))?;
    let c_name = c_string(name.as_bytes())?;
    let (mut address, mut mtu, mut end) = ([0; 6], 1500, ptr::null_mut());
    // SAFETY: the name ends with a zero; the places are those of this call.
    let answer =
        unsafe { open(table.arg.0, c_name.as_ptr(), address.as_mut_ptr(), &raw mut mtu, &raw mut end) };
    check(answer, || name.into())?;
    let end = End { table, end: Pointer(end), name: name.into(), address, mtu };
    if !MTU.contains(&mtu) || address == [0; 6] || address[0] & GROUP != 0 {
        return Err(Errno::EINVAL.into());
    }
    Ok(Arc::new(end))
}

impl PacketIo for End {
    fn info(&self) -> PacketInfo {
        PacketInfo {
            name: self.name.clone(),
            medium: Medium::Ethernet { address: self.address },
            mtu: self.mtu,
            offloads: Offloads::empty(),
        }
    }

    fn receive(&self, frames: &mut Vec<Received>, timeout: Option<Duration>) -> HostResult<()> {
        let receive = self.table.packet_receive.ok_or(Missing("ends of networks"))?;
        let mut patience =
            timeout.map_or(-1, |timeout| i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX));
        for _ in 0..MOST_FRAMES {
            let mut frame = vec![0; self.mtu as usize + ETHERNET_BYTES + TAG_BYTES];
            let mut length = 0;
            // SAFETY: the end is one that the host opened, the frame is so long.
            let answer = unsafe {
                let place = frame.as_mut_ptr().cast();
                receive(self.table.arg.0, self.end.0, place, frame.len(), &raw mut length, patience)
            };
            match check(answer, || self.name.clone()) {
                Err(error) if error.errno == Errno::EAGAIN => return Ok(()),
                // What came is handed on first; the host says it again.
                Err(_) if !frames.is_empty() => return Ok(()),
                result => result?,
            }
            // One that is said to be longer than there was room for is none.
            if length <= frame.len() {
                frame.truncate(length);
                frames.push(Received { header: [0; HEADER_BYTES], bytes: Bytes::from(frame) });
            }
            // Those that are there come with it.
            patience = 0;
        }
        Ok(())
    }

    fn send(&self, frames: &[Outgoing<'_>]) -> HostResult<Sent> {
        let send = self.table.packet_send.ok_or(Missing("ends of networks"))?;
        let mut sent = Sent::default();
        for frame in frames {
            let bytes = frame.parts.concat();
            // SAFETY: the end is one that the host opened, the frame is so long.
            match unsafe { send(self.table.arg.0, self.end.0, bytes.as_ptr().cast(), bytes.len()) } {
                0 => {}
                libc::EAGAIN => break,
                libc::ENETDOWN => check(libc::ENETDOWN, || self.name.clone())?,
                _ => sent.refused += 1,
            }
            sent.taken += 1;
        }
        Ok(sent)
    }

    fn wake(&self) {
        if let Some(wake) = self.table.packet_wake {
            // SAFETY: the end is one that the host opened.
            unsafe { wake(self.table.arg.0, self.end.0) };
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(close) = self.table.packet_close {
            // SAFETY: the end is one that the host opened, and nobody has it any more.
            unsafe { close(self.table.arg.0, self.end.0) };
        }
    }
}
