//! Reads arbitrary bytes as an answer of a name server: the first two choose the question.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rumpkit::net::resolve::message::{Kind, Question};

/// Names whose messages are of different lengths, so that pointers lead to different places.
const NAMES: [&str; 3] = ["a", "www.example.com", "a.very.long.name.with.many.labels.in.it.example.org"];

fuzz_target!(|data: &[u8]| {
    let [which, kind, message @ ..] = data else { return };
    let kind = if kind % 2 == 0 { Kind::A } else { Kind::Aaaa };
    let Some(question) = Question::new(0x1234, NAMES[usize::from(*which) % NAMES.len()], kind) else {
        return;
    };
    // As it came, and as the answer to what was asked, so that most of it is looked at.
    let _ = question.read(message);
    let mut answer = question.to_bytes();
    answer[2] |= 0x80;
    answer[7] = 0xff;
    answer.extend(message);
    for count in [1, 2, 0xff] {
        answer[7] = count;
        if let Some(answer) = question.read(&answer) {
            // Each took eleven bytes at least.
            assert!(answer.addresses.len() <= data.len() / 11 + 1);
        }
    }
});
