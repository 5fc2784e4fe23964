//! Buses that the genuine implementation wrote.
//!
//! They are not part of the project: `RUMP_SAMPLES` names their folder, `../shared/specs/samples` beside the project
//! otherwise. Where they are missing, that is said; with `RUMP_NO_SKIPS` it is an error.

use crate::rig::{Inbox, Scratch, frame, open, send};
use etherparse::{NetSlice, SlicedPacket, TransportSlice, checksum::u32_16bit_word};
use rumpnet_shmif::{Begin, Options};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The bytes of a sample, if it is there.
fn sample(name: &str) -> Option<Vec<u8>> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/samples");
    let folder = std::env::var_os("RUMP_SAMPLES").map_or_else(beside, PathBuf::from);
    let Ok(packed) = std::fs::File::open(folder.join(name)) else {
        let message = format!("{name}: skipped for want of the samples (RUMP_SAMPLES)");
        assert!(std::env::var_os("RUMP_NO_SKIPS").is_none(), "{message}");
        eprintln!("{message}");
        return None;
    };
    let mut bytes = Vec::new();
    liblzma::read::XzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

/// Reads all there is on a bus of the genuine implementation.
fn frames_of(bus: &[u8], count: usize) -> Vec<Vec<u8>> {
    let scratch = Scratch::holding(bus);
    let device = open(&scratch.0, &Options { begin: Begin::Oldest, ..Options::default() });
    let frames = Inbox::of(&*device).take(count);
    drop(device);
    assert_eq!(scratch.bytes(), bus, "reading changes nothing");
    frames
}

/// What a parser that nobody here wrote makes of a frame; checksums must be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Arp,
    Ipv4Tcp,
    Ipv6,
}

fn kind(frame: &[u8]) -> Kind {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    match (&packet.net, &packet.transport) {
        (Some(NetSlice::Arp(_)), _) => Kind::Arp,
        (Some(NetSlice::Ipv6(_)), _) => Kind::Ipv6,
        (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) => {
            let header = ip.header().to_header();
            assert_eq!(header.calc_header_checksum(), header.header_checksum);
            assert_ne!(u32_16bit_word::add_slice(0, tcp.slice()), 0);
            let sum = tcp.to_header().calc_checksum_ipv4(&header, tcp.payload()).unwrap();
            assert_eq!(sum, tcp.checksum());
            Kind::Ipv4Tcp
        }
        other => panic!("{other:?}"),
    }
}

fn count(frames: &[Vec<u8>], wanted: Kind) -> usize {
    frames.iter().filter(|frame| kind(frame) == wanted).count()
}

#[test]
fn the_short_sample_is_read_to_its_last_packet() {
    let Some(bus) = sample("shmif-few.bus.xz") else { return };
    let frames = frames_of(&bus, 95);
    assert_eq!(frames.len(), 95);
    assert_eq!(kind(&frames[0]), Kind::Arp);
    let last = SlicedPacket::from_ethernet(&frames[94]).unwrap();
    let Some(TransportSlice::Tcp(tcp)) = last.transport else { panic!("{last:?}") };
    assert!(tcp.ack() && tcp.payload().is_empty(), "the acknowledgement of a close");
    let counts = [Kind::Arp, Kind::Ipv4Tcp, Kind::Ipv6].map(|kind| count(&frames, kind));
    assert_eq!(counts.iter().sum::<usize>(), 95);
    assert!(counts[1] > 80, "{counts:?}");
}

#[test]
fn the_wrapped_sample_is_read_from_first_to_last() {
    let Some(bus) = sample("shmif-wrapped.bus.xz") else { return };
    let frames = frames_of(&bus, 10_149);
    assert_eq!(frames.len(), 10_149);
    assert_eq!(count(&frames, Kind::Ipv4Tcp), 10_149);
}

#[test]
fn a_genuine_bus_is_written_on_and_stays_sound() {
    let Some(bus) = sample("shmif-wrapped.bus.xz") else { return };
    let scratch = Scratch::holding(&bus);
    let device = open(&scratch.0, &Options::default());
    let sent: Vec<Vec<u8>> = (0..3).map(|number| frame(number, 1514)).collect();
    send(&*device, sent.clone());
    let frames = frames_of(&scratch.bytes(), 10_149);
    assert_eq!(&frames[frames.len() - 3..], &sent[..]);
    let genuine = frames_of(&bus, 10_149);
    let lost = genuine.len() + 3 - frames.len();
    assert!((1..=4).contains(&lost), "only so many as had to were overwritten, not {lost}");
    assert_eq!(&frames[..frames.len() - 3], &genuine[lost..]);
}
