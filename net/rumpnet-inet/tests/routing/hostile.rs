//! Messages that make no sense: a kernel answers, and goes on.

use crate::{Rig, ip, over_router, request, to, way};
use proptest::prelude::*;
use rump_kpi::netbsd::route::*;

/// A message that makes sense, and places where it is changed.
fn changed() -> impl Strategy<Value = Vec<u8>> {
    let addresses = prop_oneof![
        Just(way("10.9.0.0", Some(16), ip("10.0.0.9"))),
        Just(way("2001:db8::", Some(48), ip("fe80::9"))),
        Just(to("10.0.0.1", None)),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    (1_u8..9, any::<u32>(), addresses, changes, 0_usize..300).prop_map(
        |(kind, flags, addresses, changes, cut)| {
            let header = RtMsghdr { flags, ..over_router(kind) };
            let mut bytes = Message::Route(header, addresses).to_bytes();
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            bytes.truncate(cut.max(1));
            bytes
        },
    )
}

#[test]
fn no_message_harms_and_what_is_kept_stays_small() {
    let rig = Rig::new();
    let (socket, listener) = (rig.socket(), rig.socket());
    proptest!(ProptestConfig::with_cases(2000), |(bytes in prop_oneof![changed(), prop::collection::vec(any::<u8>(), 0..400)])| {
        let _ = socket.send_bytes(&bytes);
        let mut answer = [0; 4096];
        while let Ok(length) = rig.process.recv(socket.fd, &mut answer, rump_kpi::MessageFlags::DONTWAIT) {
            let (_, whole) = Message::parse(&answer[..length]).unwrap();
            prop_assert_eq!(whole, length);
        }
    });
    let mut count = 0;
    while rig.process.recv(listener.fd, &mut [0; 8], rump_kpi::MessageFlags::DONTWAIT).is_ok() {
        count += 1;
    }
    assert!(count < 600, "{count}");
    // It is still there.
    let asked = socket.ask(request(RTM_GET, 0), &to("10.0.0.1", None)).unwrap();
    assert_eq!(asked.1.destination, Some(ip("10.0.0.1")));
    for (family, what) in [(0, NET_RT_DUMP), (2, NET_RT_FLAGS), (24, NET_RT_FLAGS), (0, NET_RT_IFLIST)] {
        let bytes = rig.network(|network| network.routing_table(&[family, what, 0])).unwrap();
        assert!(messages(&bytes).all(|message| message.is_ok()));
    }
}
