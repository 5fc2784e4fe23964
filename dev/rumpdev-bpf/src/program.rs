//! Programs of the packet filter, and which of them are accepted.
//!
//! References: McCanne and Jacobson, "The BSD Packet Filter: A New Architecture for User-level Packet Capture" (1993);
//! bpf(4) of NetBSD; RFC 9669 does not apply, this is the classic machine.
//!
//! Invariants of a [`Program`]: every jump goes forward and ends inside, every way ends with a return, every slot of memory
//! is there, no constant divisor is zero. So a program ends after as many steps as it has instructions.

use alloc::vec::Vec;
use core::fmt;
use rump_kpi::{Errno, KError};

/// Instructions that a program has at most (`BPF_MAXINSNS`).
pub const MOST_INSTRUCTIONS: usize = 512;
/// Words of memory (`BPF_MEMWORDS`).
pub(crate) const MEMORY_WORDS: usize = 16;
/// Bytes of an instruction for `BIOCSETF`.
pub const INSTRUCTION_BYTES: usize = 8;

/// An instruction (`struct bpf_insn`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// Instructions to jump over if the condition is so.
    pub jt: u8,
    /// If it is not.
    pub jf: u8,
    /// The constant.
    pub k: u32,
}

impl Instruction {
    /// From how it is laid out in memory on amd64.
    pub fn parse(bytes: [u8; INSTRUCTION_BYTES]) -> Self {
        let [c0, c1, jt, jf, k @ ..] = bytes;
        Self { code: u16::from_le_bytes([c0, c1]), jt, jf, k: u32::from_le_bytes(k) }
    }

    /// How it is laid out in memory on amd64.
    pub fn emit(self) -> [u8; INSTRUCTION_BYTES] {
        let [c0, c1] = self.code.to_le_bytes();
        let [k0, k1, k2, k3] = self.k.to_le_bytes();
        [c0, c1, self.jt, self.jf, k0, k1, k2, k3]
    }
}

/// Why a program is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It has no instruction, or more than [`MOST_INSTRUCTIONS`].
    Length(usize),
    /// There is no such instruction.
    Code(usize),
    /// A jump leads out of the program.
    Jump(usize),
    /// There is no such slot of memory.
    Memory(usize),
    /// A division by zero.
    Division(usize),
    /// Its last instruction is no return.
    End,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => {
                write!(f, "a filter of {length} instructions, not of 1 to {MOST_INSTRUCTIONS}")
            }
            Self::Code(at) => write!(f, "instruction {at} of the filter is unknown"),
            Self::Jump(at) => write!(f, "instruction {at} of the filter jumps out of it"),
            Self::Memory(at) => write!(f, "instruction {at} of the filter uses memory that is not there"),
            Self::Division(at) => write!(f, "instruction {at} of the filter divides by zero"),
            Self::End => f.write_str("the filter does not end with a return"),
        }
    }
}

impl From<Invalid> for KError {
    fn from(invalid: Invalid) -> Self {
        Self::new(Errno::EINVAL, alloc::format!("{invalid}"))
    }
}

/// A program that was found to be valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(crate) operations: Vec<Operation>,
}

/// What an instruction means. Jumps are counted from the next instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Load {
        size: Size,
        is_indexed: bool,
        at: u32,
    },
    LoadLength,
    LoadConstant(u32),
    LoadMemory(usize),
    IndexLength,
    IndexConstant(u32),
    IndexMemory(usize),
    /// Four times the low half of a byte: the length of a header of IPv4.
    IndexHeader(u32),
    Store(usize),
    StoreIndex(usize),
    Negate,
    Compute(Arithmetic, Operand),
    Jump(usize),
    Branch {
        test: Test,
        operand: Operand,
        jt: usize,
        jf: usize,
    },
    Return(u32),
    ReturnAccumulator,
    ToIndex,
    FromIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    Word,
    Half,
    Byte,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Constant(u32),
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Or,
    And,
    Xor,
    ShiftLeft,
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

/// Classes of instructions.
const LD: u16 = 0;
const LDX: u16 = 1;
const ST: u16 = 2;
const STX: u16 = 3;
const ALU: u16 = 4;
const JMP: u16 = 5;
const RET: u16 = 6;
const MISC: u16 = 7;
/// Sizes of what is loaded.
const W: u16 = 0x00;
const H: u16 = 0x08;
const B: u16 = 0x10;
/// Where it is loaded from.
const IMM: u16 = 0x00;
const ABS: u16 = 0x20;
const IND: u16 = 0x40;
const MEM: u16 = 0x60;
const LEN: u16 = 0x80;
const MSH: u16 = 0xa0;
/// The operand is the index register.
const X: u16 = 0x08;
/// What is returned is the accumulator.
const A: u16 = 0x10;
const NEG: u16 = 0x80;
const JA: u16 = 0x00;
const TXA: u16 = 0x80;

impl Program {
    /// Checks a program. Errors: the first thing that is wrong with it.
    pub fn new(instructions: &[Instruction]) -> Result<Self, Invalid> {
        let length = instructions.len();
        if length == 0 || length > MOST_INSTRUCTIONS {
            return Err(Invalid::Length(length));
        }
        let meant = instructions.iter().enumerate().map(|(at, it)| meaning(*it, at, length));
        let operations = meant.collect::<Result<Vec<_>, _>>()?;
        match operations.last() {
            Some(Operation::Return(_) | Operation::ReturnAccumulator) => Ok(Self { operations }),
            _ => Err(Invalid::End),
        }
    }
}

fn meaning(it: Instruction, at: usize, length: usize) -> Result<Operation, Invalid> {
    let unknown = Invalid::Code(at);
    let slot = || match it.k as usize {
        slot if slot < MEMORY_WORDS => Ok(slot),
        _ => Err(Invalid::Memory(at)),
    };
    // Codes have eight bits.
    let (class, rest) = (it.code & 0x07, it.code & !0x07);
    Ok(match (class, rest) {
        (LD, LEN) => Operation::LoadLength,
        (LD, IMM) => Operation::LoadConstant(it.k),
        (LD, MEM) => Operation::LoadMemory(slot()?),
        (LD, _) => {
            let (size, is_indexed) = (size_of(rest & 0x18).ok_or(unknown)?, rest & !0x18 == IND);
            if !is_indexed && rest & !0x18 != ABS {
                return Err(unknown);
            }
            Operation::Load { size, is_indexed, at: it.k }
        }
        (LDX, LEN) => Operation::IndexLength,
        (LDX, IMM) => Operation::IndexConstant(it.k),
        (LDX, MEM) => Operation::IndexMemory(slot()?),
        (LDX, code) if code == MSH | B => Operation::IndexHeader(it.k),
        (ST, 0) => Operation::Store(slot()?),
        (STX, 0) => Operation::StoreIndex(slot()?),
        (ALU, NEG) => Operation::Negate,
        (ALU, _) => {
            let (kind, operand) = (arithmetic_of(rest & !X).ok_or(unknown)?, operand_of(rest, it.k));
            let divides = matches!(kind, Arithmetic::Divide | Arithmetic::Remainder);
            if divides && operand == Operand::Constant(0) {
                return Err(Invalid::Division(at));
            }
            Operation::Compute(kind, operand)
        }
        (JMP, JA) => Operation::Jump(inside(it.k, at, length)?),
        (JMP, _) => {
            let test = test_of(rest & !X).ok_or(unknown)?;
            let (jt, jf) = (inside(it.jt.into(), at, length)?, inside(it.jf.into(), at, length)?);
            Operation::Branch { test, operand: operand_of(rest, it.k), jt, jf }
        }
        (RET, 0) => Operation::Return(it.k),
        (RET, A) => Operation::ReturnAccumulator,
        (MISC, 0) => Operation::ToIndex,
        (MISC, TXA) => Operation::FromIndex,
        _ => return Err(unknown),
    })
}

/// A jump over so many instructions.
fn inside(distance: u32, at: usize, length: usize) -> Result<usize, Invalid> {
    let behind = length - at - 1;
    usize::try_from(distance).ok().filter(|distance| *distance < behind).ok_or(Invalid::Jump(at))
}

fn size_of(code: u16) -> Option<Size> {
    match code {
        W => Some(Size::Word),
        H => Some(Size::Half),
        B => Some(Size::Byte),
        _ => None,
    }
}

fn operand_of(code: u16, k: u32) -> Operand {
    if code & X == 0 { Operand::Constant(k) } else { Operand::Index }
}

fn arithmetic_of(code: u16) -> Option<Arithmetic> {
    Some(match code {
        0x00 => Arithmetic::Add,
        0x10 => Arithmetic::Subtract,
        0x20 => Arithmetic::Multiply,
        0x30 => Arithmetic::Divide,
        0x40 => Arithmetic::Or,
        0x50 => Arithmetic::And,
        0x60 => Arithmetic::ShiftLeft,
        0x70 => Arithmetic::ShiftRight,
        0x90 => Arithmetic::Remainder,
        0xa0 => Arithmetic::Xor,
        _ => return None,
    })
}

fn test_of(code: u16) -> Option<Test> {
    Some(match code {
        0x10 => Test::Equal,
        0x20 => Test::Greater,
        0x30 => Test::GreaterOrEqual,
        0x40 => Test::AnyBit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn it(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
        Instruction { code, jt, jf, k }
    }

    const ACCEPT: Instruction = it(0x06, 0, 0, 9);

    #[test]
    fn what_could_run_on_or_out_is_refused() {
        let refused = |instructions: &[Instruction]| Program::new(instructions).unwrap_err();
        assert_eq!(refused(&[]), Invalid::Length(0));
        assert_eq!(refused(&[ACCEPT; 513]), Invalid::Length(513));
        assert!(Program::new(&[ACCEPT; 512]).is_ok());
        assert_eq!(refused(&[ACCEPT, it(0x00, 0, 0, 1)]), Invalid::End);
        // Jumps: to the end, beyond it, backward as it were.
        for (jump, is_inside) in [
            (it(0x05, 0, 0, 0), true),
            (it(0x05, 0, 0, 1), false),
            (it(0x05, 0, 0, u32::MAX), false),
            (it(0x15, 0, 0, 7), true),
            (it(0x15, 1, 0, 7), false),
            (it(0x1d, 0, 1, 7), false),
            (it(0x45, 255, 255, 7), false),
        ] {
            let answer = Program::new(&[jump, ACCEPT]);
            assert_eq!(answer.err(), (!is_inside).then_some(Invalid::Jump(0)), "{jump:?}");
        }
        for code in [0x60, 0x61, 0x02, 0x03] {
            assert!(Program::new(&[it(code, 0, 0, 15), ACCEPT]).is_ok());
            assert_eq!(refused(&[it(code, 0, 0, 16), ACCEPT]), Invalid::Memory(0));
        }
        for code in [0x34, 0x94] {
            assert_eq!(refused(&[ACCEPT, it(code, 0, 0, 0), ACCEPT]), Invalid::Division(1));
            assert!(Program::new(&[it(code, 0, 0, 1), it(code | 8, 0, 0, 0), ACCEPT]).is_ok());
        }
    }

    /// All codes, against the list of the paper with the two operations that were added later.
    #[test]
    fn there_are_no_other_instructions() {
        let mut known: Vec<u16> =
            [0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xb1, 0x02, 0x03].into();
        known.extend([0x05, 0x06, 0x16, 0x07, 0x87, 0x84]);
        known.extend([0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0].map(|code| code | 0x04));
        known.extend([0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0].map(|code| code | 0x0c));
        known.extend([0x10, 0x20, 0x30, 0x40].map(|code| code | 0x05));
        known.extend([0x10, 0x20, 0x30, 0x40].map(|code| code | 0x0d));
        for code in 0..=u16::MAX {
            let answer = Program::new(&[it(code, 0, 0, 0), it(0x06, 0, 0, 0)]);
            let expected = match code {
                0x34 | 0x94 => Some(Invalid::Division(0)),
                code if known.contains(&code) => None,
                _ => Some(Invalid::Code(0)),
            };
            assert_eq!(answer.err(), expected, "{code:#x}");
        }
    }

    #[test]
    fn instructions_are_laid_out_as_in_memory() {
        let bytes = [0x15, 0, 2, 3, 0xdd, 0x86, 0, 0];
        assert_eq!(Instruction::parse(bytes), it(0x15, 2, 3, 0x86dd));
        assert_eq!(it(0x15, 2, 3, 0x86dd).emit(), bytes);
    }
}
