//! The machine that runs programs over frames.
//!
//! A frame may be in several parts, which are not copied. Whoever reads beyond its end, or divides by zero, has answered
//! zero: the frame is not wanted.

use crate::program::{Arithmetic, MEMORY_WORDS, Operand, Operation, Program, Size, Test};
use rump_kpi::packet::Packet;

/// What a program looks at.
pub trait Frame {
    /// How many bytes are there.
    fn length(&self) -> usize;

    /// Bytes from `at` on, if they are all there.
    fn bytes<const COUNT: usize>(&self, at: usize) -> Option<[u8; COUNT]>;
}

impl Frame for [u8] {
    fn length(&self) -> usize {
        self.len()
    }

    fn bytes<const COUNT: usize>(&self, at: usize) -> Option<[u8; COUNT]> {
        self.get(at..)?.first_chunk().copied()
    }
}

impl Frame for Packet {
    fn length(&self) -> usize {
        self.len()
    }

    fn bytes<const COUNT: usize>(&self, at: usize) -> Option<[u8; COUNT]> {
        let (mut skip, mut filled, mut bytes) = (at, 0, [0; COUNT]);
        for chunk in self.chunks() {
            let rest = chunk.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(chunk.len());
            let length = rest.len().min(COUNT - filled);
            bytes[filled..filled + length].copy_from_slice(&rest[..length]);
            filled += length;
            if filled == COUNT {
                return Some(bytes);
            }
        }
        None
    }
}

/// What a program has besides the frame.
#[derive(Default)]
struct Registers {
    accumulator: u32,
    index: u32,
    memory: [u32; MEMORY_WORDS],
}

impl Program {
    /// How many bytes of a frame are wanted; zero: none at all. `length` is what the frame had on the wire.
    pub fn run<F: Frame + ?Sized>(&self, frame: &F, length: u32) -> u32 {
        self.try_run(frame, length).unwrap_or(0)
    }

    fn try_run<F: Frame + ?Sized>(&self, frame: &F, length: u32) -> Option<u32> {
        let mut registers = Registers::default();
        let Registers { accumulator, index, memory } = &mut registers;
        let mut at = 0;
        loop {
            let operation = *self.operations.get(at)?;
            at += 1;
            match operation {
                Operation::Load { size, is_indexed, at } => {
                    let at = if is_indexed { at.checked_add(*index)? } else { at };
                    *accumulator = load(frame, at, size)?;
                }
                Operation::LoadLength => *accumulator = length,
                Operation::LoadConstant(k) => *accumulator = k,
                Operation::LoadMemory(slot) => *accumulator = memory[slot],
                Operation::IndexLength => *index = length,
                Operation::IndexConstant(k) => *index = k,
                Operation::IndexMemory(slot) => *index = memory[slot],
                Operation::IndexHeader(at) => *index = (load(frame, at, Size::Byte)? & 0xf) * 4,
                Operation::Store(slot) => memory[slot] = *accumulator,
                Operation::StoreIndex(slot) => memory[slot] = *index,
                Operation::Negate => *accumulator = accumulator.wrapping_neg(),
                Operation::Compute(kind, operand) => {
                    *accumulator = compute(kind, *accumulator, value(operand, *index))?;
                }
                Operation::Jump(distance) => at += distance,
                Operation::Branch { test, operand, jt, jf } => {
                    let is_so = is_so(test, *accumulator, value(operand, *index));
                    at += if is_so { jt } else { jf };
                }
                Operation::Return(k) => return Some(k),
                Operation::ReturnAccumulator => return Some(*accumulator),
                Operation::ToIndex => *index = *accumulator,
                Operation::FromIndex => *accumulator = *index,
            }
        }
    }
}

fn load<F: Frame + ?Sized>(frame: &F, at: u32, size: Size) -> Option<u32> {
    let at = usize::try_from(at).ok()?;
    match size {
        Size::Word => frame.bytes(at).map(u32::from_be_bytes),
        Size::Half => frame.bytes(at).map(|bytes| u16::from_be_bytes(bytes).into()),
        Size::Byte => frame.bytes(at).map(|[byte]| byte.into()),
    }
}

fn value(operand: Operand, index: u32) -> u32 {
    match operand {
        Operand::Constant(k) => k,
        Operand::Index => index,
    }
}

fn compute(kind: Arithmetic, a: u32, b: u32) -> Option<u32> {
    Some(match kind {
        Arithmetic::Add => a.wrapping_add(b),
        Arithmetic::Subtract => a.wrapping_sub(b),
        Arithmetic::Multiply => a.wrapping_mul(b),
        Arithmetic::Divide => a.checked_div(b)?,
        Arithmetic::Remainder => a.checked_rem(b)?,
        Arithmetic::Or => a | b,
        Arithmetic::And => a & b,
        Arithmetic::Xor => a ^ b,
        // All bits are gone, as libpcap's own machine has it.
        Arithmetic::ShiftLeft => a.checked_shl(b).unwrap_or(0),
        Arithmetic::ShiftRight => a.checked_shr(b).unwrap_or(0),
    })
}

fn is_so(test: Test, a: u32, b: u32) -> bool {
    match test {
        Test::Equal => a == b,
        Test::Greater => a > b,
        Test::GreaterOrEqual => a >= b,
        Test::AnyBit => a & b != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Instruction;
    use alloc::vec::Vec;
    use bytes::Bytes;

    fn answer(instructions: &[(u16, u8, u8, u32)], frame: &[u8]) -> u32 {
        let instructions: Vec<Instruction> =
            instructions.iter().map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k }).collect();
        let program = Program::new(&instructions).unwrap();
        let whole = program.run(frame, frame.len() as u32);
        for at in 0..=frame.len() {
            let parts = [&frame[..at], &frame[at..]].map(Bytes::copy_from_slice);
            let packet = Packet::with_content(parts);
            assert_eq!(program.run(&packet, frame.len() as u32), whole, "in two parts at {at}");
        }
        whole
    }

    const RET_A: (u16, u8, u8, u32) = (0x16, 0, 0, 0);

    #[test]
    fn loads_end_at_the_end() {
        let frame = [1, 2, 3, 4, 5];
        for (code, at, expected) in [
            (0x20, 0, 0x0102_0304),
            (0x20, 1, 0x0203_0405),
            (0x20, 2, 0),
            (0x28, 3, 0x0405),
            (0x28, 4, 0),
            (0x30, 4, 5),
            (0x30, 5, 0),
            (0x30, u32::MAX, 0),
            (0x20, u32::MAX - 1, 0),
        ] {
            assert_eq!(answer(&[(code, 0, 0, at), RET_A], &frame), expected, "{code:#x} {at}");
            // The same by the index, from one before; a sum that overflows is beyond the end.
            let before = [(0x01, 0, 0, 1), (code + 0x20, 0, 0, at.wrapping_sub(1)), RET_A];
            assert_eq!(answer(&before, &frame), if at == 0 { 0 } else { expected }, "{code:#x} {at}");
        }
        assert_eq!(answer(&[(0xb1, 0, 0, 4), (0x87, 0, 0, 0), RET_A], &frame), 20);
        assert_eq!(answer(&[(0xb1, 0, 0, 5), (0x06, 0, 0, 1)], &frame), 0);
        assert_eq!(answer(&[(0x80, 0, 0, 0), RET_A], &frame), 5);
    }

    #[test]
    fn numbers_wrap_and_nothing_is_divided_by_zero() {
        for (code, a, b, expected) in [
            (0x04, u32::MAX, 2, 1),
            (0x14, 1, 2, u32::MAX),
            (0x24, 1 << 31, 2, 0),
            (0x34, 7, 2, 3),
            (0x94, 7, 4, 3),
            (0x44, 5, 2, 7),
            (0x54, 7, 2, 2),
            (0xa4, 7, 2, 5),
            (0x64, 1, 31, 1 << 31),
            (0x64, 1, 32, 0),
            (0x74, 1 << 31, 31, 1),
            (0x74, 1, 99, 0),
        ] {
            assert_eq!(answer(&[(0, 0, 0, a), (code, 0, 0, b), RET_A], &[]), expected, "{code:#x}");
            let indexed = [(0, 0, 0, a), (1, 0, 0, b), (code | 8, 0, 0, 0), RET_A];
            assert_eq!(answer(&indexed, &[]), expected, "{code:#x}");
        }
        assert_eq!(answer(&[(0, 0, 0, 7), (0x3c, 0, 0, 0), (0x06, 0, 0, 1)], &[]), 0);
        assert_eq!(answer(&[(0, 0, 0, 7), (0x9c, 0, 0, 0), (0x06, 0, 0, 1)], &[]), 0);
        assert_eq!(answer(&[(0, 0, 0, 7), (0x84, 0, 0, 0), RET_A], &[]), 7_u32.wrapping_neg());
    }

    #[test]
    fn memory_keeps_what_is_stored() {
        let program =
            [(0, 0, 0, 5), (0x02, 0, 0, 3), (1, 0, 0, 9), (0x03, 0, 0, 15), (0x60, 0, 0, 15), RET_A];
        assert_eq!(answer(&program, &[]), 9);
        let program = [(0, 0, 0, 5), (0x02, 0, 0, 3), (0x61, 0, 0, 3), (0x87, 0, 0, 0), RET_A];
        assert_eq!(answer(&program, &[]), 5);
        assert_eq!(answer(&[(0x60, 0, 0, 7), RET_A], &[]), 0);
    }

    #[test]
    fn branches_go_where_the_test_says() {
        for (code, k, expected) in [
            (0x15, 5, 1),
            (0x15, 6, 2),
            (0x25, 4, 1),
            (0x25, 5, 2),
            (0x35, 5, 1),
            (0x35, 6, 2),
            (0x45, 4, 1),
            (0x45, 2, 2),
        ] {
            let ends = [(0x06, 0, 0, 1), (0x06, 0, 0, 2)];
            let program = [(0, 0, 0, 5), (code, 0, 1, k), ends[0], ends[1]];
            assert_eq!(answer(&program, &[]), expected, "{code:#x} {k}");
            let program = [(0, 0, 0, 5), (1, 0, 0, k), (code | 8, 0, 1, 0), ends[0], ends[1]];
            assert_eq!(answer(&program, &[]), expected, "{code:#x} {k}");
        }
        assert_eq!(answer(&[(0x05, 0, 0, 1), (0x06, 0, 0, 1), (0x06, 0, 0, 2)], &[]), 2);
    }
}
