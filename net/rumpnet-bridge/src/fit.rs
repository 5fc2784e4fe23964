//! What a packet has to become before it fits a member's cable.

use alloc::vec::Vec;
use rump_kpi::device::{DeviceInfo, Offloads};
use rump_kpi::packet::{Checksum, Packet, offload};
use rump_kpi::port;

/// A packet is too long for a cable, or is not what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

/// Adds what a packet becomes for a device. Of one that is unfit, nothing.
pub fn fit(mut packet: Packet, device: &DeviceInfo, fitted: &mut Vec<Packet>) -> Result<(), Unfit> {
    let most = device.mtu as usize;
    let link = port::link_bytes(&mut packet);
    let Some(segmentation) = packet.segmentation else {
        if packet.len() > link + most {
            return Err(Unfit);
        }
        fitted.push(finish(packet, device));
        return Ok(());
    };
    let headers = offload::headers(&mut packet, link).map_err(|_| Unfit)?;
    let longest = usize::from(segmentation.size).min(packet.len() - headers.content);
    if headers.content - link + longest > most {
        return Err(Unfit);
    }
    if device.offloads.contains(segmentation.kind.offload()) {
        fitted.push(finish(packet, device));
        return Ok(());
    }
    let segments = offload::cut(packet, link).map_err(|_| Unfit)?;
    fitted.extend(segments.into_iter().map(|segment| finish(segment, device)));
    Ok(())
}

fn finish(mut packet: Packet, device: &DeviceInfo) -> Packet {
    if matches!(packet.checksum, Checksum::Missing { .. }) && !device.offloads.contains(Offloads::CHECKSUM) {
        offload::complete(&mut packet);
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rump_kpi::device::Medium;
    use rump_kpi::packet::{Segmentation, Segments};

    fn device(mtu: u32, offloads: Offloads) -> DeviceInfo {
        DeviceInfo { medium: Medium::Ethernet { address: [2; 6] }, mtu, offloads }
    }

    /// TCP over IPv4 in a frame, behind a tag perhaps.
    fn tcp(content: usize, size: u16, tag: &[u8]) -> Packet {
        let mut packet = Packet::with_content([Bytes::from(alloc::vec![7; content])]);
        packet.prepend(20)[12] = 0x50;
        packet.checksum = Checksum::Missing { start: 0, offset: 16 };
        let ip = packet.prepend(20);
        (ip[0], ip[9]) = (0x45, 6);
        packet.prepend(2).copy_from_slice(&[8, 0]);
        packet.prepend(tag.len()).copy_from_slice(tag);
        packet.prepend(12).fill(2);
        packet.segmentation = Some(Segmentation { kind: Segments::Tcp4, size });
        packet
    }

    fn lengths(packet: Packet, device: &DeviceInfo) -> Result<Vec<usize>, Unfit> {
        let mut fitted = Vec::new();
        fit(packet, device, &mut fitted)?;
        assert!(fitted.iter().all(|packet| packet.segmentation.is_some() || packet.len() < 1515 + 4));
        Ok(fitted.iter().map(Packet::len).collect())
    }

    #[test]
    fn a_device_that_cuts_gets_the_whole() {
        let able = device(1500, Offloads::all());
        assert_eq!(lengths(tcp(4000, 1460, &[]), &able), Ok([4054].into()));
        assert_eq!(lengths(tcp(4000, 1461, &[]), &able), Err(Unfit));
        assert_eq!(lengths(tcp(1000, 9000, &[]), &able), Ok([1054].into()));
    }

    #[test]
    fn for_others_it_is_cut_and_complete() {
        let plain = device(1500, Offloads::empty());
        assert_eq!(lengths(tcp(4000, 1460, &[]), &plain), Ok([1514, 1514, 1134].into()));
        assert_eq!(lengths(tcp(4000, 1460, &[0x81, 0, 0, 7]), &plain), Ok([1518, 1518, 1138].into()));
        let mut fitted = Vec::new();
        fit(tcp(4000, 1460, &[]), &plain, &mut fitted).unwrap();
        assert!(fitted.iter().all(|packet| packet.checksum == Checksum::Good));
    }

    #[test]
    fn what_is_too_long_does_not_fit() {
        let plain = device(1500, Offloads::empty());
        let frame = |length: usize| Packet::received(Bytes::from(alloc::vec![0; length]));
        assert_eq!(lengths(frame(1514), &plain), Ok([1514].into()));
        assert_eq!(lengths(frame(1515), &plain), Err(Unfit));
    }
}
