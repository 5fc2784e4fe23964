//! Bytes as a program of the packet filter and a frame that it runs over.
//!
//! The first byte says how many instructions of eight bytes follow, and with its highest bit whether they are taken as they
//! are; else they are made such as a compiler makes: codes that there are, jumps that stay inside.

use bytes::Bytes;
use rump_kpi::packet::Packet;
use rumpdev_bpf::{INSTRUCTION_BYTES, Instruction, Program};

const CODES: &[u8] = &[
    0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1, 0x02, 0x03, 0x04, 0x14,
    0x24, 0x34, 0x44, 0x54, 0x64, 0x74, 0x84, 0x94, 0xa4, 0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0x6c, 0x7c,
    0x9c, 0xac, 0x05, 0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d, 0x3d, 0x4d, 0x06, 0x16, 0x07, 0x87,
];
const JUMP: u16 = 0x05;

/// Runs it: every program that is accepted ends, and answers the same however the frame is divided.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let length = (usize::from(first & 0x7f) * INSTRUCTION_BYTES).min(rest.len());
    let (code, frame) = rest.split_at(length);
    let mut program: Vec<Instruction> =
        code.chunks_exact(INSTRUCTION_BYTES).map(|it| Instruction::parse(it.try_into().unwrap())).collect();
    if first & 0x80 == 0 {
        shape(&mut program);
    }
    let Ok(program) = Program::new(&program) else { return };
    let length = frame.len() as u32 + u32::from(first);
    let answer = program.run(frame, length);
    for at in [0, frame.len() / 3, frame.len() / 2, frame.len()] {
        let (head, content) = frame.split_at(at);
        let mut packet = Packet::with_content([Bytes::copy_from_slice(content)]);
        packet.prepend(head.len()).copy_from_slice(head);
        assert_eq!(program.run(&packet, length), answer);
    }
}

fn shape(program: &mut Vec<Instruction>) {
    program.push(Instruction { code: 0x16, ..Instruction::default() });
    let count = program.len();
    for (at, it) in program.iter_mut().enumerate() {
        let behind = count - at - 1;
        if behind == 0 {
            break;
        }
        it.code = CODES[usize::from(it.code) % CODES.len()].into();
        (it.jt, it.jf) = ((usize::from(it.jt) % behind) as u8, (usize::from(it.jf) % behind) as u8);
        if it.code == JUMP {
            it.k %= behind as u32;
        }
    }
}

/// A program and a frame to begin with.
pub fn seed(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    };
    let count = 1 + number % 40;
    // Constants are small, so that they are places in the frame and slots of memory.
    let instruction =
        |next: &mut dyn FnMut() -> u8| [next(), 0, next() % 8, next() % 8, next() % 64, 0, 0, 0];
    let code: Vec<u8> = (0..count).flat_map(|_| instruction(&mut next)).collect();
    let frame: Vec<u8> = (0..64).map(|_| next()).collect();
    [&[count as u8][..], &code, &frame].concat()
}
