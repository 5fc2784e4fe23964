//! Messages and their bytes.

use super::*;

fn discover() -> Message {
    let mut message = Message::request(Kind::Discover, 0x1234_5678, [2, 0, 0, 0, 0, 7]);
    message.seconds = 3;
    message.broadcast = true;
    message.options.set(code::HOST_NAME, b"host");
    message.options.set(code::PARAMETERS, &[1, 3, 6]);
    message
}

#[test]
fn messages_come_back_from_their_bytes() {
    let mut offer = discover().reply(Kind::Offer, [10, 0, 0, 1].into(), [10, 0, 0, 7].into());
    offer.client = [10, 0, 0, 9].into();
    offer.relay = [10, 0, 0, 2].into();
    // Longer than one part of an option.
    offer.options.set(code::SEARCH, &[7; 600]);
    offer.options.set(80, &[]);
    for message in [discover(), offer] {
        let bytes = message.emit();
        assert!(bytes.len() >= LEAST_BYTES);
        assert_eq!(Message::parse(&bytes), Ok(message));
        for end in 0..bytes.len() {
            // What is cut is refused, or reads the same as far as it goes.
            let cut = Message::parse(&bytes[..end]);
            assert!(end >= OPTIONS_AT || cut == Err(Malformed::Short), "{end}");
        }
    }
}

#[test]
fn what_is_laid_out_as_the_rfc_says_is_read() {
    let bytes = discover().emit();
    assert_eq!(bytes[..12], [1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 3, 0x80, 0]);
    assert_eq!(bytes[28..44], [2, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[236..243], [99, 130, 83, 99, 53, 1, 1]);
}

#[test]
fn options_continue_in_the_fields_of_names() {
    let mut bytes = discover().emit();
    bytes.truncate(OPTIONS_AT);
    bytes.extend([53, 1, 2, 52, 1, 3, 12, 2, b'a', b'b', 255]);
    bytes[FILE_AT..FILE_AT + 6].copy_from_slice(&[12, 2, b'c', b'd', 255, 9]);
    bytes[NAME_AT..NAME_AT + 4].copy_from_slice(&[0, 12, 1, b'e']);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.kind, Kind::Offer);
    assert_eq!(message.options.text(code::HOST_NAME), Some(&b"abcde"[..]));
    // Without being asked, nobody looks there.
    bytes[OPTIONS_AT + 5] = 0;
    assert_eq!(Message::parse(&bytes).unwrap().options.text(code::HOST_NAME), Some(&b"ab"[..]));
    // An option that is cut off by the end of its field is malformed.
    bytes[OPTIONS_AT + 5] = 1;
    bytes[FILE_AT..COOKIE_AT].fill(0);
    bytes[COOKIE_AT - 2..COOKIE_AT].copy_from_slice(&[12, 1]);
    assert_eq!(Message::parse(&bytes), Err(Malformed::Option(12)));
}

#[test]
fn what_is_no_dhcp_is_refused() {
    let good = discover().emit();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Message::parse(&bytes)
    };
    assert_eq!(changed(0, 3), Err(Malformed::Header));
    assert_eq!(changed(1, 6), Err(Malformed::Header));
    assert_eq!(changed(2, 16), Err(Malformed::Header));
    assert_eq!(changed(236, 0), Err(Malformed::NotDhcp));
    assert_eq!(changed(OPTIONS_AT + 2, 9), Err(Malformed::NotDhcp));
    // A type of two bytes takes the next option's code for its second, and what is left has no end.
    assert_eq!(changed(OPTIONS_AT + 1, 2), Err(Malformed::Option(4)));
}
